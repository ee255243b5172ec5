//! The CLINT: M-mode's software interrupt and timer of each hart, and the time itself. It does not know how time passes.
//!
//! Source: QEMU, hw/intc/riscv_aclint.c; "RISC-V Advanced Core Local Interruptor Specification".

use crate::machine::MOST_HARTS;
use crate::riscv::board;

const SOFTWARE_END: u64 = 0x4000;
const COMPARE: u64 = 0x4000;
const TIME: u64 = board::MTIME - board::CLINT;
const TIME_END: u64 = 0xc000;

#[derive(Clone, Debug)]
pub struct Clint {
    harts: usize,
    software: [bool; MOST_HARTS],
    compare: [u64; MOST_HARTS],
    /// What mtime is ahead of the board's own time.
    shift: u64,
}

impl Clint {
    pub fn new(harts: usize) -> Clint {
        Clint { harts, software: [false; MOST_HARTS], compare: [0; MOST_HARTS], shift: 0 }
    }

    /// Whether `length` bytes can be accessed there at once.
    pub fn has(offset: u64, length: usize) -> bool {
        match offset {
            ..SOFTWARE_END => length == 4,
            _ => offset < TIME_END && matches!(length, 4 | 8),
        }
    }

    /// mtime, when the board's own time is `time`.
    #[inline(always)]
    pub fn time(&self, time: u64) -> u64 {
        time.wrapping_add(self.shift)
    }

    /// mtimecmp of a hart.
    pub fn compare(&self, hart: usize) -> u64 {
        self.compare[hart]
    }

    pub fn software_interrupt(&self, hart: usize) -> bool {
        self.software[hart]
    }

    /// The hart whose register of this size is at `offset` behind the first one's.
    fn hart(&self, offset: u64, size: u64) -> Option<usize> {
        Some((offset / size) as usize).filter(|hart| *hart < self.harts)
    }

    /// The hart that a write of `value` at this offset interrupts.
    pub fn interrupts(&self, offset: u64, value: u64) -> Option<usize> {
        if offset < SOFTWARE_END && value & 1 != 0 { self.hart(offset, 4) } else { None }
    }

    pub fn read(&self, offset: u64, length: usize, time: u64) -> u64 {
        let value = match offset {
            ..SOFTWARE_END => return self.hart(offset, 4).is_some_and(|hart| self.software[hart]).into(),
            COMPARE..TIME => self.hart(offset - COMPARE, 8).map_or(0, |hart| self.compare[hart]),
            _ if offset & !7 == TIME => self.time(time),
            _ => return 0,
        };
        let value = value >> (8 * (offset & 7));
        if length == 4 { value & 0xffff_ffff } else { value }
    }

    pub fn write(&mut self, offset: u64, value: u64, length: usize, time: u64) {
        let replaced = |old: u64| {
            let shift = 8 * (offset & 7);
            let mask = if length == 8 { u64::MAX } else { 0xffff_ffff } << shift;
            old & !mask | value << shift & mask
        };
        match offset {
            ..SOFTWARE_END => {
                if let Some(hart) = self.hart(offset, 4) {
                    self.software[hart] = value & 1 != 0;
                }
            }
            COMPARE..TIME => {
                if let Some(hart) = self.hart(offset - COMPARE, 8) {
                    self.compare[hart] = replaced(self.compare[hart]);
                }
            }
            _ if offset & !7 == TIME => self.shift = replaced(self.time(time)).wrapping_sub(time),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_can_be_accessed_by_halves() {
        let mut clint = Clint::new(1);
        clint.write(COMPARE + 4, 1, 4, 0);
        clint.write(COMPARE, 2, 4, 0);
        assert_eq!((clint.compare(0), clint.read(COMPARE + 4, 4, 0)), (0x1_0000_0002, 1));
        clint.write(TIME, 1000, 8, 10);
        assert_eq!((clint.time(10), clint.read(TIME, 4, 15)), (1000, 1005));
    }

    #[test]
    fn each_hart_has_its_own_registers_and_there_are_no_others() {
        let mut clint = Clint::new(2);
        for hart in 0..3 {
            clint.write(4 * hart, 1, 4, 0);
            clint.write(COMPARE + 8 * hart, hart + 5, 8, 0);
        }
        assert_eq!(
            [0, 1, 2].map(|hart| (clint.software_interrupt(hart), clint.compare(hart))),
            [(true, 5), (true, 6), (false, 0)]
        );
        assert_eq!((clint.read(4, 4, 0), clint.read(8, 4, 0), clint.read(COMPARE + 8, 8, 0)), (1, 0, 6));
    }
}
