//! `--record`, `--record-on-failure` and `--replay`: a run in a file. It does not know what the run is for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use debug::checks::{Finding, Input, Names, Script, Status};
use debug::guardian::Ward;
use debug::image::KernelFiles;
use debug::output::OutputFile;
use debug::recording::{Recording, Run};
use debug::{Embedded, Image};
use regex::bytes::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kernel::Kernel;

const HEADING: &str = "Recording";

/// The options of a kernel and its machine. A recording has them, so who replays one may not say them.
pub const OF_THE_RECORDING: [&str; 11] = [
    "kernel",
    "load_address",
    "symbols",
    "initrd",
    "append",
    "memory",
    "cpu",
    "raw",
    "BuildArguments",
    "DeviceArguments",
    "QemuArguments",
];

/// Where the run is written to.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = HEADING)]
pub struct RecordArgument {
    /// Writes the run on the embedded machine to FILE: all that determines it, for --replay
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

impl RecordArgument {
    /// Refuses a file that cannot be written, before there is a run to be lost.
    pub fn check(&self, kernel: &Kernel) -> anyhow::Result<()> {
        if let Some(path) = &self.record {
            drop(OutputFile::create(path, &kernel.files())?);
        }
        Ok(())
    }
}

/// A recording, and the folder with its files, which does not outlive us.
pub struct Replay {
    pub recording: Recording,
    folder: PathBuf,
    _ward: Ward,
}

impl Replay {
    pub fn open(path: &Path) -> anyhow::Result<Replay> {
        let recording = Recording::open(path)?;
        let (ward, folder) =
            Ward::with_folder().context("cannot make a folder for the recording's files; try: TMPDIR=FOLDER")?;
        Ok(Replay { recording, folder, _ward: ward })
    }

    /// Its kernel and machine, whose files stay as long as this does; `guest`: the symbols of its guest, which it does not have.
    pub fn kernel(&self, guest: Option<PathBuf>) -> anyhow::Result<Kernel> {
        let files = KernelFiles { guest, ..self.recording.unpack(&self.folder)? };
        let mut kernel = Kernel::of_files(files, self.recording.options(&self.folder)?)?;
        kernel.image.set_path(self.recording.kernel_name());
        Ok(kernel)
    }
}

/// The run of this machine.
pub fn of(kernel: &Kernel, image: &Image, machine: &mut Embedded, purpose: Value) -> anyhow::Result<Recording> {
    let load_address = kernel.files.load_address;
    Ok(Recording::of(Run { image, load_address, options: &kernel.options, purpose }, machine)?)
}

/// Writes a run to a file.
pub fn save(kernel: &Kernel, recording: &Recording, path: &Path) -> anyhow::Result<()> {
    OutputFile::create(path, &kernel.files())?.write(&recording.to_bytes())?;
    Ok(())
}

/// Writes the run of this machine to a file.
pub fn write(
    kernel: &Kernel,
    image: &Image,
    machine: &mut Embedded,
    purpose: Value,
    path: &Path,
) -> anyhow::Result<()> {
    save(kernel, &of(kernel, image, machine, purpose)?, path)
}

/// What a check needs besides the machine's run, to make the same checks again.
#[derive(Serialize, Deserialize)]
pub struct RecordedCheck {
    entry: Option<String>,
    stack_top: Option<String>,
    stack_bottom: Option<String>,
    bss_start: Option<String>,
    bss_end: Option<String>,
    expect: Vec<String>,
    forbid: Vec<String>,
    /// What is typed, and what must have been printed before.
    input: Vec<(Vec<u8>, Vec<u8>)>,
    pub min_margin: u64,
    #[serde(default)]
    pub step: bool,
    /// Boots with other conditions were asked for.
    #[serde(default)]
    pub harsh: bool,
    /// A comparison with QEMU was asked for.
    #[serde(default)]
    pub with_qemu: bool,
    /// The limits of the boot; older recordings have none.
    #[serde(default)]
    pub timeout: Option<Duration>,
    #[serde(default)]
    pub instructions: Option<u64>,
    /// The checks on the embedded machine, in order.
    statuses: Vec<(String, String)>,
}

impl RecordedCheck {
    pub fn new(names: Names, script: &Script, min_margin: u64, findings: &[Finding]) -> RecordedCheck {
        let texts = |patterns: &[Regex]| patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
        RecordedCheck {
            entry: names.entry,
            stack_top: names.stack_top,
            stack_bottom: names.stack_bottom,
            bss_start: names.bss_start,
            bss_end: names.bss_end,
            expect: texts(&script.expect),
            forbid: texts(&script.forbid),
            input: script.input.iter().map(|input| (input.text.clone(), input.after.clone())).collect(),
            min_margin,
            step: false,
            harsh: false,
            with_qemu: false,
            timeout: None,
            instructions: None,
            statuses: statuses(findings),
        }
    }

    /// What a recording was made for.
    pub fn to_purpose(&self) -> anyhow::Result<Value> {
        Ok(serde_json::json!({ "check": serde_json::to_value(self)? }))
    }

    pub fn of(replay: &Replay, path: &Path) -> anyhow::Result<RecordedCheck> {
        match replay.recording.purpose().get("check") {
            Some(check) => serde_json::from_value(check.clone()).with_context(|| {
                format!("the recording {} has checks that this version does not know", path.display())
            }),
            None => {
                bail!(
                    "{file} is not a recording of checks; try: cargo debug serve --replay {file}",
                    file = path.display()
                )
            }
        }
    }

    pub fn names(&self) -> Names {
        Names {
            entry: self.entry.clone(),
            stack_top: self.stack_top.clone(),
            stack_bottom: self.stack_bottom.clone(),
            bss_start: self.bss_start.clone(),
            bss_end: self.bss_end.clone(),
        }
    }

    pub fn script(&self) -> anyhow::Result<Script> {
        let patterns = |texts: &[String]| {
            texts
                .iter()
                .map(|text| Regex::new(text))
                .collect::<Result<_, _>>()
                .context("a pattern in the recording is not a regular expression")
        };
        let input = self.input.iter().map(|(text, after)| Input { text: text.clone(), after: after.clone() });
        Ok(Script { expect: patterns(&self.expect)?, forbid: patterns(&self.forbid)?, input: input.collect() })
    }

    /// Refuses other results than the recorded ones, where the recorded checks were made on the embedded machine.
    pub fn compare(&self, findings: &[Finding]) -> anyhow::Result<()> {
        let now = statuses(findings);
        if !self.statuses.is_empty() && self.statuses.len() != now.len() {
            bail!("this version makes {} checks, and the recorded run had {}", now.len(), self.statuses.len());
        }
        match self.statuses.iter().zip(&now).find(|(then, now)| then != now) {
            Some(((name, then), (_, now))) => {
                bail!("this version judges the recorded run differently: {name} was {then} and is {now}")
            }
            None => Ok(()),
        }
    }
}

fn statuses(findings: &[Finding]) -> Vec<(String, String)> {
    let word = |status| match status {
        Status::Pass => "ok",
        Status::Fail => "FAIL",
        Status::NotRun => "not run",
    };
    findings.iter().map(|finding| (finding.name.to_owned(), word(finding.status).to_owned())).collect()
}
