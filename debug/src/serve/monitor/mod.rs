//! gdbstub's `MonitorCmd`: commands that GDB does not have. Each answers with text.

mod commands;
mod last_write;
mod why;
mod world;

use std::convert::Infallible;

use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd};

use super::progress::Heartbeat;
use super::target::{GdbTarget, InterruptPoll};
use crate::ask;
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
monitor page PLACE       show the page table entries for an address, level by level
monitor page guest ADDRESS
                         the same for an address of the guest, through both stages
monitor world [any|host|guest]
                         show or choose whose instructions breakpoints stop: the
                         hypervisor's, its guest's, or both
monitor when PLACE       show when the instruction there was executed first and last
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
        let silent = !self.is_wanted();
        let heartbeat = self
            .interrupt_poll
            .as_ref()
            .and_then(|interrupt_poll| Heartbeat::start(interrupt_poll.client(), &self.progress).ok());
        let mut answer = self.answer(command.trim()).unwrap_or_else(|refusal| refusal);
        drop(heartbeat);
        self.progress.forget();
        if silent && self.is_wanted() {
            // After an interrupt GDB does not wait for this answer. It would take it for the reply to its next request.
            self.interrupt_poll.iter().for_each(InterruptPoll::mute);
        }
        if !answer.is_empty() && !answer.ends_with('\n') {
            answer.push('\n');
        }
        for part in answer.as_bytes().chunks(PART) {
            output.write_raw(part);
            output.flush();
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
            ("why", []) => self.why(),
            ("traps", []) => self.traps(None),
            ("traps", [count]) => self.traps(Some(count)),
            ("last-write", ["physical", place]) => self.last_write(place, None, true),
            ("last-write", ["physical", place, bytes]) => self.last_write(place, Some(bytes), true),
            ("last-write", [place]) => self.last_write(place, None, false),
            ("last-write", [place, bytes]) => self.last_write(place, Some(bytes), false),
            ("page", ["guest", place]) => self.page(place, true),
            ("page", [place]) => self.page(place, false),
            ("world", []) => self.world(None),
            ("world", [word]) => self.world(Some(word)),
            ("when", [place]) => self.when(place),
            ("check", []) => self.check(),
            ("console", _) => self.console(rest.trim_start()),
            (
                "help" | "icount" | "goto" | "reset" | "why" | "traps" | "last-write" | "page" | "world" | "when"
                | "check",
                _,
            ) => Err(format!("wrong arguments: usage: {}", usage(name))),
            _ => Err(format!("there is no monitor command {name}; try: monitor help")),
        }
    }
}

/// How to call a command, from the help text.
fn usage(name: &str) -> &'static str {
    let line = HELP.lines().find(|line| line.strip_prefix("monitor ").is_some_and(|line| line.starts_with(name)));
    line.and_then(|line| line.split("  ").next()).unwrap_or("monitor help")
}

/// Parses a number: decimal, or hexadecimal after 0x.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(number("10"), Some(10));
        assert_eq!(number("0x80200000"), Some(0x8020_0000));
        assert_eq!(number("boot"), None);
        assert_eq!(number("-1"), None);
        assert_eq!(number("0x"), None);
    }
}
