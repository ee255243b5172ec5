//! `--html`: gathers what a page needs, and the source lines from the disk. It does not draw.

use std::fs;

use debug::checks::Layout;
use debug::embedded::Change;
use debug::image::Line;
use debug::profile::{Look, gather};
use debug::report::{Page, Report, Source};

use super::kernel::Kernel;
use super::narration;

/// A run's changes from outside, and its end in instructions.
pub type Ran = (Vec<(u64, Change)>, u64);

/// How many lines around a place are shown.
const AROUND: u32 = 4;
/// A larger file is not read for source lines.
const LARGEST: u64 = 4 << 20;

/// The page of a run that had these changes from outside and this length.
pub fn html(
    report: &Report,
    kernel: &Kernel,
    layout: &Layout,
    run: Option<Ran>,
    commands: &[String],
) -> anyhow::Result<String> {
    let look = Look { bss: layout.bss.clone(), stack: layout.stack.clone() };
    let boot = run.map(|(changes, end)| {
        let _waiting = narration::Waiting::until("looking at the boot again");
        gather(&kernel.image, &kernel.options, &changes, end, &look)
    });
    let boot = boot.transpose()?;
    let page = Page {
        report,
        image: &kernel.image,
        boot: boot.as_ref(),
        is_companion: report.machine != "embedded" && report.machine != "both",
        stack: layout.stack.clone(),
        ram: kernel.options.memory_mib << 20,
        commands,
        source: &source,
    };
    Ok(page.html())
}

/// The lines around one, where its file is here.
fn source(line: &Line) -> Option<Source> {
    let file = fs::metadata(&line.file).ok().filter(|file| file.is_file() && file.len() <= LARGEST);
    let text = file.and_then(|_| fs::read_to_string(&line.file).ok())?;
    let first = line.line.saturating_sub(AROUND).max(1);
    let lines = (1..).zip(text.lines()).skip_while(|(number, _)| *number < first);
    Some(
        lines
            .take_while(|(number, _)| *number <= line.line + AROUND)
            .map(|(number, text)| (number, text.into()))
            .collect(),
    )
}
