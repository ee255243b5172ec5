//! `monitor why` and `monitor traps [N]`: the last traps in words, and the same for a fault that stops the machine.

use super::super::target::GdbTarget;
use super::{Answer, number};
use crate::ask;
use crate::machine::{Fault, Machine};

/// How many traps are shown where nobody says, and at most.
const USUAL_TRAPS: u64 = 10;
const MOST_TRAPS: u64 = 10_000;

impl GdbTarget {
    pub(super) fn why(&mut self) -> Answer {
        if self.machine.fault().is_some() {
            return Ok(self.words_for_fault() + &self.callers());
        }
        let traps = self.search(|machine, _, goes_on| ask::last_traps(machine, 1, goes_on))?;
        let last = traps.last().map(|trap| ask::words::trap(&self.image, trap));
        Ok(last.unwrap_or_else(|| "no trap since boot".into()))
    }

    /// The last traps, as many as are asked for.
    pub(super) fn traps(&mut self, count: Option<&str>) -> Answer {
        let count = match count {
            Some(text) => number(text)
                .filter(|count| (1..=MOST_TRAPS).contains(count))
                .ok_or_else(|| format!("{text} is no number of traps: 1 to {MOST_TRAPS}"))?,
            None => USUAL_TRAPS,
        };
        let traps = self.search(|machine, _, goes_on| ask::last_traps(machine, count as usize, goes_on))?;
        match traps.is_empty() {
            true => Ok("no trap since boot".into()),
            false => Ok(ask::words::traps(&self.image, &traps)),
        }
    }

    /// The fault that stopped the machine; empty if there is none.
    pub(in super::super) fn words_for_fault(&mut self) -> String {
        match self.machine.fault() {
            Some(Fault::Trap { cause, value, pc }) => {
                let mut bytes = [0; 4];
                let bytes = self.machine.peek(pc, &mut bytes).then_some(&bytes[..]);
                let trap = ask::words::exception(&self.image, cause, pc, value, bytes);
                format!("{trap}; no handler takes it: stvec is still the kernel's entry")
            }
            Some(fault) => fault.to_string(),
            None => String::new(),
        }
    }

    fn callers(&mut self) -> String {
        let Ok(registers) = self.machine.registers() else { return String::new() };
        let machine = &mut self.machine;
        let places =
            self.image.backtrace(&registers, &mut |address, bytes| machine.read_memory(address, bytes).is_ok());
        places.iter().skip(1).map(|place| format!("\nfrom {place}")).collect()
    }
}
