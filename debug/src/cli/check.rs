//! `cargo debug check`: one walk through a kernel's boot, one verdict.
//!
//! ```text
//! $ cargo debug check
//! ```

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use debug::checks::{self, ClearProgress, Finding, Layout, Names, Options, Status};
use debug::output::OutputFile;
use debug::report::{Format, Report, Verdict};
use debug::{Embedded, Image, Machine, Qemu, Remote, embedded, qemu};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::machine_arg::MachineArg;

/// How much longer than the kernel the machine may take to answer the last questions.
const GRACE: Duration = Duration::from_secs(5);

/// Boots a kernel, walks it from reset to its idle loop, and gives a verdict.
///
/// Seven checks: image, handoff, stack, bss, trap, idle, margin. Works on any riscv64 kernel for QEMU's virt machine that
/// has symbols for its entry, its stack and its BSS.
///
/// Exit status: 0 all hold, 1 a check failed, 2 no verdict (standard error says why).
#[derive(Args)]
pub struct Arguments {
    /// The kernel [default: hypervisor.elf, freshly built]
    #[arg(long, value_name = "PATH")]
    elf: Option<PathBuf>,

    /// The machine: qemu to start one, embedded for the one in this program, both to compare them after every
    /// instruction, or a stub that waits at reset, as HOST:PORT or unix:PATH [default: qemu where it is installed, else
    /// embedded]
    #[arg(long, value_name = "MACHINE")]
    on: Option<MachineArg>,

    /// The symbol of the first instruction
    #[arg(long, value_name = "SYMBOL", default_value = "boot", help_heading = "Symbols")]
    entry: String,

    /// The symbol of the stack's end, where sp starts
    #[arg(long, value_name = "SYMBOL", default_value = "__stack_top", help_heading = "Symbols")]
    stack_top: String,

    /// The symbol of the stack's lowest byte [default: __stack_bottom, else the symbol next below the top]
    #[arg(long, value_name = "SYMBOL", help_heading = "Symbols")]
    stack_bottom: Option<String>,

    /// The symbol of BSS's first byte
    #[arg(long, value_name = "SYMBOL", default_value = "__bss", help_heading = "Symbols")]
    bss_start: String,

    /// The symbol of BSS's end, exclusive
    #[arg(long, value_name = "SYMBOL", default_value = "__bss_end", help_heading = "Symbols")]
    bss_end: String,

    /// The report's format
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    format: Format,

    /// Writes the report there, and its text to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Executes the BSS clear one instruction at a time, and counts: exact and slow
    #[arg(long)]
    step: bool,

    /// How many harts QEMU gets
    #[arg(long, value_name = "HARTS", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=512))]
    smp: u32,

    /// The hart to follow, where it is not to be the first that comes to the entry
    #[arg(long, value_name = "HART")]
    boot_hart: Option<u64>,

    /// How long the walk may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,
}

/// True when every check held.
pub fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let kernel = match &arguments.elf {
        Some(path) => path.clone(),
        None => qemu::build_kernel()?,
    };
    let image = Image::open(&kernel)?;
    let layout = Layout::of(&image, arguments.names())?;
    let on = arguments.on.clone().unwrap_or_else(MachineArg::installed);
    let output = arguments.output.as_deref().map(|path| OutputFile::create(path, &[&kernel])).transpose()?;
    let begin = Instant::now();
    let findings = walk(&arguments, &on, &image, &layout)?;
    let report = Report { machine: on.name(), kernel, elapsed: begin.elapsed(), findings };
    deliver(&report, arguments.format, output)?;
    Ok(report.verdict() == Verdict::Pass)
}

impl Arguments {
    fn names(&self) -> Names {
        Names {
            entry: self.entry.clone(),
            stack_top: self.stack_top.clone(),
            stack_bottom: self.stack_bottom.clone(),
            bss_start: self.bss_start.clone(),
            bss_end: self.bss_end.clone(),
        }
    }
}

/// Starts the machine, or attaches to it, and walks; a kernel whose image cannot boot needs none.
fn walk(arguments: &Arguments, on: &MachineArg, image: &Image, layout: &Layout) -> anyhow::Result<Vec<Finding>> {
    if checks::check_image(image, layout).status == Status::Fail {
        return Ok(checks::without_machine(image, layout));
    }
    if arguments.smp > 1 && !matches!(on, MachineArg::Qemu) {
        let smp = arguments.smp;
        anyhow::bail!(
            "--smp {smp} is for a QEMU that this starts, and not for --on {on}; try: --on qemu --smp {smp}",
            on = on.name()
        );
    }
    let timeout = arguments.timeout;
    let bar = progress_bar(arguments.step);
    let mut show = |progress: ClearProgress| {
        bar.set_length(progress.total);
        bar.set_position(progress.cleared);
        bar.set_message(format!("{} instructions", progress.instructions));
    };
    let mut companion = companion(on, image);
    let options = Options {
        timeout,
        boot_hart: arguments.boot_hart,
        step: arguments.step.then_some(&mut show),
        companion: companion.as_mut().map(|machine| machine as &mut dyn Machine),
    };
    let findings = match on {
        MachineArg::Stub(target) => {
            let mut stub = Remote::attach(target, Instant::now() + timeout + GRACE)?;
            let findings = checks::check(&mut stub, image, layout, options);
            // Its owner finds it standing still, where the walk ended.
            findings?
        }
        MachineArg::Embedded => checks::check(&mut embedded(image)?, image, layout, options)?,
        MachineArg::Both => {
            let mut findings = checks::check(&mut embedded(image)?, image, layout, options)?;
            findings.push(lockstep(image, layout, timeout)?);
            findings
        }
        MachineArg::Qemu => {
            let mut qemu = Qemu::start_with_harts(image.path(), arguments.smp, timeout + GRACE)?;
            let findings = checks::check(&mut *qemu, image, layout, options);
            findings.with_context(|| last_words(&qemu))?
        }
    };
    bar.finish_and_clear();
    Ok(findings)
}

/// The machine that shows what the one that was asked for does not; none where the kernel does not fit into it.
fn companion(on: &MachineArg, image: &Image) -> Option<Embedded> {
    matches!(on, MachineArg::Qemu | MachineArg::Stub(_)).then(|| embedded(image).ok()).flatten()
}

fn embedded(image: &Image) -> Result<Embedded, embedded::Error> {
    Embedded::open(image.path(), &embedded::Options::default())
}

/// QEMU is the measure.
fn lockstep(image: &Image, layout: &Layout, timeout: Duration) -> anyhow::Result<Finding> {
    let mut qemu = Qemu::start(image.path(), timeout + GRACE)?;
    let finding = checks::lockstep::lockstep([&mut *qemu, &mut embedded(image)?], image, layout, timeout);
    finding.with_context(|| last_words(&qemu))
}

/// What QEMU said, for an error that it may be the reason of.
fn last_words(qemu: &Qemu) -> String {
    let words = qemu.words();
    let words: Vec<&str> = words.lines().filter(|line| !line.starts_with("+ ")).collect();
    match words.is_empty() {
        true => "no verdict".into(),
        false => format!("no verdict; QEMU said: {}", words.join("\n")),
    }
}

/// Drawn on a terminal only.
fn progress_bar(step: bool) -> ProgressBar {
    let target = if step && !is_dumb() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("bss {bar:40} {percent}% {msg} {elapsed}")
        .expect("the template has known keys only");
    ProgressBar::with_draw_target(None, target).with_style(style)
}

/// A terminal without colours, and without a cursor that moves.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb")
}

fn deliver(report: &Report, format: Format, output: Option<OutputFile>) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let colour =
        stdout.is_terminal() && !is_dumb() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let shown = if output.is_some() { Format::Text } else { format };
    if let Some(output) = output {
        let mut contents = Vec::new();
        report.write(format, false, &mut contents).context("cannot write the report")?;
        output.write(&contents)?;
    }
    report.write(shown, colour, &mut stdout).and_then(|()| stdout.flush()).context("cannot write to standard output")
}

/// A number of seconds, above 0 and up to a day.
fn seconds(text: &str) -> Result<Duration, String> {
    const DAY: f64 = 86_400.0;
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= DAY => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("a number of seconds above 0, up to {DAY}")),
    }
}
