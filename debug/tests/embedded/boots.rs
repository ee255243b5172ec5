//! What a page shows of a boot: its moments, and the stack over time.

use debug::Address;
use debug::embedded::Options;
use debug::profile::{Boot, Look, gather};

use crate::assembler::*;
use crate::elf;
use crate::kernel::*;

const TOP: u64 = ENTRY + 0x1000;
const SP: u32 = 2;
/// A long rest follows.
const END: u64 = 100_000;

fn boot_of(code: &[u32]) -> Boot {
    let bytes = code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect();
    let image = elf::image(elf::build(&[(ENTRY, bytes)]));
    let range = |start: u64, end: u64| Address(start)..Address(end);
    let look = Look { bss: range(TOP, TOP + 16), stack: range(TOP - 0x400, TOP) };
    gather(&image, &Options::default(), &[], END, &look).unwrap()
}

/// `la sp` is two instructions, of which the second may add nothing.
#[test]
fn sp_is_set_where_its_first_part_is_all_of_it() {
    let first_part = AUIPC | SP << 7 | 1 << 12;
    for (code, expected) in [
        (vec![first_part, addi(SP, SP, 0), addi(SP, SP, -64), sd(8, SP, 0), STAY], Some(0)),
        // Nobody ever uses this value.
        (vec![first_part, addi(SP, SP, -64), sd(8, SP, 0), STAY], Some(1)),
        (vec![first_part, addi(SP, 0, 8), STAY], None),
    ] {
        let boot = boot_of(&code);
        let set = boot.marks.iter().find(|mark| mark.what == "sp is set to the stack");
        assert_eq!(set.map(|mark| mark.icount), expected, "{:?}", boot.marks);
    }
}

#[test]
fn the_stack_s_beginning_can_be_enlarged() {
    let first_part = AUIPC | SP << 7 | 1 << 12;
    let boot = boot_of(&[first_part, addi(SP, SP, 0), addi(SP, SP, -64), sd(8, SP, 0), addi(SP, SP, 64), STAY]);
    assert_eq!(boot.beginning(), Some(4), "{:?}", boot.marks);
    let seen: Vec<(u64, u64)> = boot.depth.iter().map(|depth| (depth.icount, TOP - depth.sp.0)).collect();
    assert_eq!(seen[..2], [(3, 64), (5, 0)], "each by itself, however long the run is");
    assert!(seen.len() < 8000 && seen.last().unwrap().0 > END - END / 256, "{}", seen.len());
}

#[test]
fn another_stack_is_memory_that_was_used_as_one() {
    let [first_part, other] = [1, 2].map(|pages| AUIPC | SP << 7 | pages << 12);
    let boots = [first_part, addi(SP, SP, -64), sd(8, SP, 0)];
    // In both of the pages that it lies in.
    let task = [other, addi(SP, SP, -48), sd(8, SP, 8), sd(8, SP, 40), STAY];
    let boot = boot_of(&[&boots[..], &task].concat());
    let top = ENTRY + 12 + 0x2000;
    assert_eq!(boot.other_stacks.into_iter().collect::<Vec<_>>(), [(top - 48, top)], "the boot's stack is none");
}
