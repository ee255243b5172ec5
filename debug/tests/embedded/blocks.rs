//! Code in blocks, where a block does not end by itself: at a breakpoint, at an event, where its code or its mapping changes.

use debug::machine::{HartEvent, Interest, Load, Observed, Observer, StackPointerMove, Stop, Store};
use debug::{Address, Embedded, Machine};

use crate::assembler::*;
use crate::elf;
use crate::kernel::*;

const SATP: u32 = 0x180;
const RAM: u64 = 0x8000_0000;
const SP: u32 = 2;

#[derive(Default)]
struct Moves(Vec<(u64, u64)>);

impl Observer for Moves {
    fn interest(&self) -> Interest {
        let loads = vec![Address(DATA)..Address(DATA + 4096)];
        Interest {
            stores: Some(Vec::new()),
            loads,
            quiet_stacks: Some(Vec::new()),
            jumps: false,
            ..Interest::default()
        }
    }

    fn store(&mut self, _: &Store) {}

    fn load(&mut self, _: &Load) {}

    fn event(&mut self, _: &HartEvent) {}

    fn stack_pointer(&mut self, moved: &StackPointerMove) {
        self.0.push((moved.pc.0, moved.new.0));
    }
}

fn moves(machine: &mut Embedded, count: u64) -> Vec<(u64, u64)> {
    let mut moves = Moves::default();
    machine.step_observed(count, LIMIT, &mut moves).unwrap();
    moves.0
}

/// An instruction that overwrites code, or whose load is the last of so many as are shown at once, is the last before a pause.
#[test]
fn what_sets_sp_and_has_code_pause_is_a_move_of_sp() {
    let overwritten = 2;
    let mut code = vec![addi(0, 0, 0), addi(0, 0, 0), addi(5, 5, 1), addi(6, 6, 1)];
    code.extend(li(8, ENTRY + 4 * overwritten));
    let swap = code.len();
    // amoswap.d sp, zero, (x8)
    code.extend([register_form(AMO, 4, 3, SP, 8, 0), addi(9, 9, 1), addi(9, 9, 1), STAY]);
    let mut machine = boot(&code);
    let old = u64::from(code[3]) << 32 | u64::from(code[2]);
    assert_eq!(moves(&mut machine, swap as u64 + 3), [(at(swap).0, old)]);
    for loads in 4090..4100 {
        let mut code = [li(8, DATA), li(10, loads)].concat();
        code.extend([ld(11, 8, 0), addi(10, 10, -1), branch_form(1, 10, 0, -8)]);
        let switch = code.len();
        code.extend([ld(SP, 8, 8), addi(9, 9, 1), addi(9, 9, 1), STAY]);
        let mut machine = boot(&code);
        machine.write_physical(Address(DATA + 8), &DATA.to_le_bytes()).unwrap();
        assert_eq!(moves(&mut machine, switch as u64 + 3 * loads + 3), [(at(switch).0, DATA)], "{loads} loads");
    }
}

/// A loop over three blocks in two pages: it stops at each breakpoint, wherever in a block that is, each time.
#[test]
fn a_breakpoint_stops_wherever_in_a_block_it_is() {
    let (page, far) = (4096, 256);
    let mut code = vec![addi(5, 5, 1); far + 40];
    // 0..far falls through into far.., and from there back.
    code[20] = jump_form(0, page - 4 * 20);
    code.resize(1024, addi(7, 7, 1));
    code.extend(vec![addi(6, 6, 1); 200]);
    code.push(jump_form(0, -(page + 4 * 200)));
    let length = 21 + 201;
    let mut machine = boot(&code);
    // All is decoded and linked.
    machine.step(3 * length, LIMIT).unwrap();
    for place in [1, 19, 20, 1024, 1025, 1024 + 63, 1024 + 64, 1024 + 150, 1024 + 199, 1024 + 200] {
        machine.insert_breakpoint(at(place)).unwrap();
        for round in 0..3 {
            assert_eq!(resume(&mut machine), Stop::Breakpoint, "{place}");
            assert_eq!(pc(&mut machine), at(place), "round {round}");
        }
        let before = machine.icount();
        assert_eq!(resume(&mut machine), Stop::Breakpoint);
        assert_eq!(machine.icount() - before, length, "{place}");
        machine.remove_breakpoint(at(place)).unwrap();
    }
}

/// The same jump leads to another page of RAM when the page table does, and a page may be written as data.
#[test]
fn a_jump_to_another_page_goes_where_that_is_mapped_now() {
    const TABLES: u64 = 0x8040_0000;
    const FIRST: u64 = 0x8050_0000;
    const SECOND: u64 = 0x8050_1000;
    // A page of its own for each: the root, the table of 2 MiB below it, and the one of 4 KiB that maps ENTRY's 2 MiB.
    let pointer = |table: u64| table >> 12 << 10 | 1;
    let leaf = |page: u64| page >> 12 << 10 | 0xcf;
    let table = |entries: &[(usize, u64)]| {
        let mut table = [0_u64; 512];
        entries.iter().for_each(|(index, entry)| table[*index] = *entry);
        table.iter().flat_map(|entry| entry.to_le_bytes()).collect::<Vec<u8>>()
    };
    let root = table(&[(2, pointer(TABLES + 0x1000))]);
    let middle = table(&[(1, pointer(TABLES + 0x2000)), (2, leaf(RAM + 0x40_0000))]);
    let lowest = table(&[(0, leaf(ENTRY)), (1, leaf(FIRST))]);
    let mut code = [li(9, 8 << 60 | TABLES >> 12), li(8, TABLES + 0x2008), li(10, leaf(SECOND))].concat();
    code.extend([csrw(SATP, 9), SFENCE_VMA, addi(13, 0, 0), addi(20, 0, 0), addi(21, 0, 0)]);
    // Three times where the page table leads at first, and three times where it leads then.
    let rounds = code.len() as i32;
    code.extend([addi(12, 0, 3), jump_form(1, 4096 - 4 * (rounds + 1)), addi(12, 12, -1), branch_form(1, 12, 0, -8)]);
    code.extend([sd(10, 8, 0), SFENCE_VMA, addi(13, 13, 1), addi(14, 0, 2), branch_form(1, 13, 14, -32), STAY]);
    let bytes = |code: &[u32]| code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect::<Vec<u8>>();
    let target = |register: u32| bytes(&[addi(register, register, 1), immediate_form(JALR, 0, 0, 1, 0)]);
    let segments =
        [(ENTRY, bytes(&code)), (TABLES, [root, middle, lowest].concat()), (FIRST, target(20)), (SECOND, target(21))];
    let mut machine = Embedded::load(&elf::image(elf::build(&segments)), &Default::default()).unwrap();
    machine.step(200, LIMIT).unwrap();
    assert_eq!((x(&mut machine, 20), x(&mut machine, 21), pc(&mut machine)), (3, 3, at(code.len() - 1)));
}

/// A function's return leads to whoever called it.
#[test]
fn a_return_goes_to_its_caller_each_time() {
    let mut code = [5, 20, 21, 22, 23].map(|register| addi(register, 0, 0)).to_vec();
    code.push(addi(10, 0, 50));
    // Four calls in a loop, and behind each of them something else.
    for register in 20..24 {
        code.extend([jump_form(1, 4 * (40 - code.len() as i32)), addi(register, register, 1)]);
    }
    code.extend([addi(10, 10, -1), branch_form(1, 10, 0, -36), STAY]);
    let stay = at(code.len() - 1);
    code.resize(40, addi(0, 0, 0));
    code.extend([addi(5, 5, 1), immediate_form(JALR, 0, 0, 1, 0)]);
    let mut machine = boot(&code);
    machine.step(2000, LIMIT).unwrap();
    let counts = [5, 20, 21, 22, 23].map(|register| x(&mut machine, register));
    assert_eq!((counts, pc(&mut machine)), ([200, 50, 50, 50, 50], stay));
}

/// The upper half of an instruction, and the first store of all to the page, from within the block that executes.
#[test]
fn half_an_instruction_that_is_overwritten_is_executed_as_it_is_now() {
    let mut code = li(8, ENTRY);
    let changed = 2 * code.len() + 2;
    // sh: the upper half of addi(5, 0, 1), which has the immediate.
    let new = addi(5, 0, 7) >> 16;
    code.extend(li(9, new.into()));
    code.resize(changed - 1, addi(0, 0, 0));
    code.extend([store_form(STORE, 1, 8, 9, 4 * changed as i32 + 2), addi(5, 0, 1), STAY]);
    let mut machine = boot(&code);
    machine.step(code.len() as u64, LIMIT).unwrap();
    assert_eq!(x(&mut machine, 5), 7);
}

/// Stores go to a page at full speed; then it is code, and overwritten.
#[test]
fn a_page_that_was_data_before_it_was_code_is_watched() {
    const THERE: u64 = DATA;
    let mut code =
        [li(8, THERE), li(9, addi(5, 5, 1).into()), li(10, immediate_form(JALR, 0, 0, 1, 0).into())].concat();
    code.extend(li(11, addi(6, 6, 1).into()));
    let word = |register: u32, offset: i32| store_form(STORE, 2, 8, register, offset);
    code.extend([addi(5, 0, 0), addi(6, 0, 0), word(9, 0), word(10, 4), word(9, 0), immediate_form(JALR, 0, 1, 8, 0)]);
    code.extend([word(11, 0), immediate_form(JALR, 0, 1, 8, 0), STAY]);
    let mut machine = boot(&code);
    machine.step(code.len() as u64 + 8, LIMIT).unwrap();
    assert_eq!((x(&mut machine, 5), x(&mut machine, 6), pc(&mut machine)), (1, 1, at(code.len() - 1)));
}
