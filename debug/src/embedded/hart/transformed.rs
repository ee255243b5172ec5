//! The instruction that trapped, as htinst tells it: so that a hypervisor can do in the guest's place what it wanted, and need not read
//! the guest's memory for it.
//!
//! Source: privileged manual, "Transformed Instruction or Pseudoinstruction for mtinst or htinst".

use crate::embedded::hart::decode::{Kind, Operation};
use crate::embedded::hart::state::Hart;

/// rd, funct3 and opcode; rs2, funct3 and opcode; all but rs1.
const OF_LOAD: u32 = 0x7fff;
const OF_STORE: u32 = 0x1f0_707f;
const ALL_BUT_RS1: u32 = !(31 << 15);

/// Of an instruction that failed at `address`; 0 for those that are not told.
pub fn transformed(operation: &Operation, hart: &Hart, address: u64) -> u64 {
    let asked = hart.x(operation.rs1).wrapping_add(i64::from(operation.immediate) as u64);
    let (instruction, bytes) = match operation.kind {
        Kind::LoadReserved(width) | Kind::StoreConditional(width) | Kind::Atomic(_, width) => {
            (operation.bits & ALL_BUT_RS1, width.bytes())
        }
        Kind::Guest(access) => (operation.bits & ALL_BUT_RS1, 1 << access.width),
        kind => {
            let Some(Form { opcode, funct3, bytes }) = form(kind) else { return 0 };
            let is_store = opcode & 0x20 != 0;
            let full = match operation.length {
                4 => operation.bits & if is_store { OF_STORE } else { OF_LOAD },
                _ => {
                    let register =
                        if is_store { u32::from(operation.rs2) << 20 } else { u32::from(operation.rd & 31) << 7 };
                    // Bit 1 is 0 where the instruction was compressed.
                    register | funct3 << 12 | opcode & !2
                }
            };
            (full, bytes)
        }
    };
    // How far into the access it failed, in place of rs1.
    let offset = address.wrapping_sub(asked) & (u64::from(bytes) - 1);
    u64::from(instruction) | offset << 15
}

struct Form {
    opcode: u32,
    funct3: u32,
    bytes: u8,
}

/// The long form of what has a compressed one too, and of its like.
fn form(kind: Kind) -> Option<Form> {
    const LOAD: u32 = 0x03;
    const STORE: u32 = 0x23;
    const LOAD_FLOAT: u32 = 0x07;
    const STORE_FLOAT: u32 = 0x27;
    let (opcode, funct3) = match kind {
        Kind::Lb => (LOAD, 0),
        Kind::Lh => (LOAD, 1),
        Kind::Lw => (LOAD, 2),
        Kind::Ld => (LOAD, 3),
        Kind::Lbu => (LOAD, 4),
        Kind::Lhu => (LOAD, 5),
        Kind::Lwu => (LOAD, 6),
        Kind::Sb => (STORE, 0),
        Kind::Sh => (STORE, 1),
        Kind::Sw => (STORE, 2),
        Kind::Sd => (STORE, 3),
        Kind::Flw => (LOAD_FLOAT, 2),
        Kind::Fld => (LOAD_FLOAT, 3),
        Kind::Fsw => (STORE_FLOAT, 2),
        Kind::Fsd => (STORE_FLOAT, 3),
        _ => return None,
    };
    Some(Form { opcode, funct3, bytes: 1 << (funct3 & 3) })
}
