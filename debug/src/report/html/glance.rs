//! A boot at a glance: a few numbers, of which each leads to its picture. It does not gather them.

use maud::{Markup, html};

use super::{Page, thousands};
use crate::profile::Boot;

/// A longer number has two places: it must not break.
const LONGEST: usize = 10;

pub fn glance(boot: &Boot, page: &Page<'_>) -> Markup {
    let stack = &page.stack;
    let deepest = boot.depth.iter().map(|depth| depth.sp).min().unwrap_or(stack.end);
    let functions = boot.profile.rows(false).len();
    let many = |count: u64, one: &str, more: &str| (thousands(count), if count == 1 { one } else { more }.to_owned());
    let mut numbers = vec![
        ("time", many(boot.end, "instruction", "instructions")),
        ("time", many(boot.traps.count, "trap or interrupt", "traps and interrupts")),
        ("console", many(boot.console.count, "line printed", "lines printed")),
        ("memory", many(boot.written.len() as u64, "page written", "pages written")),
        ("clear", (thousands(boot.clear.bss.end - boot.clear.bss.start), "bytes of BSS".to_owned())),
        (
            "stack",
            (
                thousands(stack.end.0.saturating_sub(deepest.0)),
                format!("of {} bytes of stack", thousands(stack.end.0 - stack.start.0)),
            ),
        ),
        ("functions", many(functions as u64, "function ran", "functions ran")),
    ];
    if let Some(tables) = boot.page_tables.first() {
        numbers.insert(4, ("page-tables", (tables.mode.to_string(), "page tables".to_owned())));
    }
    html! {
        nav.glance aria-label="at a glance" {
            @for (place, (number, what)) in numbers { a.long[number.len() > LONGEST] href=(format!("#{place}")) { b { (number) } " " (what) } }
        }
    }
}
