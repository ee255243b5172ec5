//! Judges the kernel's console output: its last lines, words of failure, and expected or forbidden text. It does not know devices.

use std::collections::VecDeque;

use regex::bytes::Regex;

use super::boot_run::BootRun;
use super::boot_run::event::BootEnd;
use super::finding::{Finding, Status};
use crate::machine::{Error, Machine};

/// How many lines reports show.
const LINES: usize = 8;
/// The longest line in a report, in characters.
const LONGEST: usize = 200;

/// The texts to wait for and to type on a console.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// The boot passes when all of these were printed.
    pub expect: Vec<Regex>,
    /// The boot fails when one of these is printed.
    pub forbid: Vec<Regex>,
    /// The inputs, in the order in which they are typed.
    pub input: Vec<Input>,
}

/// One input.
#[derive(Clone, Debug)]
pub struct Input {
    /// Type it after this was printed; at once if it is empty.
    pub after: Vec<u8>,
    /// The bytes to type.
    pub text: Vec<u8>,
}

impl Script {
    /// Whether the script expects, forbids and types nothing.
    pub fn is_empty(&self) -> bool {
        self.expect.is_empty() && self.forbid.is_empty() && self.input.is_empty()
    }
}

/// A script while it runs.
#[derive(Default)]
pub struct Dialogue {
    script: Script,
    input: VecDeque<Input>,
    /// How much of the console output has been searched for the texts that inputs wait for.
    heard: usize,
}

impl Dialogue {
    /// Starts a script.
    pub fn new(script: Script) -> Dialogue {
        let input = script.input.iter().cloned().collect();
        Dialogue { script, input, heard: 0 }
    }

    /// Whether all expected texts were printed and all inputs were typed.
    pub fn is_over(&self) -> bool {
        self.script.is_empty()
    }

    /// Types what is due. Returns the end of the boot if the printed text decides it.
    pub fn go_on(&mut self, machine: &mut dyn Machine) -> Result<Option<BootEnd>, Error> {
        if self.script.is_empty() {
            return Ok(None);
        }
        let Some(console) = machine.printed() else {
            let what = "showing its console, which --expect, --forbid and --input need".into();
            return Err(Error::Unsupported { what, by: machine.name().into() });
        };
        if let Some(said) = self.script.forbid.iter().find_map(|regex| regex.find(&console)) {
            return Ok(Some(BootEnd::Forbidden { line: line_around(&console, said.start()) }));
        }
        while let Some(input) = self.input.front() {
            let Some(at) = find(&console[self.heard.min(console.len())..], &input.after) else { break };
            self.heard += at + input.after.len();
            machine.type_in(&input.text)?;
            self.input.pop_front();
        }
        let said: Option<Vec<_>> = self.script.expect.iter().map(|regex| regex.find(&console)).collect();
        let last =
            said.filter(|_| self.input.is_empty()).and_then(|said| said.into_iter().max_by_key(|said| said.end()));
        Ok(last.map(|said| BootEnd::Expected { line: line_around(&console, said.start()) }))
    }

    /// A message about text that is still missing at the end of a boot.
    fn missing(&self, console: &[u8]) -> Option<String> {
        if let Some(regex) = self.script.expect.iter().find(|regex| !regex.is_match(console)) {
            return Some(format!("the console never said /{regex}/, which was expected"));
        }
        let input = self.input.front().filter(|_| !self.script.expect.is_empty())?;
        Some(format!(
            "the console never said {:?}, after which input was to be typed",
            String::from_utf8_lossy(&input.after)
        ))
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    if wanted.is_empty() { Some(0) } else { text.windows(wanted.len()).position(|window| window == wanted) }
}

fn line_around(text: &[u8], at: usize) -> String {
    let start = text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let end = text[at..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |newline| at + newline);
    shown(&text[start..end.max(start)])
}

/// A line as a person sees it: without colours and other escape sequences (ECMA-48, "Control sequences"), and not too long.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = without_escapes(&text);
    let text = text.trim_end();
    if text.chars().count() <= LONGEST { text.into() } else { text.chars().take(LONGEST).chain(['…']).collect() }
}

fn without_escapes(text: &str) -> String {
    const ESCAPE: char = '\u{1b}';
    let (mut plain, mut rest) = (String::new(), text);
    while let Some((before, sequence)) = rest.split_once(ESCAPE) {
        plain.push_str(before);
        let is_parameter = |c: char| (' '..='?').contains(&c);
        rest = match sequence.strip_prefix('[').map(|sequence| sequence.trim_start_matches(is_parameter)) {
            // Its last character, '@' to '~', says what it does.
            Some(last) => last.strip_prefix(|c: char| ('@'..='~').contains(&c)).unwrap_or(last),
            None => sequence,
        };
    }
    plain + rest
}

/// The last printed lines, without empty ones.
pub fn last_lines(console: &[u8]) -> Vec<String> {
    let lines = console.split(|byte| *byte == b'\n').rev().map(shown).filter(|line| !line.trim().is_empty());
    let mut last: Vec<String> = lines.take(LINES).collect();
    last.reverse();
    last
}

/// Fails a kernel that idles, but whose last line tells of a failure, or that did not print the expected text.
pub fn judge(run: &mut BootRun<'_>, finding: &mut Finding) {
    let Some(console) = run.machine.printed() else { return };
    let lines = last_lines(&console);
    if let Some(missing) = run.dialogue.missing(&console) {
        finding.status = Status::Fail;
        finding.found =
            format!("{}; its last line: {}", finding.summary, lines.last().map_or("nothing", String::as_str));
        finding.summary = format!("{missing}; it {}", finding.summary);
    } else if let Some(line) = words_of_failure(&lines) {
        finding.status = Status::Fail;
        finding.found = finding.summary.clone();
        finding.summary = format!("its last words are those of a failure: {line}");
        finding.set("console_line", line);
    }
}

/// The line that tells of a failure: the last line, or the line of a Rust panic, which is followed by its message.
fn words_of_failure(lines: &[String]) -> Option<&str> {
    const WORDS: [&str; 10] =
        ["panic", "panicked", "panicking", "abort", "aborted", "aborting", "assert", "assertion", "fatal", "oops"];
    /// Words that turn such a line into one of success, unless one of `ILL` is there too.
    const WELL: [&str; 6] = ["ok", "pass", "passed", "success", "succeeded", "handled"];
    const ILL: [&str; 5] = ["not", "failed", "fail", "failure", "error"];
    /// Right before such a word: there was none.
    const NONE: [&str; 3] = ["no", "0", "without"];
    const RUST: &str = "panicked at";
    let words = |line: &str| -> Vec<String> {
        line.to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let last = lines.last().filter(|line| {
        let words = words(line);
        let is = |word: &String, known: &[&str]| known.contains(&word.as_str());
        let has = |known: &[&str]| words.iter().any(|word| is(word, known));
        let told = (0..words.len()).any(|at| is(&words[at], &WORDS) && !(at > 0 && is(&words[at - 1], &NONE)));
        told && (has(&ILL) || !has(&WELL))
    });
    last.or_else(|| lines.iter().rev().take(3).find(|line| line.contains(RUST))).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(lines: &[&str]) -> Option<String> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        words_of_failure(&lines).map(str::to_owned)
    }

    #[test]
    fn a_last_line_with_words_of_failure_is_found() {
        for line in [
            "PANIC: out of memory",
            "kernel panic - not syncing",
            "Assertion `x' failed",
            "Fatal error 3",
            "Oops [#1]",
            "[PANIC 0] os/main.c:39: ALL DONE",
            "Panicked at src/main.rs:3 no memory",
            "[kernel] Panicked at src/lib.rs:9 test",
        ] {
            assert_eq!(failure(&["hello", line]).as_deref(), Some(line));
        }
        assert_eq!(
            failure(&["hello", "panicked at src/main.rs:7:5:", "index out of bounds"]).as_deref(),
            Some("panicked at src/main.rs:7:5:")
        );
    }

    #[test]
    fn other_last_lines_are_no_failure() {
        for line in
            ["$ ", "panic handler: ok", "all assertions passed", "0 fatal errors", "no panic yet", "unpanicky", "ready"]
        {
            assert_eq!(failure(&["panic: at first", line]), None, "{line}");
        }
        assert_eq!(failure(&[]), None);
    }

    #[test]
    fn the_last_lines_are_shown_without_empty_ones() {
        assert_eq!(last_lines(b"one\r\n\n two \r\n> "), ["one", " two", ">"]);
        assert_eq!(last_lines(b""), Vec::<String>::new());
    }

    #[test]
    fn colours_are_not_shown() {
        assert_eq!(last_lines(b"\x1b[1;31m[ERROR] no\x1b[0m\n\x1b[?25l> \x1b"), ["[ERROR] no", ">"]);
    }

    #[test]
    fn a_line_is_found_around_a_place_in_it() {
        assert_eq!(line_around(b"one\ntwo three\nfour", 8), "two three");
        assert_eq!(line_around(b"one", 0), "one");
    }
}
