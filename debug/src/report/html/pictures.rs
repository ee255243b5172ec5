//! The pictures of the BSS clear and of the stack's depth, each with its numbers as a table. It does not gather them.

use maud::{Markup, html};

use super::{percent, place, thousands};
use crate::image::Image;
use crate::machine::Address;
use crate::profile::{BANDS, Boot, COLUMNS};

/// Rows of a table.
const ROWS: usize = 60;

pub fn clear(boot: &Boot, image: &Image) -> Markup {
    let clear = &boot.clear;
    // Some room to the right, in which the picture shows what comes after the clear.
    let columns = (clear.columns() + clear.columns() / 10 + 1).min(COLUMNS);
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
            svg viewBox=(format!("0 0 {columns} {BANDS}")) preserveAspectRatio="none" shape-rendering="crispEdges" height="180" role="img" aria-label="stores to BSS over time, whose numbers are in the table below" {
                @for ((column, band), write) in &clear.writes {
                    rect class=(class(*band, write.others > 0)) x=(column) y=(BANDS - 1 - band) width="1" height="1" {}
                }
            }
            div.axis { span { "up: " (format!("{:#x}", clear.range.start)) " to " (format!("{:#x}", clear.range.end)) }
                span { "right: the first " (thousands((columns as u64 * clear.width).min(boot.end))) " instructions" } }
            p.key { i.a {} "zero stored" i.b {} "a value stored" i.bad-fill {} "a store beside BSS" }
        }
        table { tbody {
            @for mark in [begun, ended].into_iter().flatten() {
                tr { td { (mark.what) } td.number { "instruction " (thousands(mark.icount)) } td.mono { (place(image, mark.pc)) } }
            }
            tr { td { "stores of zero" } td.number { (thousands(clear.all.zeros)) } td {} }
            tr { td { "stores of other values" } td.number { (thousands(clear.all.others)) } td {} }
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
