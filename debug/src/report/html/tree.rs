//! The page tables as a tree, in which a table stands with the addresses that it translates. It does not read them.

use maud::{Markup, html};

use super::super::printable;
use super::thousands;
use crate::image::Image;
use crate::machine::csr;
use crate::profile::{Branch, PageTables};
use crate::riscv::board::RAM_BASE;

/// Tables with more branches are shut at first.
const OPEN: usize = 24;
const SIZES: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];

/// Bytes in the largest unit of which they are a multiple.
fn size(bytes: u64) -> String {
    match SIZES.iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{} {name}", thousands(bytes / unit)),
        None => format!("{} bytes", thousands(bytes)),
    }
}

pub fn tree(tables: &PageTables, image: &Image) -> Markup {
    let wider = if tables.register == csr::HGATP { "x4" } else { "" };
    html! {
        p { (tables.mode) (wider) ", " (tables.register.to_string()) " " (format!("{:#x}", tables.value)) ": " (size(tables.mapped)) " are mapped by "
            (thousands(tables.tables.len() as u64)) @if tables.tables.len() == 1 { " page" } @else { " pages" } " of tables, as they are at the end."
            @if tables.is_of_guest() { " They are the guest's own: where they lead, hgatp translates again." }
            @if tables.is_cut { " There is more, which is not shown." } }
        (list(&tables.root, (!tables.is_of_guest()).then_some(image)))
    }
}

/// Without the image where addresses are a guest's.
fn list(branches: &[Branch], image: Option<&Image>) -> Markup {
    html! {
        ul.tree { @for branch in branches {
            li { @match branch {
                Branch::Table { start, at, level, branches } => details open[branches.len() <= OPEN] {
                    summary.mono { (start.to_string()) ": the table at " (at.to_string()) ", level " (level)
                        @if branches.is_empty() { ", maps nothing" } }
                    (list(branches, image))
                },
                Branch::Pages { start, bytes, page, physical, letters } => span.mono {
                    (start.to_string()) ": " (size(*bytes)) @if bytes > page { " in pages of " (size(*page)) } " at "
                    @if physical == start { "the same address" } @else { (physical.to_string()) }
                    ", " b { (letters) } @if let Some(image) = image { (what(image, physical.0, *bytes)) }
                },
            } }
        } }
    }
}

/// What of the kernel lies there.
fn what(image: &Image, physical: u64, bytes: u64) -> String {
    let end = physical.saturating_add(bytes);
    let lies_there = |(name, range): (String, std::ops::Range<crate::machine::Address>)| {
        let start = image.physical(range.start).0;
        let is_there = start < end && physical < start.saturating_add(range.end.0 - range.start.0);
        is_there.then_some(name)
    };
    let names: Vec<String> = image.memory_sections().into_iter().filter_map(lies_there).take(4).collect();
    match names.is_empty() {
        true if end <= RAM_BASE => " (devices)".into(),
        true => String::new(),
        false => format!(" ({})", printable(&names.join(", "))),
    }
}
