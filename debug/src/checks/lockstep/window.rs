//! What was stored while a machine ran, until memory is compared. It does not know what differs.

use std::ops::Range;

use crate::checks::boot_run::layout::bytes;
use crate::machine::{Address, Error, Machine};

/// How much memory is compared at once, in bytes.
pub const CHUNK: u64 = 64 << 10;
/// After how many instructions a machine that runs is stopped for the first time to be compared; each time later, twice as many.
const FIRST: u64 = 4096;
/// The most stores that are remembered in between.
const STORES: usize = 1 << 16;

/// What was stored since memory was compared, while the first machine ran.
pub struct Window {
    pub stores: Vec<Stored>,
    ends_at: u64,
    length: u64,
}

pub struct Stored {
    pub range: Range<Address>,
    /// Instructions executed up to and with this one.
    pub instructions: u64,
    pub pc: Address,
    pub bytes: Vec<u8>,
}

impl Default for Window {
    fn default() -> Window {
        Window { stores: Vec::new(), ends_at: FIRST, length: FIRST }
    }
}

impl Window {
    /// Whether it is time to compare.
    pub fn is_full(&self, instructions: u64) -> bool {
        instructions >= self.ends_at || self.stores.len() >= STORES
    }

    /// Forgets what was compared.
    pub fn begin(&mut self, instructions: u64) {
        self.stores.clear();
        self.length = self.length.saturating_mul(2);
        self.ends_at = instructions.saturating_add(self.length);
    }

    /// The stretches of memory that were stored to, each once.
    pub fn stretches(&self) -> Vec<Range<Address>> {
        let mut ranges: Vec<Range<Address>> = self.stores.iter().map(|stored| stored.range.clone()).collect();
        ranges.sort_by_key(|range| range.start);
        let mut stretches: Vec<Range<Address>> = Vec::new();
        for range in ranges {
            match stretches.last_mut() {
                Some(last) if range.start <= last.end && last.end - last.start.0 < Address(CHUNK) => {
                    last.end = last.end.max(range.end);
                }
                _ => stretches.push(range),
            }
        }
        stretches
    }
}

/// The bytes there; `None` where the machine cannot read them all.
pub fn read(machine: &mut dyn Machine, range: &Range<Address>) -> Result<Option<Vec<u8>>, Error> {
    let mut memory = vec![0; bytes(range) as usize];
    match machine.read_memory(range.start, &mut memory) {
        Err(Error::Refused { .. }) => Ok(None),
        read => read.map(|()| Some(memory)),
    }
}
