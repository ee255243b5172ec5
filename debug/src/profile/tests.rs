//! Formats are what their tools read, whatever a kernel calls its functions.

use std::path::Path;

use super::*;
use crate::image::Image;
use crate::image::fixture::{BASE, Elf};
use crate::machine::{HartEvent, Jump, JumpKind, Observer, TakenTrap};

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

fn trap(icount: u64, pc: u64, cause: u64) -> TakenTrap {
    TakenTrap {
        icount,
        pc: Address(pc),
        cause,
        value: 0,
        from_user: false,
        from_guest: false,
        by_guest: false,
        guest_physical: None,
        overdue: 0,
        sp: Address(BASE + 0x4000),
        sscratch: 0,
        handler: Address(BASE + 0x40),
        instruction: None,
    }
}

/// A program calls from everywhere; where it faults matters.
#[test]
fn calls_are_of_one_kind_and_faults_of_one_for_each_place() {
    let mut traps = Traps::default();
    for (icount, (pc, cause)) in (0..).zip([(0x10, 8), (0x20, 8), (0x10, 13), (0x20, 13), (0x20, 13)]) {
        traps.take(&trap(icount, pc, cause), 0);
    }
    let kinds: Vec<_> = traps.kinds.iter().map(|kind| (kind.first.icount, kind.count)).collect();
    assert_eq!(kinds, [(0, 2), (2, 1), (3, 2)]);
}

/// 0x10000 instructions after each other, of which each traps; the handler traps itself.
#[test]
fn traps_without_end_make_no_tree_without_end_and_are_counted() {
    const TRAPS: u64 = 0x10000;
    let image = Image::parse(Path::new("kernel"), Elf::default().bytes()).unwrap();
    let mut calls = Calls::new(&image, Address(BASE), 0);
    for count in 0..TRAPS {
        calls.event(&HartEvent::Trap(trap(2 * count + 1, BASE + 0x44, 5)));
        assert!(calls.depth() < 1000, "after {count} traps");
    }
    calls.finish(2 * TRAPS);
    let profile = calls.profile(&image, By::Symbol);
    assert!(profile.nodes.len() < 1000, "{} nodes", profile.nodes.len());
    assert_eq!(profile.total(), 2 * TRAPS);
}

/// Of `memset` no symbol says how long it is.
#[test]
fn a_jump_forward_in_a_function_of_unknown_size_is_no_call() {
    let image = Image::parse(Path::new("kernel"), Elf::default().bytes()).unwrap();
    let mut calls = Calls::new(&image, Address(BASE), 0);
    let mut jump = |icount: u64, from: u64, to: u64, kind| {
        let [pc, to, sp] = [BASE + from, BASE + to, BASE + 0x4000].map(Address);
        calls.jump(&Jump { icount, pc, to, sp, kind });
    };
    jump(1, 4, 0x40, JumpKind::Call(Address(BASE + 8)));
    for round in 0..5 {
        jump(2 + 2 * round, 0x40, 0x60 + 4 * round, JumpKind::Other);
        jump(3 + 2 * round, 0x60 + 4 * round, 0x40, JumpKind::Other);
    }
    jump(12, 0x40, 8, JumpKind::Return);
    calls.finish(14);
    let rows = calls.profile(&image, By::Symbol).rows(false);
    let row = |name| rows.iter().find(|row| row.name == name).map(|row| (row.own, row.total, row.calls));
    assert_eq!((row("boot"), row("memset")), (Some((3, 14, 1)), Some((11, 11, 1))), "{rows:?}");
}
