//! The pieces of M-mode code: what they do. It does not know how they are run, nor what the machines make of them.

use super::*;

/// Bits that mean the same on all QEMUs: not VS, UXL and MPP's value 2, which 7.2 holds.
const STATUS: u64 = 0x7e_61aa;
const MPP: u64 = 3 << 11;
const EXCEPTIONS: u64 = 0xb1ff;
const INTERRUPTS: u64 = 0x222;
const ALL_INTERRUPTS: u64 = 0xaaa;

pub fn piece(xlen: Xlen, random: &mut Random) -> Vec<u32> {
    let mut code = match random.below(8) {
        0 => exists(random),
        1 | 2 => held(xlen, random),
        3 | 4 => in_other_mode(random),
        5 => interrupted(xlen, random),
        6 => protected(random),
        _ => clint(xlen, random),
    };
    code.push(EBREAK);
    code
}

/// Which CSRs there are in M-mode: all but those that one of the machines has for itself.
fn exists(random: &mut Random) -> Vec<u32> {
    let csr = random.bits(12);
    let differs = matches!(csr, 0x30c..=0x31f | 0x3a4..=0x3af | 0x3c0..=0x3ef | 0x7a0..=0x7af | 0xb00..=0xb1f | 0xc00..=0xc1f | 0xb80..=0xb9f | 0xc80..=0xc9f)
        || matches!(csr, 0x14d | 0x344 | 0x150..=0x15f | 0x350..=0x35f | 0x747 | 0x757 | 0xda0 | 0xf12 | 0xf13 | 0x323..=0x33f);
    // Guests' may exist without guests, and values of others are in their own pieces.
    if differs || csr >> 8 & 3 == 2 { vec![ECALL] } else { vec![csrr(5, csr)] }
}

/// Bits of a CSR that are written and read back.
fn held(xlen: Xlen, random: &mut Random) -> Vec<u32> {
    let stopped = 0b101 | 0xfff8;
    let address = PMPADDR0 + random.bits(3);
    // Sstc's bit, and what an address holds.
    let (own_timer, all_of_address) = match xlen {
        Xlen::Rv32 => ((MENVCFGH, 1 << 31), u32::MAX.into()),
        Xlen::Rv64 => ((MENVCFG, 1 << 63), u64::MAX >> 10),
    };
    let (csr, mask) = random.pick(&[
        (MSTATUS, STATUS),
        (MSTATUS, STATUS | MPP),
        (MEDELEG, 0xb3ff & !(1 << 9) | 1 << 9),
        (MIDELEG, INTERRUPTS),
        (MIE, ALL_INTERRUPTS),
        (MIP, INTERRUPTS),
        (MCOUNTEREN, 7),
        (MENVCFG, 1),
        own_timer,
        (0x320, stopped),
        (MEPC, !1),
        (MCAUSE, u64::MAX),
        (MTVAL, u64::MAX),
        (SSTATUS, STATUS),
        (SIE, u64::MAX),
        (SSCRATCH, u64::MAX),
        (SEPC, !1),
        (SCAUSE, u64::MAX),
        (STVAL, u64::MAX),
        (SCOUNTEREN, 7),
        (address, all_of_address),
        (PMPCFG0, 0x1f1f_1f1f_1f1f_1f1f & !WITHOUT_READ),
    ]);
    let value = random.next() & mask;
    // There is no mode of number 2.
    let value = if csr == MSTATUS && value & MPP == 2 << 11 { value & !MPP } else { value };
    let forms = [csrw(csr, 6) | 10 << 7, csrs(csr, 6) | 10 << 7, (csrs(csr, 6) | 1 << 12) | 10 << 7];
    let mut code = li(6, value);
    if csr == SIE {
        code.extend(li(7, random.next() & INTERRUPTS));
        code.push(csrw(MIDELEG, 7));
    }
    code.extend([random.pick(&forms), csrr(11, csr)]);
    if csr == 0x320 {
        code.push(csrw(csr, 0));
    }
    code
}

/// Write without read is reserved; QEMU holds it.
const WITHOUT_READ: u64 = 0x0202_0202_0202_0202;

/// To S-mode or U-mode, what M-mode leaves there being random, and one instruction.
fn in_other_mode(random: &mut Random) -> Vec<u32> {
    let loads =
        |random: &mut Random, address: u64| [li(6, address), vec![ld(10, 6, 8 * random.bits(3) as i32)]].concat();
    let then = match random.below(12) {
        0 => vec![ECALL],
        1 => vec![SRET],
        2 => vec![MRET],
        3 => vec![SFENCE_VMA],
        4 => vec![csrr(10, SATP)],
        5 => vec![csrr(0, 0xc00 + random.bits(4).min(2))],
        6 => vec![0],
        7 => loads(random, 0x8),
        8 => vec![csrr(10, random.pick(&[MSTATUS, SSTATUS, SCAUSE, 0x14d, SIE, 0xf14]))],
        9 => vec![csrw(SATP, 0)],
        10 => vec![WFI],
        _ => vec![jump_form(0, 0x40), EBREAK],
    };
    // An exception of S-mode's that it handles itself would be its own handler's call: that is M-mode's.
    let delegated = random.next() & EXCEPTIONS & !(1 << 9);
    let wfi = if then == [WFI] { 1 << 21 } else { 0 };
    let status = random.next() & STATUS & !(1 << 3) | random.below(2) << 11 | wfi;
    // Where sret leads, if it does.
    let mut code = [li(6, SUPERVISOR + 4), vec![csrw(SEPC, 6)]].concat();
    for (csr, value) in [(MEDELEG, delegated), (MCOUNTEREN, random.next() & 7), (SCOUNTEREN, random.next() & 7)] {
        code.extend(li(6, value));
        code.push(csrw(csr, 6));
    }
    if then == [SRET] {
        // It would stay there for ever.
        code.extend(li(6, SUPERVISOR));
        code.push(csrw(SEPC, 6));
    }
    code.extend(enter(status));
    code.extend(then);
    code.extend(std::iter::repeat_n(EBREAK, 18));
    code
}

/// `mret` with this status, to the instruction behind.
fn enter(status: u64) -> Vec<u32> {
    let mut code = li(6, status);
    code.push(csrw(MSTATUS, 6));
    code.extend([AUIPC | 6 << 7, addi(6, 6, 16), csrw(MEPC, 6), MRET]);
    code
}

/// Interrupts that are pending and enabled in M-mode or below.
fn interrupted(xlen: Xlen, random: &mut Random) -> Vec<u32> {
    let mut code = Vec::new();
    if random.one_in(2) {
        code.extend(li(6, CLINT));
        code.extend([addi(7, 0, 1), store_form(STORE, 2, 6, 7, 0)]);
    }
    if random.one_in(2) {
        code.extend(li(6, CLINT + 0x4000));
        code.extend(store_doubleword(xlen, 0, 6));
    }
    for (csr, mask) in [(MIDELEG, INTERRUPTS), (MIP, INTERRUPTS), (MIE, ALL_INTERRUPTS)] {
        code.extend(li(6, random.next() & mask));
        code.push(csrw(csr, 6));
    }
    code.extend([csrr(10, MIP), csrr(11, SIP), csrr(12, SIE)]);
    // S-mode, U-mode or M-mode; interrupts on or off.
    let mode = random.pick(&[0, 1, 3]);
    code.extend(enter(random.next() & 0xaa | mode << 11));
    code.extend([addi(9, 0, 1), addi(9, 0, 2)]);
    code
}

/// Entries about a page, and an access to it or the execution of what lies there, in some mode.
fn protected(random: &mut Random) -> Vec<u32> {
    let mut code = Vec::new();
    let mut configurations = 0;
    for entry in 0..4 {
        let mode = random.below(4) << 3;
        let permissions = random.pick(&[0, 1, 3, 4, 5, 7]);
        configurations |= (mode | permissions) << (8 * entry);
        let start = DATA + (random.next() & 0xff8);
        let size = random.pick(&[0, 1, 3, 7, 15, 0x1ff]);
        code.extend(li(6, start >> 2 & !size | size >> 1));
        code.push(csrw(PMPADDR0 + entry, 6));
    }
    code.extend(li(6, configurations));
    code.push(csrw(PMPCFG0, 6));
    let address = DATA + (random.next() & 0xff8);
    let width = random.bits(2);
    let offset = (random.bits(3) as i32) & !((1 << width) - 1);
    code.extend(li(8, address));
    // In M-mode as another mode, or in that mode.
    let as_other = random.one_in(2);
    if as_other {
        code.extend(li(6, 1 << 17 | random.below(2) << 11));
        code.push(csrw(MSTATUS, 6));
    } else {
        code.extend(enter(random.pick(&[0, 1, 3]) << 11));
    }
    code.push(match random.below(3) {
        0 => immediate_form(LOAD, width, 10, 8, offset),
        1 => store_form(STORE, width, 8, 8, offset),
        // Two bytes of each: 0x5a5a loads from the stack, which is nowhere.
        _ => immediate_form(JALR, 0, 1, 8, 0),
    });
    code
}

/// The CLINT's registers, in any width.
fn clint(xlen: Xlen, random: &mut Random) -> Vec<u32> {
    let offset: u64 = random.pick(&[0, 4, 0x3ff8, 0x4000, 0x4004, 0x4008, 0xbff0, 0xc000]);
    // QEMU splits misaligned ones, which no kernel intends.
    let widest = if offset.is_multiple_of(8) { xlen.bytes().ilog2() } else { 2 };
    let width = random.bits(2).min(widest);
    let mut code = [li(6, CLINT + offset), li(7, random.next() | 1 << 62)].concat();
    if random.one_in(2) {
        code.push(store_form(STORE, width, 6, 7, 0));
    }
    code.extend([immediate_form(LOAD, width, 10, 6, 0), csrr(11, MIP)]);
    code
}
