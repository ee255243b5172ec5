//! What is typed on the kernel's console, what is waited for there, and how its lines are shown. It does not judge.

use std::collections::VecDeque;

use regex::bytes::Regex;

use super::event::BootEnd;
use crate::machine::{Error, Machine};
use crate::setting::Setting;

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
            let (expect, forbid, input) = (Setting::Expect, Setting::Forbid, Setting::Input);
            let what = format!("showing its console, which {expect}, {forbid} and {input} need");
            return Err(Error::Unsupported { what, by: machine.name().into() });
        };
        if let Some(line) = self.forbidden(&console) {
            return Ok(Some(BootEnd::Forbidden { line }));
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

    /// The line of the first forbidden text.
    pub fn forbidden(&self, console: &[u8]) -> Option<String> {
        let said = self.script.forbid.iter().find_map(|regex| regex.find(console))?;
        Some(line_around(console, said.start()))
    }

    /// A message about text that is still missing at the end of a boot.
    pub fn missing(&self, console: &[u8]) -> Option<String> {
        if let Some(regex) = self.script.expect.iter().find(|regex| !regex.is_match(console)) {
            return Some(format!("the console never said /{regex}/, which was expected"));
        }
        let input = self.input.front().filter(|input| !input.after.is_empty())?;
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
pub fn shown(line: &[u8]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_around_a_place_in_it() {
        assert_eq!(line_around(b"one\ntwo three\nfour", 8), "two three");
        assert_eq!(line_around(b"one", 0), "one");
    }
}
