//! The picture of memory, to scale, with its numbers as a table. It does not gather them.

use maud::{Markup, html};

use super::super::printable;
use super::{Page, percent, short, thousands};
use crate::image::Image;
use crate::machine::Address;
use crate::profile::Boot;
use crate::riscv::board::{FIRMWARE_END, RAM_BASE};

const PAGE: u64 = 4096;
/// Rows of the table, and among them those of page tables and of stacks that are not the boot's.
const ROWS: usize = 60;
const ROWS_OF_A_KIND: usize = 8;
/// Such parts that are drawn: at a glance more cannot be told apart.
const DRAWN_OF_A_KIND: usize = 200;
/// Parts that memory is drawn in.
const PARTS: u64 = 400;
/// What is narrower than this part of a bar has no name in it.
const NARROWEST: u64 = 12;

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

    /// It lies within other parts, and is drawn below them.
    fn is_small(&self) -> bool {
        matches!(self.class, "deep" | "deep other" | "pt")
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

/// What holds a stack that is not the boot's.
fn of_stack(image: &Image, physical: Address) -> String {
    let address = image.linked(physical);
    let object = image.symbol_below(address).filter(|object| address.0 - object.address.0 < object.size);
    object
        .map_or_else(|| "another stack, as used".into(), |object| format!("used as a stack in {}", short(&object.name)))
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
    for (start, end) in boot.other_stacks.iter().take(DRAWN_OF_A_KIND) {
        parts.push(Part::new(&of_stack(page.image, Address(*start)), *start, end - start, "deep other"));
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

/// A range of memory: its parts, below them what of these is used, and what was written.
fn bar(boot: &Boot, parts: &[Part], start: u64, end: u64) -> Markup {
    let whole = end.saturating_sub(start).max(1);
    let step = (whole / PARTS).max(1);
    let shown = parts.iter().filter(|part| part.start < end && part.end > start);
    let touched = (0..PARTS).map(|part| start + part * step).filter(|from| written(boot, *from, from + step).0 > 0);
    let left = |address: u64| percent(address.clamp(start, end) - start, whole);
    let wide = |part: &Part| part.end.min(end) - part.start.max(start);
    html! {
        div.stage.bar aria-hidden="true" {
            @for part in shown {
                div class=(part.class) title=(printable(&part.name)) style=(format!("left:{}%;width:{}%", left(part.start), percent(wide(part), whole))) {
                    @if wide(part) * NARROWEST > whole && !part.is_small() { (printable(&part.name)) }
                }
            }
            @for from in touched { i.written style=(format!("left:{}%", left(from))) {} }
        }
    }
}

/// What of the kernel is left if its largest part, which hides all others, is not drawn.
fn without_largest(parts: &[Part], first: u64, last: u64) -> Option<(u64, u64)> {
    const HIDES: u64 = 4;
    let largest = parts.iter().max_by_key(|part| part.end - part.start)?;
    let (before, behind) = (largest.start.saturating_sub(first), last.saturating_sub(largest.end));
    let rest = if before >= behind { (first, largest.start) } else { (largest.end, last) };
    (before.max(behind) > 0 && before.max(behind) * HIDES < last - first).then_some(rest)
}

pub fn memory(boot: &Boot, page: &Page<'_>) -> Markup {
    let mut parts = of_kernel(page);
    let first = parts.iter().map(|part| part.start).min().unwrap_or(RAM_BASE);
    let last = parts.iter().map(|part| part.end).max().unwrap_or(first + PAGE);
    let enlarged = without_largest(&parts, first, last);
    parts.extend(others(boot, page, first));
    let bars = [("all RAM", RAM_BASE, RAM_BASE + page.ram), ("the kernel", first, last)];
    let bars = bars.into_iter().chain(enlarged.map(|(from, to)| ("enlarged", from, to)));
    html! {
        figure {
            @for (what, from, to) in bars {
                (bar(boot, &parts, from, to))
                div.axis { span { (what) ": " (format!("{from:#x}")) } span { (format!("{to:#x}")) } }
            }
            p.key { i.fw {} "firmware" i.a {} "code" i.c {} "data" i.b {} "BSS" i.d {} "stack" i.deep {} "a stack's deepest use" i.free {} "device tree"
                @if !boot.page_tables.is_empty() { i.pt {} "page tables" }
                i.written {} "written by the kernel, by page; where nothing is marked, it never wrote"
                @if boot.looked_at < boot.end { " (stores of the first " (thousands(boot.looked_at)) " instructions)" } }
        }
        (table(boot, &parts, first, last))
    }
}

fn table(boot: &Boot, parts: &[Part], first: u64, last: u64) -> Markup {
    // Of these there may be any number.
    let [tables, stacks] = ["pt", "deep other"].map(|class| parts.iter().filter(move |part| part.class == class));
    let more = [(tables.clone().count(), "page tables"), (boot.other_stacks.len(), "stacks")];
    let more = more.into_iter().filter(|(count, _)| *count > ROWS_OF_A_KIND);
    let single = parts.iter().filter(|part| !matches!(part.class, "pt" | "deep other"));
    let listed = single.chain(stacks.take(ROWS_OF_A_KIND)).chain(tables.take(ROWS_OF_A_KIND));
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
        @for (count, what) in more { p.faint { "and " (what) " in " (count - ROWS_OF_A_KIND) " more places" } }
    }
}
