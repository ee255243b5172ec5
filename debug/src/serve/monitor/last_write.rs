//! `monitor last-write PLACE [BYTES]`, `page PLACE` and `when PLACE`: the last write, the mapping, and the times of execution.

use super::super::target::GdbTarget;
use super::{Answer, number};
use crate::ask::{self, Memory};
use crate::machine::Address;

impl GdbTarget {
    /// `place` is a symbol or an address. With `physical` it is a physical address.
    pub(super) fn last_write(&mut self, place: &str, bytes: Option<&str>, physical: bool) -> Answer {
        let (start, size) = self.range(place)?;
        let length = match bytes {
            Some(text) => number(text)
                .filter(|bytes| *bytes > 0)
                .ok_or_else(|| format!("{text} is not a number of bytes; use 1 or more"))?,
            None => size,
        };
        let memory = Memory { start, length, physical };
        let answer = self.search(|machine, image, goes_on| ask::last_write(machine, image, &memory, goes_on))?;
        Ok(ask::words::last_write(&self.image, &answer))
    }

    /// With `of_guest` it is an address of the guest, whoever executes.
    pub(super) fn page(&mut self, place: &str, of_guest: bool) -> Answer {
        let (address, _) = self.range(place)?;
        if of_guest {
            self.require_guests()?;
        }
        let walk = if of_guest { ask::page::page_of_guest } else { ask::page::page };
        let page = walk(&mut self.machine, address);
        Ok(ask::words::page(&self.image, &page))
    }

    pub(super) fn when(&mut self, place: &str) -> Answer {
        let (place, _) = self.range(place)?;
        let times = self.search(|machine, image, goes_on| ask::when(machine, image, place, goes_on))?;
        Ok(ask::words::when(&self.image, place, times))
    }

    /// Start and size of `place`: one byte at an address, or a symbol with its size.
    pub(super) fn range(&self, place: &str) -> Result<(Address, u64), String> {
        if let Some(address) = number(place) {
            return Ok((Address(address), 1));
        }
        let is_named = |address| {
            let symbol = self.image.place(address).symbol;
            symbol.is_some_and(|(name, offset)| offset == 0 && name == place)
        };
        let symbol = self.image.symbol(place).or_else(|| self.image.symbols().find(|symbol| is_named(symbol.address)));
        symbol.map(|symbol| (symbol.address, symbol.size.max(1))).ok_or_else(|| {
            let file = self.files.kernel.display();
            format!("{place} is neither an address, such as 0x80200000, nor a symbol of {file}")
        })
    }
}
