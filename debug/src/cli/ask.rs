//! `cargo debug ask`: questions about a run of the embedded machine, without GDB.
//!
//! ```text
//! $ cargo debug ask last-write __bss
//! ```

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use debug::Embedded;
use debug::ask::Question;
use debug::machine::Stop;
use debug::recording::Recording;
use debug::report::Answered;

use super::kernel::KernelArguments;
use super::narration;
use super::recording::{OF_THE_RECORDING, Replay};

/// How long the machine runs before a sign of life.
const SLICE: Duration = Duration::from_millis(100);

/// The command that shows a moment.
const GOTO: &str = "cargo debug ask at";

/// Boots a kernel on the embedded machine, and answers a question about its run.
///
/// Questions; PLACE is an address, a symbol or SYMBOL+OFFSET, BYTES 1 by default, or the symbol's size:
///
///   last-write PLACE [BYTES]    who wrote there last
///   first-write PLACE [BYTES]   who wrote there first
///   reads PLACE [BYTES]         which instructions read it, and how often
///   why                         the fault that ended the run, or the last trap
///   traps [N]                   the last N traps and interrupts
///   when PLACE                  each time that the instruction there was executed
///   at N                        registers, callers and line after N instructions
///   page PLACE                  the page table entries for an address, level by level
///
/// `monitor` answers the same in GDB. Between the question's name and PLACE, `physical` makes it a physical address.
///
/// Exit status: 0 something was found, 1 nothing (never written, never executed), 2 there is no answer.
#[derive(Args)]
#[command(verbatim_doc_comment)]
#[allow(rustdoc::broken_intra_doc_links)] // the brackets are those of a usage
pub struct Arguments {
    #[command(flatten)]
    kernel: KernelArguments,

    /// The question
    #[arg(required = true, value_name = "QUESTION")]
    question: Vec<String>,

    /// Asks about the run before the moment after N instructions
    #[arg(long, value_name = "N", value_parser = count)]
    before: Option<u64>,

    /// How many instructions the run has at most; it ends where the machine waits for ever, faults or powers off
    #[arg(long, value_name = "N", default_value = "100000000", value_parser = count)]
    until: u64,

    /// Asks about a recorded run, up to its end; kernel and options are the recording's
    #[arg(long, value_name = "FILE", conflicts_with_all = OF_THE_RECORDING, conflicts_with = "until")]
    replay: Option<PathBuf>,

    /// The answer's format
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    format: FormatArg,
}

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum FormatArg {
    /// For people
    Text,
    /// For programs: one JSON object, stable while its `schema` is 1
    Json,
}

/// Returns true if something was found.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let replay = arguments.replay.as_deref().map(Replay::open).transpose()?;
    let kernel = match &replay {
        Some(replay) => replay.kernel(arguments.kernel.guest_symbols.clone())?,
        None => arguments.kernel.read()?,
    };
    let image = &kernel.image;
    let words: Vec<&str> = arguments.question.iter().map(String::as_str).collect();
    let typed = words.join(" ");
    let Some(question) = Question::parse(&words, image) else {
        let usage = Question::USAGES.iter().zip(Question::names()).find(|(_, name)| words.first() == Some(name));
        if let Some((usage, _)) = usage {
            bail!("wrong arguments: usage: cargo debug ask {usage}; try: cargo debug ask --help");
        }
        let names: Vec<&str> = Question::names().collect();
        bail!("{typed} is not a question; the questions are {}; try: cargo debug ask --help", names.join(", "));
    };
    let question = question.map_err(anyhow::Error::msg)?;
    let mut machine = Embedded::load(image, &kernel.options)?;
    question.check(&machine).map_err(anyhow::Error::msg)?;
    let end = match &replay {
        Some(Replay { recording, .. }) => replayed(recording, &mut machine, arguments.before)?,
        None => run_to(&mut machine, arguments.before.unwrap_or(arguments.until), arguments.before.is_some())?,
    };
    let answer = {
        let _waiting = narration::Waiting::until("looking back");
        question.answer(&mut machine, image, &mut |_| true)?
    };
    let forgotten = question.forgets(&answer, &machine);
    let answered = Answered { question: &typed, image, icount: machine.icount(), end, answer: &answer, forgotten };
    tell(&answered, arguments.format).context("cannot write to standard output")?;
    Ok(answer.is_found())
}

/// Runs to a moment, or to where the run ends before; says which it was.
fn run_to(machine: &mut Embedded, target: u64, must_reach: bool) -> anyhow::Result<&'static str> {
    let _waiting = narration::Waiting::until("booting on embedded");
    let end = loop {
        match machine.run_to(target, false, SLICE) {
            Stop::Stepped => break "it was not followed further",
            Stop::Fault(_) => break "the machine cannot go on",
            Stop::Exited { .. } => break "the machine is off",
            _ if machine.waits_for_ever() => break "it waits for an interrupt that never comes",
            _ => {}
        }
    };
    if must_reach && machine.icount() < target {
        bail!(
            "the run has only {} instructions: {end}; try: a moment of it, --before {} or less",
            machine.icount(),
            machine.icount()
        );
    }
    Ok(end)
}

/// Does the recorded run again, and goes back to the moment before which is asked.
fn replayed(recording: &Recording, machine: &mut Embedded, before: Option<u64>) -> anyhow::Result<&'static str> {
    let _waiting = narration::Waiting::until("doing the recorded run again");
    recording.play(machine)?;
    if let Some(before) = before {
        if before > recording.end() {
            let end = recording.end();
            bail!("the recorded run has only {end} instructions; try: a moment of it, --before {end} or less");
        }
        machine.goto(before, Duration::MAX);
    }
    Ok("the recorded run ends there")
}

fn tell(answered: &Answered<'_>, format: FormatArg) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match format {
        FormatArg::Text => answered.text(GOTO, &mut stdout)?,
        FormatArg::Json => answered.json(&mut stdout)?,
    }
    stdout.flush()
}

/// A number of instructions, decimal or hexadecimal.
pub fn count(text: &str) -> Result<u64, String> {
    debug::ask::number(text).ok_or_else(|| "expected a number of instructions, such as 1000 or 0x3e8".into())
}
