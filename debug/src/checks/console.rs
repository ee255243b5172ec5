//! Judges the kernel's console output: its last lines, what they complain about, and expected or forbidden text. It does not know devices.

use super::boot_run::BootRun;
use super::boot_run::dialogue::shown;
pub use super::boot_run::dialogue::{Input, Script};
use super::boot_run::event::BootEnd;
use super::complaint;
use super::finding::{Finding, Status};

/// How many lines reports show.
const LINES: usize = 8;
/// The last printed lines, without empty ones.
pub fn last_lines(console: &[u8]) -> Vec<String> {
    let lines = console.split(|byte| *byte == b'\n').rev().map(shown).filter(|line| !line.trim().is_empty());
    let mut last: Vec<String> = lines.take(LINES).collect();
    last.reverse();
    last
}

/// Fails a kernel that idles or is still running, and whose last line tells of a failure, or that printed forbidden text, or not the
/// expected one.
pub fn judge(run: &mut BootRun<'_>, finding: &mut Finding) {
    let Some(console) = run.machine.printed() else { return };
    let lines = last_lines(&console);
    if let Some(line) = run.dialogue.forbidden(&console) {
        // It may have rested or ended before anybody looked at what it had printed.
        finding.found =
            format!("{}; its last line: {}", finding.summary, lines.last().map_or("nothing", String::as_str));
        finding.summary = format!("printed forbidden text: {line}");
        finding.status = Status::Fail;
    } else if let Some(missing) = run.dialogue.missing(&console) {
        finding.found =
            format!("{}; its last line: {}", finding.summary, lines.last().map_or("nothing", String::as_str));
        let it = if finding.status == Status::Pass { "it" } else { "it was" };
        finding.summary = format!("{missing}; {it} {}", finding.summary);
        finding.status = Status::Fail;
    } else if let Some(line) = complaint::of_failure(&lines).filter(|line| !was_expected(run, line)) {
        finding.status = Status::Fail;
        finding.found = finding.summary.clone();
        finding.summary = format!("its last words are those of a failure: {line}");
        finding.set("console_line", line);
    } else if let Some(line) =
        complaint::again_and_again(&lines).filter(|_| matches!(run.end, Some(BootEnd::Beats { .. })))
    {
        finding.status = Status::Fail;
        finding.found = finding.summary.clone();
        finding.summary = format!("it says again and again that something does not work: {line}");
        finding.set("console_line", line);
    }
}

/// What a kernel that failed said about it: its last line of failure, and what follows.
pub fn said_at_failure(run: &mut BootRun<'_>) -> Option<String> {
    let lines = last_lines(&run.machine.printed()?);
    let first = complaint::of_failure(&lines)?;
    let at = lines.iter().rposition(|line| line == first)?;
    Some(shown(lines[at..].join(" ").as_bytes()))
}

/// Whether a person asked for this line: it is no failure then, whatever it says.
fn was_expected(run: &BootRun<'_>, said: &str) -> bool {
    matches!(&run.end, Some(BootEnd::Expected { line }) if line.trim() == said.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown_without_empty_ones() {
        assert_eq!(last_lines(b"one\r\n\n two \r\n> "), ["one", " two", ">"]);
        assert_eq!(last_lines(b""), Vec::<String>::new());
    }

    #[test]
    fn colours_are_not_shown() {
        assert_eq!(last_lines(b"\x1b[1;31m[ERROR] no\x1b[0m\n\x1b[?25l> \x1b"), ["[ERROR] no", ">"]);
    }
}
