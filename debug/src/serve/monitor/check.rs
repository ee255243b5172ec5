//! `monitor check`: the checks on a fresh machine of the same kernel, so that this one stays where it is.

use std::time::{Duration, Instant};

use super::super::target::GdbTarget;
use super::Answer;
use crate::checks::{self, Layout, Names, Options};
use crate::embedded::Embedded;
use crate::machine::Machine;
use crate::report::{Format, Report};

const TIMEOUT: Duration = Duration::from_secs(10);

impl GdbTarget {
    pub(super) fn check(&mut self) -> Answer {
        let failed = |error: &dyn std::fmt::Display| format!("no verdict: {error}");
        let begin = Instant::now();
        let layout = Layout::of(&self.image, Names::default()).map_err(|error| failed(&error))?;
        let mut machine = Embedded::open(&self.kernel, &self.options).map_err(|error| failed(&error))?;
        let options = Options { timeout: TIMEOUT, step: None };
        let findings = checks::check(&mut machine, &self.image, &layout, options).map_err(|error| failed(&error))?;
        let name = machine.name().to_owned();
        let report = Report { machine: name, kernel: self.kernel.clone(), elapsed: begin.elapsed(), findings };
        let mut text = Vec::new();
        report.write(Format::Text, false, &mut text).map_err(|error| failed(&error))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
