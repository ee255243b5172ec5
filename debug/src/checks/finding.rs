//! What a check found: its status, in words, and where. It does not know how it will be printed.

use serde_json::{Map, Value};

use crate::image::Place;

/// Whether a check's claim held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pass,
    Fail,
    /// The walk ended before the check could be made.
    NotRun,
}

/// The result of one check.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The check's name in reports and on the command line: `stack`.
    pub name: &'static str,
    pub status: Status,
    /// One sentence for a person.
    pub summary: String,
    /// What had to hold.
    pub expected: String,
    /// What was seen instead, or as well. Empty when not run.
    pub found: String,
    /// What a person may do about it, where there is something: `link it at 0x80200000`. Without the `try: ` before it.
    pub advice: Option<String>,
    /// The instruction that it is about.
    pub location: Option<Place>,
    /// The functions on the stack at `location`, innermost first; empty where that says nothing.
    pub backtrace: Vec<Place>,
    /// Numbers for programs: sizes in bytes (`_bytes`), times in microseconds (`_us`), addresses as hexadecimal strings.
    pub data: Map<String, Value>,
}

impl Finding {
    /// Fails until it is shown to hold.
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
            data: Map::new(),
        }
    }

    /// For a check that the walk did not come to.
    pub(super) fn not_run(name: &'static str, because: &str) -> Finding {
        Finding { status: Status::NotRun, summary: because.into(), ..Finding::new(name) }
    }

    /// Points at the kernel's own sources: where its innermost function is of a library, a person wants to see who called it.
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

    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.data.insert(key.into(), value.into());
    }
}
