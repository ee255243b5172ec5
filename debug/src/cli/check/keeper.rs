//! What becomes of a checked run besides its report: a recording, a comparison with one, the commands that go on. It does not check.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use debug::ask;
use debug::checks::{self, Finding, Status};
use debug::guardian::quoted;
use debug::machine::Sharing;
use debug::recording::Recording;
use debug::report::Report;
use debug::{Address, Embedded};

use super::Arguments;
use crate::cli::kernel::Kernel;
use crate::cli::machine_arg::MachineArg;
use crate::cli::places::PlaceArguments;
use crate::cli::recording::{self, RecordedCheck, Replay};
use crate::cli::values::Text;
use crate::cli::{narration, page};

/// How long the moment of a failure is searched for.
const SEARCH: Duration = Duration::from_secs(2);
/// A time limit that no run reaches, for recordings that do not know theirs.
const NEVER: Duration = Duration::from_secs(1 << 31);

/// What becomes of the embedded machine's run after the checks.
pub struct Keeper<'a> {
    pub arguments: &'a Arguments,
    pub kernel: &'a Kernel,
    pub replay: Option<&'a Replay>,
    /// There was a run: its changes from outside, and its end.
    pub kept: RefCell<Option<page::Ran>>,
    /// The run, in case that something fails which comes after it.
    waiting: RefCell<Option<Recording>>,
    /// A recording was written because a check failed.
    recorded_failure: Cell<bool>,
    /// When the instruction of the failure was executed last.
    moment: Cell<Option<u64>>,
    /// What several harts shared.
    pub sharing: RefCell<Option<Sharing>>,
}

impl<'a> Keeper<'a> {
    pub fn new(arguments: &'a Arguments, kernel: &'a Kernel, replay: Option<&'a Replay>) -> Keeper<'a> {
        Keeper {
            arguments,
            kernel,
            replay,
            kept: RefCell::default(),
            waiting: RefCell::default(),
            recorded_failure: Cell::default(),
            moment: Cell::default(),
            sharing: RefCell::default(),
        }
    }

    /// Records the run if that was asked for, or compares it with the recorded one. `judged`: the findings are of this machine; those of a
    /// companion's run are not, and are not recorded.
    pub fn keep(&self, machine: &mut Embedded, findings: &[Finding], judged: bool) -> anyhow::Result<()> {
        *self.kept.borrow_mut() = Some((machine.changes().to_vec(), machine.icount()));
        *self.sharing.borrow_mut() = machine.sharing();
        let arguments = self.arguments;
        if let (Some(replay), Some(path)) = (self.replay, &arguments.replay) {
            RecordedCheck::of(replay, path)?.compare(findings)?;
            replay.recording.compare(machine)?;
        } else if arguments.recording.record.is_some() || arguments.record_on_failure.is_some() {
            self.record(machine, findings, judged)?;
        }
        if arguments.html.is_some() || arguments.summary.is_some() {
            self.moment.set(self.moment_of_failure(machine, findings));
        }
        Ok(())
    }

    fn record(&self, machine: &mut Embedded, findings: &[Finding], judged: bool) -> anyhow::Result<()> {
        let (arguments, fails) = (self.arguments, fails(findings));
        let with_qemu = matches!(arguments.on, Some(MachineArg::Both));
        let may_fail_yet = arguments.record_on_failure.is_some() && !fails && (arguments.harsh || with_qemu);
        if arguments.recording.record.is_none() && !fails && !may_fail_yet {
            return Ok(());
        }
        let (names, judgement) = (arguments.places.names(), if judged { findings } else { &[] });
        let mut check = RecordedCheck::new(names, &arguments.script(), arguments.min_margin, judgement);
        (check.timeout, check.instructions) = arguments.limits(judged);
        (check.step, check.harsh, check.with_qemu) = (arguments.step, arguments.harsh, with_qemu);
        let recording = recording::of(self.kernel, &self.kernel.image, machine, check.to_purpose()?)?;
        if let Some(path) = &arguments.recording.record {
            recording::save(self.kernel, &recording, path)?;
        }
        if fails {
            self.save_failure(&recording)?;
        }
        *self.waiting.borrow_mut() = may_fail_yet.then_some(recording);
        Ok(())
    }

    fn save_failure(&self, recording: &Recording) -> anyhow::Result<()> {
        let Some(folder) = &self.arguments.record_on_failure else { return Ok(()) };
        fs::create_dir_all(folder).with_context(|| {
            format!("cannot make the folder {}; try: another, --record-on-failure DIR", folder.display())
        })?;
        recording::save(self.kernel, recording, &folder.join(name_of_recording(self.kernel)))?;
        self.recorded_failure.set(true);
        Ok(())
    }

    /// When the instruction at the place of the first failure was executed last; `None` where it was not, or the search takes too long.
    fn moment_of_failure(&self, machine: &mut Embedded, findings: &[Finding]) -> Option<u64> {
        let failed = findings.iter().find(|finding| finding.status == Status::Fail)?;
        let (place, deadline) = (failed.location.as_ref()?.address, Instant::now() + SEARCH);
        // What faults is not executed.
        let pc = Address(machine.general_registers().pc);
        if [place, self.kernel.image.physical(place)].contains(&pc) {
            return Some(machine.icount());
        }
        let arrivals = ask::when(machine, &self.kernel.image, place, &mut |_| Instant::now() < deadline);
        arrivals.ok()?.last.map(|last| last.icount)
    }

    /// All checks are made, also those that need other runs. Refuses a recording of nothing.
    pub fn finish(&self, findings: &[Finding]) -> anyhow::Result<()> {
        if self.arguments.recording.record.is_some() && self.kept.borrow().is_none() {
            bail!("nothing is recorded: the kernel did not run on the embedded machine; try: without --record")
        }
        if self.arguments.record_on_failure.is_some() && self.kept.borrow().is_none() && fails(findings) {
            narration::say("nothing is recorded: the kernel did not run on the embedded machine");
        }
        match self.waiting.take().filter(|_| fails(findings)) {
            Some(recording) => self.save_failure(&recording),
            None => Ok(()),
        }
    }

    /// What goes to the place of a failure: the machine, and GDB at that moment.
    pub fn commands(&self, report: &Report) -> Vec<String> {
        let on_failure = self.recorded_failure.get().then(|| PathBuf::from(name_of_recording(self.kernel)));
        let arguments = self.arguments;
        let of = match arguments.recording.record.clone().or_else(|| arguments.replay.clone()).or(on_failure) {
            Some(file) => format!("--replay {}", quoted(&[file])),
            None => format!("--kernel {}", quoted(&[&self.kernel.files.kernel])),
        };
        let mut commands = vec![format!("cargo debug serve {of}"), "gdb-multiarch -ex 'target remote :1234'".into()];
        let failed = report.findings.iter().find(|finding| finding.status == Status::Fail);
        match (self.moment.get(), failed.and_then(|finding| finding.location.as_ref())) {
            // GDB does not know that the machine has moved.
            (Some(moment), _) => {
                commands[1] += &format!(" -ex 'monitor goto {moment}' -ex 'maintenance flush register-cache'");
            }
            (None, Some(place)) => {
                commands.push(format!("cargo debug ask when {} {of}    # then, in GDB: monitor goto N", place.address));
            }
            (None, None) => {}
        }
        commands
    }
}

fn fails(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.status != Status::Pass)
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
        let kernel = replay.kernel(self.kernel.guest_symbols.clone())?;
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
            (check.min_margin, Some(MachineArg::Embedded), check.harsh, check.step);
        if check.with_qemu {
            narration::say(
                "the recorded check compared with QEMU as well, which a recording does not have; try: check --on both, with the kernel",
            );
        }
        // What ended the recorded run ends this one, however long that takes here.
        self.instructions = check.instructions;
        if replay.recording.follow_clock(&mut machine) {
            self.timeout = check.timeout.unwrap_or(NEVER);
        }
        Ok(kernel)
    }

    /// The limits of the run: those of the checks, or of a companion.
    fn limits(&self, judged: bool) -> (Option<Duration>, Option<u64>) {
        let longest = if judged { self.timeout } else { self.timeout.min(checks::LONGEST_OF_COMPANION) };
        (Some(longest), self.instructions.filter(|_| judged))
    }
}
