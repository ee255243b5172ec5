//! Interrupts: the timer's, past or never, by CSR and by call; those of software; in S-mode, U-mode and `wfi`; direct and vectored.
//!
//! QEMU's clock is the host's, so that a time is always long past or never comes. It does not know how slots are run.

use debug::riscv::Xlen;

use super::generate::plain;
use super::program::*;
use crate::assembler::*;
use crate::random::Random;

const SSTATUS: u32 = 0x100;
const SIE: u32 = 0x104;
const SIP: u32 = 0x144;
const STIMECMP: u32 = 0x14d;
const STIMECMPH: u32 = 0x15d;
const WFI: u32 = 0x1050_0073;
const ECALL: u32 = 0x73;

pub fn programs(xlen: Xlen, random: &mut Random, slots: usize) -> Vec<Program> {
    vec![
        with_interrupts(xlen, "interrupts", random, slots, false),
        with_interrupts(xlen, "vectored interrupts", random, slots, true),
    ]
}

fn with_interrupts(xlen: Xlen, name: &str, random: &mut Random, slots: usize, vectored: bool) -> Program {
    /// As times past at the first slot, or never; as bits of sie and sip, some.
    const NUMBERS: [u64; 11] = [
        0,
        1,
        2,
        0x20,
        0x22,
        u64::MAX,
        u64::MAX << 1,
        1 << 62 | 0x20,
        1 << 63 | 0x22,
        1 << 61 | 0x222,
        i64::MAX as u64,
    ];
    let program = plain(name, random, slots, |random| slot_with_interrupts(xlen, random, vectored));
    let integers = (0..POOL_ENTRIES).map(|_| random.pick(&NUMBERS)).collect();
    Program { integers, vectored, cpu: super::cpu::full(xlen).clone(), ..program }
}

fn slot_with_interrupts(xlen: Xlen, random: &mut Random, vectored: bool) -> [u8; SLOT_SIZE] {
    match random.below(8) {
        // Back to the slot's beginning, in U-mode: there an enabled interrupt comes before the first instruction, which is illegal. Not
        // with vectors: exceptions that OpenSBI 1.1 hands on go where stvec says, its mode taken for a part of the address.
        0 | 1 if !vectored => slot(&[change(xlen, random), change(xlen, random), SRET]),
        // Enabled and pending: it may be taken before, and ends the wait otherwise.
        2 => slot(&[set_immediate(SIE, 2), set_immediate(SIP, 2), WFI]),
        // Programs of 32 bits have no firmware.
        3 if xlen == Xlen::Rv64 => called(random),
        _ => slot(&[change(xlen, random), change(xlen, random), change(xlen, random)]),
    }
}

/// Of time, what is enabled, what is pending, or whether any is taken.
fn change(xlen: Xlen, random: &mut Random) -> u32 {
    let register = random.register();
    match random.below(5) {
        0 if xlen == Xlen::Rv32 && random.one_in(2) => csrw(STIMECMPH, register),
        0 => csrw(STIMECMP, register),
        1 | 2 => csrs(SIE, register),
        3 => csrs(SIP, register),
        _ => set_immediate(SSTATUS, 2),
    }
}

fn set_immediate(csr: u32, number: u32) -> u32 {
    csr << 20 | number << 15 | 6 << 12 | SYSTEM
}

/// The firmware sets the timer, or interrupts this hart; legacy calls, as their numbers are short. Then one is enabled.
fn called(random: &mut Random) -> [u8; SLOT_SIZE] {
    const SET_TIMER: u16 = 0;
    const CLEAR_IPI: u16 = 3;
    const SEND_IPI: u16 = 4;
    let call = random.pick(&[SET_TIMER, SET_TIMER, CLEAR_IPI, SEND_IPI]);
    let argument = if call == SET_TIMER { random.pick(&[0, -1]) } else { 0 };
    let mut code = Vec::new();
    code.extend(short_li(17, call as i16).to_le_bytes());
    code.extend(short_li(10, argument).to_le_bytes());
    code.extend(ECALL.to_le_bytes());
    code.extend(csrs(SIE, random.register()).to_le_bytes());
    filled(&code)
}
