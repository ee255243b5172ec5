//! Decides when a kernel idles: no later event changes what it does. It does not judge whether that is good.
//!
//! If no interrupt is enabled, a `wfi` or a loop that changes no state is proof. If one is enabled, the kernel runs on: on an
//! observed machine for enough periods of its timer (`HartTrace::end`), on others for a limited time.

use std::time::{Duration, Instant};

use super::event::{BootEnd, BootEvent, Spin};
use super::hart_trace::{BUSY_ENOUGH, LONG_ENOUGH, PERIODS, SPINS_ENOUGH, SPINS_LONG_ENOUGH, Stretch};
use super::marks::Mark;
use super::moment::{LOOK, Moment};
use super::other_harts::Wait;
use super::rounds::Turns;
use super::{BootRun, firmware, spin};
use crate::machine::{Address, Error, Registers, Stop, csr};
use crate::riscv::Effect;
use crate::riscv::cause::is_interrupt;
use crate::riscv::status::{hstatus, mstatus};

/// The run waits for at least two interrupts, and at least this long ...
const AT_LEAST: Duration = Duration::from_millis(300);
/// ... and this long if no interrupt comes.
const AT_MOST: Duration = Duration::from_millis(1200);
/// A kernel waits for input if it asks for it and prints nothing for this long.
const QUIET: Duration = Duration::from_millis(300);
/// The same for one that reads the time while it asks: it may ask until a point in time, and no companion has seen whether it does.
const LONG_QUIET: Duration = Duration::from_secs(4);
/// How far time first jumps for a kernel that waits for a point in time, in ticks: 100 ms.
const FIRST_SKIP: u64 = 1_000_000;
/// How far it jumps at most: a day.
const LONGEST_SKIP: u64 = 24 * 3600 * 10_000_000;
/// A loop of no more instructions is found again at once after each tick.
const SHORT: u64 = 64;
/// How far time jumps for a kernel that asks for input and reads the time, in ticks: 5 s, longer than most boot loaders wait for a key.
const FAR: u64 = 50_000_000;
/// How often the run waits for the firmware.
const FIRMWARE: u32 = 3;
/// The interval between two looks while other harts do something, which each look holds up.
const LOOK_WHILE_OTHERS_ACT: Duration = Duration::from_millis(500);

/// How long a `wfi` may take to trap.
const TRIAL: Duration = Duration::from_millis(50);
/// How long one runs that has waited for points in time before.
const BEAT: Duration = Duration::from_micros(50);
/// How long a kernel runs whose time has jumped.
const MOMENT: Duration = Duration::from_millis(2);

/// What is known of a kernel that may idle.
#[derive(Default)]
pub struct Rest {
    /// When it was first seen to idle.
    began: Option<Moment>,
    /// Whether it waits for another hart since then.
    pub wait: Wait,
    /// Since when all harts go round and round.
    pub turns: Turns,
    /// Since when it has been polling for input, at each look; how much it had printed by then.
    polling: Option<(Instant, usize)>,
    was_found: bool,
    /// It was in a `wfi` once. With an interrupt pending it goes through a `wfi` as if it had none.
    has_waited: bool,
    /// It was found resting or polling since it was last looked at; how many looks in a row found it elsewhere.
    seen: bool,
    elsewhere: u32,
    /// The last jump of time, in ticks.
    skipped: u64,
    /// How many waits for a point in time were over at that jump.
    beats: u64,
    /// Since when it has been doing what a companion saw it do for ever.
    lives: Option<Instant>,
    /// Time has jumped once for a kernel that asks for input and reads the time.
    has_jumped: bool,
    /// How often the firmware did not return in time.
    in_firmware: u32,
}

impl Rest {
    /// Whether the kernel is seen to idle with interrupts enabled for the first time.
    pub fn begins(&mut self) -> bool {
        !std::mem::replace(&mut self.was_found, true)
    }

    /// It was doing something: what was known is over.
    pub fn begins_again(&mut self) {
        (self.began, self.has_waited) = (None, false);
    }
}

impl BootRun<'_> {
    /// Notes the end of a look at the kernel. One that was found resting, and is elsewhere at several looks in a row, does not rest. A
    /// hart that waits for another one need be elsewhere only once: it finds a lock taken now and then.
    pub(super) fn looked_at(&mut self) -> Result<(), Error> {
        let several = if self.rest.wait.is_one() { 1 } else { 3 };
        // Each kernel that ticks is in its handler at times.
        let in_handler = self.hart.handling().is_some_and(|trap| is_interrupt(trap.cause));
        let seen = std::mem::take(&mut self.rest.seen) || in_handler;
        self.rest.elsewhere = if seen { 0 } else { self.rest.elsewhere + 1 };
        if self.rest.elsewhere >= several { self.waits_no_longer() } else { Ok(()) }
    }
}

impl BootRun<'_> {
    /// The hart is at a `wfi` or at a jump to itself. Returns the end of the boot if that is proof.
    pub(super) fn at_rest(&mut self, registers: &Registers) -> Result<Option<BootEnd>, Error> {
        let awaited = self.awaited()?;
        let wfi = matches!(self.effect(Address(registers.pc))?, Effect::Wfi);
        if wfi && !self.waits_in_wfi()? {
            // It traps, maybe often.
            self.marks.remove(self.machine, Mark::Rest)?;
            return Ok(None);
        }
        if wfi && !awaited.wakes {
            return Ok(Some(BootEnd::Wfi));
        }
        if !wfi && !awaited.interrupts {
            return Ok(Some(BootEnd::Loop { instructions: 1 }));
        }
        // From now on it returns here after each interrupt.
        self.marks.remove(self.machine, Mark::Rest)?;
        self.slice = LOOK;
        Ok(None)
    }

    /// Whether a `wfi` traps in this mode, or may: it does in U-mode, and mstatus.TW and hstatus.VTW forbid it elsewhere (privileged manual,
    /// "Virtualization Support in mstatus Register" and "Hypervisor Status Register"). Then only a step tells.
    pub(super) fn wfi_may_trap(&mut self) -> Result<bool, Error> {
        let mut may = self.in_user_mode()?;
        for (register, bit) in [(csr::MSTATUS, mstatus::TW), (csr::HSTATUS, hstatus::VTW)] {
            may = may || self.csr(register)?.is_some_and(|value| value & bit != 0);
        }
        Ok(may)
    }

    /// Whether the hart waits in the `wfi` that it is at, or behind. If it may trap there, it makes a step.
    pub(super) fn waits_in_wfi(&mut self) -> Result<bool, Error> {
        if !self.wfi_may_trap()? {
            return Ok(true);
        }
        let before = self.machine.registers()?.pc;
        let waits = self.step(1, TRIAL)?.1 == Stop::Interrupted;
        // A step may come behind the `wfi` in which it waits then.
        Ok(waits || self.trace.is_some() && self.machine.registers()?.pc == before + 4)
    }

    /// The kernel waits, or is in a loop that changes no state, where an interrupt can end that (`open`), or another hart. Returns the end
    /// if it has lasted long enough.
    pub(super) fn rests_with_interrupts(&mut self, still: BootEnd, open: bool) -> Result<Option<BootEnd>, Error> {
        self.rest.seen = true;
        let now = self.this_moment()?;
        let executed = now.executed;
        let began = *self.rest.began.get_or_insert(now);
        self.rest.has_waited |= still == BootEnd::Wfi;
        let came = now.interrupts - began.interrupts;
        if self.trace.is_some() {
            if self.rest.wait.is_one() {
                // Not at the same point of the harts' turns each time.
                self.slice = LOOK + Duration::from_micros(executed % 10_007);
            }
            // No interrupt ends it, and another hart has had the time to.
            let is_over = self.machine.harts() > 1 && !open && self.has_waited_long(executed - began.executed)?;
            let is_short = matches!(still, BootEnd::Loop { instructions } if instructions <= SHORT);
            return Ok(self.has_ticked((&began, &now), still != BootEnd::Wfi, is_short).or(is_over.then_some(still)));
        }
        self.slice = if self.rest.wait.others_act { LOOK_WHILE_OTHERS_ACT } else { LOOK };
        if Instant::now() < self.must_run_until {
            return Ok(None);
        }
        let (elapsed, spins) = (began.at.elapsed(), !self.rest.has_waited);
        if came >= 2 && elapsed >= AT_LEAST {
            // Stops at the handler take time, so the measured period is too long.
            return Ok(Some(BootEnd::Ticking { period: None, spins }));
        }
        Ok((elapsed >= AT_MOST).then_some(if came > 0 { BootEnd::Ticking { period: None, spins } } else { still }))
    }
}

impl BootRun<'_> {
    /// The `time` CSR of an observed machine, which counts time by instructions.
    pub fn ticks(&mut self) -> u64 {
        let observed = self.trace.is_some();
        observed.then(|| self.csr(csr::TIME).ok().flatten()).flatten().unwrap_or(0)
    }

    /// The end of a kernel on an observed machine, if its interrupts came often enough. Otherwise time jumps to the next one for a loop that
    /// changes no state (`spins`); `is_short`: it is found again at once.
    pub(super) fn has_ticked(
        &mut self,
        (began, now): (&Moment, &Moment),
        spins: bool,
        is_short: bool,
    ) -> Option<BootEnd> {
        let came = now.interrupts - began.interrupts;
        let instructions = now.icount - began.icount;
        // Between two settings of the timer lie as many ticks as interrupts came.
        let ticks =
            began.timer.zip(now.timer).and_then(|(began, now)| now.checked_sub(began)).filter(|ticks| *ticks > 0);
        // A tick may count up to something. To find a long loop again after each tick takes long.
        let (many, long) = if is_short { (SPINS_ENOUGH, SPINS_LONG_ENOUGH) } else { (BUSY_ENOUGH, LONG_ENOUGH) };
        if came >= PERIODS && (instructions >= many || ticks.is_some_and(|ticks| ticks >= long)) {
            let period = ticks.unwrap_or(instructions / INSTRUCTIONS_PER_TICK).checked_div(came);
            return Some(BootEnd::Ticking { period, spins });
        }
        let time = self.ticks();
        if spins
            && let Some(ahead) = now.timer.and_then(|timer| timer.checked_sub(time))
            && let Some(machine) = self.machine.observed()
        {
            machine.skip_time(ahead);
            self.slice = MOMENT;
        }
        None
    }

    /// The kernel polls for input. Returns the end if that has lasted for a while and nothing was printed. On an observed machine
    /// `HartTrace::end` decides.
    pub(super) fn polls(&mut self, at: Option<Address>, reads_clock: bool) -> Option<BootEnd> {
        if self.trace.is_some() {
            return None;
        }
        let quiet = if reads_clock && !self.sees_all_stores() { LONG_QUIET } else { QUIET };
        self.slice = LOOK;
        let said = self.machine.printed().map_or(0, |console| console.len());
        match self.rest.polling {
            Some((since, before)) if before == said => {
                (since.elapsed() >= quiet && Instant::now() >= self.must_run_until).then_some(BootEnd::Polls { at })
            }
            _ => {
                self.rest.polling = Some((Instant::now(), said));
                None
            }
        }
    }

    /// Makes time jump for a kernel that waits for a point in time, if the machine can; further each time.
    pub(super) fn skip_time(&mut self) {
        if let Some(machine) = self.machine.observed() {
            let beats = self.hart.life.waits.times;
            let goes_on = std::mem::replace(&mut self.rest.beats, beats) < beats;
            self.slice = if beats > 0 { BEAT } else { super::FIRST_SLICE };
            self.rest.skipped =
                if goes_on { FIRST_SKIP } else { (self.rest.skipped * 2).clamp(FIRST_SKIP, LONGEST_SKIP) };
            machine.skip_time(self.rest.skipped);
        }
    }

    /// For a kernel that asks for input and reads the time, time jumps ahead once, if the machine can: it may go on without input.
    pub(super) fn jump_ahead_of_polls(&mut self) {
        if self.hart.asks_for_limited_time()
            && !self.rest.has_jumped
            && let Some(machine) = self.machine.observed()
        {
            self.rest.has_jumped = true;
            machine.skip_time(FAR);
            self.hart.polls = Stretch::default();
        }
    }

    /// The end of a kernel that a companion saw to live without coming to rest, if it does the same here for a while.
    pub(super) fn lives_as_seen(&mut self) -> Result<Option<BootEvent>, Error> {
        if !self.dialogue.is_over() {
            return Ok(None);
        }
        let does = match self.seen_end.clone() {
            // The clock may be read in a function of its own.
            Some(BootEnd::Beats { at }) => match firmware::come_to(self, at)? {
                firmware::Coming::There => true,
                firmware::Coming::Late => false,
                firmware::Coming::Stopped(event) => return Ok(Some(event)),
            },
            Some(BootEnd::Runs { .. }) => self.hart.interrupts >= 2,
            // Its handler damages what it interrupts, whatever becomes of that here.
            Some(BootEnd::Damaged) => true,
            Some(BootEnd::Spins(Spin { address, .. })) => spin::is_empty_slot(self, address)?,
            _ => false,
        };
        if !does {
            return Ok(None);
        }
        let since = *self.rest.lives.get_or_insert_with(Instant::now);
        let is_enough = since.elapsed() >= AT_MOST && Instant::now() >= self.must_run_until;
        Ok(self.seen_end.clone().filter(|_| is_enough).map(BootEvent::End))
    }

    pub(super) fn does_not_poll(&mut self) {
        self.rest.polling = None;
    }

    /// The firmware still has not returned.
    pub(super) fn firmware_keeps_the_hart(&mut self) -> Result<Option<BootEnd>, Error> {
        self.rest.in_firmware += 1;
        if self.rest.in_firmware < FIRMWARE { Ok(None) } else { self.kept_by_firmware().map(Some) }
    }
}

/// Instructions per tick on the embedded machine.
const INSTRUCTIONS_PER_TICK: u64 = 10;
