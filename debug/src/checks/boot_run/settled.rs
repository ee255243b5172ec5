//! Whether all harts are in loops that change no state, which no interrupt ends: then none of them ever does anything else. It does not
//! judge.

use std::collections::HashSet;

use super::BootRun;
use super::event::Spin;
use super::hart_trace::HartTrace;
use super::rounds::Round;
use super::spin::{self, Decider, Followed};
use crate::machine::{Address, Error, Registers, csr};
use crate::riscv::Effect;

/// The longest loop of another hart that is recognised, in instructions.
const LONGEST: u64 = 512;

/// What the other harts were seen to be, with pc, at each look during a wait.
#[derive(Default)]
pub struct Sightings {
    looks: u64,
    harts: Vec<HashSet<[u64; 33]>>,
    /// How many looks are made before the next try.
    next: u64,
}

impl Sightings {
    /// Whether each hart that is like this now was so before. One that clears memory, or counts, never is.
    pub fn come_back(&mut self, now: &[Registers]) -> bool {
        self.harts.resize_with(now.len(), HashSet::default);
        self.looks += 1;
        let mut back = true;
        for (seen, registers) in self.harts.iter_mut().zip(now) {
            let mut all = [registers.pc; 33];
            all[..32].copy_from_slice(&registers.x);
            back &= !seen.insert(all);
        }
        back
    }

    /// Whether a try is due. The next one is after twice as many looks.
    fn is_due(&mut self) -> bool {
        let is_due = self.looks >= self.next;
        if is_due {
            self.next = 2 * self.looks;
        }
        is_due
    }

    /// Whether this hart was the same at all looks.
    fn stands_still(&self, other: usize) -> bool {
        self.harts.get(other).is_some_and(|seen| seen.len() == 1)
    }
}

impl BootRun<'_> {
    /// Whether no hart ever does anything else than now: each is in a loop that changes no state or waits for an interrupt that cannot
    /// come, and none loads what another one changes within its round. Only a machine whose harts are all seen proves it.
    pub(super) fn all_are_settled(&mut self) -> Result<bool, Error> {
        if self.trace.is_none() || spin::has_started_device(self) || !self.rest.wait.sightings.is_due() {
            return Ok(false);
        }
        let mut rounds = Vec::new();
        match self.round(LONGEST)? {
            Some(round) if !round.is_open => rounds.push(round),
            _ => return Ok(false),
        }
        for other in 0..self.machine.harts() {
            if !self.machine.show_other(Some(other))? {
                break;
            }
            let stands_still = self.rest.wait.sightings.stands_still(other);
            if stands_still && !self.executes_kernel()? {
                continue;
            }
            let pc = Address(self.machine.registers()?.pc);
            if stands_still && [pc, pc - 4].iter().any(|at| matches!(self.effect(*at), Ok(Effect::Wfi))) {
                if self.awaited()?.wakes {
                    return self.show_followed(false);
                }
                continue;
            }
            match self.as_followed(other, |run| run.round(LONGEST))?.flatten() {
                Some(round) if !round.is_open => rounds.push(round),
                _ => return self.show_followed(false),
            }
        }
        let meets = |(index, round): (usize, &Round)| {
            rounds.iter().enumerate().any(|(other, by)| other != index && !by.changes.is_disjoint(&round.loads))
        };
        let settled = !rounds.iter().enumerate().any(meets);
        self.show_followed(settled)
    }

    /// The word that keeps another hart in a loop that changes no state.
    pub(super) fn word_of(&mut self, other: usize) -> Result<Option<Spin>, Error> {
        let word = self.as_followed(other, |run| {
            let Some(round) = run.round(LONGEST)? else { return Ok(None) };
            Ok(match spin::follow(run, round.instructions)? {
                Followed::Stays(Some(Decider::Word(word, _))) => Some(word),
                _ => None,
            })
        })?;
        Ok(word.flatten())
    }

    pub(super) fn show_followed<T>(&mut self, result: T) -> Result<T, Error> {
        self.machine.show_other(None)?;
        Ok(result)
    }

    /// Does something as if another hart were followed. What that one does is not recorded.
    pub(super) fn as_followed<T>(
        &mut self,
        other: usize,
        act: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.machine.show_other(None)?;
        let followed = self.csr(csr::MHARTID)?;
        if !self.machine.show_other(Some(other))? {
            return Ok(None);
        }
        self.machine.follow();
        let mut trace = HartTrace::default();
        trace.counts_instructions = self.hart.counts_instructions;
        let hart = std::mem::replace(&mut self.hart, trace);
        let was_closed = self.trace.as_mut().map(|trace| std::mem::replace(&mut trace.is_closed, true));
        let done = act(self);
        self.hart = hart;
        if let (Some(trace), Some(was_closed)) = (&mut self.trace, was_closed) {
            trace.is_closed = was_closed;
        }
        self.follow_again(followed)?;
        done.map(Some)
    }
}
