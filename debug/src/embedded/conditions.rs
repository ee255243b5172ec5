//! What the boot protocol leaves open: how a hart, its firmware and its board may differ from the usual ones, and still be ones that
//! a kernel has to boot on. It does not know who tries them.
//!
//! Sources: the RISC-V SBI specification, the privileged manual (Svade, counters, delegation), Linux's "RISC-V Kernel Boot
//! Requirements and Constraints".

/// The usual is `false`, 0 or `None` of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// sstatus.FS is 0 at the entry: floating point is off.
    pub float_off: bool,
    /// A page that is not marked accessed, or dirty for a store, is a page fault (Svade); else the hart marks it.
    pub no_marking: bool,
    /// The number of the hart that boots.
    pub hart: u64,
    /// The calls from before SBI 0.2 are not supported.
    pub no_legacy: bool,
    /// The debug console is not supported.
    pub no_debug_console: bool,
    /// The device tree lies lower in RAM, aligned to 8 bytes and no more.
    pub tree_elsewhere: bool,
    /// The device tree tells of RAM in two pieces.
    pub memory_in_pieces: bool,
    /// What every register holds at the entry, but for a0 and a1.
    pub registers: Option<u64>,
    /// What RAM holds that nothing was loaded to.
    pub ram: Option<Fill>,
    /// The exceptions, one bit each by their cause, that the firmware keeps: nobody takes them.
    pub kept: u64,
    /// The timer's interrupt is pending at the entry.
    pub timer_due: bool,
    /// cycle, time and instret cannot be read.
    pub no_counters: bool,
    /// A load or a store that is not aligned to its size traps.
    pub misaligned_traps: bool,
}

/// The bytes of fresh RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    Bytes(u8),
    /// Numbers without a pattern, the same in each run.
    Noise,
}

impl Fill {
    /// Fills `bytes`, which begin at this offset into RAM.
    pub fn fill(self, offset: usize, bytes: &mut [u8]) {
        match self {
            Fill::Bytes(byte) => bytes.fill(byte),
            Fill::Noise => {
                // SplitMix64's step, which any seed will do for.
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
