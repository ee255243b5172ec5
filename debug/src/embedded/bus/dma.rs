//! What a device sees of the machine around it: memory, the console, and the present. It does not know devices.

use crate::embedded::bus::virtio::disk::Trouble;

/// A moment, as devices need to know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Instructions executed since the beginning: by it what came from outside is dated.
    pub icount: u64,
    /// Time since the beginning, in instructions: what passed in `wfi` too.
    pub time: u64,
}

/// Instructions per tick of the `time` CSR: at the board's 10 MHz, 100 million instructions a second.
pub const INSTRUCTIONS_PER_TICK: u64 = 10;

impl Moment {
    /// The board's own time in ticks, from the beginning on.
    #[inline(always)]
    pub fn ticks(self) -> u64 {
        self.time / INSTRUCTIONS_PER_TICK
    }
}

/// Memory as devices access it by themselves, at physical addresses, and the console.
pub trait Dma {
    /// Bytes of RAM; the firmware does not protect itself from these.
    fn device_reads(&self, start: u64, length: usize) -> Option<&[u8]>;

    /// Stores all of it, or nothing where not all is RAM.
    fn device_writes(&mut self, start: u64, bytes: &[u8]) -> bool;

    /// The device cannot go on: the machine stops for it.
    fn device_fails(&mut self, trouble: Trouble);

    /// Prints a byte to the machine's console.
    fn print(&mut self, byte: u8);

    /// Whether something was typed by now that nobody has read.
    fn has_input(&self, now: Moment) -> bool;

    /// The next byte of it.
    fn take_input(&mut self, now: Moment) -> Option<u8>;
}
