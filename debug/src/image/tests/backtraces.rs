//! Backtraces over a stack made for the purpose.

use super::super::fixture::{BASE, Elf, FUNC, debug_section};
use super::super::{Image, Place};
use super::image;
use crate::riscv::{Address, Registers};

/// 16 doublewords at 0x80204000 and no other memory.
struct Stack([u64; 16]);

const BOTTOM: u64 = BASE + 0x4000;

impl Stack {
    fn read(&self, address: Address, bytes: &mut [u8]) -> bool {
        let all: Vec<u8> = self.0.iter().flat_map(|word| word.to_le_bytes()).collect();
        let start = address.0.wrapping_sub(BOTTOM) as usize;
        let Some(found) = all.get(start..start.saturating_add(bytes.len())) else { return false };
        bytes.copy_from_slice(found);
        true
    }
}

fn registers(pc: u64, ra: u64, sp: u64, s0: u64) -> Registers {
    let mut registers = Registers { pc, ..Registers::default() };
    (registers.x[1], registers.x[2], registers.x[8]) = (ra, sp, s0);
    registers
}

fn backtrace(image: &Image, registers: &Registers, stack: &Stack) -> Vec<String> {
    let places = image.backtrace(registers, &mut |address, bytes| stack.read(address, bytes));
    places.iter().map(Place::to_string).collect()
}

/// A function `leaf` at 0x80200080, after those of the default file.
fn with_leaf() -> Elf {
    let mut elf = Elf::default();
    elf.symbols.push(("leaf", BASE + 0x80, 0x10, FUNC, Some(".text")));
    elf
}

#[test]
fn the_entry_was_called_by_nobody() {
    let registers = registers(BASE + 4, BASE + 0x20, BOTTOM, BOTTOM + 16);
    assert_eq!(backtrace(&image(with_leaf()), &registers, &Stack([BASE + 0x20; 16])), ["0x80200004 <boot+0x4>"]);
}

#[test]
fn in_assembly_ra_then_the_frame_pointers_lead_outwards() {
    let mut stack = Stack([0; 16]);
    // memset was called by main, which keeps its caller's s0 and ra below its own s0.
    (stack.0[2], stack.0[3]) = (0, BASE + 0xc);
    let registers = registers(BASE + 0x84, BASE + 0x30, BOTTOM, BOTTOM + 32);
    assert_eq!(
        backtrace(&image(with_leaf()), &registers, &stack),
        ["0x80200084 <leaf+0x4>", "0x80200030 <kernel::main+0x20>", "0x8020000c <boot+0xc>"]
    );
}

#[test]
fn a_return_address_into_the_function_itself_is_an_old_one() {
    let registers = registers(BASE + 0x88, BASE + 0x84, BOTTOM, 0);
    assert_eq!(backtrace(&image(with_leaf()), &registers, &Stack([0; 16])), ["0x80200088 <leaf+0x8>"]);
}

#[test]
fn a_call_may_be_the_last_instruction_of_all_code() {
    let mut elf = with_leaf();
    elf.symbols.push(("last", BASE + 0xf0, 0x10, FUNC, Some(".text")));
    let registers = registers(BASE + 0x80, BASE + 0x100, BOTTOM, 0);
    let expected = ["0x80200080 <leaf>", "0x80200100 <last+0x10>"];
    assert_eq!(backtrace(&image(elf), &registers, &Stack([0; 16])), expected);
}

#[test]
fn a_jump_into_nowhere_is_seen_from_ra() {
    let registers = registers(0, BASE + 0x20, BOTTOM, 0);
    assert_eq!(backtrace(&image(with_leaf()), &registers, &Stack([0; 16])), ["0x0", "0x80200020 <kernel::main+0x10>"]);
}

#[test]
fn it_ends_at_the_firmware_and_at_unreadable_memory() {
    let image = image(with_leaf());
    let firmware = registers(BASE + 0x84, 0x8000_1234, BOTTOM, 0);
    assert_eq!(backtrace(&image, &firmware, &Stack([0; 16])), ["0x80200084 <leaf+0x4>"]);
    let nowhere = registers(BASE + 0x84, 0, BOTTOM, 0x9000_0000);
    assert_eq!(backtrace(&image, &nowhere, &Stack([0; 16])), ["0x80200084 <leaf+0x4>"]);
}

#[test]
fn frame_pointers_that_lead_back_are_not_followed() {
    // s0 points to a frame that claims to have been called from itself.
    let mut stack = Stack([0; 16]);
    (stack.0[2], stack.0[3]) = (BOTTOM + 32, BASE + 0x24);
    let registers = registers(BASE + 0x84, 0, BOTTOM, BOTTOM + 32);
    assert_eq!(backtrace(&image(with_leaf()), &registers, &stack).len(), 2);
}

#[test]
fn a_stack_without_end_is_cut() {
    let image = image(with_leaf());
    // Wherever it is read: the next frame 16 bytes above, called from one of two places.
    let mut read = |address: Address, bytes: &mut [u8]| {
        let even = address.0 / 16 % 2;
        let word = if address.0.is_multiple_of(16) { address.0 + 32 } else { BASE + 0x20 + 4 * even };
        bytes.copy_from_slice(&word.to_le_bytes());
        true
    };
    let places = image.backtrace(&registers(BASE + 0x84, 0, 0x1000, 0x1010), &mut read);
    assert_eq!(places.len(), 64);
}

/// A table for `main`: 16 bytes of frame after its first instruction, ra at its upper end.
fn call_frame_information() -> Vec<u8> {
    let mut bytes = vec![0x14, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 4, 0, 8, 0, 1, 0x78, 1, 0x0c, 2, 0];
    bytes.resize(0x18, 0);
    bytes.extend([0x1c, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend((BASE + 0x10).to_le_bytes());
    bytes.extend(0x20_u64.to_le_bytes());
    bytes.extend([0x42, 0x0e, 0x10, 0x81, 1, 0, 0, 0]);
    bytes
}

#[test]
fn call_frame_information_leads_outwards() {
    let mut elf = with_leaf();
    elf.sections.push(debug_section(".debug_frame", call_frame_information()));
    let image = image(elf);
    let mut stack = Stack([0; 16]);
    stack.0[1] = BASE + 0xc;
    let in_main = registers(BASE + 0x14, 0, BOTTOM, 0);
    assert_eq!(backtrace(&image, &in_main, &stack), ["0x80200014 <kernel::main+0x4>", "0x8020000c <boot+0xc>"]);
    // Its first instruction has not been executed: no frame yet, and ra as the call left it.
    let at_main = registers(BASE + 0x10, BASE + 0xc, BOTTOM, 0);
    assert_eq!(backtrace(&image, &at_main, &stack), ["0x80200010 <kernel::main>", "0x8020000c <boot+0xc>"]);
    // From assembly by ra, then by the table.
    let in_leaf = registers(BASE + 0x84, BASE + 0x30, BOTTOM, 0);
    let expected = ["0x80200084 <leaf+0x4>", "0x80200030 <kernel::main+0x20>", "0x8020000c <boot+0xc>"];
    assert_eq!(backtrace(&image, &in_leaf, &stack), expected);
}

#[test]
fn a_stack_that_wraps_around_is_not_followed() {
    let mut elf = with_leaf();
    elf.sections.push(debug_section(".debug_frame", call_frame_information()));
    let mut read = |_: Address, bytes: &mut [u8]| {
        bytes.copy_from_slice(&(BASE + 0xc).to_le_bytes());
        true
    };
    let in_main = registers(BASE + 0x14, 0, 0_u64.wrapping_sub(16), 0);
    assert_eq!(image(elf).backtrace(&in_main, &mut read).len(), 1);
}

#[test]
fn call_frame_information_leads_to_the_firmware_and_no_further() {
    let mut elf = with_leaf();
    elf.sections.push(debug_section(".debug_frame", call_frame_information()));
    let in_main = registers(BASE + 0x14, 0, BOTTOM, 0);
    let firmware = Stack([0x8000_0abc; 16]);
    assert_eq!(backtrace(&image(elf), &in_main, &firmware), ["0x80200014 <kernel::main+0x4>"]);
}

#[test]
fn a_function_that_never_returns_is_the_outermost() {
    let mut elf = with_leaf();
    // As `call_frame_information`, without the place of ra.
    let mut table = call_frame_information();
    let end = table.len();
    table[end - 5..].fill(0);
    elf.sections.push(debug_section(".debug_frame", table));
    let in_leaf = registers(BASE + 0x84, BASE + 0x30, BOTTOM, 0);
    let expected = ["0x80200084 <leaf+0x4>", "0x80200030 <kernel::main+0x20>"];
    assert_eq!(backtrace(&image(elf), &in_leaf, &Stack([BASE + 0xc; 16])), expected);
}

#[test]
fn damaged_call_frame_information_is_like_none() {
    let mut elf = with_leaf();
    elf.sections.push(debug_section(".debug_frame", vec![0xff; 64]));
    let in_leaf = registers(BASE + 0x84, BASE + 0x30, BOTTOM, 0);
    assert_eq!(backtrace(&image(elf), &in_leaf, &Stack([0; 16])).len(), 2);
}
