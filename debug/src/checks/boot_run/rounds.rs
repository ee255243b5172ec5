//! A hart's round of a loop that changes no state; and whether all harts go round and round, and take turns with what they change for
//! a part of it, such as a lock: schedulers that look for work where there is none. It does not judge.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::deeds::{Deed, Deeds};
use super::event::{BootEnd, store_range};
use super::hart_trace::SPINS_LONG_ENOUGH;
use super::limit::{self, LAST_LOOK};
use super::loop_detection::state;
use super::moment::{LOOK, Moment};
use super::{BootRun, PATIENCE};
use crate::machine::{Address, Error, Stop};
use crate::riscv::Effect;

/// The longest way into a round and through it, in instructions.
const LONGEST: u64 = 4 * LAST_LOOK;
/// How often all harts must be found in such rounds ...
const SEEN: u64 = 8;
/// ... over this time, where no interrupt comes. They are found elsewhere at most so often for each time.
const LONG: Duration = Duration::from_millis(1200);
const MISSED: u64 = 2;

/// A round of a loop that changes no state.
#[derive(Default)]
pub struct Round {
    pub instructions: u64,
    /// What it loads, and the words that hold something else for a part of the round.
    pub loads: BTreeSet<Address>,
    pub changes: BTreeSet<Address>,
    /// An interrupt can enter a handler from it.
    pub is_open: bool,
}

/// Since when all harts go round and round.
#[derive(Default)]
pub struct Turns {
    began: Option<(Moment, u64)>,
    /// At how many looks all of them did, and at how many not.
    seen: u64,
    missed: u64,
    /// This look is one of them.
    is_counted: bool,
    /// How much the kernel had printed.
    said: usize,
}

/// How the boot of a kernel ended whose harts take turns.
pub struct TurnsTaken {
    pub end: BootEnd,
    /// What the rounds change for a part of them.
    pub changes: BTreeSet<Address>,
    /// That of the followed hart is one of those that change something.
    own_changes: bool,
}

impl BootRun<'_> {
    /// As [`BootRun::all_take_turns`], where the search for a loop found none because it began in the middle of the followed hart's turn. The
    /// hart must be seen to change something for a part of its round, or it may wait for ever for what the others hold.
    pub(super) fn takes_its_turns(&mut self) -> Result<Option<BootEnd>, Error> {
        if std::mem::take(&mut self.rest.turns.is_counted) {
            return Ok(None); // The search did so itself.
        }
        let found = self.all_take_turns()?;
        self.rest.turns.is_counted = false;
        Ok(found.filter(|turns| turns.own_changes).map(|turns| turns.end))
    }

    /// The end of a kernel whose harts were all found, again and again, in rounds that change no state. Each round is executed while the
    /// other harts stand still: so a lock is free again behind it. Only an observed machine tells.
    pub(super) fn all_take_turns(&mut self) -> Result<Option<TurnsTaken>, Error> {
        if self.trace.is_none() || self.machine.harts() < 2 {
            return Ok(None);
        }
        let said = self.machine.printed().map_or(0, |console| console.len());
        let rounds = self.rounds_of_all()?;
        self.rest.turns.is_counted = true;
        let turns = &mut self.rest.turns;
        let Some(rounds) = rounds.filter(|_| said == turns.said || turns.began.is_none()) else {
            turns.missed += 1;
            if turns.missed > MISSED * turns.seen || said != turns.said {
                *turns = Turns { is_counted: true, ..Turns::default() };
            }
            return Ok(None);
        };
        (turns.seen, turns.said) = (turns.seen + 1, said);
        let (now, time) = (self.this_moment()?, self.ticks());
        let (began, since) = *self.rest.turns.began.get_or_insert((now, time));
        // They are found at other points of their turns each time.
        self.slice = LOOK + Duration::from_micros(now.executed % 10_007);
        let still = BootEnd::Loop { instructions: rounds.iter().map(|round| round.instructions).max().unwrap_or(1) };
        let is_open = rounds.iter().any(|round| round.is_open);
        let enough = self.rest.turns.seen >= SEEN;
        let end = if now.interrupts > began.interrupts {
            self.has_ticked((&began, &now), true, false)
        } else {
            let is_long = now.executed - began.executed >= limit::instructions(LONG);
            (is_long && (!is_open || time - since >= SPINS_LONG_ENOUGH)).then_some(still)
        };
        let own_changes = rounds.first().is_some_and(|own| !own.changes.is_empty());
        let changes = rounds.into_iter().flat_map(|round| round.changes).collect();
        Ok(end.filter(|_| enough).map(|end| TurnsTaken { end, changes, own_changes }))
    }

    /// A round of each hart that does not wait for an interrupt, and has not stopped; `None` if one of them does something else.
    fn rounds_of_all(&mut self) -> Result<Option<Vec<Round>>, Error> {
        let Some(own) = self.round(LONGEST)? else { return Ok(None) };
        let mut rounds = vec![own];
        for other in 0..self.machine.harts() {
            if !self.machine.show_other(Some(other))? {
                break;
            }
            let pc = Address(self.machine.registers()?.pc);
            let waits = [pc, pc - 4].iter().any(|at| matches!(self.effect(*at), Ok(Effect::Wfi)));
            if waits || !self.executes_kernel()? {
                continue;
            }
            match self.as_followed(other, |run| run.round(LONGEST))?.flatten() {
                Some(round) => rounds.push(round),
                None => return self.show_followed(None),
            }
        }
        self.show_followed(Some(rounds))
    }

    /// A round, of at most so many instructions, of the loop that the followed hart is in; `None` if it changes state, lasts longer, or
    /// reads what changes by itself.
    pub(super) fn round(&mut self, longest: u64) -> Result<Option<Round>, Error> {
        let (mut start, mut before) = (self.machine.registers()?, state(self)?);
        let (mut deeds, mut code) = (Deeds::default(), HashMap::new());
        let is_open = self.awaited()?.enters();
        let mut round = Round { is_open, ..Round::default() };
        let mut registers = start.clone();
        for executed in 1..=longest {
            // The hart may have come into the round only then: what it was before never comes back. (Brent's "teleporting turtle".)
            if executed.is_power_of_two() {
                (start, before, deeds) = (registers.clone(), state(self)?, Deeds::default());
                round = Round { is_open, ..Round::default() };
            }
            let is_more = !matches!(deeds.note(self, &registers, &mut code)?, Deed::Nothing);
            if is_more || deeds.waits || deeds.reads_clock || deeds.polls > 0 {
                return Ok(None);
            }
            let effect = code.get(&registers.pc).map(|known| known.effect);
            let at = |base: u8, offset: i64| Address(registers.x[usize::from(base)].wrapping_add_signed(offset));
            match effect {
                Some(Effect::Load { base, offset, .. }) => round.loads.extend([at(base, offset)]),
                Some(Effect::Atomic { base, .. }) => round.loads.extend([at(base, 0)]),
                _ => {}
            }
            let stored = effect.and_then(|effect| store_range(effect, &registers));
            if self.step(1, PATIENCE)?.1 != Stop::Stepped {
                return Ok(None);
            }
            registers = self.machine.registers()?;
            round.instructions += 1;
            if let Some(range) = stored
                && let Some(before) = deeds.before.get(&range.start)
            {
                let mut now = vec![0; before.len()];
                self.machine.read_memory(range.start, &mut now)?;
                if now != *before {
                    round.changes.insert(range.start);
                }
            }
            // A hart that keeps its place in memory has the same registers more often.
            if registers == start && state(self)? == before && deeds.left_memory_alone(self)? {
                round.is_open |= deeds.let_in.is_some_and(|let_in| let_in.enters());
                return Ok(Some(round));
            }
        }
        Ok(None)
    }
}
