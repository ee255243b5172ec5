//! Check `bss`: is every byte of BSS cleared, and no byte beside it touched?
//!
//! BSS and the bytes on both sides were poisoned at the entry. Watchpoints on BSS's first and last byte find where the
//! clear begins and where it may have ended, in whatever direction it goes; all of BSS is then read. So the cost does
//! not grow with the instructions of the clear. With `step`, the same, one instruction at a time.

mod judgement;
pub mod outside;

use std::ops::Range;
use std::time::{Duration, Instant};

use super::boot_run::BootRun;
use super::boot_run::event::{BootEnd, BootEvent, PendingStore};
use super::boot_run::layout::{Guard, bytes, overlap};
use super::boot_run::poison::{self, PATTERN};
use super::boot_run::stepping::Stepping;
use super::finding::Finding;
use crate::machine::{Access, Address, Error, Machine, Stop, Watchpoint};
use crate::riscv::{self, Effect, Xlen};

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
    /// Stores that were waited for, and were not the clear's.
    strangers: u32,
    /// What came before sp was relied on.
    early: Option<Early>,
}

enum Early {
    /// What was found then: later on the kernel stores there what it likes.
    Cleared(Box<Finding>),
    Beside(PendingStore),
}

struct GuardState {
    guard: Guard,
    /// Its content when the walk began.
    memory: Vec<u8>,
}

/// The clear, from its first store.
struct Clear {
    began: Instant,
    /// Its last store that was waited for: where, and in which frame of which caller.
    pc: Address,
    sp: u64,
    ra: u64,
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
        let outside = outside::objects(run.image, run.layout).into_iter().map(|object| object.range);
        for part in outside.chain(parts.iter().cloned()) {
            poison::fill(run.machine, &part)?;
        }
        let mut bss = Bss {
            parts,
            guards: Vec::new(),
            watched: Vec::new(),
            clear: None,
            executed: None,
            strangers: 0,
            early: None,
        };
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
    pub fn check(
        &mut self,
        run: &mut BootRun<'_>,
        mut stepping: Option<Stepping<'_>>,
        ended: Option<BootEnd>,
    ) -> Result<BssOutcome, Error> {
        match (self.early.take(), ended) {
            (Some(Early::Cleared(finding)), end) => return Ok(BssOutcome { finding: *finding, end }),
            (Some(Early::Beside(store)), end) => return Ok(BssOutcome { end, ..self.overrun(run, &store)? }),
            (None, Some(end)) => return self.ended(run, end),
            (None, None) if self.parts.is_empty() => return self.cleared(run),
            (None, None) => {}
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

    /// Whether a store to these bytes is waited for.
    pub fn awaits(&self, range: &Range<Address>) -> bool {
        let watched = self.watched.iter().any(|watched| range.contains(&watched.address));
        watched || self.guards.iter().any(|state| !state.guard.owned && overlap(&state.guard.range, range))
    }

    /// Takes a store that comes before sp was relied on: many a boot clears BSS in registers first.
    pub fn early_store(&mut self, run: &mut BootRun<'_>, store: &PendingStore) -> Result<(), Error> {
        if self.touches_guard(store) {
            self.early = self.early.take().or(Some(Early::Beside(store.clone())));
            run.step(1, STEP_LIMIT)?;
        } else if self.store(run, store)? {
            self.early = Some(Early::Cleared(Box::new(self.cleared(run)?.finding)));
        }
        Ok(())
    }

    /// Takes a store that comes after BSS was found cleared: the outcome, if it is the clear that goes on beyond its end.
    pub fn later(&mut self, run: &mut BootRun<'_>, store: &PendingStore) -> Result<Option<BssOutcome>, Error> {
        if !self.touches_guard(store) {
            return Ok(None);
        }
        let registers = run.machine.registers()?;
        let goes_on = |clear: &Clear| {
            run.same_function(clear.pc, store.pc) && clear.sp == registers.x[2] && clear.ra == registers.x[1]
        };
        if self.clear.as_ref().is_some_and(goes_on) && clears(run, store)? {
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
        if !clears(run, store)? {
            return self.strange_store(run);
        }
        let [ra, sp] = [1, 2].map(|index| run.machine.registers().map(|registers| registers.x[index]));
        let (ra, sp) = (ra?, sp?);
        let clear = self.clear.get_or_insert_with(|| Clear { began: Instant::now(), pc: store.pc, sp, ra, rounds: 0 });
        (clear.pc, clear.sp, clear.ra) = (store.pc, sp, ra);
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

    /// Lets somebody else than the clear store where it is waited for.
    fn strange_store(&mut self, run: &mut BootRun<'_>) -> Result<bool, Error> {
        self.strangers += 1;
        run.step(1, STEP_LIMIT)?;
        if self.strangers >= ROUNDS {
            for watched in std::mem::take(&mut self.watched) {
                run.machine.remove_watchpoint(watched)?;
            }
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

/// Whether a store may be one of the clear's: it stores zero, and is no atomic operation. What cannot be told may be.
fn clears(run: &mut BootRun<'_>, store: &PendingStore) -> Result<bool, Error> {
    if matches!(run.effect(store.pc)?, Effect::Atomic { .. }) {
        return Ok(false);
    }
    let operation = riscv::decode(Xlen::Rv64, &run.instruction(store.pc)?);
    let source = operation.and_then(|operation| operation.stored_register());
    let registers = run.machine.registers()?;
    let length = bytes(&store.range).min(8) as usize;
    Ok(source
        .is_none_or(|source| registers.x[usize::from(source)].to_le_bytes()[..length].iter().all(|byte| *byte == 0)))
}
