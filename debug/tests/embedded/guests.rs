//! Questions about a hypervisor and its guest: whose instruction stops, what trapped whom, and where an address leads through both stages.

use debug::ask;
use debug::embedded::{Options, World};
use debug::image::KernelFiles;
use debug::machine::{Access, Stop, Watchpoint};
use debug::{Address, Embedded, Image, Machine};

use crate::assembler::*;
use crate::elf;
use crate::kernel::*;

const RAM: u64 = 0x8000_0000;
/// Where the second stage maps RAM, 1 GiB of it.
const BETWEEN: u64 = 0x4000_0000;
const SECOND: u64 = 0x8041_0000;
const FIRST: u64 = 0x8042_0000;
const MIDDLE: u64 = FIRST + 0x1000;
const LAST: u64 = FIRST + 0x2000;
/// The guest's page of 64 KiB, where DATA is.
const NAPOT: u64 = 0x1_0000;
/// The guest maps it, its hypervisor does not.
const NOWHERE: u64 = 0xc000_0000;
const POINTER: u64 = 1;
/// V, R, W, X, A, D; and U, which the second stage wants.
const ALL: u64 = 0xcf;
const ALL_OF_USER: u64 = 0xdf;

struct Guest {
    machine: Embedded,
    image: Image,
    /// What the host executes, and then its guest at the same address.
    shared: Address,
    call: Address,
    load: Address,
}

fn table(entries: &[(usize, u64)]) -> Vec<u8> {
    let mut table = [0_u64; 512];
    entries.iter().for_each(|(index, entry)| table[*index] = *entry);
    table.iter().flat_map(|entry| entry.to_le_bytes()).collect()
}

fn between(physical: u64) -> u64 {
    physical - RAM + BETWEEN
}

/// Enters a guest whose addresses of RAM are the host's; it stores to its page of 64 KiB, calls its hypervisor and loads from NOWHERE. The
/// hypervisor goes on behind what trapped.
fn guest() -> Guest {
    let guest_at = 0x80;
    let handler_at = 0x100;
    let mut code = [
        li(14, 0),
        li(8, 8 << 60 | SECOND >> 12),
        vec![csrw(0x680, 8)],
        li(8, 8 << 60 | between(FIRST) >> 12),
        vec![csrw(0x280, 8)],
        li(8, 1 << 7), // SPV
        vec![csrw(0x600, 8)],
        li(8, 1 << 8), // SPP
        vec![csrw(0x100, 8)],
        li(8, ENTRY + 4 * handler_at),
        vec![csrw(0x105, 8)],
        li(8, ENTRY + 4 * guest_at),
        vec![csrw(0x141, 8)],
    ]
    .concat();
    let shared = code.len();
    // Its own x14 tells the guest from the host.
    code.extend([
        addi(15, 15, 1),
        branch_form(1, 14, 0, 8),
        SRET,
        jump_form(0, 4 * (guest_at as i32 + 2 - shared as i32 - 3)),
    ]);
    code.resize(guest_at as usize, 0);
    code.extend([addi(14, 0, 1), jump_form(0, 4 * (shared as i32 - guest_at as i32 - 1))]);
    code.extend([li(8, NAPOT + 0x5000), vec![sd(14, 8, 0)]].concat());
    let call = code.len();
    code.push(ECALL);
    code.extend(li(8, NOWHERE));
    let load = code.len();
    code.extend([ld(9, 8, 8), STAY]);
    code.resize(handler_at as usize, 0);
    code.extend([csrr(11, 0x141), addi(11, 11, 4), csrw(0x141, 11), SRET]);
    let bytes = code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect();
    let entry = |address: u64, bits: u64| address >> 12 << 10 | bits;
    let segments = [
        (ENTRY, bytes),
        (SECOND, table(&[(1, entry(RAM, ALL_OF_USER))])),
        (FIRST, table(&[(0, entry(between(MIDDLE), POINTER)), (2, entry(BETWEEN, ALL)), (3, entry(NOWHERE, ALL))])),
        (MIDDLE, table(&[(0, entry(between(LAST), POINTER)), (1, entry(NOWHERE, POINTER))])),
        (LAST, table(&(16..32).map(|index| (index, entry(between(DATA) + 0x8000, ALL | 1 << 63))).collect::<Vec<_>>())),
    ];
    let image = elf::image(elf::build(&segments));
    let options = Options { cpu: "rv64,h=on,svnapot=on".parse().unwrap(), ..Options::default() };
    let machine = Embedded::load(&image, &options).unwrap();
    Guest { machine, image, shared: at(shared), call: at(call), load: at(load) }
}

#[test]
fn a_breakpoint_stops_whom_it_is_bound_to() {
    let Guest { mut machine, shared, .. } = guest();
    machine.insert_breakpoint(shared).unwrap();
    for (world, expected) in [(World::Any, &[false, true][..]), (World::Host, &[false]), (World::Guest, &[true])] {
        machine.break_in(world);
        machine.goto(0, LIMIT);
        let mut forward = Vec::new();
        while machine.run_to(300, true, LIMIT) == Stop::Breakpoint {
            assert_eq!(pc(&mut machine), shared);
            forward.push(machine.is_in_guest());
            machine.step(1, LIMIT).unwrap();
        }
        assert_eq!(forward, expected, "{world:?}");
        let mut back = Vec::new();
        while machine.reverse_resume(LIMIT) == Stop::Breakpoint {
            back.push(machine.is_in_guest());
        }
        back.reverse();
        assert_eq!(back, expected, "back, {world:?}");
    }
}

/// The question is of all that was executed, whatever the breakpoints are bound to.
#[test]
fn when_counts_host_and_guest() {
    let Guest { mut machine, image, shared, .. } = guest();
    machine.break_in(World::Guest);
    machine.step(300, LIMIT).unwrap();
    let times = ask::when(&mut machine, &image, shared, &mut |_| true).unwrap();
    assert!(times.count > 1 && times.first[0].icount < times.last.unwrap().icount, "{times:?}");
}

#[test]
fn traps_of_a_guest_are_told_as_its_own() {
    let Guest { mut machine, image, call, load, .. } = guest();
    machine.step(300, LIMIT).unwrap();
    let traps = ask::last_traps(&mut machine, 10, &mut |_| true).unwrap();
    let said = ask::words::traps(&image, &traps);
    let lines: Vec<&str> = said.lines().map(|line| line.trim_start().split_once("  ").unwrap().1).collect();
    assert_eq!(
        lines,
        [
            format!("environment call from VS-mode: `ecall`, at {call} of the guest from VS-mode"),
            format!(
                "load guest-page fault: `ld s1, 8(s0)`, stval 0xc0000008 of the guest, at {load} of the guest, guest-physical 0xc0000008 from VS-mode"
            ),
        ]
    );
    let why = ask::words::trap(&image, &traps[1]);
    assert!(why.ends_with("its handler: 0x80200400"), "{why}");
}

/// The guest's ELF names its addresses; the hypervisor's has no symbols here.
#[test]
fn a_guest_s_own_symbols_name_its_addresses() {
    let Guest { image, call, load, .. } = guest();
    let folder = tempfile::tempdir().unwrap();
    let kernel = folder.path().join("host");
    std::fs::write(&kernel, image.bytes()).unwrap();
    let files = KernelFiles { kernel, guest: Some(testkit::kernels::build("good")), ..KernelFiles::default() };
    let image = debug::Image::open_files(&files).unwrap();
    let options = Options { cpu: "rv64,h=on,svnapot=on".parse().unwrap(), ..Options::default() };
    let mut machine = Embedded::load(&image, &options).unwrap();
    machine.step(300, LIMIT).unwrap();
    let named = |place: Address| {
        let symbol = image.guest().unwrap().place(place).symbol_text().expect("our kernel is there");
        format!("{place} of the guest <{symbol}>")
    };
    assert_eq!(image.place(call).symbol, None);
    let traps = ask::last_traps(&mut machine, 10, &mut |_| true).unwrap();
    let said = ask::words::traps(&image, &traps);
    assert!(said.contains(&format!("`ecall`, at {}", named(call))), "{said}");
    let why = ask::why(&mut machine, &image, &mut |_| true).unwrap();
    let why = ask::words::why(&image, &why);
    assert!(why.contains(&format!("at {}", named(load))), "{why}");
    // With the way through both stages.
    assert!(
        why.ends_with(
            "it is guest-physical 0xc0000008\n0xc0000008: Sv39x4, hgatp 0x8000000000080410\n\
         level 2: entry 3 at 0x80410018 = 0x0: not valid (V is 0)\nit is not mapped: an access is a guest-page fault"
        ),
        "{why}"
    );
    let question = ask::Question::parse(&["page", "guest", "boot"], &image).unwrap().unwrap();
    assert_eq!(question, ask::Question::Page { address: Address(ENTRY), of_guest: true });
}

#[test]
fn a_guest_s_page_is_walked_through_both_stages() {
    let Guest { mut machine, image, shared, call, .. } = guest();
    machine.insert_breakpoint(call).unwrap();
    assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Breakpoint);
    let words = |machine: &mut Embedded, address| ask::words::page(&image, &ask::page::page(machine, Address(address)));
    let leads_to = DATA + 0x5000;
    let of_page = words(&mut machine, NAPOT + 0x5008);
    assert_eq!(
        of_page,
        "0x15008 of the guest: Sv39, vsatp 0x8000000000040420\n\
         level 2: entry 0 at 0x40420000, which is 0x80420000 in RAM = 0x10108401: the table at 0x40421000, V\n\
         level 1: entry 0 at 0x40421000, which is 0x80421000 in RAM = 0x10108801: the table at 0x40422000, V\n\
         level 0: entry 21 at 0x404220a8, which is 0x804220a8 in RAM = 0x80000000100c20cf: a page of 64 KiB at 0x40300000, VRWXADN\n\
         it is guest-physical 0x40305008\n\
         0x40305008: Sv39x4, hgatp 0x8000000000080410\n\
         level 2: entry 1 at 0x80410008 = 0x200000df: a page of 1 GiB at 0x80000000, VRWXUAD\n\
         it leads to 0x80305008"
    );
    let mut stored = [0; 8];
    machine.read_physical(Address(leads_to), &mut stored).unwrap();
    assert_eq!(u64::from_le_bytes(stored), 1, "the guest's own store went there");
    assert!(words(&mut machine, NOWHERE).ends_with(
        "it is guest-physical 0xc0000000\n0xc0000000: Sv39x4, hgatp 0x8000000000080410\n\
         level 2: entry 3 at 0x80410018 = 0x0: not valid (V is 0)\nit is not mapped: an access is a guest-page fault"
    ));
    assert!(words(&mut machine, 0x20_0000).ends_with(
        "level 0: entry 0 at 0xc0000000: the second stage does not map that\n\
         it is not mapped: an access is a guest-page fault, of an entry that the hart reads itself"
    ));
    // The hypervisor asks about its guest's address.
    machine.goto(0, LIMIT);
    assert!(ask::words::page(&image, &ask::page::page_of_guest(&mut machine, Address(NAPOT))).contains(
        "nothing is translated (vsatp 0x0), it is the guest-physical address\n0x10000: nothing is translated (hgatp 0x0), it is the physical"
    ));
    machine.step((shared.0 - ENTRY) / 4, LIMIT).unwrap();
    assert!(!machine.is_in_guest());
    assert_eq!(ask::words::page(&image, &ask::page::page_of_guest(&mut machine, Address(NAPOT + 0x5008))), of_page);
}

/// `hsv` and `hlv` access memory by the guest's addresses: a watchpoint on that memory, and a search, find them all the same.
#[test]
fn what_a_hypervisor_stores_and_loads_as_its_guest_is_found() {
    const HSV_D: u32 = 0x6ea5_c073; // a0 to (a1)
    const HLV_D: u32 = 0x6c05_c573;
    let mut code = [li(8, 1 << 8), vec![csrw(0x600, 8)], li(11, DATA), li(10, 7)].concat();
    let store = code.len();
    code.extend([HSV_D, HLV_D, STAY]);
    let mut machine = boot(&code);
    let memory = Address(DATA)..Address(DATA + 8);
    for (access, index) in [(Access::Write, store), (Access::Read, store + 1)] {
        // As the hypervisor would see it through another mapping.
        let watchpoint = Watchpoint { address: Address(0xffff_ffc0_0000_0000), length: 8, access };
        machine.watch_physical(watchpoint, std::slice::from_ref(&memory));
        assert_eq!(resume(&mut machine), Stop::Watchpoint { address: watchpoint.address });
        assert_eq!(pc(&mut machine), at(index));
        machine.unwatch_physical(watchpoint);
    }
    machine.step(8, LIMIT).unwrap();
    let image = elf::image(elf::build(&[(ENTRY, vec![0; 4])]));
    let place = ask::Memory { start: Address(DATA), length: 8, physical: false };
    let written = ask::last_write(&mut machine, &image, &place, &mut |_| true).unwrap().store.unwrap();
    assert_eq!((written.pc, written.new), (at(store), 7));
    let reads = ask::reads(&mut machine, &image, &place, &mut |_| true).unwrap().loads;
    let [loads] = reads[..] else { panic!("{reads:?}") };
    assert_eq!((loads.pc(), loads.count, loads.first.value), (at(store + 1), 1, 7));
}
