//! The pictures of a boot but for the flame graph, each with its numbers as a table. It does not gather them.

use maud::{Markup, html};

use super::super::printable;
use super::{percent, thousands};
use crate::image::Image;
use crate::machine::Address;
use crate::profile::{BANDS, Boot, COLUMNS, Mark};

/// Marks that are drawn, and rows of a table.
const DRAWN: usize = 40;
const ROWS: usize = 60;

/// A place in words; nothing for none.
fn place(image: &Image, address: Address) -> String {
    if address.0 == 0 { String::new() } else { printable(&image.place(address).to_string()) }
}

pub fn time_line(boot: &Boot, image: &Image) -> Markup {
    let drawn: Vec<&Mark> = boot.marks.iter().take(DRAWN).collect();
    let rows = drawn.len().min(8);
    let end = boot.end.max(1);
    html! {
        figure {
            div.stage role="img" aria-label="time line, whose moments are in the table below" style=(format!("height:{}rem", 1.25 * rows as f64)) {
                @for (index, mark) in drawn.iter().enumerate() {
                    div.mark.trap[mark.is_trap].late[mark.icount * 2 > end] title=(thousands(mark.icount))
                        style=(format!("left:{}%;top:{}rem", percent(mark.icount, end), 1.25 * (index % 8) as f64)) { (mark.what) }
                }
            }
            @if !boot.console.is_empty() {
                div.stage.lines aria-hidden="true" {
                    @for line in &boot.console { i title=(printable(&line.text)) style=(format!("left:{}%", percent(line.icount, end))) {} }
                }
            }
            div.axis { span { "instruction 0" } @if !boot.console.is_empty() { span { "the lower marks: printed lines" } } span { (thousands(boot.end)) } }
        }
        table {
            thead { tr { th.number { "instruction" } th { "what" } th { "where" } } }
            tbody { @for mark in boot.marks.iter().take(ROWS) {
                tr { td.number { (thousands(mark.icount)) } td.what { (mark.what) } td.mono { (place(image, mark.pc)) } }
            } }
        }
        @if boot.traps > 0 { p.faint { (thousands(boot.traps)) " traps and interrupts" @if boot.marks.len() > ROWS { "; the first moments are listed" } } }
    }
}

pub fn console(boot: &Boot) -> Markup {
    if boot.lines == 0 {
        return html! { p.faint { "The kernel printed nothing." } };
    }
    html! {
        h3 { "Console" }
        pre { @for line in &boot.console { (format!("{:>14}  {}\n", thousands(line.icount), printable(&line.text))) } }
        @if boot.lines > boot.console.len() as u64 { p.faint { "and " (thousands(boot.lines - boot.console.len() as u64)) " more lines" } }
    }
}

pub fn clear(boot: &Boot, image: &Image) -> Markup {
    let margin = image.place(Address(boot.cleared.start));
    let total = |pick: fn(&crate::profile::Write) -> u64| boot.clear.values().map(pick).sum::<u64>();
    let begun = boot.marks.iter().find(|mark| mark.what == "the BSS clear begins");
    let ended = boot.marks.iter().find(|mark| mark.what == "the BSS clear ends");
    // The edge bands lie beside BSS, at least in part.
    let class = |band: usize, others: bool| match (band == 0 || band == BANDS - 1, others) {
        (true, _) => "bad-fill",
        (false, false) => "a",
        (false, true) => "b",
    };
    html! {
        figure {
            svg viewBox=(format!("0 0 {COLUMNS} {BANDS}")) preserveAspectRatio="none" shape-rendering="crispEdges" height="180" role="img" aria-label="stores to BSS over time, whose numbers are in the table below" {
                @for ((column, band), write) in &boot.clear {
                    rect class=(class(*band, write.others > 0)) x=(column) y=(BANDS - 1 - band) width="1" height="1" {}
                }
            }
            div.axis { span { "up: " (printable(&margin.address.to_string())) " to " (format!("{:#x}", boot.cleared.end)) } span { "right: " (thousands(boot.end)) " instructions" } }
            p.key { i.a {} "zero stored" i.b {} "a value stored" i.bad-fill {} "a store beside BSS" }
        }
        table { tbody {
            @for mark in [begun, ended].into_iter().flatten() {
                tr { td { (mark.what) } td.number { "instruction " (thousands(mark.icount)) } td.mono { (place(image, mark.pc)) } }
            }
            tr { td { "stores of zero" } td.number { (thousands(total(|write| write.zeros))) } td {} }
            tr { td { "stores of other values" } td.number { (thousands(total(|write| write.others))) } td {} }
            tr { td { "bytes that hold the checks' poison (0xa5) at the end" } td.number { (thousands(boot.poison_left)) } td {} }
        } }
    }
}

pub fn depth(boot: &Boot, image: &Image, stack: &std::ops::Range<Address>) -> Markup {
    let Some(deepest) = boot.depth.iter().min_by_key(|depth| depth.sp) else {
        return html! { p.faint { "sp was never in the stack." } };
    };
    let scale = (stack.end.0 - deepest.sp.0).max(16);
    let used = |sp: Address| stack.end.0.saturating_sub(sp.0);
    let mut functions: Vec<(String, u64, usize)> = Vec::new();
    for depth in &boot.depth {
        let name = place(image, depth.function);
        match functions.iter_mut().find(|(known, ..)| *known == name) {
            Some((_, most, columns)) => (*most, *columns) = ((*most).max(used(depth.sp)), *columns + 1),
            None => functions.push((name, used(depth.sp), 1)),
        }
    }
    functions.sort_by_key(|(_, most, _)| std::cmp::Reverse(*most));
    html! {
        figure {
            svg viewBox=(format!("0 0 {COLUMNS} 100")) preserveAspectRatio="none" shape-rendering="crispEdges" height="140" role="img" aria-label="depth of the stack over time, whose numbers are in the table below" {
                @for depth in &boot.depth {
                    rect.d x=(depth.column) y="0" width="1.02" height=(format!("{:.2}", 100.0 * used(depth.sp) as f64 / scale as f64)) {}
                }
            }
            div.axis { span { "down: 0 to " (thousands(used(deepest.sp))) " bytes below " (stack.end.to_string()) } span { "right: " (thousands(boot.end)) " instructions" } }
            p.key { "Of " (thousands(stack.end.0 - stack.start.0)) " bytes, as seen at calls, branches and stores." }
        }
        table {
            thead { tr { th { "function" } th.number { "most bytes" } th.number { "part of the time" } } }
            tbody { @for (name, most, columns) in functions.iter().take(ROWS) {
                tr { td.mono { (name) } td.number { (thousands(*most)) } td.number { (percent(*columns as u64, COLUMNS as u64)) " %" } }
            } }
        }
    }
}
