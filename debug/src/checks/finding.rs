//! The finding of a check: its status, a summary, and the place. It does not know how it will be printed.

use super::fact::{Fact, Facts};
use crate::image::Place;

/// Whether a check passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The check holds.
    Pass,
    /// The check does not hold.
    Fail,
    /// The run ended before the check could be made.
    NotRun,
}

/// The result of one check.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The check's name in reports and on the command line: `stack`.
    pub name: &'static str,
    /// Whether the check holds.
    pub status: Status,
    /// One sentence for a person.
    pub summary: String,
    /// What the check requires.
    pub expected: String,
    /// What was seen. Empty if not run.
    pub found: String,
    /// What to do about a failure, if known: `link it at 0x80200000`. Without `try: `.
    pub advice: Option<String>,
    /// The instruction that the finding is about.
    pub location: Option<Place>,
    /// The backtrace at `location`, innermost first; empty if it does not help.
    pub backtrace: Vec<Place>,
    /// For programs. Sizes are in bytes (`_bytes`); reports write times in microseconds (`_us`).
    pub data: Facts,
}

impl Finding {
    /// A finding that fails until its status is changed.
    pub(super) fn new(name: &'static str) -> Finding {
        Finding {
            name,
            status: Status::Fail,
            summary: String::new(),
            expected: String::new(),
            found: String::new(),
            advice: None,
            location: None,
            backtrace: Vec::new(),
            data: Facts::default(),
        }
    }

    /// A finding for a check that was not made.
    pub(super) fn not_run(name: &'static str, because: &str) -> Finding {
        Finding { status: Status::NotRun, summary: because.into(), ..Finding::new(name) }
    }

    /// Moves the location to the kernel's own sources: if the innermost function is a library's, to its caller.
    pub(super) fn prefer_own_place(&mut self) {
        let innermost = self.backtrace.first().filter(|innermost| !innermost.is_own());
        let points_there = self
            .location
            .as_ref()
            .is_none_or(|location| innermost.is_some_and(|innermost| innermost.address == location.address));
        if innermost.is_some()
            && points_there
            && let Some(own) = self.backtrace.iter().find(|place| place.is_own())
        {
            self.location = Some(own.clone());
        }
    }

    pub(super) fn set(&mut self, name: &'static str, fact: impl Into<Fact>) {
        self.data.set(name, fact);
    }
}
