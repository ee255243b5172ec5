//! `monitor last-write PLACE [BYTES]`: finds the last instruction that wrote there.

use std::time::{Duration, Instant};

use super::super::target::{GdbTarget, InterruptPoll};
use super::{Answer, number};
use crate::machine::Address;

/// The time limit for the search. One second covers about ten million instructions of history.
const PATIENCE: Duration = Duration::from_secs(60);

impl GdbTarget {
    pub(super) fn last_write(&mut self, place: &str, bytes: Option<&str>) -> Answer {
        let (start, size) = self.range(place)?;
        let length = match bytes {
            Some(text) => number(text)
                .filter(|bytes| *bytes > 0)
                .ok_or_else(|| format!("{text} is not a number of bytes; use 1 or more"))?,
            None => size,
        };
        let place = self.image.place(start);
        let (begun, interrupt_poll) = (Instant::now(), &self.interrupt_poll);
        let mut gives_up =
            || begun.elapsed() > PATIENCE || interrupt_poll.as_ref().is_some_and(InterruptPoll::is_wanted);
        let found = self.machine.last_write(start, length, &mut gives_up).map_err(|_| {
            format!("interrupted after searching back for {} s; not found so far", begun.elapsed().as_secs())
        })?;
        let Some(store) = found else {
            return Ok(format!("no instruction has written to {place} so far ({length} bytes from there on)"));
        };
        let width = 2 + 2 * usize::from(store.length);
        Ok(format!(
            "{}: {:#0width$x} -> {:#0width$x}\nby instruction {}, {}\nto go there: monitor goto {}",
            self.image.place(store.address),
            store.old,
            store.new,
            store.icount,
            self.image.place(store.pc),
            store.icount,
        ))
    }

    /// Start and size of `place`: one byte at an address, or a symbol with its size.
    fn range(&self, place: &str) -> Result<(Address, u64), String> {
        if let Some(address) = number(place) {
            return Ok((Address(address), 1));
        }
        let is_named = |address| {
            let symbol = self.image.place(address).symbol;
            symbol.is_some_and(|(name, offset)| offset == 0 && name == place)
        };
        let symbol = self.image.symbol(place).or_else(|| self.image.symbols().find(|symbol| is_named(symbol.address)));
        symbol.map(|symbol| (symbol.address, symbol.size.max(1))).ok_or_else(|| {
            format!(
                "{place} is neither an address, such as 0x80200000, nor a symbol of {}",
                self.files.kernel.display()
            )
        })
    }
}
