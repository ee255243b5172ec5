//! The CLINT: M-mode's software interrupt, its timer, and the time itself. It does not know how time passes.
//!
//! Source: QEMU, hw/intc/riscv_aclint.c; "RISC-V Advanced Core Local Interruptor Specification".

const SOFTWARE: u64 = 0;
const SOFTWARE_END: u64 = 0x4000;
const COMPARE: u64 = 0x4000;
const TIME: u64 = 0xbff8;
const TIME_END: u64 = 0xc000;

#[derive(Clone, Debug, Default)]
pub struct Clint {
    software: bool,
    compare: u64,
    /// What mtime is ahead of the board's own time.
    shift: u64,
}

impl Clint {
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

    /// mtimecmp.
    pub fn compare(&self) -> u64 {
        self.compare
    }

    pub fn software_interrupt(&self) -> bool {
        self.software
    }

    pub fn read(&self, offset: u64, length: usize, time: u64) -> u64 {
        let (register, value) = match offset {
            ..SOFTWARE_END => return (offset == SOFTWARE && self.software).into(),
            _ if offset & !7 == COMPARE => (COMPARE, self.compare),
            _ if offset & !7 == TIME => (TIME, self.time(time)),
            _ => return 0,
        };
        let value = value >> (8 * (offset - register));
        if length == 4 { value & 0xffff_ffff } else { value }
    }

    pub fn write(&mut self, offset: u64, value: u64, length: usize, time: u64) {
        let replaced = |old: u64| {
            let shift = 8 * (offset & 7);
            let mask = if length == 8 { u64::MAX } else { 0xffff_ffff } << shift;
            old & !mask | value << shift & mask
        };
        match offset {
            ..SOFTWARE_END if offset == SOFTWARE => self.software = value & 1 != 0,
            ..SOFTWARE_END => {}
            _ if offset & !7 == COMPARE => self.compare = replaced(self.compare),
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
        let mut clint = Clint::default();
        clint.write(COMPARE + 4, 1, 4, 0);
        clint.write(COMPARE, 2, 4, 0);
        assert_eq!((clint.compare(), clint.read(COMPARE + 4, 4, 0)), (0x1_0000_0002, 1));
        clint.write(TIME, 1000, 8, 10);
        assert_eq!((clint.time(10), clint.read(TIME, 4, 15)), (1000, 1005));
    }
}
