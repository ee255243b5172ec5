//! Finds out whether a hart waits in vain for a word that another hart may change: it does not come to the way out of its loop, or no
//! other hart does anything; and whether one that rests is the last that does anything. It does not judge.

use super::BootRun;
use super::event::{BootEnd, BootEvent};
use super::marks::Mark;
use crate::machine::{Address, Error};

/// The wait of a hart that is in a loop which changes no state.
#[derive(Default)]
pub struct Wait {
    /// The word for which it waits.
    word: Option<Address>,
    /// The registers of the other harts when it was last seen so.
    others: Vec<[u64; 32]>,
}

impl Wait {
    /// Whether it waits for another hart.
    pub fn is_one(&self) -> bool {
        self.word.is_some()
    }
}

impl BootRun<'_> {
    /// The hart is seen to wait for a word; once that changes it comes to `way_out`. What was known of another wait is over, and so is
    /// this one where another hart does something: a hart that does may change the word. An observed machine shows the way out at no
    /// cost; on others each stop at it holds up all harts.
    pub(super) fn waits_for_others(&mut self, word: Address, way_out: Address) -> Result<(), Error> {
        if self.rest.wait.word != Some(word) {
            self.waits_no_longer()?;
            self.rest.wait.word = Some(word);
        }
        if self.trace.is_some() {
            return self.marks.insert(self.machine, way_out, Mark::WayOut);
        }
        let others = self.others()?;
        if others != self.rest.wait.others {
            self.waits_no_longer()?;
            self.rest.wait = Wait { word: Some(word), others };
        }
        Ok(())
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
    fn others(&mut self) -> Result<Vec<[u64; 32]>, Error> {
        let mut others = Vec::new();
        for index in 0..self.machine.harts() {
            if !self.machine.show_other(Some(index))? {
                break;
            }
            others.push(self.machine.registers()?.x);
        }
        self.machine.show_other(None)?;
        Ok(others)
    }
}
