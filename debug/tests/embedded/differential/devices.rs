//! The UART's registers after any writes to them, by accesses of every width and alignment, and the test finisher where it does nothing.
//!
//! What the UART holds stays from slot to slot. It does not know how slots are run.

use super::generate::plain;
use super::program::*;
use crate::assembler::*;
use crate::random::Random;

const UART: u32 = 0x1000_0000;
const FINISHER: u32 = 0x10_0000;
const INTERRUPT_ENABLE: i32 = 1;
const RECEIVED: i16 = 1;

pub fn program(random: &mut Random, slots: usize) -> Program {
    plain("devices", random, slots, |random| match random.below(8) {
        0 => finisher(random),
        1..=4 => uart(random),
        _ => read_uart(random),
    })
}

/// A register written, and one read.
fn uart(random: &mut Random) -> [u8; SLOT_SIZE] {
    let (pointer, value) = pair(random);
    let register = random.below(8) as i32;
    // The time-out that comes with these is one of the host's clock.
    let byte = random.bits(6) as i16 - 32;
    let byte = if register == INTERRUPT_ENABLE { byte & !RECEIVED } else { byte };
    let width = if random.one_in(8) { aligned(random, register) } else { 0 };
    let mut code = Vec::new();
    code.extend((UART | pointer << 7 | LUI).to_le_bytes());
    code.extend(short_li(value, byte).to_le_bytes());
    code.extend(store_form(STORE, width, pointer, value, register).to_le_bytes());
    code.extend(load(random, pointer).to_le_bytes());
    filled(&code)
}

fn read_uart(random: &mut Random) -> [u8; SLOT_SIZE] {
    let (pointer, _) = pair(random);
    slot(&[UART | pointer << 7 | LUI, load(random, pointer), load(random, pointer)])
}

/// Mostly a byte; sometimes more.
fn load(random: &mut Random, pointer: u32) -> u32 {
    let register = random.below(9) as i32;
    let width = if random.one_in(4) { aligned(random, register) } else { 0 };
    // Not into the pointer, which may be needed again.
    let rd = if pointer == 31 { 30 } else { pointer + 1 };
    immediate_form(LOAD, random.pick(&[0, 4]) | width, rd, pointer, register)
}

/// A width of 1, 2 or 4 bytes, as funct3 has it, that this register's place allows: QEMU takes others apart.
fn aligned(random: &mut Random, register: i32) -> u32 {
    random.bits(2).min(register.trailing_zeros())
}

/// Words that mean nothing to it, and reads.
fn finisher(random: &mut Random) -> [u8; SLOT_SIZE] {
    let (pointer, value) = pair(random);
    let offset = random.pick(&[0, 0, 4, 0x7f8]);
    let small = addi(value, 0, random.bits(11) as i32);
    // Not wider than its place allows: QEMU 10 takes those apart, 7.2 refuses them.
    let width = if offset == 4 { random.bits(2).min(2) } else { random.bits(2) };
    let access = if random.one_in(2) {
        store_form(STORE, width, pointer, value, offset)
    } else {
        immediate_form(LOAD, width, value, pointer, offset)
    };
    slot(&[FINISHER | pointer << 7 | LUI, small, access])
}

/// Two registers, neither of them x0.
fn pair(random: &mut Random) -> (u32, u32) {
    let first = 1 + random.below(31) as u32;
    (first, 1 + (first + random.below(30) as u32) % 31)
}
