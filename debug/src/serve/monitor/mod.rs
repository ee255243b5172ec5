//! gdbstub's `MonitorCmd`: what GDB has no words for, one file a command. A command's answer is text.

mod commands;
mod heartbeat;
mod last_write;
mod why;

use std::convert::Infallible;

use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd};

use super::target::{GdbTarget, InterruptPoll};
use heartbeat::Heartbeat;

const HELP: &str = "\
monitor icount           how many instructions were executed since boot
monitor goto N           goes to the moment when N were, back or forward
monitor reset            boots again; a kernel that was built anew is loaded anew
monitor why              the last trap, in words
monitor last-write PLACE [BYTES]
                         who last wrote there; PLACE is an address or a symbol, and
                         BYTES is 1, or the symbol's size, where it is not given
monitor check            the checks of cargo debug check, on a machine of their own
monitor console [TEXT]   what the kernel has printed; TEXT is typed to it, and Enter
monitor help             this text

Going back: reverse-stepi, reverse-step, reverse-next, reverse-finish, reverse-continue.
GDB goes on with the registers and the stack that it has read. After goto and reset, tell it to forget them; this project's
.gdbinit does:
    maintenance flush register-cache
    maintenance flush dcache
";

/// Longer answers go to GDB in parts of so many bytes.
const PART: usize = 1024;

impl MonitorCmd for GdbTarget {
    fn handle_monitor_cmd(&mut self, command: &[u8], mut output: ConsoleOutput<'_>) -> Result<(), Infallible> {
        let command = String::from_utf8_lossy(command);
        let silent = !self.is_wanted();
        let heartbeat =
            self.interrupt_poll.as_ref().and_then(|interrupt_poll| Heartbeat::start(interrupt_poll.client()).ok());
        let mut answer = self.answer(command.trim()).unwrap_or_else(|refusal| refusal);
        drop(heartbeat);
        if silent && self.is_wanted() {
            // Interrupted, GDB waits for no answer: it would take this one for that of what it asks next.
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

/// What to tell, or why not: both are text.
type Answer = Result<String, String>;

impl GdbTarget {
    fn answer(&mut self, command: &str) -> Answer {
        let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        match (name, words.as_slice()) {
            ("help" | "", []) => Ok(HELP.into()),
            ("icount", []) => Ok(self.icount()),
            ("goto", [count]) => self.go_to(count),
            ("reset", []) => self.reset(),
            // For a GDB that follows by itself: this project's .gdbinit says so.
            ("advice", ["off"]) => {
                self.warned = true;
                Ok(String::new())
            }
            ("why", []) => Ok(self.why()),
            ("last-write", [place]) => self.last_write(place, None),
            ("last-write", [place, bytes]) => self.last_write(place, Some(bytes)),
            ("check", []) => self.check(),
            ("console", _) => self.console(rest.trim_start()),
            ("help" | "icount" | "goto" | "reset" | "why" | "last-write" | "check", _) => {
                Err(format!("monitor {name} is used otherwise: see monitor help"))
            }
            _ => Err(format!("there is no monitor command {name}: see monitor help")),
        }
    }
}

/// A number as people write it: decimal, or hexadecimal after 0x.
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
