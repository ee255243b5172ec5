//! The stores to BSS over time, summed up in columns that become wider as the clear goes on: so the clear fills its picture, however long
//! the run is. It does not judge the stores.

use std::collections::{BTreeMap, BTreeSet};
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

/// Instructions that stored beside BSS, and stores of each, that are kept.
const MOST_BESIDE: (usize, usize) = (64, 256);

/// The stores to BSS and beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clear {
    /// BSS.
    pub bss: Range<u64>,
    /// The addresses that the bands divide: BSS with some bytes on both sides.
    pub range: Range<u64>,
    /// The instructions of one column. The last column ends where the picture does; what is stored later is only counted.
    pub width: u64,
    /// By column of time and band of addresses.
    pub writes: BTreeMap<(usize, usize), Write>,
    /// All stores to BSS.
    pub all: Write,
    /// How many bytes of each band still hold the checks' poison at the end.
    pub poison: [u64; BANDS],
    /// The lowest and the highest address of BSS that a zero was stored to.
    swept: Option<(u64, u64)>,
    /// When that began and ended, and the instructions that did it.
    time: Range<u64>,
    clearing: BTreeSet<u64>,
    /// The stores beside BSS, by instruction: when, and to which band.
    beside: BTreeMap<u64, Vec<(u64, usize)>>,
}

impl Default for Clear {
    fn default() -> Clear {
        Clear::of(0..0)
    }
}

impl Clear {
    /// Of this BSS.
    pub fn of(bss: Range<u64>) -> Clear {
        let margin = 64.max(bss.end.saturating_sub(bss.start) / 40);
        let range = bss.start.saturating_sub(margin)..bss.end.saturating_add(margin);
        Clear {
            bss,
            range,
            width: 1,
            writes: BTreeMap::new(),
            all: Write::default(),
            poison: [0; BANDS],
            swept: None,
            time: 0..0,
            clearing: BTreeSet::new(),
            beside: BTreeMap::new(),
        }
    }

    /// What lies beyond the range is in the band at its edge.
    fn band(&self, address: u64) -> usize {
        let offset = u128::from(address.clamp(self.range.start, self.range.end - 1) - self.range.start);
        (offset * BANDS as u128 / u128::from(self.range.end - self.range.start)) as usize
    }

    /// Before the clear, in it, or not long behind it.
    fn is_near(&self, icount: u64) -> bool {
        let Range { start, end } = self.time;
        self.swept.is_none() || icount <= end + (end - start) / 10 + 100
    }

    fn note_beside(&mut self, icount: u64, pc: u64, address: u64) {
        let band = self.band(address);
        let has_room = self.beside.len() < MOST_BESIDE.0 || self.beside.contains_key(&pc);
        if let Some(stores) = has_room.then(|| self.beside.entry(pc).or_default()) {
            // The first ones, and the last.
            stores.truncate(MOST_BESIDE.1 - 1);
            stores.push((icount, band));
        }
    }

    /// Counts a store by the instruction at `pc`; whether it lies in BSS.
    pub fn store(&mut self, icount: u64, pc: u64, address: u64, is_zero: bool) -> bool {
        if !self.bss.contains(&address) {
            if is_zero && self.is_near(icount) {
                self.note_beside(icount, pc, address);
            }
            return false;
        }
        let band = self.band(address);
        let count = |write: &mut Write| if is_zero { write.zeros += 1 } else { write.others += 1 };
        count(&mut self.all);
        // The clear comes to addresses that are new; all other stores are those of a running kernel.
        let (low, high) = self.swept.unwrap_or((u64::MAX, 0));
        if is_zero && (address < low || address > high) {
            self.time = if self.swept.is_some() { self.time.start..icount } else { icount..icount };
            self.swept = Some((low.min(address), high.max(address)));
            self.clearing.insert(pc);
            self.widen(icount);
        }
        let column = icount / self.width;
        if column < COLUMNS as u64 {
            count(self.writes.entry((column as usize, band)).or_default());
        }
        true
    }

    /// The clear's own stores beside BSS, by column and band: what others store there are variables.
    pub fn strays(&self) -> impl Iterator<Item = (usize, usize)> {
        let stores = self.beside.iter().filter(|(pc, _)| self.clearing.contains(pc)).flat_map(|(_, stores)| stores);
        let stores = stores.filter(|(icount, _)| self.is_near(*icount));
        stores.map(|(icount, band)| (((icount / self.width) as usize).min(COLUMNS - 1), *band))
    }

    /// Counts the poison in BSS's bytes at the end.
    pub fn count_poison(&mut self, bytes: &[u8], poison: u8) {
        for (piece, chunk) in bytes.chunks(64).enumerate() {
            let left = chunk.iter().filter(|byte| **byte == poison).count();
            if left > 0 {
                self.poison[self.band(self.bss.start + 64 * piece as u64)] += left as u64;
            }
        }
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
        let columns = || self.writes.keys().copied().chain(self.strays()).map(|(column, _)| column);
        columns().min().zip(columns().max()).map_or((0, 1), |(first, last)| (first, last + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BSS: Range<u64> = 0x1000..0x1000 + 60 * 64;

    #[test]
    fn the_clear_fills_its_picture_and_what_is_stored_later_does_not_widen_it() {
        let mut clear = Clear::of(BSS);
        for store in 0..480 {
            assert!(clear.store(10 + 3 * store, 0x80, 0x1000 + 8 * store, true));
        }
        assert!(clear.store(700, 0x80, 0x1008, false), "a value");
        assert!((1440..3000).contains(&(clear.width * COLUMNS as u64)), "{}", clear.width);
        assert_eq!(clear.writes.values().map(|write| write.zeros).sum::<u64>(), 480);
        let before = clear.clone();
        assert!(clear.store(1 << 40, 0x80, 0x1010, true) && !clear.store(1 << 40, 0x80, 0xfff, true));
        assert_eq!((&clear.writes, clear.width), (&before.writes, before.width));
        assert_eq!(clear.all, Write { zeros: 481, others: 1 });
        assert_eq!(clear.columns(), (10 / clear.width as usize, (10 + 3 * 479) / clear.width as usize + 1));
    }

    #[test]
    fn only_the_clear_s_own_stores_beside_bss_are_strays_however_far_away() {
        let mut clear = Clear::of(BSS);
        assert!(!clear.store(5, 0x70, 0xff8, true), "a variable of .data");
        assert!(!clear.store(9, 0x80, 0xff8, true), "one word too early");
        for store in 0..480 {
            clear.store(10 + 3 * store, 0x80, 0x1000 + 8 * store, true);
        }
        clear.store(1450, 0x80, BSS.end + 4104, true);
        clear.store(1 << 40, 0x80, BSS.end + 8, true);
        let strays: Vec<_> = clear.strays().collect();
        assert_eq!(strays.len(), 2, "{strays:?}");
        assert!(strays[0].1 <= 1 && strays[1].1 >= BANDS - 2, "{strays:?}");
    }

    #[test]
    fn poison_is_counted_by_band() {
        let mut clear = Clear::of(BSS);
        let mut bytes = vec![0; 60 * 64];
        bytes[60 * 64 - 8..].fill(0xa5);
        clear.count_poison(&bytes, 0xa5);
        assert_eq!(clear.poison.iter().sum::<u64>(), 8);
        assert_eq!(clear.poison[BANDS - 3], 8, "{:?}", clear.poison);
    }
}
