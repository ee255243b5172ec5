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
            location: None,
            backtrace: Vec::new(),
            data: Map::new(),
        }
    }

    /// For a check that the walk did not come to.
    pub(super) fn not_run(name: &'static str, because: &str) -> Finding {
        Finding { status: Status::NotRun, summary: because.into(), ..Finding::new(name) }
    }

    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.data.insert(key.into(), value.into());
    }
}
