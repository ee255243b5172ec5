//! `monitor icount`, `goto N` and `reset`: show and change the machine's position in time. `check`: make the checks on a new machine
//! with the same kernel; this one stays where it is. `console [TEXT]`: the kernel's console output and input.

use std::time::{Duration, Instant};

use super::super::description;
use super::super::target::GdbTarget;
use super::{Answer, number};
use crate::ask;
use crate::checks::{self, Layout, Names, Options};
use crate::embedded::Embedded;
use crate::image::Image;
use crate::machine::{Address, Machine, Stop};
use crate::report::{Format, Report};

/// No stop reply follows a monitor command, so GDB does not notice that the machine has moved.
const WARNING: &str = "
The machine has moved, and GDB does not know it. Without this project's .gdbinit, type:
    maintenance flush register-cache
    maintenance flush dcache";

/// How long the machine moves before the client is polled.
const SLICE: Duration = Duration::from_millis(50);

impl GdbTarget {
    pub(super) fn icount(&mut self) -> String {
        format!("{} instructions since boot, at {}", self.machine.icount(), self.place())
    }

    fn place(&mut self) -> String {
        let pc = Address(self.pc());
        match self.machine.is_in_guest() {
            true => ask::words::of_guest(&self.image, pc),
            false => self.image.place(pc).to_string(),
        }
    }

    pub(super) fn go_to(&mut self, count: &str) -> Answer {
        let target =
            number(count).ok_or_else(|| format!("{count} is not a number of instructions, such as 1000 or 0x3e8"))?;
        self.in_rom = false;
        let stop = loop {
            let stop = self.machine.goto(target, SLICE);
            let at = self.machine.icount();
            self.progress.tell(|| format!("at instruction {at} on the way to {target} (Ctrl-C ends it)\n"));
            if stop != Stop::Interrupted || self.machine.waits_for_ever() || self.is_wanted() {
                break stop;
            }
        };
        let here = self.icount();
        let words = match stop {
            Stop::Stepped => here,
            Stop::Beginning => format!("{here}: the history starts here"),
            Stop::Exited { .. } => format!("{here}: the machine is off"),
            Stop::Fault(_) => format!("{here}\n{}", self.words_for_fault()),
            _ if self.is_wanted() => format!("{here}: interrupted"),
            _ => format!("{here}: it waits for an interrupt that never comes"),
        };
        Ok(words + self.warning())
    }

    /// The advice for GDB's user after the machine has moved, once for each client.
    fn warning(&mut self) -> &'static str {
        if std::mem::replace(&mut self.warned, true) { "" } else { WARNING }
    }

    /// Replaces the machine by a new one with the current file. If the file is not a kernel, the old machine stays.
    pub(super) fn reset(&mut self) -> Answer {
        let failed = |error: &dyn std::fmt::Display| format!("not reset: {error}");
        let image = Image::open_files(&self.files).map_err(|error| failed(&error))?;
        self.machine = Embedded::load(&image, &self.options).map_err(|error| failed(&error))?;
        self.in_rom = true;
        self.image = image;
        self.description = description::of(&mut self.machine);
        self.insert_set();
        Ok(self.icount() + self.warning())
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);

impl GdbTarget {
    pub(super) fn check(&mut self) -> Answer {
        let failed = |error: &dyn std::fmt::Display| format!("no verdict: {error}");
        let begin = Instant::now();
        let layout = Layout::of(&self.image, Names::default()).map_err(|error| failed(&error))?;
        let layout = layout.in_memory(self.options.memory_mib);
        let mut machine = Embedded::load(&self.image, &self.options).map_err(|error| failed(&error))?;
        let mut printed = Vec::new();
        let options = Options { timeout: TIMEOUT, console: Some(&mut printed), ..Options::default() };
        let findings = checks::check(&mut machine, &self.image, &layout, options).map_err(|error| failed(&error))?;
        let name = machine.name().to_owned();
        let console = Some(checks::console::last_lines(&printed));
        let report =
            Report { machine: name, kernel: self.files.kernel.clone(), elapsed: begin.elapsed(), findings, console };
        let mut text = Vec::new();
        report.write(Format::Text, false, &mut text).map_err(|error| failed(&error))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

impl GdbTarget {
    /// The console output until now. With a text: types the text, and Enter.
    pub(super) fn console(&mut self, text: &str) -> Answer {
        if text.is_empty() {
            return Ok(String::from_utf8_lossy(&self.machine.console()).into_owned());
        }
        let typed = self.machine.input(format!("{text}\r").as_bytes());
        typed.map(|()| String::new()).map_err(|error| format!("not typed: {error}; try: monitor reset"))
    }
}
