//! gdbstub's `MonitorCmd`: commands that GDB does not have. Each answers with text.

mod commands;
mod fault;
mod world;

use std::convert::Infallible;

use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd};

use super::progress::Heartbeat;
use super::target::{GdbTarget, InterruptPoll};
use crate::ask::{self, Question, number};
use crate::embedded::{Embedded, GoesOn};
use crate::image::Image;

const HELP: &str = "\
monitor icount           show how many instructions were executed since boot
monitor goto N           go to the moment after N instructions, back or forward
monitor reset            boot again; loads the kernel's file again if it has changed
monitor why              explain the last trap
monitor traps [N]        show the last N traps and interrupts, 10 by default
monitor last-write PLACE [BYTES]
                         find who last wrote there; PLACE is an address or a symbol;
                         BYTES is 1 by default, or the symbol's size
monitor last-write physical ADDRESS [BYTES]
                         find who last wrote to a physical address
monitor first-write [physical] PLACE [BYTES]
                         find who wrote there first
monitor reads [physical] PLACE [BYTES]
                         show which instructions read there, and how often
monitor at N             show registers and callers after N instructions; stay here
monitor page PLACE       show the page table entries for an address, level by level
monitor page guest ADDRESS
                         the same for an address of the guest, through both stages
monitor world [any|host|guest]
                         show or choose whose instructions breakpoints stop: the
                         hypervisor's, its guest's, or both
monitor physical [on|off]
                         have GDB read, write and watch addresses that no page
                         table maps as physical ones
monitor when PLACE       show each time that the instruction there was executed
monitor check            run the checks of a boot on a new machine
monitor console [TEXT]   show the kernel's output, or type TEXT and Enter
monitor help             show this text

To go back: reverse-stepi, reverse-step, reverse-next, reverse-finish, reverse-continue.
After goto and reset GDB still shows the old registers and stack. This project's .gdbinit flushes them; without it, type:
    maintenance flush register-cache
    maintenance flush dcache
";

/// Answers are sent to GDB in parts of this many bytes.
const PART: usize = 1024;

impl MonitorCmd for GdbTarget {
    fn handle_monitor_cmd(&mut self, command: &[u8], mut output: ConsoleOutput<'_>) -> Result<(), Infallible> {
        let command = String::from_utf8_lossy(command);
        let heartbeat = self
            .interrupt_poll
            .as_ref()
            .and_then(|poll| Heartbeat::start(poll.client(), &self.progress, poll.unread()).ok());
        let mut answer = self.answer(command.trim()).unwrap_or_else(|refusal| refusal);
        drop(heartbeat);
        self.progress.forget();
        if !answer.is_empty() && !answer.ends_with('\n') {
            answer.push('\n');
        }
        for part in answer.as_bytes().chunks(PART) {
            output.write_raw(part);
            output.flush();
            // A client blocks where its ACKs are not taken.
            if let Some(poll) = &self.interrupt_poll {
                poll.take_acknowledgements();
            }
        }
        Ok(())
    }
}

/// An answer, or why there is none.
type Answer = Result<String, String>;

impl GdbTarget {
    /// Has a search of the history tell how far it is, and end when the client wants it.
    fn search<T>(
        &mut self,
        ask: impl FnOnce(&mut Embedded, &Image, &mut GoesOn<'_>) -> Result<T, ask::Interrupted>,
    ) -> Result<T, String> {
        let now = self.machine.icount();
        let (poll, progress) = (&self.interrupt_poll, &self.progress);
        let mut goes_on = |at: u64| {
            progress.tell(|| format!("searching: at instruction {at} of {now} (Ctrl-C ends it)\n"));
            !poll.as_ref().is_some_and(InterruptPoll::is_wanted)
        };
        ask(&mut self.machine, &self.image, &mut goes_on).map_err(|error| error.to_string())
    }

    fn answer(&mut self, command: &str) -> Answer {
        let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        match (name, words.as_slice()) {
            ("help" | "", []) => Ok(HELP.into()),
            ("icount", []) => Ok(self.icount()),
            ("goto", [count]) => self.go_to(count),
            ("reset", []) => self.reset(),
            // This project's .gdbinit sends this, because it flushes GDB's caches itself.
            ("advice", ["off"]) => {
                self.warned = true;
                Ok(String::new())
            }
            ("world", []) => self.world(None),
            ("world", [word]) => self.world(Some(word)),
            ("physical", []) => self.physical(None),
            ("physical", [word]) => self.physical(Some(word)),
            ("check", []) => self.check(),
            ("console", _) => self.console(rest.trim_start()),
            _ => self.answer_question(name, &words),
        }
    }

    /// What `cargo debug ask` can be asked too.
    fn answer_question(&mut self, name: &str, words: &[&str]) -> Answer {
        let question = Question::parse(&[&[name], words].concat(), &self.image);
        let Some(question) = question else {
            let own = ["help", "icount", "goto", "reset", "world", "physical", "check"];
            return Err(match own.into_iter().chain(Question::names()).any(|known| known == name) {
                true => format!("wrong arguments: usage: {}", usage(name)),
                false => format!("there is no monitor command {name}; try: monitor help"),
            });
        };
        let question = question?;
        question.check(&self.machine)?;
        let answer = self.search(|machine, image, goes_on| question.answer(machine, image, goes_on))?;
        let words = answer.words(&self.image, "monitor goto");
        Ok(match question.forgets(&answer, &self.machine) {
            Some(beginning) => {
                format!("{}\n{}; try: more memory for the history", words.trim_end(), ask::words::forgotten(beginning))
            }
            None => words,
        })
    }
}

/// How to call a command, from the help text.
fn usage(name: &str) -> &'static str {
    let line = HELP.lines().find(|line| line.strip_prefix("monitor ").is_some_and(|line| line.starts_with(name)));
    line.and_then(|line| line.split("  ").next()).unwrap_or("monitor help")
}
