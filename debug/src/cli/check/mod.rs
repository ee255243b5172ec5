//! `cargo debug check`: boots a kernel, makes all checks, and gives a verdict.
//!
//! ```text
//! $ cargo debug check
//! ```

mod keeper;
mod machines;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anstream::{AutoStream, ColorChoice};
use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use debug::checks::{self, ClearProgress, Finding, Input, Layout, MemoryMap, Options, Script, Status};
use debug::output::OutputFile;
use debug::report::{Format, Report, Verdict};
use debug::{Embedded, Machine, Remote, embedded, rsp};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use regex::bytes::Regex;
use signal_hook::consts::SIGCONT;

use crate::cli::kernel::{Kernel, KernelArguments};
use crate::cli::machine_arg::MachineArg;
use crate::cli::narration;
use crate::cli::page;
use crate::cli::places::{PlaceArguments, with_option};
use crate::cli::recording::{OF_THE_RECORDING, RecordArgument, Replay};
use crate::cli::values::{Text, seconds, unescaped};
use crate::cli::{harsh, schedules};
use keeper::Keeper;
use machines::{companion, embedded, lockstep, on_embedded, on_qemu};

/// How much longer than the kernel the machine may run, for the last requests.
const GRACE: Duration = Duration::from_secs(12);

const CONSOLE: &str = "Console";

/// What else a recording of checks has.
const OF_THE_CHECK: [&str; 15] = [
    "record",
    "record_on_failure",
    "on",
    "harsh",
    "schedules",
    "step",
    "expect",
    "forbid",
    "input",
    "after",
    "min_margin",
    "boot_hart",
    "timeout",
    "instructions",
    "PlaceArguments",
];

/// Boots a kernel, checks its boot from reset to the idle loop, and gives a verdict.
///
/// Seven checks: image, handoff, stack, bss, trap, idle, margin. Works on any riscv64 or riscv32 kernel for QEMU's virt machine. If no
/// symbol names its stack or its BSS, they are guessed, and the report says so.
///
/// Exit status: 0 all checks hold, 1 a check failed, 2 no verdict (standard error says why).
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    pub kernel: KernelArguments,

    /// The machine: qemu starts QEMU; embedded uses the machine in this program; both compares the two after every
    /// instruction; HOST:PORT or unix:PATH attaches to a GDB stub that waits at reset [default: qemu if it is installed,
    /// else embedded]
    #[arg(long, value_name = "MACHINE")]
    pub on: Option<MachineArg>,

    #[command(flatten)]
    pub places: PlaceArguments,

    /// The report's format
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    format: FormatArg,

    /// Writes the report to FILE, and the text report to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Writes a page to look at to FILE: the verdict, the time line, memory, the clear, the stack and a flame graph
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Appends the verdict as Markdown to FILE, such as "$GITHUB_STEP_SUMMARY"
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,

    /// Executes the BSS clear one instruction at a time, and counts the instructions (slow)
    #[arg(long)]
    pub step: bool,

    /// The hart that boots [default: the first that reaches the entry; with --bios none, where all do, 0]
    #[arg(long, value_name = "HART")]
    boot_hart: Option<u64>,

    /// How many bytes of the stack have to remain unused
    #[arg(long, value_name = "BYTES", default_value = "0")]
    pub min_margin: u64,

    /// Boots again and again on the embedded machine, each time with one thing that the boot protocol does not promise changed:
    /// an eighth check, luck
    #[arg(long)]
    pub harsh: bool,

    /// Boots as often on the embedded machine, each time with another --schedule, the seeds from 1 on: another check, schedules. A boot
    /// that fails is compared with one that passes
    #[arg(long, value_name = "N", help_heading = "Harts", value_parser = clap::value_parser!(u64).range(1..))]
    pub schedules: Option<u64>,

    /// A regular expression that the kernel must print. The boot passes as soon as it is printed, even if the kernel would run
    /// for ever. Can be repeated: then all of them
    #[arg(long, value_name = "REGEX", help_heading = CONSOLE)]
    pub expect: Vec<Regex>,

    /// A regular expression that the kernel must not print. Can be repeated
    #[arg(long, value_name = "REGEX", help_heading = CONSOLE)]
    pub forbid: Vec<Regex>,

    /// Types TEXT, in which \n, \r, \t and \\ mean the same as in C. Can be repeated: one after the other
    #[arg(long, value_name = "TEXT", help_heading = CONSOLE, value_parser = unescaped)]
    pub input: Vec<Text>,

    /// Types the --input in the same position only after the kernel has printed TEXT (not a regular expression)
    #[arg(long, value_name = "TEXT", help_heading = CONSOLE, value_parser = unescaped)]
    pub after: Vec<Text>,

    /// Writes everything that the kernel prints to FILE
    #[arg(long, value_name = "FILE", help_heading = CONSOLE)]
    console: Option<PathBuf>,

    #[command(flatten)]
    pub recording: RecordArgument,

    /// If a check fails, writes the run on the embedded machine to DIR/KERNEL.rec
    #[arg(long, value_name = "DIR", help_heading = "Recording")]
    pub record_on_failure: Option<PathBuf>,

    /// Makes the recorded checks again, of the recorded run; kernel and options are the recording's
    #[arg(long, value_name = "FILE", help_heading = "Recording", conflicts_with_all = OF_THE_RECORDING, conflicts_with_all = OF_THE_CHECK)]
    pub replay: Option<PathBuf>,

    /// The time limit for the boot. On the embedded machine each second is 300 million instructions, and the clock
    /// ends a boot only after four times as long: the verdict does not depend on how busy the host is
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,

    /// How many instructions the boot may take on the embedded machine; QEMU does not count them [default: 300 million for each
    /// second of --timeout]
    #[arg(long, value_name = "N")]
    instructions: Option<u64>,
}

/// How a report is written.
#[derive(Clone, Copy, ValueEnum)]
enum FormatArg {
    /// For people: a line for each check, details of failures, and the verdict
    Text,
    /// For programs: one JSON object, stable while its `schema` is 1
    Json,
    /// For CI: JUnit XML with a test case for each check
    Junit,
}

impl From<FormatArg> for Format {
    fn from(argument: FormatArg) -> Format {
        match argument {
            FormatArg::Text => Format::Text,
            FormatArg::Json => Format::Json,
            FormatArg::Junit => Format::Junit,
        }
    }
}

/// Runs the command. Returns true if every check holds.
pub fn run(mut arguments: Arguments) -> anyhow::Result<bool> {
    let replay = arguments.replay.as_deref().map(Replay::open).transpose()?;
    let mut kernel = match &replay {
        Some(replay) => arguments.take_over(replay)?,
        None => arguments.kernel.read()?,
    };
    // Where there is no such hart, handoff says so.
    let is_there = |hart: &u64| *hart < kernel.options.harts as u64;
    kernel.options.boot_hart = kernel.options.boot_hart.or(arguments.boot_hart.filter(is_there));
    let kernel = kernel;
    let image = &kernel.image;
    let layout = Layout::of(image, arguments.places.names()).map_err(with_option)?;
    let mut layout = layout.in_memory(kernel.options.memory_mib);
    let on = arguments.kernel.machine_or_usual(arguments.on.as_ref())?;
    if layout.needs_stack() {
        kernel.find_stack(&mut layout, &on, arguments.timeout)?;
    }
    let output = arguments.output.as_deref().map(|path| OutputFile::create(path, &kernel.files())).transpose()?;
    let console_file =
        arguments.console.as_deref().map(|path| OutputFile::create(path, &kernel.files())).transpose()?;
    let page_file = arguments.html.as_deref().map(|path| OutputFile::create(path, &kernel.files())).transpose()?;
    arguments.recording.check(&kernel)?;
    let mut printed = None;
    let continued = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGCONT, Arc::clone(&continued)).context("cannot install a signal handler")?;
    let begin = Instant::now();
    let keeper = Keeper::new(&arguments, &kernel, replay.as_ref());
    let findings = walk(&arguments, &on, &keeper, &layout, &mut printed);
    let fails =
        findings.as_ref().map_or(true, |findings| findings.iter().any(|finding| finding.status != Status::Pass));
    if fails && continued.load(Ordering::Relaxed) {
        // The time limit went on, and so did QEMU.
        bail!("no verdict: this command was stopped (Ctrl-Z, SIGSTOP) and continued meanwhile; try: run it again");
    }
    let mut findings = findings?;
    if arguments.harsh {
        let limits = (arguments.timeout, arguments.instructions);
        findings.push(harsh::luck(&kernel, &layout, &findings, limits, &arguments.script()));
    }
    let mut shared: Vec<_> =
        keeper.sharing.take().map(|sharing| (kernel.options.schedule, sharing)).into_iter().collect();
    if let Some(count) = arguments.schedules {
        if kernel.options.harts == 1 {
            bail!(
                "--schedules is about the order of several harts, and there is one; try: --smp 4 --schedules {count}"
            );
        }
        let (timeout, instructions, boot_hart) = (arguments.timeout, arguments.instructions, arguments.boot_hart);
        let script = arguments.script();
        let first = keeper.kept.borrow().as_ref().map(|(_, icount)| *icount);
        let boots =
            schedules::Boots { kernel: &kernel, layout: &layout, timeout, first, instructions, script, boot_hart };
        let finding = boots.check(count, &findings, &mut shared);
        findings.push(finding);
    }
    if !shared.is_empty() {
        findings.push(checks::races(&kernel.image, &layout, kernel.options.harts, &shared));
    }
    keeper.finish(&findings)?;
    let console = printed.as_deref().map(checks::console::last_lines);
    let report = Report {
        machine: on.name(),
        kernel: kernel.image.path().to_owned(),
        elapsed: begin.elapsed(),
        findings,
        console,
    };
    let commands = keeper.commands(&report);
    if let Some(path) = &arguments.summary {
        let file = fs::OpenOptions::new().append(true).create(true).open(path);
        let written = file.and_then(|mut file| file.write_all(report.markdown(&commands).as_bytes()));
        written.with_context(|| format!("cannot append to {}; try: another file, --summary FILE", path.display()))?;
    }
    if let Some(file) = page_file {
        let page = page::html(&report, &kernel, &layout, keeper.kept.take(), &commands)?;
        file.write(page.as_bytes())?;
    }
    if let Some(file) = console_file {
        file.write(&printed.unwrap_or_default())?;
    }
    deliver(&report, arguments.format.into(), output)?;
    Ok(report.verdict() == Verdict::Pass)
}

impl Arguments {
    pub fn script(&self) -> Script {
        let after = self.after.iter().map(|text| text.0.clone()).chain(std::iter::repeat_with(Vec::new));
        let input = self.input.iter().zip(after).map(|(text, after)| Input { after, text: text.0.clone() });
        Script { expect: self.expect.clone(), forbid: self.forbid.clone(), input: input.collect() }
    }
}

/// Starts the machine, or attaches to it, and makes the checks. An image that cannot boot needs no machine.
fn walk(
    arguments: &Arguments,
    on: &MachineArg,
    keeper: &Keeper<'_>,
    layout: &Layout,
    printed: &mut Option<Vec<u8>>,
) -> anyhow::Result<Vec<Finding>> {
    let kernel = keeper.kernel;
    let image = &kernel.image;
    if checks::check_image(image, layout).status == Status::Fail {
        return without_walk(kernel, layout, arguments.timeout);
    }
    let smp = arguments.kernel.qemu.smp;
    if smp > 1 && !matches!(on, MachineArg::Qemu | MachineArg::Embedded) {
        anyhow::bail!(
            "--smp {smp} needs --on qemu or --on embedded, not --on {on}; try: --on embedded --smp {smp}",
            on = on.name()
        );
    }
    if arguments.instructions.is_some() && !matches!(on, MachineArg::Embedded | MachineArg::Both) {
        narration::say(&format!(
            "--instructions has no effect on {}, which does not count them: --timeout limits the boot; try: --on embedded",
            on.name()
        ));
    }
    let timeout = arguments.timeout;
    let bar = progress_bar(arguments.step);
    let mut show = |progress: ClearProgress| {
        bar.set_length(progress.total);
        bar.set_position(progress.cleared);
        bar.set_message(format!("{} instructions", progress.instructions));
    };
    let _waiting = (!arguments.step).then(|| narration::Waiting::until(&format!("walking the boot on {}", on.name())));
    let mut companion = companion(on, kernel);
    let options = Options {
        timeout,
        instructions: arguments.instructions,
        boot_hart: arguments.boot_hart,
        step: arguments.step.then_some(&mut show),
        companion: companion.as_mut().map(|machine| machine as &mut dyn Machine),
        min_margin: arguments.min_margin,
        script: arguments.script(),
        console: (!matches!(on, MachineArg::Stub(_))).then(|| printed.insert(Vec::new())),
    };
    let findings = match on {
        MachineArg::Stub(target) => {
            let mut stub = Remote::attach(target, Instant::now() + timeout + GRACE).map_err(with_command)?;
            if stub.xlen() != image.xlen() {
                anyhow::bail!(
                    "{} is for {}, and the machine at {} is {}; try: the stub of a machine for this kernel",
                    image.path().display(),
                    image.xlen().architecture(),
                    on.name(),
                    stub.xlen().architecture()
                );
            }
            let findings = checks::check(&mut stub, image, layout, options);
            // Leave it stopped for its owner, where the run ended.
            findings?
        }
        MachineArg::Embedded => on_embedded(keeper, layout, options)?,
        MachineArg::Both => {
            let mut findings = on_embedded(keeper, layout, options)?;
            if findings.iter().any(|finding| finding.status != Status::NotRun && finding.name != "image") {
                findings.push(lockstep(kernel, layout, timeout)?);
            }
            findings
        }
        MachineArg::Qemu => on_qemu(kernel, layout, options)?,
    };
    bar.finish_and_clear();
    if let Some(companion) = &mut companion {
        keeper.keep(companion, &findings, false)?;
    }
    Ok(findings)
}

/// For an image that cannot boot. Where a kernel lies that no machine loads tells more than that its stack was not found.
fn without_walk(kernel: &Kernel, layout: &Layout, timeout: Duration) -> anyhow::Result<Vec<Finding>> {
    let image = &kernel.image;
    if layout.needs_stack() && embedded(kernel).is_err_and(|error| error.is_about_the_kernel()) {
        let mut machine = Embedded::load(&debug::image::neutral_image(image.xlen()), &embedded::Options::default())?;
        let memory = MemoryMap::of_neutral(&mut machine, timeout)?;
        if let Some(findings) = memory.and_then(|memory| checks::misplaced(image, layout, &memory)) {
            return Ok(findings);
        }
    }
    Ok(checks::without_machine(image, layout))
}

/// What starts a stub where there is none.
fn with_command(error: rsp::Error) -> anyhow::Error {
    match error {
        rsp::Error::Connect { .. } => anyhow::anyhow!("{error}; try: ./run.sh --wait"),
        error => error.into(),
    }
}

/// A progress bar, which is shown only on a terminal.
fn progress_bar(step: bool) -> ProgressBar {
    let target = if step { narration::target() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("bss {bar:40} {percent}% {msg} {elapsed}")
        .expect("the template has known keys only");
    ProgressBar::with_draw_target(None, target).with_style(style)
}

fn deliver(report: &Report, format: Format, output: Option<OutputFile>) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let colour = AutoStream::choice(&stdout) != ColorChoice::Never;
    let shown = if output.is_some() { Format::Text } else { format };
    if let Some(output) = output {
        let mut contents = Vec::new();
        report.write(format, false, &mut contents).context("cannot write the report")?;
        output.write(&contents)?;
    }
    report.write(shown, colour, &mut stdout).and_then(|()| stdout.flush()).context("cannot write to standard output")
}
