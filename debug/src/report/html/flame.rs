//! The flame graph: a box for each function in the context of its callers, as wide as its instructions. It does not count.

use maud::{Markup, html};

use super::{percent, short, thousands};
use crate::profile::{Node, Profile, Row};

/// Boxes narrower than this part of the whole are not drawn.
const NARROWEST: u64 = 1000;
/// Rows of the table.
const ROWS: usize = 40;
/// More boxes than this are not drawn, whatever their width.
const MOST: usize = 3000;
/// Nor are those that stand higher.
const DEEPEST: usize = 60;

struct Box<'a> {
    node: &'a Node,
    start: u64,
    depth: usize,
}

/// The boxes that are wide enough, and how deep they go. A function that calls itself is one box, whatever the depth.
fn boxes(profile: &Profile) -> (Vec<Box<'_>>, usize) {
    let mut starts = vec![(0, 0); profile.nodes.len()];
    let mut inner = vec![0; profile.nodes.len()];
    let mut boxes = Vec::new();
    let mut deepest = 0;
    for (index, node) in profile.nodes.iter().enumerate() {
        let caller = node.parent.map(|parent| &profile.nodes[parent]);
        let is_itself = caller.is_some_and(|caller| (&caller.name, &caller.line) == (&node.name, &node.line));
        if let Some(parent) = node.parent {
            starts[index] = (inner[parent], starts[parent].1 + usize::from(!is_itself));
            inner[parent] += node.total;
        }
        let (start, depth) = starts[index];
        inner[index] = start;
        let is_drawn = !is_itself && depth < DEEPEST && boxes.len() < MOST;
        if node.total > 0 && node.total * NARROWEST >= profile.total() && is_drawn {
            deepest = deepest.max(depth);
            boxes.push(Box { node, start, depth });
        }
    }
    (boxes, deepest)
}

fn class(of: &Box<'_>) -> &'static str {
    match (of.node.is_trap, &of.node.line) {
        (true, _) => "wt",
        (false, Some(_)) => "wl",
        (false, None) => ["w0", "w1", "w2", "w3"][of.node.name.len() % 4],
    }
}

fn title(node: &Node, total: u64) -> String {
    let (name, part) = (short(&node.name), percent(node.total, total));
    let calls = if node.calls > 0 { format!(", called {} times", thousands(node.calls)) } else { String::new() };
    format!("{name}: {} instructions, {part} %{calls}", thousands(node.total))
}

/// The graph, and its numbers as a table.
pub fn flame(profile: &Profile) -> Markup {
    let (boxes, deepest) = boxes(profile);
    let total = profile.total();
    html! {
        figure {
            div.stage role="img" aria-label="flame graph, whose numbers are in the table below" style=(format!("height:{}rem", 1.25 * (deepest + 1) as f64)) {
                @for one in &boxes {
                    div class=(class(one)) title=(title(one.node, total))
                        style=(format!("left:{}%;width:{}%;bottom:{}rem", percent(one.start, total), percent(one.node.total, total), 1.25 * one.depth as f64)) {
                        @if one.node.total * 40 >= total { (short(&one.node.name)) }
                    }
                }
            }
            p.key { "Exact, not sampled: " (thousands(total)) " instructions. A function stands on its caller, and is one box if it calls itself; inlined functions too."
                i.w0 {} "function" i.wl {} "its source line" i.wt {} "trap or interrupt" }
        }
        (table(&profile.rows(false), "function", true))
        details {
            summary { "by source line" }
            (table(&profile.rows(true), "line", false))
        }
    }
}

fn table(rows: &[Row], what: &str, calls: bool) -> Markup {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.own > 0 || row.calls > 0).collect();
    html! {
        table {
            thead { tr { th { (what) } th.number { "instructions" } @if calls { th.number { "with callees" } th.number { "calls" } } } }
            tbody { @for row in rows.iter().take(ROWS) {
                tr { td.mono { (short(&row.name)) } td.number { (thousands(row.own)) }
                    @if calls { td.number { (thousands(row.total)) } td.number { (thousands(row.calls)) } } }
            } }
        }
        @if rows.len() > ROWS { p.faint { "and " (rows.len() - ROWS) " more" } }
    }
}

/// The graph as a picture of its own.
pub fn svg(profile: &Profile) -> String {
    let (boxes, deepest) = boxes(profile);
    let (width, row, total) = (1200.0, 18.0, profile.total().max(1));
    let height = row * (deepest + 1) as f64;
    let x = |start: u64| width * start as f64 / total as f64;
    // White is readable on each of them, and each can be told from white, and from what is beside it by the gap.
    let colour = |of: &Box<'_>| match class(of) {
        "wt" => "#6d3fc4",
        "wl" => "#5b6472",
        "w0" => "#b45309",
        "w1" => "#92600a",
        "w2" => "#c2410c",
        _ => "#9a3412",
    };
    let picture = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}")) font-family="monospace" font-size="11" {
            @for one in &boxes {
                @let (left, wide, top) = (x(one.start), x(one.node.total), height - row * (one.depth + 1) as f64);
                g {
                    title { (title(one.node, total)) }
                    rect x=(format!("{left:.2}")) y=(top) width=(format!("{:.2}", (wide - 0.5).max(0.5))) height=(row - 1.0) fill=(colour(one)) {}
                    @if wide > 30.0 {
                        text x=(format!("{:.2}", left + 3.0)) y=(top + 13.0) fill="#fff" { (short(&one.node.name).chars().take((wide / 7.0) as usize).collect::<String>()) }
                    }
                }
            }
        }
    };
    picture.into_string() + "\n"
}
