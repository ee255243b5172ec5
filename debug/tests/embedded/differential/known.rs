//! What QEMU 7.2 itself does otherwise than the manual says, where a generated program meets it. Nothing else is forgiven.
//!
//! Two more of its errors are left out of the programs: it holds odd values in sepc, whose lowest bit is always 0 (privileged
//! manual, "Supervisor Exception Program Counter"), and bits of sstatus and senvcfg for extensions that the hart does not have.

use super::program::{SLOT_SIZE, SLOTS};

/// The fields of a record, by their place in it.
const SCAUSE: usize = 1;
const SEPC: usize = 2;
const STVAL: usize = 3;
const SSTATUS: usize = 4;

const BREAKPOINT: u64 = 3;
const LOAD_ACCESS: u64 = 5;
const STORE_MISALIGNED: u64 = 6;
const INSTRUCTION_PAGE: u64 = 12;

/// Whether all that differs is an error of QEMU's that is listed here.
pub fn is_error_of_qemu(slot: &[u8; SLOT_SIZE], here: &[u64], there: &[u64]) -> bool {
    if misaligned_sc(slot, here, there) {
        return true;
    }
    let differing: Vec<usize> = (0..here.len()).filter(|field| here[*field] != there[*field]).collect();
    match differing.as_slice() {
        [SCAUSE] => calls_atomic_a_load(slot, here[SCAUSE], there[SCAUSE]),
        [SSTATUS] => leaves_float_clean(slot, here[SSTATUS], there[SSTATUS]),
        [STVAL] => here[SCAUSE] == LOAD_ACCESS && rounds_address(here[STVAL], there[STVAL]),
        [SCAUSE, STVAL] => {
            (calls_atomic_a_load(slot, here[SCAUSE], there[SCAUSE]) && rounds_address(here[STVAL], there[STVAL]))
                || executes_user_page(here, there)
        }
        _ => false,
    }
}

/// AMOs and `sc` that fail must say "store/AMO" (privileged manual, "Machine Cause Register (mcause)": "load and load-reserved
/// instructions generate load exceptions, whereas store, store-conditional, and AMO instructions generate store/AMO
/// exceptions"). With one hart QEMU executes them as a load and a store, and the load is what fails.
fn calls_atomic_a_load(slot: &[u8; SLOT_SIZE], here: u64, there: u64) -> bool {
    const AMO: u8 = 0x2f;
    let atomic = slot.chunks(4).any(|instruction| instruction[0] & 0x7f == AMO);
    atomic && matches!((here, there), (6, 4) | (7, 5) | (15, 13))
}

/// A misaligned load that ends in an access fault has the address of the access, or of the part that failed, in stval
/// (privileged manual, "Supervisor Trap Value"). QEMU splits the load into aligned ones and gives the first one's address, which
/// lies before the access.
fn rounds_address(here: u64, there: u64) -> bool {
    there < here && [2, 4, 8].iter().any(|size| here / size * size == there)
}

/// sstatus.FS becomes dirty when fcsr is written (privileged manual, "Extension Context Status in mstatus Register"). QEMU does not
/// mark it for comparisons and for conversions to integers, which write fcsr but no f register; nor for csrrs and csrrc with a
/// register that holds 0, which write all the same (unprivileged manual, "CSR Instructions").
fn leaves_float_clean(slot: &[u8; SLOT_SIZE], here: u64, there: u64) -> bool {
    const FS: u64 = 3 << 13;
    const SD: u64 = 1 << 63;
    let instruction = u32::from_le_bytes([slot[0], slot[1], slot[2], slot[3]]);
    let to_integer = instruction & 0x7f == 0x53 && matches!(instruction >> 27, 0x14 | 0x18);
    let to_fcsr = instruction & 0x7f == 0x73 && instruction >> 12 & 2 != 0 && matches!(instruction >> 20, 1..=3);
    (to_integer || to_fcsr) && here & !FS & !SD == there & !FS & !SD && here & FS == FS && there & FS != 0
}

/// A misaligned `sc` is an exception (unprivileged manual, "Load-Reserved/Store-Conditional Instructions"). QEMU compares the address with
/// the reservation first, and goes on where they differ.
fn misaligned_sc(slot: &[u8; SLOT_SIZE], here: &[u64], there: &[u64]) -> bool {
    let place = (here[SEPC].wrapping_sub(SLOTS) % SLOT_SIZE as u64) as usize;
    let Some(bytes) = slot.get(place..place + 4) else { return false };
    let instruction = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let sc = instruction & 0x7f == 0x2f && instruction >> 27 == 3;
    let goes_on = there[SCAUSE] == BREAKPOINT && there[SEPC] == here[SEPC] + 4;
    sc && here[SCAUSE] == STORE_MISALIGNED && (goes_on || there[SCAUSE] == 4)
}

/// S-mode never executes from pages of U-mode, whatever SUM says (privileged manual, "Supervisor Memory Privilege in sstatus Register").
/// QEMU does when a load through SUM has put the page into its TLB before; here it meets a breakpoint there.
fn executes_user_page(here: &[u64], there: &[u64]) -> bool {
    const SPP: u64 = 1 << 8;
    const SUM: u64 = 1 << 18;
    here[SSTATUS] & (SPP | SUM) == SPP | SUM && here[SCAUSE] == INSTRUCTION_PAGE && there[SCAUSE] == BREAKPOINT
}
