//! Just enough of an assembler to write test programs. It does not know the machine under test, nor shares code with its decoder.

use debug::riscv::Xlen;

pub const OP: u32 = 0x33;
pub const OP_WORD: u32 = 0x3b;
pub const OP_IMMEDIATE: u32 = 0x13;
pub const OP_IMMEDIATE_WORD: u32 = 0x1b;
pub const LOAD: u32 = 0x03;
pub const STORE: u32 = 0x23;
pub const LOAD_FLOAT: u32 = 0x07;
pub const STORE_FLOAT: u32 = 0x27;
pub const BRANCH: u32 = 0x63;
pub const JALR: u32 = 0x67;
pub const JAL: u32 = 0x6f;
pub const LUI: u32 = 0x37;
pub const AUIPC: u32 = 0x17;
pub const SYSTEM: u32 = 0x73;
pub const AMO: u32 = 0x2f;
pub const OP_FLOAT: u32 = 0x53;

pub const SRET: u32 = 0x1020_0073;
pub const SFENCE_VMA: u32 = 0x1200_0073;
/// Two bytes, so that any even address of a field of them is one.
pub const C_EBREAK: u16 = 0x9002;

pub fn register_form(opcode: u32, funct7: u32, funct3: u32, rd: u32, rs1: u32, rs2: u32) -> u32 {
    funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

pub fn immediate_form(opcode: u32, funct3: u32, rd: u32, rs1: u32, immediate: i32) -> u32 {
    (immediate as u32) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

pub fn store_form(opcode: u32, funct3: u32, rs1: u32, rs2: u32, immediate: i32) -> u32 {
    let bits = immediate as u32;
    (bits >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (bits & 31) << 7 | opcode
}

pub fn branch_form(funct3: u32, rs1: u32, rs2: u32, offset: i32) -> u32 {
    let bits = offset as u32;
    (bits >> 12 & 1) << 31
        | (bits >> 5 & 0x3f) << 25
        | rs2 << 20
        | rs1 << 15
        | funct3 << 12
        | (bits >> 1 & 15) << 8
        | (bits >> 11 & 1) << 7
        | BRANCH
}

pub fn jump_form(rd: u32, offset: i32) -> u32 {
    let bits = offset as u32;
    (bits >> 20 & 1) << 31
        | (bits >> 1 & 0x3ff) << 21
        | (bits >> 11 & 1) << 20
        | (bits >> 12 & 0xff) << 12
        | rd << 7
        | JAL
}

pub fn addi(rd: u32, rs1: u32, immediate: i32) -> u32 {
    immediate_form(OP_IMMEDIATE, 0, rd, rs1, immediate)
}

pub fn ld(rd: u32, rs1: u32, offset: i32) -> u32 {
    immediate_form(LOAD, 3, rd, rs1, offset)
}

pub fn sd(rs2: u32, rs1: u32, offset: i32) -> u32 {
    store_form(STORE, 3, rs1, rs2, offset)
}

/// A register's whole width.
pub fn load(xlen: Xlen, rd: u32, rs1: u32, offset: i32) -> u32 {
    immediate_form(LOAD, xlen.bytes().ilog2(), rd, rs1, offset)
}

pub fn store(xlen: Xlen, rs2: u32, rs1: u32, offset: i32) -> u32 {
    store_form(STORE, xlen.bytes().ilog2(), rs1, rs2, offset)
}

pub fn csrr(rd: u32, csr: u32) -> u32 {
    csr << 20 | 2 << 12 | rd << 7 | SYSTEM
}

pub fn csrw(csr: u32, rs1: u32) -> u32 {
    csr << 20 | rs1 << 15 | 1 << 12 | SYSTEM
}

pub fn csrs(csr: u32, rs1: u32) -> u32 {
    csr << 20 | rs1 << 15 | 2 << 12 | SYSTEM
}

/// Any number into a register of either width, in 8 instructions or fewer.
pub fn li(rd: u32, value: u64) -> Vec<u32> {
    let mut code = vec![addi(rd, 0, 0)];
    for shift in [55, 44, 33, 22, 11, 0] {
        code.push(immediate_form(OP_IMMEDIATE, 1, rd, rd, 11));
        code.push(immediate_form(OP_IMMEDIATE, 6, rd, rd, (value >> shift & 0x7ff) as i32));
    }
    code
}

pub const EQUAL: u32 = 0;
pub const NOT_EQUAL: u32 = 1;

pub const ADD: u32 = 0;
pub const SWAP: u32 = 1;
pub const LOAD_RESERVED: u32 = 2;
pub const STORE_CONDITIONAL: u32 = 3;

/// An instruction of extension A on a word, with aq and rl.
pub fn amo(operation: u32, rd: u32, rs1: u32, rs2: u32) -> u32 {
    register_form(AMO, operation << 2 | 3, 2, rd, rs1, rs2)
}
