//! CSR instructions: which CSRs there are and for whom, what they hold, what is left of what was written. It does not know how
//! slots are run.

use debug::remote::qemu::Version;
use debug::riscv::Xlen;

use super::cpu::is_old;
use super::generate::SEPC;
use super::known::VERSION;
use super::program::*;
use crate::assembler::*;
use crate::random::Random;

/// CSR instructions on all CSRs that the two machines mean the same by; reading back what was written.
pub fn slot_with_csrs(xlen: Xlen, random: &mut Random) -> [u8; SLOT_SIZE] {
    const HELD: [u32; 7] = [0x001, 0x002, 0x003, 0x104, 0x142, 0x143, 0x144];
    const SCOUNTEREN: u32 = 0x106;
    const SENVCFG: u32 = 0x10a;
    const SSTATUS: u32 = 0x100;
    const SSCRATCH: u32 = 0x140;
    let (rd, rs1) = (random.register(), random.register());
    let form = random.pick(&[1, 2, 3, 5, 6, 7]);
    let access = |csr: u32, funct3: u32, rd: u32| csr << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | SYSTEM;
    match random.below(14) {
        13 if xlen == Xlen::Rv32 => untranslated(random),
        13 => reserved_translation(random),
        0 => {
            // Which CSRs exist, and for whom; counters differ in value, the hypervisor's are QEMU's alone.
            let csr = random.bits(12);
            let known_to_one = matches!(csr >> 8 & 3, 2)
                || matches!(csr, 0x105 | 0x140 | 0x14d | 0x180 | 0xc00..=0xc1f | 0xc80..=0xc9f);
            if known_to_one { slot(&[SRET]) } else { slot(&[csrr(rd, csr)]) }
        }
        1 => {
            let csr = 0xc00 + random.below(3) as u32;
            slot(&[csrr(0, csr)])
        }
        2 => slot(&[random.pick(&[SRET, SFENCE_VMA, 0x3020_0073, 0x0000_100f, 0x0ff0_000f, 0x0010_0073])]),
        // The handler's own: only to be read.
        3 => slot(&[csrr(rd, SSCRATCH)]),
        // Even, where QEMU holds odd ones, which the table knows.
        4 => {
            let mask = if *VERSION < Version::new(11, 1) { -2 } else { -1 };
            slot(&[immediate_form(OP_IMMEDIATE, 7, rs1, rs1, mask), access(SEPC, form & 3, rd), csrr(rd, SEPC)])
        }
        // On QEMU 7.2 only bits that RV64GC has: from 12 to 30, or the lowest. The table knows those that it has besides.
        5 if is_old() => {
            slot(&[random.bits(19) << 12 | rs1 << 7 | LUI, access(SSTATUS, form, rd), csrr(random.register(), SSTATUS)])
        }
        6 if is_old() => {
            slot(&[immediate_form(OP_IMMEDIATE, 7, rs1, rs1, 0x1ff), access(SSTATUS, form, rd), csrr(rd, SSTATUS)])
        }
        // Not UXL, in which they hold that U-mode is RV32's, as the table knows.
        5 | 6 => {
            let low_bits = immediate_form(OP_IMMEDIATE, 5, rs1, rs1, 33);
            slot(&[low_bits, access(SSTATUS, form, rd), csrr(random.register(), SSTATUS)])
        }
        // The counters that all have: the table knows that QEMU 7.2 holds 64 bits, and 10 only those of counters that there are.
        7 => {
            let mask = immediate_form(OP_IMMEDIATE, 7, rs1, rs1, 7);
            slot(&[mask, access(SCOUNTEREN, form & 3, rd), csrr(rd, SCOUNTEREN)])
        }
        // QEMU 7.2 holds bits of others besides FIOM, and all hold the reserved value of CBIE, as the table says.
        8 => {
            let mask = immediate_form(OP_IMMEDIATE, 7, rs1, rs1, if is_old() { 1 } else { 0xd1 });
            slot(&[mask, access(SENVCFG, form & 3, rd), csrr(rd, SENVCFG)])
        }
        _ => {
            let csr = random.pick(&HELD);
            slot(&[access(csr, form, rd), csrr(random.register(), csr)])
        }
    }
}

/// satp keeps its value where the mode is none that there is.
fn reserved_translation(random: &mut Random) -> [u8; SLOT_SIZE] {
    const SATP: u32 = 0x180;
    let register = 1 + random.below(31) as u32;
    let mode = random.pick(&[0, 1, 2, 3, 7, 11, 12, 14, 15]);
    let mut code = Vec::from(short_li(register, mode).to_le_bytes());
    let shift = immediate_form(OP_IMMEDIATE, 1, register, register, 60);
    let swap = csrw(SATP, register) | random.register() << 7;
    code.extend([shift, swap, csrr(register, SATP)].iter().flat_map(|instruction| instruction.to_le_bytes()));
    filled(&code)
}

/// On RV32 each mode of satp is one that there is: it is off here, and the rest is held.
fn untranslated(random: &mut Random) -> [u8; SLOT_SIZE] {
    const SATP: u32 = 0x180;
    let register = 1 + random.below(31) as u32;
    let without_mode = immediate_form(OP_IMMEDIATE, 5, register, register, 1);
    slot(&[without_mode, csrw(SATP, register) | random.register() << 7, csrr(register, SATP)])
}
