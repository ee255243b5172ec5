//! The report as a page to look at: one file that needs no network and no script. Its template escapes all that comes from the kernel.

mod flame;
mod glance;
mod memory;
mod pictures;
mod time_line;
mod tree;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Report, Verdict, details, printable, text};
use crate::checks::{Finding, Status};
use crate::image::{Image, Line};
use crate::machine::Address;
use crate::profile::Boot;
use glance::glance;
use memory::memory;
use pictures::{clear, depth};
use time_line::{console, time_line};
use tree::tree;

pub use flame::svg;

const STYLE: &str = include_str!("style.css");

/// The lines of a source file around one, with their numbers.
pub type Source = Vec<(u32, String)>;

/// What a page is made of.
pub struct Page<'a> {
    /// The findings.
    pub report: &'a Report,
    /// The kernel.
    pub image: &'a Image,
    /// The run on the embedded machine; `None` where it did not run there.
    pub boot: Option<&'a Boot>,
    /// The page shows another machine's verdict, and this run beside it.
    pub is_companion: bool,
    /// The stack, for its picture.
    pub stack: std::ops::Range<crate::machine::Address>,
    /// The machine's RAM in bytes.
    pub ram: u64,
    /// The commands that repeat this run, and go to a moment of it.
    pub commands: &'a [String],
    /// Finds the source lines around one.
    pub source: &'a dyn Fn(&Line) -> Option<Source>,
}

impl Page<'_> {
    /// The whole page.
    pub fn html(&self) -> String {
        let verdict = text::verdict(self.report);
        let class = if self.report.verdict() == Verdict::Pass { "good" } else { "bad" };
        let kernel = printable(&self.report.kernel_name());
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                    title { (kernel) ": " (verdict) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        h1 class=(class) { (verdict) }
                        p.faint.mono { (kernel) }
                        @if let Some(boot) = self.boot { (glance(boot, self)) }
                    }
                    main {
                        section { h2 { "Checks" } @for finding in &self.report.findings { (self.finding(finding)) } }
                        (self.go_there())
                        @match self.boot {
                            Some(boot) => (self.pictures(boot)),
                            None => p { "The embedded machine did not run this kernel, so there are no pictures: only it sees every instruction." },
                        }
                    }
                }
            }
        };
        page.into_string()
    }

    fn holds(&self, check: &str) -> bool {
        self.report.findings.iter().any(|finding| finding.name == check && finding.status == Status::Pass)
    }

    fn finding(&self, finding: &Finding) -> Markup {
        let (class, word) = match finding.status {
            Status::Pass => ("good", "ok"),
            Status::Fail => ("bad", "FAIL"),
            Status::NotRun => ("open", "not run"),
        };
        html! {
            div class=(format!("check {class}")) {
                b { (word) " " (finding.name) } " " (printable(&finding.summary))
                @if finding.status == Status::Fail {
                    dl { @for (label, detail) in details(finding) { dt { (label) } dd.mono { (detail) } } }
                    @if let Some(line) = finding.location.as_ref().and_then(|place| place.line.as_ref()) { (self.lines(line)) }
                }
            }
        }
    }

    fn lines(&self, line: &Line) -> Markup {
        let Some(source) = (self.source)(line) else { return html! {} };
        html! {
            pre.source {
                @for (number, text) in source {
                    span.here[number == line.line] { (format!("{number:>5}  {}", printable(&text))) @if number != line.line { "\n" } }
                }
            }
        }
    }

    fn go_there(&self) -> Markup {
        html! {
            @if !self.commands.is_empty() {
                section {
                    h2 { "Go there" }
                    pre { @for command in self.commands { (printable(command)) "\n" } }
                }
            }
        }
    }

    fn pictures(&self, boot: &Boot) -> Markup {
        html! {
            @if self.is_companion {
                p.faint {
                    "The checks are of " (printable(&self.report.machine)) ". It does not tell what it executes, so the pictures are of the embedded machine, \
                     which ran the same kernel. Times and interrupts differ from those there."
                }
            }
            section #time { h2 { "Time line" } (time_line(boot, self)) (console(boot)) }
            section #memory { h2 { "Memory" } (memory(boot, self)) }
            @if !boot.page_tables.is_empty() {
                section #page-tables { h2 { "Page tables" } @for tables in &boot.page_tables { (tree(tables, self.image)) } }
            }
            section #clear { h2 { "The BSS clear" } (clear(boot, self.image, self.holds("bss"))) }
            section #stack { h2 { "Stack" } (depth(boot, self.image, &self.stack)) }
            section #functions { h2 { "Instructions by function" } (flame::flame(&boot.profile)) }
        }
    }
}

/// A place in words; nothing for none.
fn place(image: &Image, address: Address) -> String {
    if address.0 == 0 {
        return String::new();
    }
    let mut place = image.place(address);
    if let Some((name, _)) = &mut place.symbol {
        *name = short(name);
    }
    let line = place.line.take().map(|line| format!(" {}", line.short())).unwrap_or_default();
    printable(&format!("{place}{line}"))
}

/// A symbol's name, which is on the page many times, and may be as long as somebody likes.
fn short(name: &str) -> String {
    const LONGEST: usize = 300;
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => printable(&name[..end]) + "…",
        None => printable(name),
    }
}

/// A number with its thousands apart.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut parts = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            parts.push(',');
        }
        parts.push(digit);
    }
    parts
}

/// A part of a whole in percent, for a picture.
fn percent(part: u64, whole: u64) -> String {
    format!("{:.3}", 100.0 * part as f64 / whole.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::short;

    /// A page has a function's name a hundred times.
    #[test]
    fn an_enormous_name_is_cut_between_characters() {
        assert_eq!(short("boot\u{1b}"), "boot\\u{1b}");
        let shown = short(&"é<".repeat(100_000));
        assert_eq!((shown.chars().count(), shown.ends_with("é<…")), (301, true));
    }
}
