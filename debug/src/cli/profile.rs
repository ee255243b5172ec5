//! `cargo debug profile`: the instructions of a boot by function, in the formats that tools read.
//!
//! ```text
//! $ cargo debug profile --format speedscope --output boot.speedscope.json
//! ```

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use debug::ask::Question;
use debug::machine::{Machine, Stop};
use debug::output::OutputFile;
use debug::profile::{By, Calls, Format, Profile};
use debug::{Address, Embedded, Image, report};

use super::kernel::KernelArguments;
use super::narration;

const SLICE: Duration = Duration::from_millis(100);

/// Counts the instructions and calls of a boot on the embedded machine, by function: exactly, not by samples.
///
/// The text lists functions; the other formats are for flamegraph.pl (folded), speedscope.app, ui.perfetto.dev, and any browser (svg).
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    kernel: KernelArguments,

    /// How the profile is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    format: FormatArg,

    /// How instructions are told apart: by function, inlined ones too; by source line within them; by symbol, without inlined ones
    #[arg(long, value_name = "BY", value_enum, default_value = "function")]
    by: ByArg,

    /// Begins where the instruction at SYMBOL (or an address) is first executed [default: at the entry]
    #[arg(long, value_name = "SYMBOL")]
    from: Option<String>,

    /// Ends where the instruction at SYMBOL (or an address) is executed next
    #[arg(long, value_name = "SYMBOL")]
    to: Option<String>,

    /// How many instructions the run has at most; it ends where the machine waits for ever, faults or powers off
    #[arg(long, value_name = "N", default_value = "100000000", value_parser = super::ask::count)]
    until: u64,

    /// Writes the profile to FILE
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum FormatArg {
    Text,
    Folded,
    Speedscope,
    Perfetto,
    Svg,
}

#[derive(Clone, Copy, ValueEnum)]
enum ByArg {
    Function,
    Line,
    Symbol,
}

/// Counts, and writes what was counted.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let kernel = arguments.kernel.read()?;
    let image = &kernel.image;
    let [from, to] = [&arguments.from, &arguments.to].map(|word| word.as_deref().map(|word| place(image, word)));
    let (from, to) = (from.transpose()?, to.transpose()?);
    let mut machine = Embedded::load(image, &kernel.options)?;
    // Of several harts, the one that boots.
    machine.follow();
    let output = arguments.output.as_deref().map(|path| OutputFile::create(path, &kernel.files())).transpose()?;
    let (profile, stop) = {
        let _waiting = narration::Waiting::until("counting instructions");
        count(&mut machine, image, arguments, from, to)?
    };
    if let Some(to) = arguments.to.as_deref().filter(|_| stop != Stop::Breakpoint) {
        let icount = machine.icount();
        narration::say(&format!(
            "{to} was not executed, so the profile ends after {icount} instructions; try: another --to, or a larger --until"
        ));
    }
    let name = kernel.files.kernel.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let text = match arguments.format {
        FormatArg::Text => table(&profile),
        FormatArg::Folded => profile.write(Format::Folded, &name),
        FormatArg::Speedscope => profile.write(Format::Speedscope, &name),
        FormatArg::Perfetto => profile.write(Format::Perfetto, &name),
        FormatArg::Svg => report::svg(&profile),
    };
    match output {
        Some(file) => Ok(file.write(text.as_bytes())?),
        None => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("cannot write to standard output")
        }
    }
}

fn place(image: &Image, word: &str) -> anyhow::Result<Address> {
    match Question::parse(&["when", word], image) {
        Some(Ok(Question::When(address))) => Ok(address),
        Some(Err(words)) => Err(anyhow::Error::msg(words)),
        _ => bail!("{word} is not a place; try: a symbol, or an address such as 0x80200000"),
    }
}

fn count(
    machine: &mut Embedded,
    image: &Image,
    arguments: &Arguments,
    from: Option<Address>,
    to: Option<Address>,
) -> anyhow::Result<(Profile, Stop)> {
    if let Some(from) = from {
        let places = [from, image.physical(from)];
        places.iter().try_for_each(|place| machine.insert_breakpoint(*place))?;
        while !matches!(machine.run_to(arguments.until, true, SLICE), Stop::Breakpoint) {
            if machine.icount() >= arguments.until || has_ended(machine) {
                let word = arguments.from.as_deref().unwrap_or_default();
                bail!("{word} was not executed in {} instructions; try: another --from", machine.icount());
            }
        }
        places.iter().try_for_each(|place| machine.remove_breakpoint(*place))?;
    }
    if let Some(to) = to {
        [to, image.physical(to)].iter().try_for_each(|place| machine.insert_breakpoint(*place))?;
    }
    let mut calls = Calls::new(image, Address(machine.general_registers().pc), machine.icount());
    let stop = machine.resume_observed_to(arguments.until, &mut calls);
    calls.finish(machine.icount());
    let by = match arguments.by {
        ByArg::Function => By::Function,
        ByArg::Line => By::Line,
        ByArg::Symbol => By::Symbol,
    };
    Ok((calls.profile(image, by), stop))
}

fn has_ended(machine: &Embedded) -> bool {
    machine.ended().is_some() || machine.fault().is_some() || machine.waits_for_ever()
}

/// The functions, or the lines, in columns.
fn table(profile: &Profile) -> String {
    let total = profile.total();
    let mut text = format!("{:>14} {:>14} {:>10}  function\n", "instructions", "with callees", "calls");
    let lines = profile.rows(true);
    let rows = if lines.is_empty() { profile.rows(false) } else { lines };
    for row in rows.iter().filter(|row| row.own > 0 || row.calls > 0) {
        text += &format!("{:>14} {:>14} {:>10}  {}\n", row.own, row.total, row.calls, report::shown(&row.name));
    }
    text + &format!("{total} instructions\n")
}
