//! The stores to BSS over time, summed up in columns that become wider as the clear goes on: so the clear fills its picture, however long
//! the run is. It does not judge the stores.

use std::collections::BTreeMap;
use std::ops::Range;

use super::moment::COLUMNS;

/// Bands of addresses.
pub const BANDS: usize = 60;

/// The stores of one column of time to one band of BSS or of what lies beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Write {
    /// How many stored zero.
    pub zeros: u64,
    /// How many stored something else.
    pub others: u64,
}

/// The stores to BSS and beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clear {
    /// The addresses that the bands divide: BSS with some bytes on both sides.
    pub range: Range<u64>,
    /// The instructions of one column. The last column ends where the picture does; what is stored later is only counted.
    pub width: u64,
    /// By column of time and band of addresses.
    pub writes: BTreeMap<(usize, usize), Write>,
    /// All stores.
    pub all: Write,
    /// The lowest and the highest address that a zero was stored to.
    swept: Option<(u64, u64)>,
}

impl Default for Clear {
    fn default() -> Clear {
        Clear::of(0..0)
    }
}

impl Clear {
    /// Of these addresses.
    pub fn of(range: Range<u64>) -> Clear {
        Clear { range, width: 1, writes: BTreeMap::new(), all: Write::default(), swept: None }
    }

    /// Counts a store; whether it lies in the range.
    pub fn store(&mut self, icount: u64, address: u64, is_zero: bool) -> bool {
        let Some(offset) = address.checked_sub(self.range.start).filter(|_| address < self.range.end) else {
            return false;
        };
        let band = (u128::from(offset) * BANDS as u128 / u128::from(self.range.end - self.range.start)) as usize;
        let count = |write: &mut Write| if is_zero { write.zeros += 1 } else { write.others += 1 };
        count(&mut self.all);
        // The clear comes to addresses that are new; all other stores are those of a running kernel.
        let (low, high) = self.swept.unwrap_or((u64::MAX, 0));
        if is_zero && (address < low || address > high) {
            self.swept = Some((low.min(address), high.max(address)));
            self.widen(icount);
        }
        let column = icount / self.width;
        if column < COLUMNS as u64 {
            count(self.writes.entry((column as usize, band)).or_default());
        }
        true
    }

    /// Makes room for a moment.
    fn widen(&mut self, icount: u64) {
        while icount / self.width >= COLUMNS as u64 {
            self.width *= 2;
            for ((column, band), write) in std::mem::take(&mut self.writes) {
                let both = self.writes.entry((column / 2, band)).or_default();
                (both.zeros, both.others) = (both.zeros + write.zeros, both.others + write.others);
            }
        }
    }

    /// The first column that has something, and the one behind the last.
    pub fn columns(&self) -> (usize, usize) {
        let (first, last) = (self.writes.keys().next(), self.writes.keys().next_back());
        first.zip(last).map_or((0, 1), |((first, _), (last, _))| (*first, last + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clear_fills_its_picture_and_what_is_stored_later_does_not_widen_it() {
        let mut clear = Clear::of(0x1000..0x1000 + 60 * 64);
        for store in 0..480 {
            assert!(clear.store(10 + 3 * store, 0x1000 + 8 * store, true));
        }
        assert!(clear.store(700, 0x1008, false), "a stray value");
        assert!((1440..3000).contains(&(clear.width * COLUMNS as u64)), "{}", clear.width);
        assert_eq!(clear.writes.values().map(|write| write.zeros).sum::<u64>(), 480);
        let before = clear.clone();
        assert!(clear.store(1 << 40, 0x1010, true) && !clear.store(1 << 40, 0xfff, true));
        assert_eq!((&clear.writes, clear.width), (&before.writes, before.width));
        assert_eq!(clear.all, Write { zeros: 481, others: 1 });
        assert_eq!(clear.columns(), (10 / clear.width as usize, (10 + 3 * 479) / clear.width as usize + 1));
    }
}
