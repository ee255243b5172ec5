//! Details that the boot protocol leaves open, and in which a hart, its firmware and its board may differ from the usual ones. It does
//! not know who tries them.
//!
//! Sources: the RISC-V SBI specification, the privileged manual (Svade, counters, delegation), Linux's "RISC-V Kernel Boot
//! Requirements and Constraints".

/// The details. The normal machine has `false`, 0 or `None` in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// sstatus.FS is 0 at the entry: floating point is off.
    pub float_off: bool,
    /// Pages that are not marked accessed (or dirty, for a store) cause a page fault (Svade). Otherwise the hart marks them.
    pub no_marking: bool,
    /// The id of the hart that boots.
    pub hart: u64,
    /// The legacy calls (before SBI 0.2) are not supported.
    pub no_legacy: bool,
    /// The debug console is not supported.
    pub no_debug_console: bool,
    /// The device tree is lower in RAM, and only 8-aligned.
    pub tree_elsewhere: bool,
    /// The device tree describes RAM in two pieces.
    pub memory_in_pieces: bool,
    /// The value of every register except a0 and a1 at the entry.
    pub registers: Option<u64>,
    /// The content of RAM that nothing was loaded to.
    pub ram: Option<Fill>,
    /// The exceptions that the firmware does not delegate, one bit for each cause.
    pub kept: u64,
    /// The timer's interrupt is pending at the entry.
    pub timer_due: bool,
    /// cycle, time and instret cannot be read.
    pub no_counters: bool,
    /// Misaligned loads and stores trap.
    pub misaligned_traps: bool,
    /// The lowest two bits of hgatp's page number are zero, as in the manual: the root of a guest's table lies at a multiple of 16 KiB.
    /// The normal machine holds them, as QEMU does.
    pub aligned_guest_root: bool,
}

/// The initial content of RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Every byte has this value.
    Bytes(u8),
    /// Pseudo-random numbers, the same in each run.
    Noise,
}

impl Fill {
    /// Fills `bytes`, which start at this offset in RAM.
    pub fn fill(self, offset: usize, bytes: &mut [u8]) {
        match self {
            Fill::Bytes(byte) => bytes.fill(byte),
            Fill::Noise => {
                // One step of SplitMix64, which works with any seed.
                let mut state = offset as u64 ^ 0x9e37_79b9_7f4a_7c15;
                for chunk in bytes.chunks_mut(8) {
                    state = state.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
                    let word = (state ^ state >> 29).to_le_bytes();
                    chunk.copy_from_slice(&word[..chunk.len()]);
                }
            }
        }
    }
}
