//! `monitor icount`, `monitor goto N` and `monitor reset`: where in time the machine is, and going elsewhere.

use std::time::Duration;

use super::super::description;
use super::super::target::GdbTarget;
use super::{Answer, number};
use crate::embedded::Embedded;
use crate::image::Image;
use crate::machine::{Address, Stop};

/// No stop reply follows a monitor command, so GDB takes no notice that the machine is elsewhere.
const WARNING: &str = "
A GDB without this project's .gdbinit has to forget where it was:
    maintenance flush register-cache
    maintenance flush dcache";

/// How long the machine travels between two looks at the client.
const SLICE: Duration = Duration::from_millis(50);

impl GdbTarget {
    pub(super) fn icount(&mut self) -> String {
        format!("{} instructions since boot, at {}", self.machine.icount(), self.place())
    }

    fn place(&mut self) -> crate::image::Place {
        let pc = self.pc();
        self.image.place(Address(pc))
    }

    pub(super) fn go_to(&mut self, count: &str) -> Answer {
        let target =
            number(count).ok_or_else(|| format!("{count} is no number of instructions, such as 1000 or 0x3e8"))?;
        let stop = loop {
            let before = self.machine.icount();
            let stop = self.machine.goto(target, SLICE);
            let stuck = self.machine.icount() == before;
            if stop != Stop::Interrupted || stuck || self.is_wanted() {
                break stop;
            }
        };
        let here = self.icount();
        let words = match stop {
            Stop::Stepped => here,
            Stop::Beginning => format!("{here}: the history begins here"),
            Stop::Exited { .. } => format!("{here}: the machine is off"),
            Stop::Fault { .. } => format!("{here}\n{}", self.words_for_fault()),
            _ if self.is_wanted() => format!("{here}: interrupted"),
            _ => format!("{here}: it waits for an interrupt that will not come"),
        };
        Ok(words + self.warning())
    }

    /// What GDB's user has to know after the machine was moved, said once to each client.
    fn warning(&mut self) -> &'static str {
        if std::mem::replace(&mut self.warned, true) { "" } else { WARNING }
    }

    /// A machine as new, with the file as it is now; the present one stays where that file is no kernel.
    pub(super) fn reset(&mut self) -> Answer {
        let failed = |error: &dyn std::fmt::Display| format!("not reset: {error}");
        let image = Image::open(&self.kernel).map_err(|error| failed(&error))?;
        self.machine = Embedded::open(&self.kernel, &self.options).map_err(|error| failed(&error))?;
        self.image = image;
        self.description = description::of(&mut self.machine);
        self.insert_set();
        Ok(self.icount() + self.warning())
    }
}
