//! Finds out whether a hart waits in vain for a word that another hart may change: it does not come to the way out of its loop, and no
//! other hart gets any further; and whether one that rests is the last that does anything. It does not judge.

use std::collections::BTreeSet;
use std::time::Duration;

use super::BootRun;
use super::event::{BootEnd, BootEvent};
use super::limit;
use super::marks::Mark;
use super::other_handlers::OtherTrap;
use super::panic;
use super::settled::Sightings;
use crate::machine::{Address, Error, Registers, csr};
use crate::riscv::Effect;

/// How long a hart waits in vain, and how long while others do something without getting further.
const WAIT: Duration = Duration::from_millis(1200);
const WHILE_OTHERS_ACT: Duration = Duration::from_secs(20);

/// The wait of a hart that is in a loop which changes no state.
#[derive(Default)]
pub struct Wait {
    /// The word for which it waits.
    word: Option<Address>,
    /// The registers of the other harts when it was last seen so.
    others: Vec<[u64; 32]>,
    /// What they were at each look.
    pub sightings: Sightings,
    /// They were there before, all of them.
    pub others_come_back: bool,
    /// The pages that were written meanwhile; only an observed machine tells.
    pages: BTreeSet<u32>,
    /// The other harts did something meanwhile.
    pub others_act: bool,
}

impl Wait {
    /// Whether it waits for another hart.
    pub fn is_one(&self) -> bool {
        self.word.is_some()
    }
}

/// What the other harts do when the boot has ended.
#[derive(Default)]
pub struct OtherHartsDo {
    /// The end of a sentence.
    pub words: String,
    /// One of them is in a panic function.
    pub panicked: bool,
    /// An interrupt comes again and again on this hart.
    pub storm: Option<(String, OtherTrap)>,
}

impl BootRun<'_> {
    /// The hart is seen to wait for a word; once that changes it comes to `way_out`. What was known of another wait is over, and so is
    /// this one where another hart gets further: it may change the word later. On an observed machine that is one that writes to one
    /// page after the other, as one that clears all of memory; others that do something have longer. On other machines it is whoever
    /// does anything: each stop at the way out, which would tell that the word changed, holds up all harts there.
    pub(super) fn waits_for_others(&mut self, word: Address, way_out: Address) -> Result<(), Error> {
        if self.rest.wait.word != Some(word) {
            self.waits_no_longer()?;
            self.rest.wait.word = Some(word);
            // What was written before may be written again.
            self.machine.observed().map(|machine| machine.written_pages());
        }
        let others = self.others()?;
        self.rest.wait.others_come_back = self.rest.wait.sightings.come_back(&others);
        let others = others.into_iter().map(|registers| registers.x).collect();
        let before = std::mem::replace(&mut self.rest.wait.others, others);
        let do_something = before != self.rest.wait.others;
        self.rest.wait.others_act |= do_something && !before.is_empty();
        self.hart.life.turns += u64::from(do_something);
        let Some(machine) = self.machine.observed() else {
            if do_something {
                self.rest.begins_again();
            }
            return Ok(());
        };
        let known = self.rest.wait.pages.len();
        self.rest.wait.pages.extend(machine.written_pages());
        if self.rest.wait.pages.len() > known {
            self.rest.begins_again();
        }
        self.marks.insert(self.machine, way_out, Mark::WayOut)
    }

    /// The word that it waits for, and that another hart may change.
    pub fn word_of_another(&self) -> Option<Address> {
        self.rest.wait.word
    }

    /// What the harts do that execute the kernel's code besides. Those that wait for interrupts, or that have called the firmware, as to be
    /// stopped, do nothing, unless they panicked.
    pub fn other_harts_do(&mut self) -> Result<OtherHartsDo, Error> {
        let mut does = OtherHartsDo::default();
        let waits_for_others = self.word_of_another().is_some();
        for index in 0..self.machine.harts() {
            if self.machine.harts() < 2 || !self.machine.show_other(Some(index))? {
                break;
            }
            let hart = self.csr(csr::MHARTID)?.map_or_else(|| "another hart".to_owned(), |id| format!("hart {id}"));
            if does.storm.is_none()
                && let Some(storm) = self.storm_of_other(index)?
            {
                does.storm = Some((hart.clone(), storm));
            }
            self.machine.show_other(Some(index))?;
            let registers = self.machine.registers()?;
            let pc = Address(registers.pc);
            // The firmware's code is elsewhere.
            if !self.image.is_code(pc) {
                continue;
            }
            let is_idle = |effect| matches!(effect, Ok(Effect::Wfi | Effect::Ecall));
            if let Some(name) = panic::handler(&self.backtrace(&registers)) {
                does.words.push_str(&format!("; {hart} is in its panic handler, {name}"));
                does.panicked = true;
            } else if !is_idle(self.effect(pc)) && !is_idle(self.effect(pc - 4)) {
                let word = if waits_for_others { self.word_of(index)? } else { None };
                let does_so = match word {
                    Some(word) => format!("waits for the word at {}", self.place(word.address)),
                    None => format!("still runs, at {}", self.place(pc)),
                };
                does.words.push_str(&format!("; {hart} {does_so}"));
            }
        }
        self.machine.show_other(None)?;
        Ok(does)
    }

    /// Whether it has waited long enough, in a span of so many instructions. Others that do something have longer, unless they are proven
    /// to do nothing else for ever.
    pub(super) fn has_waited_long(&mut self, instructions: u64) -> Result<bool, Error> {
        if instructions < limit::instructions(WAIT) {
            return Ok(false);
        }
        let is_long = !self.rest.wait.others_act || instructions >= limit::instructions(WHILE_OTHERS_ACT);
        Ok(is_long || self.rest.wait.others_come_back && self.all_are_settled()?)
    }

    /// What it waited for has come.
    pub(super) fn waits_no_longer(&mut self) -> Result<(), Error> {
        self.rest.begins_again();
        self.rest.wait = Wait::default();
        self.marks.remove(self.machine, Mark::WayOut)
    }

    /// Whether the hart rests, and another may still say what is expected.
    pub(super) fn another_hart_may_speak(&mut self, event: &BootEvent) -> bool {
        use BootEnd::{Beats, Loop, Polls, Runs, Ticking, Wfi};
        let rests = matches!(
            event,
            BootEvent::End(Wfi | Ticking { .. } | Loop { .. } | Beats { .. } | Runs { .. } | Polls { .. })
        );
        rests && self.machine.harts() > 1 && !self.dialogue.is_over() && !self.machine.others_wait() && !self.is_over()
    }

    /// The registers of the other harts. Those of a hart in a loop that changes no state are mostly the same, but for pc.
    fn others(&mut self) -> Result<Vec<Registers>, Error> {
        let mut others = Vec::new();
        for index in 0..self.machine.harts() {
            if !self.machine.show_other(Some(index))? {
                break;
            }
            others.push(self.machine.registers()?);
        }
        self.machine.show_other(None)?;
        Ok(others)
    }
}
