//! The picture of memory, to scale, with its numbers as a table. It does not gather them.

use maud::{Markup, html};

use super::super::printable;
use super::{Page, thousands};
use crate::profile::Boot;
use crate::riscv::board::{FIRMWARE_END, RAM_BASE};

const PAGE: u64 = 4096;
/// Rows of the table, and those of page tables among them.
const ROWS: usize = 60;
const ROWS_OF_TABLES: usize = 8;
/// Parts that memory is drawn in.
const PARTS: u64 = 400;

struct Part {
    name: String,
    start: u64,
    end: u64,
    class: &'static str,
}

impl Part {
    fn new(name: &str, start: u64, bytes: u64, class: &'static str) -> Part {
        Part { name: name.to_owned(), start, end: start.saturating_add(bytes), class }
    }
}

/// The kernel's parts in memory, by their physical addresses.
fn of_kernel(page: &Page<'_>) -> Vec<Part> {
    let sections = page.image.memory_sections();
    let mut parts: Vec<Part> = sections
        .into_iter()
        .map(|(name, range)| {
            let class = match name.as_str() {
                name if name.starts_with(".text") => "a",
                name if name.contains("bss") => "b",
                name if name.contains("stack") => "d",
                _ => "c",
            };
            Part::new(&name, page.image.physical(range.start).0, range.end.0 - range.start.0, class)
        })
        .collect();
    if parts.is_empty() {
        let segments = page.image.segments().iter().map(|segment| segment.loaded());
        parts.extend(segments.map(|range| Part::new("the file", range.start.0, range.end.0 - range.start.0, "a")));
    }
    parts
}

/// What else is in memory.
fn others(boot: &Boot, page: &Page<'_>, first: u64) -> Vec<Part> {
    let mut parts = Vec::new();
    if first >= FIRMWARE_END {
        parts.push(Part::new("firmware", RAM_BASE, FIRMWARE_END - RAM_BASE, "fw"));
    }
    if let Some(deepest) = boot.depth.iter().map(|depth| depth.sp).min().filter(|sp| *sp < page.stack.end) {
        let (start, used) = (page.image.physical(deepest).0, page.stack.end.0 - deepest.0);
        parts.push(Part::new("the stack's deepest use", start, used, "deep"));
    }
    let tree = &boot.device_tree;
    if !tree.is_empty() {
        parts.push(Part::new("device tree", tree.start, tree.end - tree.start, "free"));
    }
    for table in boot.page_tables.iter().flat_map(|tables| &tables.tables) {
        match parts.last_mut().filter(|last| last.class == "pt" && last.end == table.0) {
            Some(last) => last.end += PAGE,
            None => parts.push(Part::new("page tables", table.0, PAGE, "pt")),
        }
    }
    parts
}

/// How many pages and stores lie in a range.
fn written(boot: &Boot, start: u64, end: u64) -> (u64, u64) {
    let pages = boot.written.range(start / PAGE..end.div_ceil(PAGE));
    pages.fold((0, 0), |(pages, stores), (_, count)| (pages + 1, stores + count))
}

/// A range of memory, its parts above and what was written below.
fn bar(boot: &Boot, parts: &[Part], start: u64, end: u64) -> Markup {
    let whole = end.saturating_sub(start).max(1);
    let x = |address: u64| 1000.0 * (address.clamp(start, end) - start) as f64 / whole as f64;
    let step = (whole / PARTS).max(1);
    let shown = parts.iter().filter(|part| part.start < end && part.end > start);
    let touched = (0..PARTS).map(|part| start + part * step).filter(|from| written(boot, *from, from + step).0 > 0);
    let height = |part: &Part| if matches!(part.class, "deep" | "pt") { ("19", "15") } else { ("4", "30") };
    html! {
        svg viewBox="0 0 1000 60" preserveAspectRatio="none" shape-rendering="crispEdges" height="60" aria-hidden="true" {
            @for part in shown {
                @let (top, high) = height(part);
                rect class=(part.class) x=(format!("{:.2}", x(part.start))) y=(top) width=(format!("{:.2}", (x(part.end) - x(part.start)).max(1.0))) height=(high) {}
            }
            @for from in touched {
                rect.written x=(format!("{:.2}", x(from))) y="40" width=(format!("{:.2}", 1000.0 / PARTS as f64)) height="16" {}
            }
        }
    }
}

pub fn memory(boot: &Boot, page: &Page<'_>) -> Markup {
    let mut parts = of_kernel(page);
    let first = parts.iter().map(|part| part.start).min().unwrap_or(RAM_BASE);
    let last = parts.iter().map(|part| part.end).max().unwrap_or(first + PAGE);
    parts.extend(others(boot, page, first));
    html! {
        figure {
            (bar(boot, &parts, RAM_BASE, RAM_BASE + page.ram))
            div.axis { span { "all RAM: " (format!("{RAM_BASE:#x}")) } span { (format!("{:#x}", RAM_BASE + page.ram)) } }
            (bar(boot, &parts, first, last))
            div.axis { span { "the kernel: " (format!("{first:#x}")) } span { (format!("{last:#x}")) } }
            p.key { i.fw {} "firmware" i.a {} "code" i.c {} "data" i.b {} "BSS" i.d {} "stack" i.deep {} "of it used" i.free {} "device tree"
                @if !boot.page_tables.is_empty() { i.pt {} "page tables" }
                i.written {} "written by the kernel, by page; where nothing is marked, it never wrote"
                @if boot.looked_at < boot.end { " (stores of the first " (thousands(boot.looked_at)) " instructions)" } }
        }
        (table(boot, &parts, first, last))
    }
}

fn table(boot: &Boot, parts: &[Part], first: u64, last: u64) -> Markup {
    let is_table = |part: &&Part| part.class == "pt";
    let tables = parts.iter().filter(is_table).count();
    let listed = parts.iter().filter(|part| !is_table(part)).chain(parts.iter().filter(is_table).take(ROWS_OF_TABLES));
    let is_elsewhere = |page: &u64| *page < first / PAGE || *page >= last.div_ceil(PAGE);
    let elsewhere = boot.written.iter().filter(|(page, _)| is_elsewhere(page));
    let (pages, stores) = elsewhere.fold((0, 0), |(pages, stores), (_, count)| (pages + 1, stores + count));
    html! {
        div.wide {
            table {
                thead { tr { th { "part" } th { "from" } th.number { "bytes" } th.number { "pages written" } th.number { "stores to these pages" } } }
                tbody {
                    @for part in listed.take(ROWS) {
                        @let (pages, stores) = written(boot, part.start, part.end);
                        tr { td.mono.whole { (printable(&part.name)) } td.mono.whole { (format!("{:#x}", part.start)) } td.number { (thousands(part.end - part.start)) }
                            td.number { (thousands(pages)) " of " (thousands(part.end.div_ceil(PAGE) - part.start / PAGE)) } td.number { (thousands(stores)) } }
                    }
                    tr { td { "outside of the kernel" } td {} td {} td.number { (thousands(pages)) } td.number { (thousands(stores)) } }
                }
            }
        }
        @if tables > ROWS_OF_TABLES { p.faint { "and page tables in " (tables - ROWS_OF_TABLES) " more places" } }
    }
}
