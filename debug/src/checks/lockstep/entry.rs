//! What two machines may hand over differently, made the same at the entry. It tells what it changed; it does not judge.
//!
//! Source: the boot protocol that the SBI's firmware follows (a0 the hart's id, a1 the device tree's address, satp 0; all
//! other x registers are as the firmware likes).

use super::state::{ComparedRegisters, Difference, State};
use crate::machine::{Address, Error, Machine, Register};
use crate::riscv::board;

const HART_ID: u8 = Register::A0;
const DEVICE_TREE: usize = Register::A1 as usize;
const DEVICE_TREE_MAGIC: [u8; 4] = board::DEVICE_TREE_MAGIC.to_be_bytes();
/// More than a device tree of any board; a size beyond is none.
const LARGEST_TREE: usize = 1 << 20;

/// Gives `other` what `reference` was handed over; the names of what was changed, and what may not differ and does.
pub fn equalize(
    reference: &mut dyn Machine,
    other: &mut dyn Machine,
    compared: &ComparedRegisters,
) -> Result<(Vec<String>, State, Vec<Difference>), Error> {
    let state = compared.read(reference)?;
    let (free, bound): (Vec<Difference>, Vec<Difference>) = compared
        .differences(&state, &compared.read(other)?)
        .into_iter()
        .partition(|difference| is_free(difference.register));
    let mut changed = Vec::new();
    for difference in free {
        other.write_register(difference.register, difference.values[0])?;
        changed.push(difference.name());
    }
    if copy_device_tree(reference, other, Address(state.general.x[DEVICE_TREE]))? {
        changed.push("the device tree".into());
    }
    Ok((changed, state, bound))
}

fn is_free(register: Register) -> bool {
    matches!(register, Register::Gpr(number) if number != HART_ID)
}

/// Where there is a device tree; `true` where the other machine had another.
fn copy_device_tree(reference: &mut dyn Machine, other: &mut dyn Machine, at: Address) -> Result<bool, Error> {
    let mut header = [0; 8];
    match reference.read_memory(at, &mut header) {
        Err(Error::Refused { .. }) => return Ok(false),
        read => read?,
    }
    let size = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
    if header[..4] != DEVICE_TREE_MAGIC || size > LARGEST_TREE {
        return Ok(false);
    }
    let (mut tree, mut others) = (vec![0; size], vec![0; size]);
    reference.read_memory(at, &mut tree)?;
    other.read_memory(at, &mut others)?;
    if tree == others {
        return Ok(false);
    }
    other.write_memory(at, &tree)?;
    Ok(true)
}
