//! Check `bss`: is every byte of BSS cleared, and no byte beside it touched?
//!
//! BSS and the bytes on both sides were poisoned at the entry. Watchpoints on BSS's first and last byte find where the
//! clear begins and where it may have ended, in whatever direction it goes; all of BSS is then read. So the cost does
//! not grow with the instructions of the clear. With `step`, the same, one instruction at a time.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::finding::{Finding, Status};
use super::layout::{Guard, bytes, overlap};
use super::panic;
use super::poison::{self, PATTERN, Remains};
use super::stepping::Stepping;
use super::walk::{End, Event, Store, Walk};
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
pub struct Outcome {
    pub finding: Finding,
    pub end: Option<End>,
}

impl Bss {
    /// Poisons BSS and the guards of a machine that stands at the entry.
    pub fn begin(walk: &mut Walk<'_>) -> Result<Bss, Error> {
        let parts = walk.layout.bss_to_clear();
        for part in &parts {
            poison::fill(walk.machine, part)?;
        }
        let mut bss = Bss { parts, guards: Vec::new(), watched: Vec::new(), clear: None, executed: None };
        for guard in walk.layout.guards(walk.image) {
            let mut memory = vec![PATTERN; bytes(&guard.range) as usize];
            if guard.owned {
                walk.machine.read_memory(guard.range.start, &mut memory)?;
            } else {
                walk.machine.write_memory(guard.range.start, &memory)?;
                walk.machine.insert_watchpoint(watch_all(&guard.range))?;
                walk.guards.push(guard.range.clone());
            }
            bss.guards.push(GuardState { guard, memory });
        }
        if let (Some(first), Some(last)) = (bss.parts.first(), bss.parts.last()) {
            let ends = [first.start, last.end - 1];
            ends.into_iter().try_for_each(|end| bss.watch(walk.machine, end))?;
        }
        Ok(bss)
    }

    /// Runs until BSS is cleared, or the boot ends.
    pub fn check(&mut self, walk: &mut Walk<'_>, mut stepping: Option<Stepping<'_>>) -> Result<Outcome, Error> {
        if self.parts.is_empty() {
            return self.cleared(walk);
        }
        loop {
            let event = match &mut stepping {
                Some(stepping) if self.clear.is_some() => stepping.next_event(walk, &self.parts)?,
                _ => walk.next_event()?,
            };
            self.executed = stepping.as_ref().map(|stepping| stepping.executed);
            match event {
                Event::Store(store) if self.touches_guard(&store) => return self.overrun(walk, &store),
                Event::Store(store) => {
                    if self.store(walk, &store)? {
                        return self.cleared(walk);
                    }
                }
                Event::End(end) => return self.ended(walk, end),
            }
        }
    }

    /// Takes a store that comes after BSS was found cleared: the outcome, if it is the clear that goes on beyond its end.
    pub fn later(&mut self, walk: &mut Walk<'_>, store: &Store) -> Result<Option<Outcome>, Error> {
        if !self.touches_guard(store) {
            return Ok(None);
        }
        if self.clear.as_ref().is_some_and(|clear| walk.same_function(clear.pc, store.pc)) {
            return self.overrun(walk, store).map(Some);
        }
        // Whoever else stores there is not the clear: the guards have done their work.
        walk.guards.clear();
        for state in self.guards.iter().filter(|state| !state.guard.owned) {
            walk.machine.remove_watchpoint(watch_all(&state.guard.range))?;
        }
        Ok(None)
    }

    fn touches_guard(&self, store: &Store) -> bool {
        self.guards.iter().any(|state| !state.guard.owned && overlap(&state.guard.range, &store.range))
    }

    /// Lets a store to BSS be made; true when it was the last that was needed.
    fn store(&mut self, walk: &mut Walk<'_>, store: &Store) -> Result<bool, Error> {
        let clear = self.clear.get_or_insert_with(|| Clear { began: Instant::now(), pc: store.pc, rounds: 0 });
        clear.rounds += 1;
        let rounds = clear.rounds;
        if !matches!(walk.step(1, STEP_LIMIT)?.1, Stop::Stepped) {
            return Ok(false);
        }
        for watched in std::mem::take(&mut self.watched) {
            walk.machine.remove_watchpoint(watched)?;
        }
        let (low, high) = (self.parts[0].start, self.parts[self.parts.len() - 1].end);
        // At the first store the other end is where the clear will arrive: no need to read what lies between.
        let (first, last) = if rounds == 1 && bytes(&(low..high)) > bytes(&store.range) {
            (low, high - 1)
        } else {
            let remains = poison::inspect(walk.machine, &self.parts)?;
            match (remains.first, remains.last) {
                (Some(first), Some(last)) => (first, last),
                _ => return Ok(true),
            }
        };
        if rounds < ROUNDS {
            let to_last = last.0.abs_diff(store.range.start.0);
            let farthest = if to_last >= first.0.abs_diff(store.range.start.0) { last } else { first };
            self.watch(walk.machine, farthest)?;
        }
        Ok(false)
    }

    fn watch(&mut self, machine: &mut dyn Machine, address: Address) -> Result<(), Error> {
        let watchpoint = Watchpoint { address, length: 1, access: Access::Write };
        machine.insert_watchpoint(watchpoint)?;
        self.watched.push(watchpoint);
        Ok(())
    }

    /// Nothing holds poison any more. The guards stay watched: the clear may go on.
    fn cleared(&self, walk: &mut Walk<'_>) -> Result<Outcome, Error> {
        let took = self.clear.as_ref().map(|clear| clear.began.elapsed());
        walk.stack_use.watch_below(walk.machine)?;
        let mut finding = self.new_finding(walk);
        let remains = poison::inspect(walk.machine, &self.parts)?;
        if remains.written > 0 && panic::recorded(walk)?.is_some() {
            let finding = Finding::not_run(NAME, "the kernel panicked before BSS was cleared");
            return Ok(Outcome { finding, end: None });
        }
        if let Some(address) = remains.first_written {
            finding.summary = format!("{} bytes were written, but not with zero", remains.written);
            finding.found = format!("the first at {}", walk.place(address));
        } else if let Some(stray) = self.stray(walk) {
            finding = stray;
        } else if let Some(fault) = self.guards_changed(walk)? {
            finding.found = fault.clone();
            finding.summary = fault;
        } else {
            self.describe_pass(walk, &mut finding, took);
        }
        Ok(Outcome { finding, end: None })
    }

    fn describe_pass(&self, walk: &Walk<'_>, finding: &mut Finding, took: Option<Duration>) {
        finding.status = Status::Pass;
        let (Some(clear), Some(took)) = (&self.clear, took) else {
            finding.summary = "empty: nothing to clear".into();
            finding.found = finding.summary.clone();
            return;
        };
        let by = clear_name(walk, clear.pc);
        let guarded: u64 = self.guards.iter().map(|state| bytes(&state.guard.range)).sum();
        let exact = walk.witness.as_ref().and_then(|witness| witness.clearing.cleared());
        let how = match &exact {
            Some(exact) => exact.describe(walk, finding),
            None => format!("in {:.1} ms", took.as_secs_f64() * 1e3),
        };
        finding.summary = format!("{} bytes cleared by {by} {how}; {guarded} bytes beside them untouched", self.size());
        if let Some(executed) = self.executed {
            let instructions = executed + u64::from(clear.rounds);
            finding.summary = format!("{}; {instructions} instructions, one by one", finding.summary);
            finding.set("instructions", instructions);
        }
        finding.found = finding.summary.clone();
        finding.set("cleared_by", by);
        finding.set("clear_us", took.as_micros() as u64);
        finding.set("guard_bytes", guarded);
    }

    fn size(&self) -> u64 {
        self.parts.iter().map(bytes).sum()
    }

    /// The clear is about to store beside BSS.
    fn overrun(&self, walk: &mut Walk<'_>, store: &Store) -> Result<Outcome, Error> {
        let mut finding = self.beside(walk, store);
        let registers = walk.machine.registers()?;
        finding.backtrace = walk.backtrace(&registers);
        Ok(Outcome { finding, end: None })
    }

    /// The failure for a store of the clear beside BSS that the witness saw, where there is one.
    pub fn stray(&self, walk: &Walk<'_>) -> Option<Finding> {
        let stray = walk.witness.as_ref()?.clearing.stray()?;
        let range = stray.address..stray.address + u64::from(stray.length);
        Some(self.beside(walk, &Store { pc: stray.pc, range }))
    }

    fn beside(&self, walk: &Walk<'_>, store: &Store) -> Finding {
        let mut finding = self.new_finding(walk);
        let bss = &walk.layout.bss;
        let (side, beyond) = if store.range.end > bss.end {
            (format!("after {}", walk.layout.names.bss_end), bytes(&(bss.end..store.range.end)))
        } else {
            (format!("before {}", walk.layout.names.bss_start), bytes(&(store.range.start..bss.start)))
        };
        finding.summary = format!("a store beside BSS: {beyond} bytes {side}");
        finding.found = format!("{} bytes stored at {}", bytes(&store.range), store.range.start);
        finding.location = Some(walk.place(store.pc));
        finding.set("address", store.range.start.to_string());
        finding
    }

    /// The boot ended, and the clear was not seen to end.
    fn ended(&self, walk: &mut Walk<'_>, end: End) -> Result<Outcome, Error> {
        let not_run = |because| Finding::not_run(NAME, because);
        match end {
            End::Exited { .. } => {
                return Ok(Outcome { finding: not_run("the machine ended before BSS could be read"), end: Some(end) });
            }
            End::Trap | End::Overflow(_) => {
                return Ok(Outcome { finding: not_run("the boot ended before BSS was cleared"), end: Some(end) });
            }
            _ => {}
        }
        let remains = poison::inspect(walk.machine, &self.parts)?;
        if remains.poisoned == 0 {
            return Ok(Outcome { end: Some(end), ..self.cleared(walk)? });
        }
        if panic::recorded(walk)?.is_some() {
            return Ok(Outcome { finding: not_run("the kernel panicked before BSS was cleared"), end: Some(end) });
        }
        let mut finding = self.new_finding(walk);
        let still_clearing = self.describe_remains(walk, &mut finding, &remains, &end)?;
        Ok(Outcome { finding, end: (!still_clearing).then_some(end) })
    }

    /// Says what was left out; true when the kernel goes round, or is too slow, within the clear.
    fn describe_remains(
        &self,
        walk: &mut Walk<'_>,
        finding: &mut Finding,
        remains: &Remains,
        end: &End,
    ) -> Result<bool, Error> {
        let (Some(first), Some(last)) = (remains.first, remains.last) else { return Ok(false) };
        finding.found = format!("the poison of {} bytes, {} to {}", remains.poisoned, walk.place(first), last + 1);
        finding.set("not_cleared_bytes", remains.poisoned);
        finding.set("address", first.to_string());
        let registers = walk.machine.registers()?;
        let here = Address(registers.pc);
        let Some(clear) = &self.clear else {
            finding.summary = format!("nothing clears it: all {} bytes are as before", remains.poisoned);
            finding.location = Some(walk.place(here));
            return Ok(false);
        };
        let name = clear_name(walk, clear.pc);
        let backtrace = walk.backtrace(&registers);
        let within = backtrace.iter().any(|place| walk.same_function(clear.pc, place.address));
        if within && matches!(end, End::Loop { .. } | End::Deadline) {
            finding.summary = format!("{name} never ends: {} bytes are not cleared", remains.poisoned);
            finding.location = Some(walk.place(here));
            finding.backtrace = backtrace;
            return Ok(true);
        }
        finding.summary = format!("{name} leaves out {} bytes", remains.poisoned);
        Ok(false)
    }

    fn guards_changed(&self, walk: &mut Walk<'_>) -> Result<Option<String>, Error> {
        for GuardState { guard, memory } in &self.guards {
            let mut now = vec![0; memory.len()];
            walk.machine.read_memory(guard.range.start, &mut now)?;
            // Bytes that somebody owns may change; that a clear reached them shows by zeros.
            let changed = |(now, before): (&u8, &u8)| now != before && (!guard.owned || *now == 0);
            if let Some(index) = now.iter().zip(memory).position(changed) {
                let place = walk.place(guard.range.start + index as u64);
                return Ok(Some(format!("a byte beside BSS was overwritten: {place}")));
            }
        }
        Ok(None)
    }

    fn new_finding(&self, walk: &Walk<'_>) -> Finding {
        let mut finding = Finding::new(NAME);
        let names = &walk.layout.names;
        let size = self.size();
        finding.expected = format!(
            "all {size} bytes of [{}, {}) zero, the bytes beside them untouched",
            names.bss_start, names.bss_end
        );
        finding.location = self.clear.as_ref().map(|clear| walk.place(clear.pc));
        finding.set("bss_bytes", size);
        finding
    }
}

fn watch_all(range: &Range<Address>) -> Watchpoint {
    Watchpoint { address: range.start, length: bytes(range), access: Access::Write }
}

fn clear_name(walk: &Walk<'_>, pc: Address) -> String {
    walk.image.function(pc).map_or_else(|| pc.to_string(), |(name, _)| name)
}
