//! Check `bss`: is every byte of BSS cleared, and no byte beside it touched?
//!
//! BSS and the bytes on both sides were poisoned at the entry. Watchpoints on BSS's first and last byte show where the clear
//! starts and where it may have ended, in either direction; then all of BSS is read. So the cost does not grow with the clear's
//! instructions. With `step` the clear is executed one instruction at a time instead.

mod judgement;
pub mod outside;
mod rounds;

use std::ops::Range;
use std::time::{Duration, Instant};

use super::boot_run::BootRun;
use super::boot_run::event::{BootEnd, BootEvent, PendingStore};
use super::boot_run::layout::{Guard, bytes, overlap};
use super::boot_run::poison::{self, PATTERN};
use super::boot_run::stepping::Stepping;
use super::finding::Finding;
use crate::machine::{Access, Address, Error, Machine, Stop, Watchpoint};
use crate::riscv::{self, Effect};

pub const NAME: &str = "bss";

/// How often a clear may reach what seems to be its end. After that BSS is read when the boot ends.
const ROUNDS: u32 = 64;
const STEP_LIMIT: Duration = Duration::from_secs(1);

/// BSS while it is cleared.
pub struct Bss {
    /// The ranges that must be cleared.
    parts: Vec<Range<Address>>,
    guards: Vec<GuardState>,
    /// Watched bytes. The next store to one shows how far the clear is.
    watched: Vec<Watchpoint>,
    clear: Option<Clear>,
    /// Instructions between the awaited stores, if they were counted.
    executed: Option<u64>,
    /// Awaited stores that were not the clear's.
    strangers: u32,
    /// Awaited stores before sp was used.
    early: Option<Early>,
    /// The clear goes on over the stack behind BSS.
    clears_stack: bool,
}

enum Early {
    /// The finding at that time. Later the kernel may store there.
    Cleared(Box<Finding>),
    Beside(PendingStore),
}

struct GuardState {
    guard: Guard,
    /// Stores to it are awaited: nothing else owns it, or BSS is empty and a store is all that tells of its clear.
    watched: bool,
    /// Its content at the entry.
    memory: Vec<u8>,
}

/// The clear, from its first store on.
struct Clear {
    began: Instant,
    /// Its last awaited store: its place, frame and caller.
    pc: Address,
    sp: u64,
    ra: u64,
    /// The number of awaited stores.
    rounds: u32,
}

/// The finding, and the end of the boot if it ended during the check.
pub struct BssOutcome {
    pub finding: Finding,
    pub end: Option<BootEnd>,
}

impl Bss {
    /// Poisons BSS and the guards of a machine that is at the entry.
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
            clears_stack: false,
        };
        for guard in run.layout.guards(run.image) {
            let mut memory = vec![PATTERN; bytes(&guard.range) as usize];
            if guard.owned {
                run.machine.read_memory(guard.range.start, &mut memory)?;
            } else {
                run.machine.write_memory(guard.range.start, &memory)?;
            }
            let watched = !guard.owned || bytes(&run.layout.bss) == 0;
            if watched {
                run.machine.insert_watchpoint(watch_all(&guard.range))?;
                run.guards.push(guard.range.clone());
            }
            bss.guards.push(GuardState { guard, watched, memory });
        }
        if let (Some(first), Some(last)) = (bss.parts.first(), bss.parts.last()) {
            let ends = [first.start, last.end - 1];
            ends.into_iter().try_for_each(|end| bss.watch(run.machine, end))?;
        }
        Ok(bss)
    }

    /// Runs until BSS is cleared or the boot ends.
    pub fn check(
        &mut self,
        run: &mut BootRun<'_>,
        mut stepping: Option<Stepping<'_>>,
        ended: Option<BootEnd>,
    ) -> Result<BssOutcome, Error> {
        match (self.early.take(), ended) {
            // The clear may have gone on since, over an object that nobody watches.
            (Some(Early::Cleared(finding)), end) => {
                return Ok(BssOutcome { finding: self.stray(run)?.unwrap_or(*finding), end });
            }
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

    /// Whether it waits for a store to these bytes.
    pub fn awaits(&self, range: &Range<Address>) -> bool {
        let watched = self.watched.iter().any(|watched| range.contains(&watched.address));
        watched || self.guards.iter().any(|state| state.watched && overlap(&state.guard.range, range))
    }

    /// Handles a store before sp is used: many kernels clear BSS before they need a stack.
    pub fn early_store(&mut self, run: &mut BootRun<'_>, store: &PendingStore) -> Result<(), Error> {
        if self.touches_guard(store) {
            if bytes(&run.layout.bss) > 0 || clears_nothing(run, store)? {
                self.early = self.early.take().or(Some(Early::Beside(store.clone())));
            }
            run.step(1, STEP_LIMIT)?;
        } else if self.store(run, store)? {
            self.early = Some(Early::Cleared(Box::new(self.cleared(run)?.finding)));
        }
        Ok(())
    }

    /// Handles a store after BSS was cleared. Returns an outcome if the clear continues beyond the end of BSS.
    pub fn later(&mut self, run: &mut BootRun<'_>, store: &PendingStore) -> Result<Option<BssOutcome>, Error> {
        if !self.touches_guard(store) {
            return Ok(None);
        }
        if bytes(&run.layout.bss) == 0 {
            if clears_nothing(run, store)? {
                return self.overrun(run, store).map(Some);
            }
            self.strangers += 1;
            if self.strangers < ROUNDS {
                // Otherwise the stack's check goes on with it.
                if !run.stack_use.is_watching(&store.range) {
                    run.step(1, STEP_LIMIT)?;
                }
                return Ok(None);
            }
        }
        let registers = run.machine.registers()?;
        let goes_on = |clear: &Clear| {
            run.same_function(clear.pc, store.pc) && clear.sp == registers.sp().0 && clear.ra == registers.ra().0
        };
        if self.clear.as_ref().is_some_and(goes_on) && clears(run, store)? {
            return self.overrun(run, store).map(Some);
        }
        // Another function stores there, so the clear is over and the guards are no longer needed.
        run.guards.clear();
        for state in self.guards.iter_mut().filter(|state| state.watched) {
            state.watched = false;
            run.machine.remove_watchpoint(watch_all(&state.guard.range))?;
        }
        Ok(None)
    }

    fn touches_guard(&self, store: &PendingStore) -> bool {
        self.guards.iter().any(|state| state.watched && overlap(&state.guard.range, &store.range))
    }

    /// Executes a store to BSS. Returns true if BSS is cleared now.
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
        // After the first store, only the other end is needed: the clear will arrive there.
        let (first, last) = if rounds == 1 && bytes(&(low..high)) > bytes(&store.range) {
            (low, high - 1)
        } else {
            let remains = poison::inspect(run.machine, &self.parts)?;
            match (remains.first, remains.last) {
                (Some(first), Some(last)) => (first, last),
                _ => {
                    self.look_at_stack(run, store.pc)?;
                    return Ok(true);
                }
            }
        };
        if rounds < ROUNDS {
            let to_last = last.0.abs_diff(store.range.start.0);
            let farthest = if to_last >= first.0.abs_diff(store.range.start.0) { last } else { first };
            self.watch(run.machine, farthest)?;
        }
        Ok(false)
    }

    /// Notes whether the clear, whose last store to BSS was made now, goes on to the end of a stack right behind, where no frame is yet: then
    /// that is meant.
    fn look_at_stack(&mut self, run: &mut BootRun<'_>, pc: Address) -> Result<(), Error> {
        let stack = run.layout.stack.clone();
        let sp = run.machine.registers()?.sp();
        if stack.start != run.layout.bss.end || stack.contains(&sp) || !rounds::are_bounded_by(run, pc, stack.end)? {
            return Ok(());
        }
        self.clears_stack = true;
        run.guards.retain(|guard| !stack.contains(&guard.start));
        let behind = |state: &&mut GuardState| state.watched && stack.contains(&state.guard.range.start);
        for state in self.guards.iter_mut().filter(behind) {
            state.watched = false;
            run.machine.remove_watchpoint(watch_all(&state.guard.range))?;
        }
        Ok(())
    }

    /// Executes an awaited store that is not the clear's.
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

/// Whether a store beside an empty BSS is the clear's: a loop's that compares with the end of BSS only when it has stored.
fn clears_nothing(run: &mut BootRun<'_>, store: &PendingStore) -> Result<bool, Error> {
    let touches = store.range.start == run.layout.bss.end || store.range.end == run.layout.bss.start;
    Ok(touches && clears(run, store)? && rounds::are_bounded_by(run, store.pc, run.layout.bss.end)?)
}

/// Whether a store may be the clear's: it stores zero and is not atomic. An unknown store may be.
fn clears(run: &mut BootRun<'_>, store: &PendingStore) -> Result<bool, Error> {
    if matches!(run.effect(store.pc)?, Effect::Atomic { .. }) {
        return Ok(false);
    }
    let operation = riscv::decode(run.image.xlen(), &run.instruction(store.pc)?);
    let source = operation.and_then(|operation| operation.stored_register());
    let registers = run.machine.registers()?;
    let length = bytes(&store.range).min(8) as usize;
    Ok(source
        .is_none_or(|source| registers.x[usize::from(source)].to_le_bytes()[..length].iter().all(|byte| *byte == 0)))
}
