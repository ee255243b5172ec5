//! The finding of check `bss`, in words. It does not know how the clear was followed.

use std::time::Duration;

use super::{Bss, BssOutcome, GuardState, NAME, rounds};
use crate::checks::boot_run::BootRun;
use crate::checks::boot_run::event::{BootEnd, PendingStore};
use crate::checks::boot_run::layout::bytes;
use crate::checks::boot_run::memory::MemoryFacts;
use crate::checks::boot_run::panic;
use crate::checks::boot_run::poison::{self, Remains};
use crate::checks::finding::{Finding, Status};
use crate::checks::trap;
use crate::machine::{Address, Error};

/// A BSS of so many bytes may be cleared by one store.
const ONE_STORE: u64 = 8;

impl Bss {
    /// No byte holds poison any more. The guards are still watched, because the clear may continue.
    pub(super) fn cleared(&self, run: &mut BootRun<'_>) -> Result<BssOutcome, Error> {
        let took = self.clear.as_ref().map(|clear| clear.began.elapsed());
        run.stack_use.watch_below(run.machine)?;
        let mut finding = self.new_finding(run);
        let remains = poison::inspect(run.machine, &self.parts)?;
        if remains.written > 0 && panic::recorded(run)?.is_some() {
            let finding = Finding::not_run(NAME, "the kernel panicked before BSS was cleared");
            return Ok(BssOutcome { finding, end: None });
        }
        // A part that was cleared first may be in use already.
        let was_zero = run.memory().is_some_and(|memory| memory.clearing.cleared().is_some()) && run.sees_all_stores();
        if let Some(address) = remains.first_written.filter(|_| !was_zero) {
            finding.summary = format!("{} bytes were written, but not with zero", remains.written);
            finding.found = format!("the first at {}", run.place(address));
        } else if let Some(stray) = self.stray(run)? {
            finding = stray;
        } else if !run.sees_all_stores()
            && let Some(fault) = self.guards_changed(run)?
        {
            finding.found = fault.clone();
            finding.summary = fault;
        } else {
            self.describe_pass(run, &mut finding, took);
        }
        Ok(BssOutcome { finding, end: None })
    }

    fn describe_pass(&self, run: &BootRun<'_>, finding: &mut Finding, took: Option<Duration>) {
        finding.status = Status::Pass;
        let (Some(clear), Some(took)) = (&self.clear, took) else {
            finding.summary = match bytes(&run.layout.bss) {
                0 => "empty: nothing to clear".into(),
                size => format!("all {size} bytes are in the file, or the stack's: nothing to clear"),
            };
            finding.found = finding.summary.clone();
            return;
        };
        let by = clear_name(run, clear.pc);
        let is_stack = |state: &&GuardState| self.clears_stack && run.layout.stack.contains(&state.guard.range.start);
        let beside = self.guards.iter().filter(|state| !is_stack(state));
        let guarded: u64 = beside.map(|state| bytes(&state.guard.range)).sum();
        let exact = run.trace.as_ref().and_then(|trace| trace.memory.clearing.cleared());
        let how = match &exact {
            Some(exact) => exact.describe(run, finding),
            None => format!("in {:.1} ms", took.as_secs_f64() * 1e3),
        };
        let behind = if self.clears_stack { ", and the stack behind them" } else { "" };
        finding.summary =
            format!("{} bytes cleared by {by} {how}{behind}; {guarded} bytes beside them untouched", self.size());
        if let Some(executed) = self.executed {
            let instructions = executed + u64::from(clear.rounds);
            finding.summary = format!("{}; {instructions} instructions, one by one", finding.summary);
            finding.set("instructions", instructions);
        }
        finding.found = finding.summary.clone();
        finding.set("cleared_by", by);
        finding.set("clear_us", took);
        finding.set("guard_bytes", guarded);
    }

    /// The clear's next store is beside BSS.
    pub(super) fn overrun(&self, run: &mut BootRun<'_>, store: &PendingStore) -> Result<BssOutcome, Error> {
        let mut finding = self.beside(run, store);
        let registers = run.machine.registers()?;
        finding.backtrace = run.backtrace(&registers);
        Ok(BssOutcome { finding, end: None })
    }

    /// The failure for a store of the clear beside BSS, if the store trace has one.
    pub fn stray(&self, run: &mut BootRun<'_>) -> Result<Option<Finding>, Error> {
        let Some(stray) = run.trace.as_ref().and_then(|trace| trace.memory.clearing.stray()) else { return Ok(None) };
        if self.clears_stack && run.layout.stack.contains(&stray.address) {
            return Ok(None);
        }
        // Two stores by one instruction may be two calls, such as of a function that releases a lock.
        if bytes(&run.layout.bss) <= ONE_STORE && !rounds::is_in_one(run, stray.pc)? {
            return Ok(None);
        }
        let range = stray.address..stray.address + u64::from(stray.length);
        Ok(Some(self.beside(run, &PendingStore { pc: stray.pc, range })))
    }

    fn beside(&self, run: &BootRun<'_>, store: &PendingStore) -> Finding {
        let mut finding = self.new_finding(run);
        let bss = &run.layout.bss;
        let names = &run.layout.names;
        let (side, beyond, victim) = if store.range.end > bss.end {
            (format!("after {}", names.bss_end), bytes(&(bss.end..store.range.end)), bss.end)
        } else {
            (format!("before {}", names.bss_start), bytes(&(store.range.start..bss.start)), store.range.start)
        };
        let unit = if beyond == 1 { "byte" } else { "bytes" };
        let victim = run.place(victim).symbol_text();
        let into = victim.filter(|victim| ![&names.bss_start, &names.bss_end].contains(&victim));
        let into = into.map_or(String::new(), |victim| format!(", into {victim}"));
        finding.summary = format!("a store beside BSS: {beyond} {unit} {side}{into}");
        finding.found = format!("{} bytes stored at {}", bytes(&store.range), run.place(store.range.start));
        finding.location = Some(run.place(store.pc));
        finding.set("address", store.range.start);
        finding
    }

    /// The boot ended before the clear was seen to end.
    pub(super) fn ended(&self, run: &mut BootRun<'_>, end: BootEnd) -> Result<BssOutcome, Error> {
        let not_run = |because| Finding::not_run(NAME, because);
        match end {
            BootEnd::Exited { .. } => {
                return Ok(BssOutcome {
                    finding: not_run("the machine ended before BSS could be read"),
                    end: Some(end),
                });
            }
            BootEnd::Trap | BootEnd::Overflow(_) => {
                return Ok(BssOutcome { finding: not_run("the boot ended before BSS was cleared"), end: Some(end) });
            }
            _ => {}
        }
        let remains = poison::inspect(run.machine, &self.parts)?;
        if remains.poisoned == 0 {
            return Ok(BssOutcome { end: Some(end), ..self.cleared(run)? });
        }
        if panic::recorded(run)?.is_some() {
            return Ok(BssOutcome { finding: not_run("the kernel panicked before BSS was cleared"), end: Some(end) });
        }
        if self.trapped_before(run, &end)? {
            return Ok(BssOutcome { finding: not_run("the kernel trapped before BSS was cleared"), end: Some(end) });
        }
        let mut finding = self.new_finding(run);
        let still_clearing = self.describe_remains(run, &mut finding, &remains, &end)?;
        if let (BootEnd::Deadline, Some(reached)) = (&end, run.reached()) {
            finding.found = format!("{}; {reached}", finding.found);
            let mend = finding.advice.take().unwrap_or_else(|| "let the clear come to its end".into());
            finding.advice = Some(format!("{mend}; if the boot only needs longer, {}", run.limit.larger(reached)));
        }
        Ok(BssOutcome { finding, end: (!still_clearing).then_some(end) })
    }

    /// Whether the boot ends in a trap that came before the clear, or in it. A trap because of what BSS held is none of these.
    fn trapped_before(&self, run: &mut BootRun<'_>, end: &BootEnd) -> Result<bool, Error> {
        let Some(trapped) = trap::unhandled(run, end)?.map(|(exception, _)| exception.trap.pc) else {
            return Ok(false);
        };
        let read_poison = run.memory().is_some_and(|memory| memory.early.poison_read.is_some());
        Ok(!read_poison && self.clear.as_ref().is_none_or(|clear| run.same_function(clear.pc, trapped)))
    }

    /// Reports the bytes that were not cleared. Returns true if the clear never ends or is too slow.
    fn describe_remains(
        &self,
        run: &mut BootRun<'_>,
        finding: &mut Finding,
        remains: &Remains,
        end: &BootEnd,
    ) -> Result<bool, Error> {
        let (Some(first), Some(last)) = (remains.first, remains.last) else { return Ok(false) };
        finding.found = format!(
            "{} bytes not cleared: {} to {} (they still hold the test pattern)",
            remains.poisoned,
            run.place(first),
            last + 1
        );
        finding.set("not_cleared_bytes", remains.poisoned);
        finding.set("address", first);
        let registers = run.machine.registers()?;
        let here = Address(registers.pc);
        let hangs =
            matches!(end, BootEnd::Loop { .. } | BootEnd::Spins(_) | BootEnd::Unchanging { .. } | BootEnd::Deadline);
        let backtrace = run.backtrace(&registers);
        let is_within = |pc| backtrace.iter().any(|place| run.same_function(pc, place.address));
        // A function that stores at an edge of BSS, and in which the machine ends, is a clear that was cut short.
        let cut_short =
            |pc| matches!(end, BootEnd::PowerOff(_) | BootEnd::Reset | BootEnd::HartStopped { .. }) && is_within(pc);
        let is_clear = |pc| {
            cut_short(pc)
                || run.trace.as_ref().is_none_or(|trace| {
                    // A loop that stores the first zero again and again is a clear that does not advance, unless it reads what it stores.
                    let MemoryFacts { clearing, early, .. } = &trace.memory;
                    clearing.has_begun() || hangs && clearing.repeats(pc) && early.poison_read.is_none()
                })
        };
        let Some(clear) = self.clear.as_ref().filter(|clear| is_clear(clear.pc)) else {
            let names = [&run.layout.names.bss_start, &run.layout.names.bss_end];
            finding.summary = format!("nothing clears it: {} bytes are unchanged", remains.poisoned);
            finding.advice = Some(format!("store zeros from {} to {} first", names[0], names[1]));
            finding.location = Some(run.place(here));
            return Ok(false);
        };
        let name = clear_name(run, clear.pc);
        if cut_short(clear.pc) {
            finding.summary = format!(
                "{name} does not end its work: it {} while {} bytes are not cleared",
                if matches!(end, BootEnd::PowerOff(_)) { "powers off" } else { "ends the machine" },
                remains.poisoned
            );
            finding.location = Some(run.place(here));
            finding.advice = Some(format!("let {name} return; power off behind the clear"));
            finding.backtrace = backtrace;
            return Ok(false);
        }
        if is_within(clear.pc) && hangs {
            finding.summary = format!("{name} never ends: {} bytes are not cleared", remains.poisoned);
            finding.location = Some(run.place(here));
            finding.backtrace = backtrace;
            return Ok(true);
        }
        finding.summary = format!("{name} leaves out {} bytes", remains.poisoned);
        Ok(false)
    }

    fn guards_changed(&self, run: &mut BootRun<'_>) -> Result<Option<String>, Error> {
        for GuardState { guard, memory, .. } in &self.guards {
            let mut now = vec![0; memory.len()];
            run.machine.read_memory(guard.range.start, &mut now)?;
            // An object in these bytes may change. If they are zero, the clear reached them.
            let changed = |(now, before): (&u8, &u8)| now != before && (!guard.owned || *now == 0);
            if let Some(index) = now.iter().zip(memory).position(changed) {
                let place = run.place(guard.range.start + index as u64);
                return Ok(Some(format!("a byte beside BSS was overwritten: {place}")));
            }
        }
        Ok(None)
    }

    fn new_finding(&self, run: &BootRun<'_>) -> Finding {
        let mut finding = Finding::new(NAME);
        let names = &run.layout.names;
        let size = self.size();
        let bounds = format!("[{}, {})", names.bss_start, names.bss_end);
        finding.expected = match size {
            0 => format!("the bytes beside {bounds} untouched"),
            size => format!("all {size} bytes of {bounds} zero, the bytes beside them untouched"),
        };
        finding.location = self.clear.as_ref().map(|clear| run.place(clear.pc));
        finding.set("bss_bytes", size);
        finding
    }

    fn size(&self) -> u64 {
        self.parts.iter().map(bytes).sum()
    }
}

fn clear_name(run: &BootRun<'_>, pc: Address) -> String {
    run.image.function(pc).map_or_else(|| pc.to_string(), |(name, _)| name)
}
