//! What the slots hold: every instruction of RV64GC and Zicsr, with operands that lie on edges more often than between them.
//!
//! It does not know how slots are run.

use debug::riscv::Xlen;

use super::operands::*;
use super::program::*;
use crate::assembler::*;
use crate::random::Random;

pub const SEPC: u32 = 0x141;
const SPP: u64 = 1 << 8;
const FS_DIRTY: u64 = 3 << 13;

/// One program of each kind, with `slots` slots in those that are random.
pub fn programs(xlen: Xlen, random: &mut Random, slots: usize) -> Vec<Program> {
    let mut programs = vec![
        plain("integer arithmetic", random, slots, integer),
        with_addresses("every compressed encoding", random, 0, integer),
        with_targets("control flow", random, slots, |random| control_flow(xlen, random)),
        plain("floating point", random, slots, float),
        plain("CSRs", random, slots, |random| super::csrs::slot_with_csrs(xlen, random)),
        with_addresses("encodings", random, slots, encoding),
        self_modifying(xlen, random, slots),
        with_addresses("loads and stores", random, slots, memory),
        with_addresses("atomics", random, slots, atomic),
        with_addresses("compressed", random, slots, |random| short_slot(compressed(xlen, random))),
    ];
    let short = (0..=u16::MAX).filter(|half| half & 3 != 3 && !leaves_slot(xlen, *half));
    programs[1].slots = short.map(short_slot).collect();
    programs.iter_mut().for_each(|program| program.cpu = super::cpu::full(xlen).clone());
    let place = |program: &mut Program| program.integers.iter_mut().for_each(|value| *value = elsewhere(*value));
    programs.extend(super::bits::programs(xlen, random, slots));
    programs.extend(super::zfa::programs(xlen, random, slots / 2));
    programs.extend(super::interrupts::programs(xlen, random, slots / 2));
    match xlen {
        Xlen::Rv32 => programs.extend(super::sv32::programs(random, slots)),
        Xlen::Rv64 => {
            programs.push(firmware_calls(random, slots / 4));
            programs.extend(super::paging::programs(random, slots));
            programs.extend(super::guest::programs(random, slots));
        }
    }
    if xlen == Xlen::Rv32 {
        programs.iter_mut().filter(|program| program.satp == 0).for_each(place);
    }
    programs.push(Program { cpu: super::cpu::full(xlen).clone(), ..super::devices::program(random, slots / 2) });
    programs
}

/// Any number of 32 bits may be an address: not of a device or a ROM that differs, or that our board has not; nor of what earlier slots left,
/// in which QEMUs differ as they may.
fn elsewhere(value: u64) -> u64 {
    let differs = matches!(value as u32, 0x1000..0x200_0000 | 0x201_0000..0x8000_0000 | 0x8100_0000..0x8800_0000);
    if differs { value | 3 << 30 } else { value }
}

/// Of RV64; others change its hart.
pub fn plain(
    name: &str,
    random: &mut Random,
    slots: usize,
    mut generate: impl FnMut(&mut Random) -> [u8; SLOT_SIZE],
) -> Program {
    Program {
        name: name.into(),
        slots: (0..slots).map(|_| generate(random)).collect(),
        integers: pool(random, integer_operand),
        floats: pool(random, float_operand),
        roundings: pool(random, |random| if random.one_in(8) { random.bits(8).into() } else { random.below(5) << 5 }),
        statuses: pool(random, status),
        data: (0..DATA_SIZE).map(|_| random.bits(8) as u8).collect(),
        satp: 0,
        tables: vec![0; TABLES_SIZE],
        slots_seen_at: SLOTS,
        vectored: false,
        cpu: super::cpu::full(Xlen::Rv64).clone(),
        hypervisor: None,
    }
}

pub fn with_addresses(
    name: &str,
    random: &mut Random,
    slots: usize,
    generate: impl FnMut(&mut Random) -> [u8; SLOT_SIZE],
) -> Program {
    let integers = pool(random, address_operand);
    Program { integers, ..plain(name, random, slots, generate) }
}

/// Each slot writes a compressed instruction into itself, from a register that holds one, and executes it.
fn self_modifying(xlen: Xlen, random: &mut Random, slots: usize) -> Program {
    const FENCE_I: u32 = 0x100f;
    let integers = pool(random, |random| {
        loop {
            let half = compressed(xlen, random);
            if matches!((half & 3, half >> 13), (1, 0..=4) | (2, 0)) {
                return half.into();
            }
        }
    });
    // Few, as QEMU drops its translations of the page each time.
    let program = plain("self-modifying code", random, slots / 10, |random| {
        let pointer = 1 + random.below(31) as u32;
        let instruction = 1 + (pointer + random.below(30) as u32) % 31;
        let here = pointer << 7 | AUIPC;
        slot(&[here, store_form(STORE, 1, pointer, instruction, 12), FENCE_I])
    });
    Program { integers, ..program }
}

/// SBI calls that OpenSBI and the embedded firmware both know, or neither; each takes a slot and ends in the next. Not those with
/// masks of harts: what a mask may name that is no hart, OpenSBI's versions answer differently (embedded/firmware.rs has them).
fn firmware_calls(random: &mut Random, slots: usize) -> Program {
    const BASE: u32 = 0x10;
    const HART_STATE: u32 = 0x48_534d;
    const EXTENSIONS: [u32; 8] = [0, 3, BASE, 0x5449_4d45, HART_STATE, 9, 0x1234_5678, 0x0a00_0000];
    const ECALL: u32 = 0x73;
    let mut program = plain("firmware calls", random, 0, integer);
    program.integers = pool(random, |random| match random.below(4) {
        // Where a mask of harts may lie or not. As a time, each is past at the first slot or never comes: QEMU's clock is the host's.
        0 => random.pick(&[DATA, DATA + 4, DATA + 0xffc, 0x8000_1000, 0x8800_0000, 1 << 63]),
        1 => random.below(4).wrapping_neg(),
        2 => 1 << random.pick(&[3, 33, 40, 63]),
        _ => random.below(12),
    });
    program.slots = Vec::new();
    for _ in 0..slots {
        let extension = random.pick(&EXTENSIONS);
        let function = match extension {
            // Probing, and what does not exist; not what differs by right: versions and the hart's maker.
            BASE => random.pick(&[3, 7, 8]),
            // Not to be stopped or suspended; and OpenSBI looks at the lower half of a hart's number only.
            HART_STATE => random.pick(&[4, 5]),
            _ => random.bits(3),
        };
        let low = (extension << 20) as i32 >> 20;
        let high = extension.wrapping_sub(low as u32);
        let load = [high | 17 << 7 | LUI, immediate_form(OP_IMMEDIATE_WORD, 0, 17, 17, low)];
        program.slots.push(slot(&[load[0], load[1], addi(16, 0, function as i32), ECALL]));
        program.slots.push(slot(&[]));
    }
    program
}

fn with_targets(
    name: &str,
    random: &mut Random,
    slots: usize,
    generate: impl FnMut(&mut Random) -> [u8; SLOT_SIZE],
) -> Program {
    const NOWHERE: [u64; 6] = [0, 0x8000_1000, 0x8800_0800, 0x40_0000_0000, 1 << 63, u64::MAX];
    let integers = pool(random, |random| match random.below(4) {
        0 => random.pick(&NOWHERE),
        1 => integer_operand(random) & 0x7ff,
        _ => FIELD + 0x800 + random.below(16),
    });
    Program { integers, ..plain(name, random, slots, generate) }
}

fn pool(random: &mut Random, mut entry: impl FnMut(&mut Random) -> u64) -> Vec<u64> {
    (0..POOL_ENTRIES).map(|_| entry(random)).collect()
}

/// In S-mode; sometimes with the floating-point unit off, initial or clean.
fn status(random: &mut Random) -> u64 {
    let float = if random.one_in(8) { u64::from(random.bits(2)) << 13 } else { FS_DIRTY };
    SPP | float | u64::from(random.bits(1)) << 5
}

fn integer(random: &mut Random) -> [u8; SLOT_SIZE] {
    let (rd, rs1, rs2) = (random.register(), random.register(), random.register());
    let funct3 = random.bits(3);
    let immediate = random.bits(12) as i32;
    let instruction = match random.below(8) {
        0 => register_form(OP, 0, funct3, rd, rs1, rs2),
        1 => register_form(OP, 1, funct3, rd, rs1, rs2),
        2 => register_form(OP, 0x20, random.pick(&[0, 5]), rd, rs1, rs2),
        3 => {
            let (funct7, funct3) = random.pick(&[(0, 0), (0, 1), (0, 5), (0x20, 0), (0x20, 5)]);
            register_form(OP_WORD, funct7, funct3, rd, rs1, rs2)
        }
        4 => register_form(OP_WORD, 1, random.pick(&[0, 4, 5, 6, 7]), rd, rs1, rs2),
        5 => immediate_form(OP_IMMEDIATE, random.pick(&[0, 2, 3, 4, 6, 7]), rd, rs1, immediate),
        6 => shift(random, rd, rs1),
        _ => random.bits(20) << 12 | rd << 7 | random.pick(&[LUI, AUIPC]),
    };
    slot(&[instruction])
}

fn shift(random: &mut Random, rd: u32, rs1: u32) -> u32 {
    let (funct3, right_arithmetic) = random.pick(&[(1, 0), (5, 0), (5, 0x400)]);
    match random.below(3) {
        0 => immediate_form(OP_IMMEDIATE, funct3, rd, rs1, right_arithmetic | random.bits(6) as i32),
        1 => immediate_form(OP_IMMEDIATE_WORD, funct3, rd, rs1, right_arithmetic | random.bits(5) as i32),
        _ => immediate_form(OP_IMMEDIATE_WORD, 0, rd, rs1, random.bits(12) as i32),
    }
}

/// Any 16-bit encoding that stays in its slot.
fn compressed(xlen: Xlen, random: &mut Random) -> u16 {
    loop {
        let half = random.bits(16) as u16;
        if half & 3 != 3 && !leaves_slot(xlen, half) {
            return half;
        }
    }
}

/// c.j, c.beqz, c.bnez, c.jr, c.jalr, and on RV32 c.jal: those of them that go nowhere near have their own programs.
fn leaves_slot(xlen: Xlen, half: u16) -> bool {
    let jumps_to_register = half & 0xe003 == 0x8002 && half & 0x7c == 0 && half & 0xf80 != 0;
    let jumps = matches!((half & 3, half >> 13), (1, 5..=7)) || xlen == Xlen::Rv32 && half & 0xe003 == 0x2001;
    jumps || jumps_to_register
}

/// Jumps and branches that land on a breakpoint: in this slot, the one before, or the field.
fn control_flow(xlen: Xlen, random: &mut Random) -> [u8; SLOT_SIZE] {
    let (rd, rs1, rs2) = (random.register(), random.register(), random.register());
    let near = random.pick(&[4, 6, 8, 10, 12, 14, -2, -4]);
    match random.below(8) {
        0 | 1 => slot(&[branch_form(random.pick(&[0, 1, 4, 5, 6, 7]), rs1, rs2, near)]),
        2 => slot(&[branch_form(random.bits(3), rs1, if random.one_in(2) { rs1 } else { rs2 }, near)]),
        3 => slot(&[jump_form(rd, near)]),
        // auipc leads to this slot, jalr on to any halfword of it.
        4 => slot(&[rs1 << 7 | AUIPC, immediate_form(JALR, 0, rd, rs1, 8 + random.below(8) as i32)]),
        5 => slot(&[immediate_form(JALR, 0, rd, rs1, random.bits(12) as i32)]),
        6 => short_slot(short_branch(xlen, random)),
        7 if random.one_in(2) => {
            // Even, as QEMU holds odd ones.
            let even = immediate_form(OP_IMMEDIATE, 7, rs1, rs1, -2);
            slot(&[even, csrw(SEPC, rs1), SRET])
        }
        _ => {
            let register = 1 + random.below(31) as u16;
            short_slot(0x8002 | random.pick(&[0, 0x1000]) | register << 7)
        }
    }
}

/// c.beqz, c.bnez, c.j and on RV32 c.jal over 2 to 12 bytes.
fn short_branch(xlen: Xlen, random: &mut Random) -> u16 {
    let offset = 2 * (1 + random.bits(2) as u16);
    let register = random.bits(3) as u16;
    match random.below(3) {
        0 => {
            let jump = if xlen == Xlen::Rv32 && random.one_in(2) { 0x2001 } else { 0xa001 };
            jump | (offset >> 1 & 7) << 3 | (offset >> 4 & 1) << 11
        }
        kind => 0xc001 | (kind as u16 - 1) << 13 | register << 7 | (offset >> 1 & 3) << 3 | (offset >> 3 & 1) << 10,
    }
}

pub fn memory(random: &mut Random) -> [u8; SLOT_SIZE] {
    let (rd, rs1, rs2) = (random.register(), random.register(), random.register());
    let offset = if random.one_in(3) { 0 } else { random.bits(12) as i32 };
    slot(&[match random.below(8) {
        0..=2 => immediate_form(LOAD, random.bits(3), rd, rs1, offset),
        3 | 4 => store_form(STORE, random.bits(2), rs1, rs2, offset),
        5 => immediate_form(LOAD_FLOAT, 2 + random.bits(1), rd, rs1, offset),
        6 => store_form(STORE_FLOAT, 2 + random.bits(1), rs1, rs2, offset),
        _ => immediate_form(0x0f, random.bits(1), rd, rs1, offset),
    }])
}

/// One operation, or `lr` and `sc` with something between them.
pub fn atomic(random: &mut Random) -> [u8; SLOT_SIZE] {
    let (rd, rs1, rs2) = (random.register(), random.register(), random.register());
    let width = 2 + random.bits(1);
    let order = random.bits(2);
    // The address stays, also for what comes after.
    let rd = if rd == rs1 { 0 } else { rd };
    let lr = register_form(AMO, 2 << 2 | order, width, rd, rs1, 0);
    let sc = |width, rd| register_form(AMO, 3 << 2 | order, width, rd, rs1, rs2);
    match random.below(4) {
        0 => slot(&[lr, sc(width, random.register())]),
        1 => {
            let between = store_form(STORE, random.bits(2), rs1, random.register(), random.pick(&[0, 1, 4, 8]));
            // Not sc.w after lr.d, which the table knows: what an sc returned is not in a slot's record.
            slot(&[lr, between, sc(width | random.bits(1), random.register())])
        }
        _ => {
            let operation = random.pick(&[0, 1, 2, 3, 4, 8, 12, 16, 20, 24, 28]);
            slot(&[register_form(AMO, operation << 2 | order, width, rd, rs1, rs2)])
        }
    }
}

fn float(random: &mut Random) -> [u8; SLOT_SIZE] {
    let (rd, rs1, rs2) = (random.register(), random.register(), random.register());
    let format = random.bits(1);
    let mode = if random.one_in(16) { random.bits(3) } else { random.pick(&[0, 1, 2, 3, 4, 7]) };
    let operation = |funct5: u32, funct3, rs2| register_form(OP_FLOAT, funct5 << 2 | format, funct3, rd, rs1, rs2);
    let instruction = match random.below(16) {
        0..=3 => operation(random.bits(2), mode, rs2),
        4 => operation(0x0b, mode, 0),
        5..=7 => {
            let opcode = random.pick(&[0x43, 0x47, 0x4b, 0x4f]);
            register_form(opcode, random.register() << 2 | format, mode, rd, rs1, rs2)
        }
        8 => operation(0x04, random.below(3) as u32, rs2),
        9 => operation(0x05, random.bits(1), rs2),
        10 => operation(0x14, random.below(3) as u32, rs2),
        11 => operation(0x18, mode, random.bits(2)),
        12 => operation(0x1a, mode, random.bits(2)),
        13 => operation(0x08, mode, 1 - format),
        14 => operation(0x1c, random.bits(1), 0),
        _ => operation(0x1e, 0, 0),
    };
    slot(&[instruction])
}

/// Encodings that are illegal, or nearly; those of vectors and of what is nobody's among them.
fn encoding(random: &mut Random) -> [u8; SLOT_SIZE] {
    const OTHERS: [u32; 8] = [SYSTEM, 0x0f, 0x43, 0x5b, 0x2b, 0x57, 0x77, 0x0b];
    loop {
        let opcode = match random.below(3) {
            0 => random.pick(&[OP, OP_WORD, OP_IMMEDIATE, OP_IMMEDIATE_WORD, OP_FLOAT, AMO]),
            1 => random.pick(&[LOAD, STORE, LOAD_FLOAT, STORE_FLOAT]),
            _ => random.pick(&OTHERS),
        };
        let any = random.bits(7);
        let funct7 = random.pick(&[0, 1, 0x20, 2, 0x40, any, any]);
        let instruction =
            register_form(opcode, funct7, random.bits(3), random.register(), random.register(), random.register());
        if !moves_harness(instruction) {
            return slot(&[instruction]);
        }
    }
}

/// Where the extensions beyond RV64GC have their instructions; not each of these encodings is one.
pub fn is_beyond_the_base(instruction: u32) -> bool {
    let (funct7, funct3) = (instruction >> 25, instruction >> 12 & 7);
    match instruction & 0x7f {
        OP | OP_WORD => {
            !(matches!(funct7, 0 | 1) || (funct7 == 0x20 && matches!(funct3, 0..=3 | 5))) && funct7 & 0x43 != 0x40
        }
        OP_IMMEDIATE => matches!(funct3, 1 | 5) && !matches!(funct7 >> 1, 0 | 0x10),
        OP_IMMEDIATE_WORD => matches!(funct3, 1 | 5) && !matches!(funct7, 0 | 0x20),
        SYSTEM => funct3 == 4 || (funct3 == 0 && matches!(funct7, 0x00 | 0x11 | 0x31 | 0x08)),
        _ => false,
    }
}

/// CSR instructions have their own program.
fn moves_harness(instruction: u32) -> bool {
    instruction & 0x7f == SYSTEM && instruction >> 12 & 3 != 0
}
