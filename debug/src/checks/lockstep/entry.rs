//! Makes two machines equal at the kernel's entry, and reports what it changed. It does not judge.
//!
//! Source: what a kernel may rely on is the boot protocol that the SBI's firmware follows: S-mode, a0 the hart's id, a1 the
//! address of the device tree, satp 0, sstatus.SIE 0 (SBI specification, "Hart State Management Extension", HART_START, and
//! Linux, Documentation/arch/riscv/boot.rst). All else is as the firmware leaves it.

use super::state::{ComparedRegisters, Difference, State};
use crate::machine::{Address, Error, Machine, Register, csr};
use crate::riscv::board;
use crate::riscv::status::sstatus;

const HART_ID: u8 = Register::A0;
const DEVICE_TREE_MAGIC: [u8; 4] = board::DEVICE_TREE_MAGIC.to_be_bytes();
/// More than a device tree of any board; a size beyond is none.
const LARGEST_TREE: usize = 1 << 20;
/// The start of the comparison.
pub struct Entry {
    /// Names of the values that were copied to the second machine.
    pub copied: Vec<String>,
    pub state: State,
    /// Differences that are not allowed.
    pub bound: Vec<Difference>,
}

/// Copies the state of `reference` at the entry to `other`. Registers that cannot be set, and those that no kernel can read, are
/// reported and no longer compared.
pub fn equalize(
    reference: &mut dyn Machine,
    other: &mut dyn Machine,
    compared: &mut ComparedRegisters,
) -> Result<Entry, Error> {
    let there = compared.read(reference)?;
    let here = compared.read(other)?;
    let mut copied = Vec::new();
    for difference in compared.all_differences(&there, &here) {
        let Difference { register, values: [wanted, held] } = difference;
        let value = promised(register).map_or(wanted, |promised| wanted & !promised | held & promised);
        if value == held {
            continue;
        }
        match other.write_register(register, value) {
            Ok(()) | Err(Error::Unsupported { .. } | Error::Refused { .. }) => copied.push(difference.name()),
            Err(error) => return Err(error),
        }
    }
    for half in [csr::STIMECMP, csr::STIMECMPH] {
        copied.extend(copy_timer(reference, other, half)?);
    }
    let tree = Address(there.general.a1());
    if copy_device_tree(reference, other, tree)? {
        copied.push("the device tree".into());
    }
    compared.leave_out(is_firmwares);
    let there = compared.read(reference)?;
    let here = compared.read(other)?;
    let (bound, held_back): (Vec<_>, Vec<_>) = compared
        .differences(&there, &here)
        .into_iter()
        .partition(|difference| promised(difference.register).is_some_and(|promised| differs(difference, promised)));
    held_back.into_iter().for_each(|difference| compared.accept(difference));
    Ok(Entry { copied, state: there, bound })
}

/// The bits of a register that the boot protocol guarantees.
fn promised(register: Register) -> Option<u64> {
    match register {
        Register::Gpr(HART_ID) | Register::Pc | Register::Priv => Some(u64::MAX),
        register if register == csr::SATP => Some(u64::MAX),
        register if register == csr::SSTATUS => Some(sstatus::SIE),
        _ => None,
    }
}

/// M-mode's CSRs, which no kernel can read (bits 8 and 9 of a CSR's number are its lowest mode).
fn is_firmwares(register: Register) -> bool {
    matches!(register, Register::Csr(number) if csr::lowest_privilege(number) == 3)
}

fn differs(difference: &Difference, bits: u64) -> bool {
    (difference.values[0] ^ difference.values[1]) & bits != 0
}

/// When the timer's interrupt becomes pending is not compared, as it is a matter of time; at the entry it is the same.
fn copy_timer(
    reference: &mut dyn Machine,
    other: &mut dyn Machine,
    register: Register,
) -> Result<Option<String>, Error> {
    let read = |machine: &mut dyn Machine| match machine.read_register(register) {
        Err(Error::Unsupported { .. } | Error::Refused { .. }) => Ok(None),
        value => value.map(Some),
    };
    let (Some(there), Some(here)) = (read(reference)?, read(other)?) else { return Ok(None) };
    if there == here {
        return Ok(None);
    }
    other.write_register(register, there)?;
    Ok(Some(register.to_string()))
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
