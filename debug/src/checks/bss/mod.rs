//! Check `bss`: is every byte of BSS cleared, and no byte beside it touched?
//!
//! BSS and the bytes on both sides were poisoned at the entry. Watchpoints on BSS's first and last byte find where the
//! clear begins and where it may have ended, in whatever direction it goes; all of BSS is then read. So the cost does
//! not grow with the instructions of the clear. With `step`, the same, one instruction at a time.

mod judgement;

use std::ops::Range;
use std::time::{Duration, Instant};

use super::boot_run::BootRun;
use super::boot_run::event::{BootEnd, BootEvent, PendingStore};
use super::boot_run::layout::{Guard, bytes, overlap};
use super::boot_run::poison::{self, PATTERN};
use super::boot_run::stepping::Stepping;
use super::finding::Finding;
use crate::machine::{Access, Address, Error, Machine, Stop, Watchpoint};

pub const NAME: &str = "bss";

/// How often a clear may come to what was thought its end; one that wanders more is looked at when the boot ends.
const ROUNDS: u32 = 64;
const STEP_LIMIT: Duration = Duration::from_secs(1);

/// BSS on its way from poison to zero.
pub struct Bss {
    /// What has to be cleared.
    parts: Vec<Range<Address>>,
    guards: Vec<GuardState>,
    /// Single bytes whose next store tells how far the clear is.
    watched: Vec<Watchpoint>,
    clear: Option<Clear>,
    /// Instructions between the stores that were waited for, where they were counted.
    executed: Option<u64>,
}

struct GuardState {
    guard: Guard,
    /// Its content when the walk began.
    memory: Vec<u8>,
}

/// The clear, from its first store.
struct Clear {
    began: Instant,
    pc: Address,
    /// Stores that were waited for.
    rounds: u32,
}

/// What the check came to: its finding, and how the boot ended where it ended on the way.
pub struct BssOutcome {
    pub finding: Finding,
    pub end: Option<BootEnd>,
}

impl Bss {
    /// Poisons BSS and the guards of a machine that stands at the entry.
    pub fn begin(run: &mut BootRun<'_>) -> Result<Bss, Error> {
        let parts = run.layout.bss_to_clear();
        for part in &parts {
            poison::fill(run.machine, part)?;
        }
        let mut bss = Bss { parts, guards: Vec::new(), watched: Vec::new(), clear: None, executed: None };
        for guard in run.layout.guards(run.image) {
            let mut memory = vec![PATTERN; bytes(&guard.range) as usize];
            if guard.owned {
                run.machine.read_memory(guard.range.start, &mut memory)?;
            } else {
                run.machine.write_memory(guard.range.start, &memory)?;
                run.machine.insert_watchpoint(watch_all(&guard.range))?;
                run.guards.push(guard.range.clone());
            }
            bss.guards.push(GuardState { guard, memory });
        }
        if let (Some(first), Some(last)) = (bss.parts.first(), bss.parts.last()) {
            let ends = [first.start, last.end - 1];
            ends.into_iter().try_for_each(|end| bss.watch(run.machine, end))?;
        }
        Ok(bss)
    }

    /// Runs until BSS is cleared, or the boot ends.
    pub fn check(&mut self, run: &mut BootRun<'_>, mut stepping: Option<Stepping<'_>>) -> Result<BssOutcome, Error> {
        if self.parts.is_empty() {
            return self.cleared(run);
        }
        loop {
            let event = match &mut stepping {
                Some(stepping) if self.clear.is_some() => stepping.next_event(run, &self.parts)?,
                _ => run.next_event()?,
            };
            self.executed = stepping.as_ref().map(|stepping| stepping.executed);
            match event {
                BootEvent::Store(store) if self.touches_guard(&store) => return self.overrun(run, &store),
                BootEvent::Store(store) => {
                    if self.store(run, &store)? {
                        return self.cleared(run);
                    }
                }
                BootEvent::End(end) => return self.ended(run, end),
            }
        }
    }

    /// Takes a store that comes after BSS was found cleared: the outcome, if it is the clear that goes on beyond its end.
    pub fn later(&mut self, run: &mut BootRun<'_>, store: &PendingStore) -> Result<Option<BssOutcome>, Error> {
        if !self.touches_guard(store) {
            return Ok(None);
        }
        if self.clear.as_ref().is_some_and(|clear| run.same_function(clear.pc, store.pc)) {
            return self.overrun(run, store).map(Some);
        }
        // Whoever else stores there is not the clear: the guards have done their work.
        run.guards.clear();
        for state in self.guards.iter().filter(|state| !state.guard.owned) {
            run.machine.remove_watchpoint(watch_all(&state.guard.range))?;
        }
        Ok(None)
    }

    fn touches_guard(&self, store: &PendingStore) -> bool {
        self.guards.iter().any(|state| !state.guard.owned && overlap(&state.guard.range, &store.range))
    }

    /// Lets a store to BSS be made; true when it was the last that was needed.
    fn store(&mut self, run: &mut BootRun<'_>, store: &PendingStore) -> Result<bool, Error> {
        let clear = self.clear.get_or_insert_with(|| Clear { began: Instant::now(), pc: store.pc, rounds: 0 });
        clear.rounds += 1;
        let rounds = clear.rounds;
        if !matches!(run.step(1, STEP_LIMIT)?.1, Stop::Stepped) {
            return Ok(false);
        }
        for watched in std::mem::take(&mut self.watched) {
            run.machine.remove_watchpoint(watched)?;
        }
        let (low, high) = (self.parts[0].start, self.parts[self.parts.len() - 1].end);
        // At the first store the other end is where the clear will arrive: no need to read what lies between.
        let (first, last) = if rounds == 1 && bytes(&(low..high)) > bytes(&store.range) {
            (low, high - 1)
        } else {
            let remains = poison::inspect(run.machine, &self.parts)?;
            match (remains.first, remains.last) {
                (Some(first), Some(last)) => (first, last),
                _ => return Ok(true),
            }
        };
        if rounds < ROUNDS {
            let to_last = last.0.abs_diff(store.range.start.0);
            let farthest = if to_last >= first.0.abs_diff(store.range.start.0) { last } else { first };
            self.watch(run.machine, farthest)?;
        }
        Ok(false)
    }

    fn watch(&mut self, machine: &mut dyn Machine, address: Address) -> Result<(), Error> {
        let watchpoint = Watchpoint { address, length: 1, access: Access::Write };
        machine.insert_watchpoint(watchpoint)?;
        self.watched.push(watchpoint);
        Ok(())
    }
}

fn watch_all(range: &Range<Address>) -> Watchpoint {
    Watchpoint { address: range.start, length: bytes(range), access: Access::Write }
}
