//! Formats are what their tools read, whatever a kernel calls its functions.

use super::*;

fn node(name: &str, parent: Option<usize>, own: u64) -> Node {
    let address = Address(0);
    Node { name: name.into(), line: None, is_trap: false, parent, own, total: own, calls: 1, address }
}

/// The run calls `a;b`, which calls itself.
fn profile() -> Profile {
    let mut nodes =
        vec![node("the run", None, 0), node("a;b", Some(0), 3), node("a;b", Some(1), 4), node("c", Some(1), 5)];
    (nodes[1].total, nodes[0].total) = (12, 12);
    Profile { nodes }
}

#[test]
fn a_recursion_s_instructions_count_once_for_its_total() {
    let rows = profile().rows(false);
    let row = |name| rows.iter().find(|row| row.name == name).map(|row| (row.own, row.total, row.calls));
    assert_eq!(row("a;b"), Some((7, 12, 2)));
    assert_eq!(row("c"), Some((5, 5, 1)));
}

#[test]
fn folded_stacks_have_a_line_each_and_no_separator_in_a_name() {
    let folded = profile().write(Format::Folded, "kernel");
    assert_eq!(folded, "the run;a_b 3\nthe run;a_b;a_b 4\nthe run;a_b;c 5\n");
}

#[test]
fn speedscope_s_weights_are_the_instructions() {
    let document: serde_json::Value = serde_json::from_str(&profile().write(Format::Speedscope, "kernel")).unwrap();
    let profile = &document["profiles"][0];
    assert_eq!(profile["samples"], serde_json::json!([[0, 1], [0, 1, 2], [0, 1, 3]]));
    assert_eq!((&profile["weights"], &profile["endValue"]), (&serde_json::json!([3, 4, 5]), &12.into()));
}

#[test]
fn perfetto_s_slices_lie_within_their_callers() {
    let document: serde_json::Value = serde_json::from_str(&profile().write(Format::Perfetto, "kernel")).unwrap();
    let slices: Vec<(u64, u64)> = document["traceEvents"].as_array().unwrap()[1..]
        .iter()
        .map(|event| (event["ts"].as_u64().unwrap(), event["dur"].as_u64().unwrap()))
        .collect();
    assert_eq!(slices, [(0, 12), (0, 12), (0, 4), (4, 5)]);
}
