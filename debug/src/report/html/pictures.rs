//! The pictures of a boot but for the flame graph, each with its numbers as a table. It does not gather them.

use maud::{Markup, html};

use super::super::printable;
use super::{Page, percent, thousands};
use crate::image::Image;
use crate::machine::Address;
use crate::profile::{BANDS, Boot, COLUMNS, Mark};
use crate::riscv::board::RAM_BASE;

const PAGE: u64 = 4096;
/// Marks that are drawn, and rows of a table.
const DRAWN: usize = 40;
const ROWS: usize = 60;
/// Parts that memory is drawn in.
const PARTS: u64 = 400;

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
            div.axis { span { "instruction 0" } span { (thousands(boot.end)) } }
        }
        table {
            thead { tr { th.number { "instruction" } th { "what" } th { "where" } } }
            tbody { @for mark in boot.marks.iter().take(ROWS) {
                tr { td.number { (thousands(mark.icount)) } td { (mark.what) } td.mono { (place(image, mark.pc)) } }
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

struct Part {
    name: String,
    start: u64,
    end: u64,
    class: &'static str,
}

/// The kernel's parts in memory, by their physical addresses.
fn parts(page: &Page<'_>) -> Vec<Part> {
    let sections = page.image.memory_sections();
    let mut parts: Vec<Part> = sections
        .into_iter()
        .map(|(name, range)| {
            let start = page.image.physical(range.start).0;
            let class = match name.as_str() {
                name if name.starts_with(".text") => "a",
                name if name.contains("bss") => "b",
                name if name.contains("stack") => "d",
                _ => "c",
            };
            Part { name, start, end: start.saturating_add(range.end.0 - range.start.0), class }
        })
        .collect();
    if parts.is_empty() {
        let segments = page.image.segments().iter().map(|segment| segment.loaded());
        parts.extend(segments.map(|range| Part {
            name: "the file".into(),
            start: range.start.0,
            end: range.end.0,
            class: "a",
        }));
    }
    parts
}

pub fn memory(boot: &Boot, page: &Page<'_>) -> Markup {
    let mut parts = parts(page);
    let first = parts.iter().map(|part| part.start).min().unwrap_or(RAM_BASE);
    let last = parts.iter().map(|part| part.end).max().unwrap_or(first + PAGE);
    if !boot.device_tree.is_empty() {
        let tree = boot.device_tree.clone();
        parts.push(Part { name: "device tree".into(), start: tree.start, end: tree.end, class: "free" });
    }
    let written = |start: u64, end: u64| -> u64 {
        boot.written.range(start / PAGE..end.div_ceil(PAGE)).map(|(_, count)| count).sum()
    };
    let bar = |start: u64, end: u64| {
        let whole = (end - start).max(1);
        let x = |address: u64| 1000.0 * (address.clamp(start, end) - start) as f64 / whole as f64;
        let step = (whole / PARTS).max(1);
        let touched =
            (0..PARTS).map(move |part| start + part * step).filter(move |from| written(*from, from + step) > 0);
        html! {
            svg viewBox="0 0 1000 60" preserveAspectRatio="none" shape-rendering="crispEdges" height="60" aria-hidden="true" {
                @for part in &parts {
                    rect class=(part.class) x=(format!("{:.2}", x(part.start))) y="4" width=(format!("{:.2}", (x(part.end) - x(part.start)).max(1.0))) height="30" {}
                }
                @for from in touched {
                    rect.bad-fill x=(format!("{:.2}", x(from))) y="40" width=(format!("{:.2}", 1000.0 / PARTS as f64)) height="16" {}
                }
            }
        }
    };
    html! {
        figure {
            (bar(RAM_BASE, RAM_BASE + page.ram))
            div.axis { span { "all RAM: " (format!("{RAM_BASE:#x}")) } span { (format!("{:#x}", RAM_BASE + page.ram)) } }
            (bar(first, last))
            div.axis { span { "the kernel: " (format!("{first:#x}")) } span { (format!("{last:#x}")) } }
            p.key { i.a {} "code" i.c {} "data" i.b {} "BSS" i.d {} "stack" i.free {} "device tree" i.bad-fill {} "written by the kernel, by page"
                @if boot.looked_at < boot.end { " (stores of the first " (thousands(boot.looked_at)) " instructions)" } }
        }
        div.wide {
        table {
            thead { tr { th { "part" } th { "from" } th.number { "bytes" } th.number { "pages written" } th.number { "stores to these pages" } } }
            tbody { @for part in parts.iter().take(ROWS) {
                tr { td.mono.whole { (printable(&part.name)) } td.mono.whole { (format!("{:#x}", part.start)) } td.number { (thousands(part.end - part.start)) }
                    td.number { (boot.written.range(part.start / PAGE..part.end.div_ceil(PAGE)).count()) } td.number { (thousands(written(part.start, part.end))) } }
            }
            tr { td { "elsewhere in RAM" } td {} td {} td.number { (boot.written.keys().filter(|page| **page < first / PAGE || **page >= last.div_ceil(PAGE)).count()) }
                td.number { (thousands(boot.written.iter().filter(|(page, _)| **page < first / PAGE || **page >= last.div_ceil(PAGE)).map(|(_, count)| count).sum())) } }
            }
        }
        }
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
