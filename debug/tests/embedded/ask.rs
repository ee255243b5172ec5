//! Questions about the past of kernels that turn on paging, take traps, and do things more than once.

use debug::ask::{self, Answer, Memory, Question};
use debug::machine::{Access, Register, Stop, Watchpoint};
use debug::riscv::Xlen;
use debug::{Address, Embedded, Machine};

use crate::assembler::*;
use crate::elf;
use crate::kernel::*;

const TABLE: u64 = 0x8040_0000;
/// What the table maps to RAM besides RAM itself.
const HIGH: u64 = 0xffff_ffc0_8000_0000;
const RAM: u64 = 0x8000_0000;
const SATP: u32 = 0x180;
const STVEC: u32 = 0x105;

/// Sv39: RAM where it is, and at HIGH.
fn table() -> Vec<u8> {
    let leaf = RAM >> 12 << 10 | 0xcf;
    let mut entries = [0_u64; 512];
    (entries[2], entries[258]) = (leaf, leaf);
    entries.iter().flat_map(|entry| entry.to_le_bytes()).collect()
}

/// Stores to DATA and to DATA + 64 before paging is on, turns it on, stores to DATA + 8 through HIGH, and traps twice: its handler is
/// the first time at HIGH, and afterwards elsewhere.
fn kernel() -> (Embedded, debug::Image, [usize; 4]) {
    let mut code = [li(8, DATA), li(9, 0x11)].concat();
    let before = code.len();
    code.extend([sd(9, 8, 0), sd(9, 8, 64)]);
    code.extend(
        [li(9, 8 << 60 | TABLE >> 12), vec![csrw(SATP, 9), SFENCE_VMA], li(8, HIGH + (DATA - RAM)), li(9, 0x22)]
            .concat(),
    );
    let through_high = code.len();
    code.push(sd(9, 8, 8));
    // The handler: sepc += 4, sret.
    let handler_at = 0x100;
    code.extend([li(10, HIGH + (ENTRY - RAM) + 4 * handler_at), vec![csrw(STVEC, 10)]].concat());
    let first_trap = code.len();
    code.push(EBREAK);
    code.extend([li(10, ENTRY + 4 * handler_at), vec![csrw(STVEC, 10)]].concat());
    let second_trap = code.len();
    code.push(EBREAK);
    code.extend([li(10, HIGH), vec![csrw(STVEC, 10), STAY]].concat());
    code.resize(handler_at as usize, 0);
    code.extend([csrr(11, 0x141), addi(11, 11, 4), csrw(0x141, 11), SRET]);
    let bytes = code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect();
    let image = elf::image(elf::build(&[(ENTRY, bytes), (TABLE, table())]));
    let mut machine = Embedded::load(&image, &Default::default()).unwrap();
    machine.step(400_000, LIMIT).unwrap();
    (machine, image, [before, through_high, first_trap, second_trap])
}

fn last_write(machine: &mut Embedded, image: &debug::Image, memory: Memory) -> ask::LastWrite {
    let here = machine.icount();
    let answer = ask::last_write(machine, image, &memory, &mut |_| true).unwrap();
    assert_eq!(machine.icount(), here);
    answer
}

#[test]
fn what_was_written_before_paging_or_through_another_mapping_is_found() {
    let (mut machine, image, [before, through_high, ..]) = kernel();
    let high = |address: u64| Address(HIGH + (address - RAM));
    let at = |start: Address, physical: bool| Memory { start, length: 8, physical };
    for (memory, pc, value) in [
        (at(high(DATA), false), before, 0x11),
        (at(Address(DATA), true), before, 0x11),
        (at(Address(DATA + 8), false), through_high, 0x22),
        (at(Address(DATA + 8), true), through_high, 0x22),
        (at(high(DATA + 8), false), through_high, 0x22),
    ] {
        let store = last_write(&mut machine, &image, memory.clone()).store.unwrap_or_else(|| panic!("{memory:?}"));
        assert_eq!((store.pc, store.new), (self::at(pc), value), "{memory:?}");
    }
    let never = last_write(&mut machine, &image, at(high(DATA + 16), false));
    assert_eq!((never.store, never.changed_otherwise), (None, false));
    // A debugger's write is none of an instruction's.
    machine.write_physical(Address(DATA + 16), &[1]).unwrap();
    let otherwise = last_write(&mut machine, &image, at(high(DATA + 16), false));
    assert_eq!((otherwise.store, otherwise.changed_otherwise), (None, true));
    assert!(ask::words::write(&image, &otherwise, "goto").contains("a device or a debugger wrote to it"));
}

#[test]
fn a_watchpoint_stops_at_accesses_through_any_mapping() {
    let (mut machine, image, [before, ..]) = kernel();
    let watchpoint = Watchpoint { address: Address(HIGH + (DATA - RAM)), length: 8, access: Access::Write };
    let memory = Memory { start: watchpoint.address, length: 8, physical: false };
    let ranges = ask::physical_ranges(&machine, &image, &memory);
    machine.insert_watchpoint(watchpoint).unwrap();
    machine.watch_physical(watchpoint, &ranges);
    assert_eq!(machine.reverse_resume(LIMIT), Stop::Watchpoint { address: watchpoint.address });
    assert_eq!(pc(&mut machine), at(before));
    machine.unwatch_physical(watchpoint);
    machine.remove_watchpoint(watchpoint).unwrap();
    assert_eq!(machine.reverse_resume(LIMIT), Stop::Beginning);
}

#[test]
fn the_last_traps_are_told_with_the_handlers_that_took_them() {
    let (mut machine, image, [_, _, first, second]) = kernel();
    let traps = ask::last_traps(&mut machine, 10, &mut |_| true).unwrap();
    let seen: Vec<_> = traps.iter().map(|trap| (trap.pc, trap.cause, trap.handler)).collect();
    let handler = ENTRY + 4 * 0x100;
    assert_eq!(
        seen,
        [(at(first), 3, Address(HIGH + (handler - RAM))), (at(second), 3, Address(handler))],
        "though stvec is elsewhere by now: {:#x}",
        machine.read_register(Register::Csr(0x105)).unwrap()
    );
    assert_eq!(ask::last_traps(&mut machine, 1, &mut |_| true).unwrap(), traps[1..]);
    // Overwritten since: what trapped is what was there then.
    machine.write_physical(at(second), &[0; 4]).unwrap();
    let again = ask::last_traps(&mut machine, 1, &mut |_| true).unwrap();
    assert!(ask::words::trap(&image, &again[0]).contains("`ebreak`"), "{}", ask::words::trap(&image, &again[0]));
}

#[test]
fn when_tells_each_time() {
    let (mut machine, image, [before, _, _, second]) = kernel();
    let here = machine.icount();
    let when = |machine: &mut Embedded, place| ask::when(machine, &image, place, &mut |_| true).unwrap();
    let once = when(&mut machine, at(before));
    assert_eq!((once.count, once.first[0].icount), (1, before as u64));
    let last_trap = ask::last_traps(&mut machine, 1, &mut |_| true).unwrap()[0].icount;
    assert_eq!(when(&mut machine, at(second)).last.unwrap().icount, last_trap);
    let stay = pc(&mut machine);
    let stay = when(&mut machine, stay);
    let (first, last) = (stay.first[0].icount, stay.last.unwrap().icount);
    assert!(first < 1000 && last == here - 1 && stay.count == here - first, "{first} {last} {}", stay.count);
    assert_eq!(stay.first.len(), ask::MOST_ARRIVALS);
    assert!(stay.first.iter().zip(first..).all(|(arrival, expected)| arrival.icount == expected));
    assert_eq!(when(&mut machine, Address(ENTRY + 0x200)).count, 0);
    assert_eq!(machine.icount(), here);
}

/// Writes DATA twice, once before and once after reading it ten times.
fn reader() -> (Embedded, debug::Image, [usize; 3]) {
    let mut code = [li(8, DATA), li(9, 0x11), li(10, 10)].concat();
    let first = code.len();
    code.push(sd(9, 8, 0));
    let read = code.len();
    code.extend([ld(11, 8, 0), addi(10, 10, -1), branch_form(1, 10, 0, -8), addi(9, 9, 1)]);
    let second = code.len();
    code.extend([sd(9, 8, 0), STAY]);
    let bytes = code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect();
    let image = elf::image(elf::build(&[(ENTRY, bytes)]));
    let mut machine = Embedded::load(&image, &Default::default()).unwrap();
    // More than one stretch of the history.
    machine.step(400_000, LIMIT).unwrap();
    (machine, image, [first, read, second])
}

#[test]
fn the_first_write_and_every_read_are_found() {
    let (mut machine, image, [first, read, second]) = reader();
    let here = machine.icount();
    let memory = Memory { start: Address(DATA), length: 8, physical: false };
    let write = ask::first_write(&mut machine, &image, &memory, &mut |_| true).unwrap().store.unwrap();
    assert_eq!((write.pc, write.new), (at(first), 0x11));
    assert_eq!(last_write(&mut machine, &image, memory.clone()).store.unwrap().pc, at(second));
    let reads = ask::reads(&mut machine, &image, &memory, &mut |_| true).unwrap();
    assert_eq!(reads.loads.len(), 1);
    let loads = reads.loads[0];
    assert_eq!((loads.pc(), loads.count, loads.first.icount), (at(read), 10, read as u64));
    assert_eq!((loads.last.icount, loads.last.value), (read as u64 + 9 * 3, 0x11));
    let elsewhere = Memory { start: Address(DATA + 8), ..memory };
    assert_eq!(ask::reads(&mut machine, &image, &elsewhere, &mut |_| true).unwrap().loads, []);
    assert_eq!(machine.icount(), here);
}

#[test]
fn a_moment_has_the_registers_of_then() {
    let (mut machine, image, [first, read, second]) = reader();
    let here = machine.icount();
    let moment = ask::at(&mut machine, &image, first as u64).unwrap();
    assert_eq!((Address(moment.registers.pc), moment.registers.x[10], moment.privilege), (at(first), 10, "S-mode"));
    let words = ask::words::moment(&image, &moment);
    assert!(words.starts_with(&format!("instruction {first}: `sd s1, 0(s0)`, at ")), "{words}");
    let later = ask::at(&mut machine, &image, read as u64 + 30).unwrap();
    assert_eq!((later.registers.x[10], Address(later.registers.pc)), (0, at(second - 1)));
    assert_eq!(ask::at(&mut machine, &image, here + 1), None);
    assert_eq!(machine.icount(), here);
}

#[test]
fn questions_are_understood_and_others_are_not() {
    let (mut machine, image, _) = reader();
    let parse = |words: &str| Question::parse(&words.split(' ').collect::<Vec<_>>(), &image);
    let memory = Memory { start: Address(DATA), length: 8, physical: true };
    let asked = parse(&format!("reads physical {DATA:#x} 8")).unwrap().unwrap();
    assert_eq!(asked, Question::Reads(memory));
    let Ok(Answer::Reads(reads)) = asked.answer(&mut machine, &image, &mut |_| true) else { panic!() };
    assert_eq!(reads.loads.len(), 1);
    for words in ["", "who", "why not", "when", "at 1 2", "page", "last-write", "page guest a b"] {
        assert_eq!(parse(words), None, "{words}");
    }
    for words in ["when nowhere", "at home", "traps 0", "reads 0x80000000 0", "page guest nowhere"] {
        assert!(parse(words).unwrap().is_err(), "{words}");
    }
    let guest = parse("page guest 0x80000000").unwrap().unwrap();
    assert!(guest.check(&machine).is_ok() || guest.check(&machine).unwrap_err().contains("lacks the extension H"));
}

#[test]
fn a_search_that_is_not_wanted_ends_and_says_how_far_it_came() {
    let (mut machine, image, _) = kernel();
    let memory = Memory { start: Address(DATA + 32), length: 8, physical: true };
    let here = machine.icount();
    let mut asked = 0;
    let answer = ask::last_write(&mut machine, &image, &memory, &mut |_| {
        asked += 1;
        asked < 3
    });
    let interrupted = answer.unwrap_err();
    assert!(interrupted.searched_to < here && interrupted.searched_to > 0, "{interrupted}");
    assert_eq!(machine.icount(), here);
}

#[test]
fn a_page_is_walked_level_by_level() {
    let (mut machine, image, _) = kernel();
    let words = |machine: &mut Embedded, address| ask::words::page(&image, &ask::page::page(machine, Address(address)));
    assert_eq!(
        words(&mut machine, HIGH + 0x30_0008),
        format!(
            "0xffffffc080300008: Sv39, satp 0x8000000000080400\n\
             level 2: entry 258 at 0x80400810 = 0x200000cf: a page of 1 GiB at 0x80000000, VRWXAD\n\
             it leads to 0x80300008"
        )
    );
    assert!(words(&mut machine, 0).ends_with(
        "level 2: entry 0 at 0x80400000 = 0x0: not valid (V is 0)\nit is not mapped: an access is a page fault"
    ));
    assert!(words(&mut machine, 1 << 40).contains("its upper 25 bits must repeat the bit below them in Sv39"));
    machine.goto(0, LIMIT);
    assert!(words(&mut machine, DATA).contains("nothing is translated"));
}

#[test]
fn a_page_of_sv32_is_walked_in_two_levels() {
    let image = debug::image::neutral_image(Xlen::Rv32);
    let mut machine = Embedded::load(&image, &Default::default()).unwrap();
    for (at, entry) in [(TABLE + 4 * 512, 0x2000_00cf_u32), (TABLE + 4 * 768, (TABLE >> 12 << 10) as u32 | 1)] {
        machine.write_physical(Address(at), &entry.to_le_bytes()).unwrap();
    }
    machine.write_register(Register::Csr(SATP as u16), 1 << 31 | TABLE >> 12).unwrap();
    let words = |machine: &mut Embedded, address| ask::words::page(&image, &ask::page::page(machine, Address(address)));
    let large = words(&mut machine, 0x8030_0008);
    assert!(
        large.contains("level 1: entry 512 at") && large.contains("= 0x200000cf: a page of 4 MiB at 0x80000000"),
        "{large}"
    );
    // The table is its own second level.
    let small = words(&mut machine, 0xc020_0008);
    assert!(small.contains("level 0: entry 512 at") && small.contains("a page of 4 KiB at 0x80000000"), "{small}");
    assert!(small.ends_with("it leads to 0x80000008"), "{small}");
    assert!(words(&mut machine, 0).contains("level 1: entry 0 at"));
}

/// The handler turns paging off: what is told is how the table was when the access was made.
#[test]
fn why_walks_the_page_table_of_a_page_fault() {
    const HANDLER: usize = 0x40;
    let leaf = |bits: u64| RAM >> 12 << 10 | bits;
    let mut entries = [0_u64; 512];
    // RAM, once more to be read only, and once more U-mode's.
    (entries[2], entries[3], entries[4]) = (leaf(0xcf), leaf(0xc3), leaf(0xdf));
    let table: Vec<u8> = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    let why = |code: u32, address: u64| {
        let mut program = [li(9, 8 << 60 | TABLE >> 12), li(10, ENTRY + 4 * HANDLER as u64), li(8, address)].concat();
        program.extend([csrw(STVEC, 10), csrw(SATP, 9), SFENCE_VMA, code]);
        program.resize(HANDLER, 0);
        program.extend([csrw(SATP, 0), SFENCE_VMA, STAY]);
        let bytes = program.iter().flat_map(|instruction| instruction.to_le_bytes()).collect();
        let image = elf::image(elf::build(&[(ENTRY, bytes), (TABLE, table.clone())]));
        let mut machine = Embedded::load(&image, &Default::default()).unwrap();
        machine.step(300, LIMIT).unwrap();
        assert_eq!(machine.read_register(Register::Csr(SATP as u16)).unwrap(), 0);
        let why = ask::why(&mut machine, &image, &mut |_| true).unwrap();
        assert_eq!(machine.icount(), 300);
        ask::words::why(&image, &why)
    };
    let nothing = why(ld(11, 8, 0), 0x4000_0000);
    assert!(nothing.starts_with("load page fault: `ld a1, 0(s0)`, stval 0x40000000, at 0x"), "{nothing}");
    assert!(
        nothing.ends_with(
            "its handler: 0x80200100\n0x40000000: Sv39, satp 0x8000000000080400\n\
             level 2: entry 1 at 0x80400008 = 0x0: not valid (V is 0)\nit is not mapped: an access is a page fault"
        ),
        "{nothing}"
    );
    let read_only = why(sd(11, 8, 0), 0xc000_0008);
    assert!(read_only.ends_with("VRAD\nit leads to 0x80000008\nbut the page does not allow it: W is 0"), "{read_only}");
    let users = why(ld(11, 8, 0), 0x1_0000_0000);
    assert!(users.contains("VRWXUAD\nit leads to 0x80000000\nbut the page is U-mode's (U is 1): S-mode "), "{users}");
    // Other causes are no matter of page tables.
    assert!(!why(EBREAK, 0).contains("satp"));
}

/// Changes from outside are kept as long as there is room; then the past is forgotten from its beginning.
#[test]
fn an_answer_about_all_of_the_past_says_where_the_history_begins() {
    let code = [addi(9, 9, 1), STAY].into_iter().flat_map(u32::to_le_bytes).collect();
    let image = elf::image(elf::build(&[(ENTRY, code)]));
    let options = debug::embedded::Options { history_mib: 1, ..Default::default() };
    let mut machine = Embedded::load(&image, &options).unwrap();
    let answer = |machine: &mut Embedded, words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        let question = Question::parse(&words, &image).unwrap().unwrap();
        let answer = question.answer(machine, &image, &mut |_| true).unwrap();
        question.forgets(&answer, machine)
    };
    assert_eq!(answer(&mut machine, "when 0x80200000"), None);
    for round in 0..8_u8 {
        machine.write_physical(Address(DATA), &vec![round + 1; 600 << 10]).unwrap();
        machine.step(1000, LIMIT).unwrap();
    }
    assert!(machine.beginning() > 0);
    for words in
        ["when 0x80200000", "reads 0x80300000", "first-write 0x80300000", "last-write 0x80300000", "traps", "why"]
    {
        // Looking back may need the room as well.
        assert_eq!(answer(&mut machine, words), Some(machine.beginning()), "{words}");
    }
    for words in ["at 7999", "page 0x80200000"] {
        assert_eq!(answer(&mut machine, words), None, "{words}");
    }
}
