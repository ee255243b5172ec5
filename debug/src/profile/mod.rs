//! Counts instructions and calls of a run by function and line: exactly, from every jump that the hart made, not from samples.
//!
//! Between two jumps the hart executes what lies there, so a stretch is counted as a whole. It does not know what the counts are for.

mod boot;
mod calls;
mod clear;
mod counts;
mod formats;
mod moment;
mod printed;
mod stacks;
mod tables;
#[cfg(test)]
mod tests;
mod traps;

use crate::image::{Line, Place};
use crate::machine::Address;

pub use boot::{Boot, Depth, Look, gather};
pub use calls::Calls;
pub use clear::{BANDS, Clear, Write};
pub use formats::Format;
pub use moment::{COLUMNS, Mark};
pub use printed::{Printed, PrintedLines};
pub use tables::{Branch, PageTables, page_tables};
pub use traps::{Kind, Traps};

/// How instructions are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By function, with the inlined ones.
    Function,
    /// By function and source line.
    Line,
    /// By symbol: without what was inlined.
    Symbol,
}

/// A function in the context of its callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name, as a person reads it.
    pub name: String,
    /// Its line, where it is one of source lines.
    pub line: Option<Line>,
    /// It is a trap's cause and stands between the interrupted function and the handler.
    pub is_trap: bool,
    /// Who called it, by index; `None` for the first.
    pub parent: Option<usize>,
    /// Instructions executed in it itself.
    pub own: u64,
    /// Instructions executed in it and in what it called.
    pub total: u64,
    /// How often it was called; 0 for an inlined function.
    pub calls: u64,
    /// Where its first instruction seen lies.
    pub address: Address,
}

/// The counts of a run: a tree, a caller before what it calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The first is the whole run.
    pub nodes: Vec<Node>,
}

/// One row of a table: a function in all its contexts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Instructions executed in it itself.
    pub own: u64,
    /// Instructions executed in it and in what it called, a recursion once.
    pub total: u64,
    /// How often it was called.
    pub calls: u64,
}

impl Profile {
    /// All instructions.
    pub fn total(&self) -> u64 {
        self.nodes.first().map_or(0, |root| root.total)
    }

    /// The functions, or the source lines, those with most instructions first.
    pub fn rows(&self, lines: bool) -> Vec<Row> {
        let mut rows: std::collections::HashMap<&str, Row> = std::collections::HashMap::new();
        let is_line = |node: &Node| node.line.is_some();
        let mut own: Vec<u64> = self.nodes.iter().map(|node| node.own).collect();
        if !lines {
            // A function's own instructions are those of its lines.
            let of_lines = self.nodes.iter().filter(|node| is_line(node));
            of_lines
                .filter_map(|node| node.parent.zip(Some(node.own)))
                .for_each(|(parent, count)| own[parent] += count);
        }
        for (index, node) in self.nodes.iter().enumerate().skip(1).filter(|(_, node)| is_line(node) == lines) {
            let fresh = || Row { name: node.name.clone(), own: 0, total: 0, calls: 0 };
            let row = rows.entry(&node.name).or_insert_with(fresh);
            row.own += own[index];
            row.calls += node.calls;
            if !self.path(index).skip(1).any(|outer| self.nodes[outer].name == node.name) {
                row.total += node.total;
            }
        }
        let mut rows: Vec<Row> = rows.into_values().collect();
        rows.sort_by(|one, other| other.own.cmp(&one.own).then_with(|| one.name.cmp(&other.name)));
        rows
    }

    /// The node and its callers, up to the first.
    pub fn path(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(index), |index| self.nodes[*index].parent)
    }
}

/// A place's name in a profile.
fn name_of(place: &Place) -> String {
    match &place.symbol {
        Some((name, _)) => name.clone(),
        None => place.address.to_string(),
    }
}
