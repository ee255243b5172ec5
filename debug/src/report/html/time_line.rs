//! The time line of a boot, and the console below it, each moment with its number in a table. It does not gather them.

use maud::{Markup, html};

use super::super::printable;
use super::{Page, percent, place, thousands};
use crate::checks::Status;
use crate::profile::{Boot, COLUMNS, Mark, Printed, PrintedLines};

/// Moments that are drawn, each in a row of its own, and those that are listed.
const DRAWN: usize = 16;
const ROWS: usize = 60;

pub fn time_line(boot: &Boot, page: &Page<'_>) -> Markup {
    let marks = marks(boot, page);
    html! {
        @if let Some(end) = boot.beginning() {
            figure {
                (stage(&marks, end))
                (lines(&boot.console.lines, end))
                div.axis { span { "instruction 0" } span { "the beginning, enlarged" } span { (thousands(end)) } }
            }
        }
        figure {
            (stage(&marks, boot.end))
            (traps(boot))
            (lines(&boot.console.lines, boot.end))
            div.axis { span { "instruction 0" }
                @match (boot.traps.count > 0, boot.console.lines.is_empty()) {
                    (true, false) => span { "below: traps and interrupts; printed lines" },
                    (true, true) => span { "below: traps and interrupts" },
                    (false, false) => span { "below: printed lines" },
                    (false, true) => {},
                }
                span { (thousands(boot.end)) } }
        }
        (table(&marks, page))
        @if boot.traps.count > 0 { (each_trap(boot, page)) }
    }
}

/// The moments, at most as many as can be drawn and listed; the end in the words of the checks, where they are of this run.
fn marks(boot: &Boot, page: &Page<'_>) -> Vec<Mark> {
    let mut marks: Vec<Mark> = with_room(boot.marks.iter(), ROWS).into_iter().cloned().collect();
    if let Some(end) = marks.last_mut().filter(|end| end.what == "the end" && !page.is_companion) {
        let findings = &page.report.findings;
        let failed = findings.iter().find(|finding| finding.status == Status::Fail);
        if let Some(finding) = failed {
            (end.what, end.is_trap) = (format!("the end: {} failed", finding.name), true);
        } else if page.holds("idle") {
            end.what = "the end: at rest".into();
        }
    }
    marks
}

/// The last one and all that are no traps, and of the traps the first, as many as there is room for.
fn with_room<'a>(marks: impl Iterator<Item = &'a Mark>, most: usize) -> Vec<&'a Mark> {
    let mut marks: Vec<&Mark> = marks.collect();
    let last = marks.pop();
    let mut room = most.saturating_sub(1 + marks.iter().filter(|mark| !mark.is_trap).count());
    marks.retain(|mark| {
        let is_kept = !mark.is_trap || room > 0;
        room = room.saturating_sub(mark.is_trap.into());
        is_kept
    });
    marks.extend(last);
    marks
}

fn stage(marks: &[Mark], end: u64) -> Markup {
    let drawn = with_room(marks.iter().filter(|mark| mark.icount <= end), DRAWN);
    html! {
        div.stage role="img" aria-label="time line, whose moments are in the table below" style=(format!("height:{}rem", 1.25 * drawn.len() as f64)) {
            @for (row, mark) in drawn.iter().enumerate() {
                div.mark.trap[mark.is_trap].late[mark.icount * 2 > end] title=(thousands(mark.icount))
                    style=(format!("left:{}%;top:{}rem", percent(mark.icount, end), 1.25 * row as f64)) { (mark.what) }
            }
        }
    }
}

/// All of them, by column.
fn traps(boot: &Boot) -> Markup {
    html! {
        @if boot.traps.count > 0 {
            div.stage.lines.traps aria-hidden="true" {
                @for (column, count) in boot.traps.columns.iter().enumerate().filter(|(_, count)| **count > 0) {
                    i title=(thousands(*count)) style=(format!("left:{}%", percent(column as u64, COLUMNS as u64))) {}
                }
            }
        }
    }
}

fn lines(console: &[Printed], end: u64) -> Markup {
    html! {
        @if !console.is_empty() {
            div.stage.lines aria-hidden="true" {
                @for line in console.iter().filter(|line| line.icount <= end) {
                    i title=(printable(&line.text)) style=(format!("left:{}%", percent(line.icount, end))) {}
                }
            }
        }
    }
}

fn table(marks: &[Mark], page: &Page<'_>) -> Markup {
    html! {
        table.moments {
            thead { tr { th.number { "instruction" } th { "what" } th { "where" } } }
            tbody { @for mark in marks {
                tr { td.number { (thousands(mark.icount)) } td.what { (mark.what) } td.mono.where { (place(page.image, mark.pc)) } }
            } }
        }
    }
}

fn each_trap(boot: &Boot, page: &Page<'_>) -> Markup {
    let traps = &boot.traps;
    html! {
        details {
            summary {
                (thousands(traps.count)) @if traps.count == 1 { " trap or interrupt" } @else { " traps and interrupts" }
                @if traps.count > traps.first.len() as u64 { "; here are the first " (traps.first.len()) } @else { ", one by one" }
            }
            (table(&traps.first, page))
        }
    }
}

pub fn console(boot: &Boot) -> Markup {
    let PrintedLines { lines, count, .. } = &boot.console;
    if *count == 0 {
        return html! { p #console .faint { "The kernel printed nothing." } };
    }
    html! {
        h3 #console { "Console" }
        pre { @for line in lines { (format!("{:>14}  {}\n", thousands(line.icount), printable(&line.text))) } }
        @if *count > lines.len() as u64 { p.faint { "and " (thousands(count - lines.len() as u64)) " more lines" } }
    }
}
