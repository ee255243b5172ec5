use std::path::Path;

use super::*;
use crate::checks::boot_run::hart_trace::tests::taken;
use crate::image::fixture::{BASE, Elf};
use crate::machine::Interrupted;

const SP: u64 = BASE + 0x4000;
const S1: u8 = 9;
const T6: u8 = 31;

/// An image whose code is this, at [`BASE`].
fn image(code: &[u32]) -> Image {
    let mut elf = Elf::default();
    let text = elf.sections.iter_mut().find(|section| section.name == ".text").unwrap();
    for (place, bits) in text.bytes.chunks_exact_mut(4).zip(code) {
        place.copy_from_slice(&bits.to_le_bytes());
    }
    Image::parse(Path::new("kernel"), elf.bytes()).unwrap()
}

fn registers(pc: u64) -> Registers {
    let mut registers = Registers { pc, ..Registers::default() };
    registers.x[2] = SP;
    registers
}

fn interrupt(pc: u64) -> TakenTrap {
    TakenTrap { pc: Address(pc), sp: Address(SP), ..taken(9, 1 << 63 | 5, false) }
}

fn back(change: impl Fn(&mut Registers), first: u32) -> CameBack {
    let interrupted = Interrupted { trap: interrupt(BASE), registers: registers(BASE), floats: None };
    let mut registers = registers(BASE);
    change(&mut registers);
    let instruction = InstructionBytes::new(&first.to_le_bytes());
    CameBack { icount: 10, interrupted, instruction, registers, floats: None }
}

/// What is found where the hart comes back to this code, which it executes from its beginning to its end, with this register changed.
fn found(changed: u8, code: &[u32]) -> Option<(Register, u64)> {
    let image = image(code);
    let mut damages = Damages::new(&image);
    damages.came_back(&back(|registers| registers.x[usize::from(changed)] = 0x40, code[0]));
    for (at, bits) in (0..).zip(code.iter().chain(&[0x13])) {
        let bytes = InstructionBytes::new(&bits.to_le_bytes());
        damages.instruction(10 + at, &registers(BASE + 4 * at), bytes);
    }
    match damages.found()?.harm {
        Harm::Register { register, used_at, .. } => Some((register, used_at.0 - BASE)),
        Harm::Skipped { .. } => None,
    }
}

#[test]
fn a_register_counts_where_it_is_used() {
    assert_eq!(found(T6, &[0x13, 0x01ff_0f33]), Some((Register::Gpr(T6), 4))); // add t5, t5, t6... after a nop
    assert_eq!(found(T6, &[0x0070_0f93, 0x01ff_0f33]), None, "li t6, 7 first");
    assert_eq!(found(T6, &[0x13, 0x13]), None, "nobody uses it");
    assert_eq!(found(Register::TP, &[0x0042_0533]), None, "add a0, tp, tp: a handler may set it");
}

#[test]
fn a_register_is_followed_through_copies_and_the_stack() {
    // sd s1, 8(sp); li s1, 0; ld a0, 8(sp); mv a1, a0; ld a2, 0(a1)
    let spilled = [0x0091_3423, 0x0000_0493, 0x0081_3503, 0x0005_0593, 0x0005_b603];
    assert_eq!(found(S1, &spilled), Some((Register::Gpr(S1), 16)));
    // sd s1, 8(sp); sd zero, 8(sp); ld a0, 8(sp); li s1, 0; add a0, a0, a0
    assert_eq!(found(S1, &[0x0091_3423, 0x0001_3423, 0x0081_3503, 0x0000_0493, 0x00a5_0533]), None);
    // sd t6, 0(a5)
    assert_eq!(found(T6, &[0x01f7_b023]), Some((Register::Gpr(T6), 0)));
}

#[test]
fn sp_counts_where_the_frame_is_used() {
    assert_eq!(found(Register::SP, &[0x0081_3503]), Some((Register::Gpr(Register::SP), 0))); // ld a0, 8(sp)
}

#[test]
fn what_an_interrupt_came_before_was_not_executed() {
    let image = image(&[0x01ff_0f33]);
    let mut damages = Damages::new(&image);
    let ends = |damages: &mut Damages<'_>, cause| {
        damages.came_back(&back(|registers| registers.x[31] = 0x40, 0x01ff_0f33));
        damages.instruction(10, &registers(BASE), InstructionBytes::new(&0x01ff_0f33_u32.to_le_bytes()));
        damages.trap(&TakenTrap { icount: 10, cause, ..interrupt(BASE) });
        damages.found().is_some()
    };
    assert!(!ends(&mut damages, 1 << 63 | 5));
    assert!(ends(&mut damages, 13), "an instruction that faults has used its registers");
}

#[test]
fn a_loop_that_tests_what_it_never_changes_waits_for_the_handler() {
    // 1: beqz s1, 1b
    assert_eq!(found(S1, &[0x0004_8063]), None);
    // 1: nop; bnez s1, 1b
    assert_eq!(found(S1, &[0x13, 0xfe04_9ee3]), None);
    // addi s1, s1, -1; bnez s1, .-4
    assert_eq!(found(S1, &[0xfff4_8493, 0xfe04_9ee3]), Some((Register::Gpr(S1), 0)));
}

#[test]
fn what_is_counted_in_a_register_is_meant() {
    let image = image(&[0x13]);
    let mut damages = Damages::new(&image);
    damages.came_back(&back(|registers| registers.x[9] = 1, 0x13));
    assert!(!damages.is_following());
}

#[test]
fn a_skipped_instruction_is_harm_and_a_skipped_wait_is_none() {
    let skips = |bits: u32| {
        let image = image(&[bits]);
        let mut damages = Damages::new(&image);
        damages.came_back(&back(|registers| registers.pc += 4, bits));
        damages.found().is_some()
    };
    assert!(skips(0x01ff_0f33));
    assert!(!skips(0x1050_0073), "wfi");
    assert!(!skips(0x13), "nop");
    assert!(!skips(0x0000_006f), "j .: the handler leaves the loop");
}
