//! What becomes of a checked run besides its report: a recording, a comparison with one, the commands that go on. It does not check.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};
use debug::Embedded;
use debug::checks::{Finding, Status};
use debug::guardian::quoted;
use debug::report::Report;

use super::Arguments;
use crate::cli::kernel::Kernel;
use crate::cli::machine_arg::MachineArg;
use crate::cli::places::PlaceArguments;
use crate::cli::recording::{self, RecordedCheck, Replay};
use crate::cli::values::Text;
use crate::cli::{narration, page};

/// What becomes of the embedded machine's run after the checks.
pub struct Keeper<'a> {
    pub arguments: &'a Arguments,
    pub kernel: &'a Kernel,
    pub replay: Option<&'a Replay>,
    /// There was a run: its changes from outside, and its end.
    pub kept: RefCell<Option<page::Ran>>,
    /// A recording was written because a check failed.
    pub recorded_failure: Cell<bool>,
}

impl Keeper<'_> {
    /// Records the run if that was asked for, or compares it with the recorded one. `judged`: the findings are of this machine; those of a
    /// companion's run are not, and are not recorded.
    pub fn keep(&self, machine: &mut Embedded, findings: &[Finding], judged: bool) -> anyhow::Result<()> {
        *self.kept.borrow_mut() = Some((machine.changes().to_vec(), machine.icount()));
        let arguments = self.arguments;
        if let (Some(replay), Some(path)) = (self.replay, &arguments.replay) {
            RecordedCheck::of(replay, path)?.compare(findings)?;
            return Ok(replay.recording.compare(machine)?);
        }
        let fails = findings.iter().any(|finding| finding.status != Status::Pass);
        self.recorded_failure.set(fails && arguments.record_on_failure.is_some());
        let on_failure = arguments.record_on_failure.as_ref().filter(|_| fails).map(|folder| {
            let name = name_of_recording(self.kernel);
            fs::create_dir_all(folder).map(|()| folder.join(name)).with_context(|| {
                format!("cannot make the folder {}; try: another, --record-on-failure DIR", folder.display())
            })
        });
        for path in arguments.recording.record.iter().cloned().map(Ok).chain(on_failure) {
            let names = arguments.places.names();
            let judgement = if judged { findings } else { &[] };
            let check = RecordedCheck::new(names, &arguments.script(), arguments.min_margin, judgement);
            recording::write(self.kernel, &self.kernel.image, machine, check.to_purpose()?, &path?)?;
        }
        Ok(())
    }

    /// Refuses a recording of nothing.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.arguments.recording.record.is_some() && self.kept.borrow().is_none() {
            bail!("nothing is recorded: the kernel did not run on the embedded machine; try: without --record")
        }
        Ok(())
    }
}

/// The kernel's name, and `.rec`.
fn name_of_recording(kernel: &Kernel) -> OsString {
    let mut name = kernel.files.kernel.file_name().unwrap_or_default().to_owned();
    name.push(".rec");
    name
}

impl Arguments {
    /// Makes the recorded checks those that are made.
    pub fn take_over(&mut self, replay: &Replay) -> anyhow::Result<Kernel> {
        let path = self.replay.clone().unwrap_or_default();
        let check = RecordedCheck::of(replay, &path)?;
        let kernel = replay.kernel()?;
        let mut machine = Embedded::load(&kernel.image, &kernel.options)?;
        {
            let _waiting = narration::Waiting::until("doing the recorded run again");
            replay.recording.play(&mut machine)?;
        }
        let script = check.script()?;
        self.places = PlaceArguments::of(check.names());
        (self.expect, self.forbid) = (script.expect, script.forbid);
        (self.input, self.after) = script.input.into_iter().map(|input| (Text(input.text), Text(input.after))).unzip();
        (self.min_margin, self.on, self.harsh, self.step) =
            (check.min_margin, Some(MachineArg::Embedded), false, false);
        Ok(kernel)
    }

    /// What goes to the place of a failure, for a page; `recorded_failure`: --record-on-failure has written the run.
    pub fn commands(&self, kernel: &Kernel, report: &Report, recorded_failure: bool) -> Vec<String> {
        let on_failure = recorded_failure.then(|| PathBuf::from(name_of_recording(kernel)));
        let recorded = self.recording.record.clone().or_else(|| self.replay.clone()).or(on_failure);
        let of = match recorded {
            Some(file) => format!("--replay {}", quoted(&[file])),
            None => format!("--kernel {}", quoted(&[&kernel.files.kernel])),
        };
        let mut commands = vec![format!("cargo debug serve {of}"), "gdb-multiarch -ex 'target remote :1234'".into()];
        let failed = report.findings.iter().find(|finding| finding.status == Status::Fail);
        if let Some(place) = failed.and_then(|finding| finding.location.as_ref()) {
            commands.push(format!("cargo debug ask when {} {of}    # then, in GDB: monitor goto N", place.address));
        }
        commands
    }
}
