//! The report for people, in aligned columns: a line for each check, with details of failures.

use std::time::Duration;

use anstyle::AnsiColor;

use super::{Report, Verdict, details, printable};
use crate::checks::{Finding, Status};

pub(super) fn text(report: &Report, colour: bool) -> String {
    let widest = |width: fn(&Finding) -> usize| report.findings.iter().map(width).max().unwrap_or_default();
    let status_width = widest(|finding| word(finding.status).0.len()).max("FAIL".len()) + 2;
    let name_width = widest(|finding| finding.name.chars().count()) + 2;
    let mut text = String::new();
    for finding in &report.findings {
        let (word, its_colour) = word(finding.status);
        let status = painted(&format!("{word:status_width$}"), its_colour, colour);
        text += &format!("{status}{:name_width$}{}\n", finding.name, printable(&finding.summary));
        if finding.status == Status::Fail {
            for (label, detail) in details(finding) {
                text += &format!("{:indent$}{label:10}{detail}\n", "", indent = status_width + name_width);
            }
        }
    }
    for (index, line) in report.console.iter().flatten().enumerate() {
        text += &format!("{:9}{}\n", if index == 0 { "console" } else { "" }, printable(line));
    }
    let its_colour = if report.verdict() == Verdict::Pass { AnsiColor::Green } else { AnsiColor::Red };
    text + &painted(&verdict(report), its_colour, colour) + "\n"
}

fn word(status: Status) -> (&'static str, AnsiColor) {
    match status {
        Status::Pass => ("ok", AnsiColor::Green),
        Status::Fail => ("FAIL", AnsiColor::Red),
        Status::NotRun => ("not run", AnsiColor::Yellow),
    }
}

fn painted(text: &str, colour: AnsiColor, wanted: bool) -> String {
    if !wanted {
        return text.to_owned();
    }
    let visible = text.trim_end();
    let style = AnsiColor::on_default(colour);
    format!("{style}{visible}{style:#}{}", &text[visible.len()..])
}

/// `boots: 7 of 7 checks hold (152 ms on qemu)`, or `does not boot: stack failed, 4 checks not run (80 ms on qemu)`.
pub(super) fn verdict(report: &Report) -> String {
    let elapsed = format!("{} on {}", elapsed(report.elapsed), printable(&report.machine));
    let count = report.findings.len();
    if report.verdict() == Verdict::Pass {
        return format!(
            "boots: {count} of {count} {} ({elapsed})",
            if count == 1 { "check holds" } else { "checks hold" }
        );
    }
    let of =
        |status| report.findings.iter().filter(move |finding| finding.status == status).map(|finding| finding.name);
    let failed: Vec<&str> = of(Status::Fail).collect();
    let mut reasons = Vec::new();
    if !failed.is_empty() {
        reasons.push(format!("{} failed", listed(&failed)));
    }
    match of(Status::NotRun).count() {
        0 => {}
        1 => reasons.push("1 check not run".into()),
        count => reasons.push(format!("{count} checks not run")),
    }
    if reasons.is_empty() {
        reasons.push("no check was made".into());
    }
    format!("does not boot: {} ({elapsed})", reasons.join(", "))
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => names.concat(),
    }
}

fn elapsed(time: Duration) -> String {
    if time < Duration::from_secs(10) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}
