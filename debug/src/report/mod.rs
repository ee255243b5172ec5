//! Writes the findings of the checks: text for people, JSON for programs, JUnit for CI; and answers of `ask`, as text and JSON. It does not
//! know machines.

mod answer;
mod html;
mod json;
mod junit;
mod markdown;
mod text;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use crate::checks::{Finding, Status};

pub use answer::Answered;
pub use html::{Page, Source, svg};

/// The result of checking a boot.
#[derive(Clone, Debug)]
pub struct Report {
    /// The machine's name: `qemu`.
    pub machine: String,
    /// The path of the kernel's file.
    pub kernel: PathBuf,
    /// The time that all checks took.
    pub elapsed: Duration,
    /// The findings, in the order of the checks.
    pub findings: Vec<Finding>,
    /// The last lines that the kernel printed; `None` if the machine does not show its console.
    pub console: Option<Vec<String>>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: a line for each check, details of failures, and the verdict.
    Text,
    /// For programs: one JSON object, stable while its `schema` is 1.
    Json,
    /// For CI: JUnit XML with a test case for each check.
    Junit,
}

/// Whether the kernel boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It boots.
    Pass,
    /// It does not boot, or not all checks were made.
    Fail,
}

impl Report {
    /// Pass if every check holds. A check that was not made does not hold, and an empty report fails.
    pub fn verdict(&self) -> Verdict {
        let holds = !self.findings.is_empty() && self.findings.iter().all(|finding| finding.status == Status::Pass);
        if holds { Verdict::Pass } else { Verdict::Fail }
    }

    /// Writes the whole report and a newline at its end. Use `colour` for [`Format::Text`] on a terminal.
    ///
    /// The output has no control characters except newlines and, with `colour`, its own colours. Control characters in the
    /// kernel's names and messages are shown as `\u{1b}`.
    ///
    /// # Errors
    /// Errors of `to`.
    pub fn write(&self, format: Format, colour: bool, to: &mut dyn Write) -> io::Result<()> {
        let whole = match format {
            Format::Text => text::text(self, colour),
            Format::Json => json::json(self)?,
            Format::Junit => junit::junit(self)?,
        };
        to.write_all(whole.as_bytes())
    }

    /// The verdict as Markdown, for the summary of a CI job: a table of the checks, and these commands to go on with.
    pub fn markdown(&self, commands: &[String]) -> String {
        markdown::markdown(self, commands)
    }

    fn kernel_name(&self) -> Cow<'_, str> {
        self.kernel.to_string_lossy()
    }
}

/// The details of a check that failed: `expected`, `found`, `at`, `in` for each function between there and the instruction,
/// `from` for each caller, and `try:`.
fn details(finding: &Finding) -> Vec<(&'static str, String)> {
    let mut details = vec![("expected", printable(&finding.expected)), ("found", printable(&finding.found))];
    let backtrace = &finding.backtrace[..];
    if let Some(place) = finding.location.as_ref().or(backtrace.first()) {
        details.push(("at", printable(&place.to_string())));
    }
    // The location is in one of the functions, mostly the innermost, unless the check names another place.
    let own = match &finding.location {
        Some(location) => backtrace.iter().position(|place| place == location),
        None => (!backtrace.is_empty()).then_some(0),
    };
    let same_instruction =
        || backtrace.first().map(|place| place.address) == finding.location.as_ref().map(|l| l.address);
    let (inner, outer) = match own {
        Some(own) => (&backtrace[..own], &backtrace[own + 1..]),
        None if same_instruction() => (&backtrace[..0], backtrace.get(1..).unwrap_or_default()),
        None => (&backtrace[..0], backtrace),
    };
    for (label, places) in [("in", inner), ("from", outer)] {
        // A recursion is shown once, with its depth.
        for run in places.chunk_by(PartialEq::eq) {
            let times = if run.len() > 1 { format!(" ({} times)", run.len()) } else { String::new() };
            details.push((label, format!("{}{times}", printable(&run[0].to_string()))));
        }
    }
    details.push(("try:", finding.advice.as_deref().map(printable).unwrap_or_default()));
    details.retain(|(_, text)| !text.is_empty());
    details
}

/// A name of the kernel's as reports show it, with what is invisible escaped.
pub fn shown(text: &str) -> String {
    printable(text)
}

/// Escapes characters that are invisible or change how the rest is shown: `\n`, `\u{1b}`.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if is_printable(character) {
            printable.push(character);
        } else {
            // Writing to a String cannot fail.
            let _ = write!(printable, "{}", character.escape_default());
        }
    }
    printable
}

/// Whether it is no control character, does not reorder text or break lines, and is allowed in XML 1.0.
fn is_printable(character: char) -> bool {
    let reorders = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks_lines = matches!(character, '\u{2028}' | '\u{2029}');
    let not_in_xml = matches!(character, '\u{fffe}' | '\u{ffff}');
    !(character.is_control() || reorders || breaks_lines || not_in_xml)
}

#[cfg(test)]
mod tests;
