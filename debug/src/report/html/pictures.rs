//! The pictures of the BSS clear and of the stack's depth, each with its numbers as a table. It does not gather them.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::{percent, place, short, thousands};
use crate::image::Image;
use crate::machine::Address;
use crate::profile::{BANDS, Boot, COLUMNS, Depth};

/// Rows of a table.
const ROWS: usize = 60;
/// A step of the stack that is narrower than this part of the picture has no name in it.
const NARROWEST: usize = 12;

/// Stores of the clear beside BSS are strays unless the check of BSS holds.
pub fn clear(boot: &Boot, image: &Image, holds: bool) -> Markup {
    let clear = &boot.clear;
    // Some room on both sides, in which the picture shows what comes before the clear and after it.
    let (first, end) = clear.columns();
    let room = (end - first) / 10 + 1;
    let (left, right) = (first.saturating_sub(room), (end + room).min(COLUMNS));
    let moment = |column: usize| thousands((column as u64 * clear.width).min(boot.end));
    let begun = boot.marks.iter().find(|mark| mark.what == "the BSS clear begins");
    let ended = boot
        .marks
        .iter()
        .find(|mark| ["the BSS clear ends", "the BSS clear goes on"].iter().any(|what| mark.what.starts_with(what)));
    let all_strays: Vec<(usize, usize)> = if holds { Vec::new() } else { clear.strays().collect() };
    let strays: BTreeSet<&(usize, usize)> = all_strays.iter().collect();
    let poison: Vec<usize> = (0..BANDS).filter(|band| clear.poison[*band] > 0).collect();
    let poisoned: u64 = clear.poison.iter().sum();
    let wide = right - left;
    let (y, width) = (|band: usize| BANDS - 1 - band, (wide as f64 / 50.0).max(1.0));
    let bound = |address: u64| {
        let above = (clear.range.end - address) as f64 / (clear.range.end - clear.range.start).max(1) as f64;
        format!("{:.2}", BANDS as f64 * above)
    };
    html! {
        @if clear.writes.is_empty() && poison.is_empty() { p.faint { "Nothing was stored to BSS." } } @else { figure {
            svg viewBox=(format!("{left} 0 {wide} {BANDS}")) preserveAspectRatio="none" shape-rendering="crispEdges" height="180" role="img" aria-label="stores to BSS over time, whose numbers are in the table below" {
                @for address in [clear.bss.start, clear.bss.end] { line.bound x1=(left) x2=(right) y1=(bound(address)) y2=(bound(address)) {} }
                @for ((column, band), write) in &clear.writes {
                    rect class=(if write.others > 0 { "b" } else { "a" }) x=(column) y=(y(*band)) width="1" height="1" {}
                }
                @for (column, band) in &strays { rect.bad-fill x=(column) y=(y(*band)) width=(format!("{:.2}", width / 2.0)) height="1" {} }
                @for band in &poison { rect.c x=(format!("{:.2}", right as f64 - width)) y=(y(*band)) width=(format!("{width:.2}")) height="1" {} }
            }
            div.axis { span { "up: " (format!("{:#x}", clear.range.start)) " to " (format!("{:#x}", clear.range.end)) }
                span { "right: instructions " (moment(left)) " to " (moment(right)) } }
            p.key { i.a {} "zero stored" @if clear.all.others > 0 { i.b {} "a value stored" }
                @if !strays.is_empty() { i.bad-fill {} "a stray store of the clear, beside BSS" }
                @if !poison.is_empty() { i.c {} "at the right: poison that stayed to the end" }
                i.bound {} "where BSS begins and ends" }
        } }
        table.moments { tbody {
            @for mark in [begun, ended].into_iter().flatten() {
                tr { td.what { (mark.what) } td.number { "instruction " (thousands(mark.icount)) } td.mono.where { (place(image, mark.pc)) } }
            }
            tr { td.what { "stores of zero" } td.number { (thousands(clear.all.zeros)) } td {} }
            tr { td.what { "stores of other values" } td.number { (thousands(clear.all.others)) } td {} }
            @if !strays.is_empty() { tr { td.what { "stray stores of the clear" } td.number { (thousands(all_strays.len() as u64)) } td {} } }
            tr { td.what { "bytes that hold the checks' poison (0xa5) at the end" } td.number { (thousands(poisoned)) } td {} }
        } }
    }
}

pub fn depth(boot: &Boot, image: &Image, stack: &std::ops::Range<Address>) -> Markup {
    let Some(deepest) = boot.depth.iter().map(|depth| depth.sp).min() else {
        return html! { p.faint { "sp was never in the stack." } };
    };
    let used = |sp: Address| stack.end.0.saturating_sub(sp.0);
    let whole = used(deepest);
    let (all, beginning) = (columns(boot, boot.end), boot.beginning().map(|end| (end, columns(boot, end))));
    // The most bytes of each, and its columns.
    let mut functions: BTreeMap<Address, (u64, usize)> = BTreeMap::new();
    let enlarged = beginning.iter().flat_map(|(_, columns)| columns).map(|(_, _, depth)| (0, depth));
    for (wide, depth) in all.iter().map(|(_, wide, depth)| (*wide, depth)).chain(enlarged) {
        let (most, columns) = functions.entry(depth.function).or_default();
        (*most, *columns) = ((*most).max(used(depth.sp)), *columns + wide);
    }
    let mut functions: Vec<_> = functions.into_iter().collect();
    functions.sort_by_key(|(_, (most, _))| std::cmp::Reverse(*most));
    html! {
        figure {
            @if let Some((end, columns)) = &beginning {
                (over_time(columns, stack, whole, image))
                div.axis { span { "instruction 0" } span { "the beginning, enlarged" } span { (thousands(*end)) } }
            }
            (over_time(&all, stack, whole, image))
            div.axis { span { "down: 0 to " (thousands(whole)) " bytes below " (stack.end.to_string()) } span { "right: " (thousands(boot.end)) " instructions" } }
            p.key { "Of " (thousands(stack.end.0 - stack.start.0)) " bytes, as seen at calls, branches and stores." }
        }
        table {
            thead { tr { th { "function" } th.number { "most bytes" } th.number { "part of the time" } } }
            tbody { @for (function, (most, columns)) in functions.iter().take(ROWS) {
                tr { td.mono { (place(image, *function)) } td.number { (thousands(*most)) } td.number { (percent(*columns as u64, COLUMNS as u64)) " %" } }
            } }
        }
    }
}

/// The deepest use of the stack by column, of which the last ends at `end`: the column, how many until the next in which it was seen, and it.
fn columns(boot: &Boot, end: u64) -> Vec<(usize, usize, &Depth)> {
    let mut columns: Vec<(usize, usize, &Depth)> = Vec::new();
    for depth in boot.depth.iter().filter(|depth| depth.icount <= end) {
        let column = u128::from(depth.icount) * COLUMNS as u128 / u128::from(end.max(1));
        let column = (column as usize).min(COLUMNS - 1);
        match columns.last_mut() {
            Some((last, _, known)) if *last == column => {
                if depth.sp < known.sp {
                    *known = depth;
                }
                continue;
            }
            Some((last, wide, _)) => *wide = column - *last,
            None => {}
        }
        columns.push((column, COLUMNS - column, depth));
    }
    columns
}

fn over_time(
    columns: &[(usize, usize, &Depth)],
    stack: &std::ops::Range<Address>,
    whole: u64,
    image: &Image,
) -> Markup {
    let used = |depth: &Depth| stack.end.0.saturating_sub(depth.sp.0);
    let name = |depth: &Depth| image.place(depth.function).symbol.map(|(name, _)| short(&name)).unwrap_or_default();
    // Columns that are alike are one step, so no seam shows between them.
    let mut steps: Vec<(usize, usize, &Depth)> = Vec::new();
    for (column, wide, depth) in columns {
        match steps.last_mut().filter(|(.., last)| (last.sp, last.function) == (depth.sp, depth.function)) {
            Some((_, known, _)) => *known += wide,
            None => steps.push((*column, *wide, depth)),
        }
    }
    html! {
        div.stage.depth role="img" aria-label="depth of the stack over time, whose numbers are in the table below" {
            @for (column, wide, depth) in &steps {
                @let (name, part) = (name(depth), |part: usize| percent(part as u64, COLUMNS as u64));
                div title=(format!("{name}: {} bytes", thousands(used(depth))))
                    style=(format!("left:{}%;width:calc({}% + 1px);height:{}%", part(*column), part(*wide), percent(used(depth), whole.max(16)))) {
                    @if *wide * NARROWEST > COLUMNS { (name) }
                }
            }
        }
    }
}
