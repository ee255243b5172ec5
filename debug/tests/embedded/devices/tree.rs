//! The device tree, node by node beside that which a kernel finds on QEMU. It does not know what is in the nodes.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use debug::embedded::Options;
use debug::machine::{Register, Stop};
use debug::{Address, Embedded, Machine, Qemu};

use crate::kernel::{ENTRY, STAY};

const LIMIT: Duration = Duration::from_secs(60);

/// By a node's path: its properties.
type Tree = BTreeMap<String, BTreeMap<String, Vec<u8>>>;

/// What QEMU's board has and ours has not, by the beginning of the path, and why.
const WITHOUT: [&str; 8] = [
    "/reserved-memory/", // where a version of OpenSBI lies
    "/pmu",              // counters of events, which the firmware counts
    "/fw-cfg@10100000",
    "/flash@20000000",
    "/platform-bus@4000000", // nothing is on it
    "/soc/pci@30000000",
    "/aliases",  // of QEMU 10 and later
    "/opensbi-", // OpenSBI's own
];

#[test]
fn the_device_tree_is_qemu_s_for_what_there_is() {
    let elf = crate::elf::build(&[(ENTRY, STAY.to_le_bytes().to_vec())]);
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    file.write_all(&elf).expect("it can be written");
    let mut qemu = Qemu::start(file.path(), LIMIT).expect("QEMU starts");
    qemu.insert_breakpoint(Address(ENTRY)).expect("QEMU has breakpoints");
    assert_eq!(qemu.resume(LIMIT).expect("QEMU runs"), Stop::Breakpoint);
    let mut embedded = Embedded::load(&crate::elf::image(elf), &Options::default()).expect("it is a kernel");
    let (here, there) = (tree_of(&mut embedded), tree_of(qemu.machine()));
    let wrong: Vec<String> = differences(&here, &there);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(here.len() > 20, "{} nodes", here.len());
}

fn differences(here: &Tree, there: &Tree) -> Vec<String> {
    let mut wrong = Vec::new();
    let ours = |path: &String| !WITHOUT.iter().any(|without| path.starts_with(without));
    for path in there.keys().filter(|path| ours(path)).filter(|path| !here.contains_key(*path)) {
        wrong.push(format!("{path} is not here"));
    }
    for (path, properties) in here.iter().filter(|(path, _)| ours(path)) {
        let Some(others) = there.get(path) else {
            wrong.push(format!("{path} is here alone"));
            continue;
        };
        let names: std::collections::BTreeSet<&String> = properties.keys().chain(others.keys()).collect();
        for name in names.into_iter().filter(|name| !may_differ(path, name)) {
            let (here, there) = (properties.get(name), others.get(name));
            if here != there {
                wrong.push(format!("{path} {name}: here {here:02x?}, on QEMU {there:02x?}"));
            }
        }
    }
    wrong
}

/// What says which hart, whose board and which run it is.
fn may_differ(path: &str, name: &str) -> bool {
    match path {
        "/" => name == "model",
        "/chosen" => name == "rng-seed",
        "/cpus/cpu@0" => name.starts_with("riscv,") || matches!(name, "mmu-type" | "clock-frequency"),
        // QEMU 7.2 says 96, later ones 95.
        "/soc/plic@c000000" => name == "riscv,ndev",
        _ => false,
    }
}

/// The tree that a1 points to, its names as QEMU 7.2 spells them.
fn tree_of(machine: &mut dyn Machine) -> Tree {
    let at = machine.read_register(Register::Gpr(Register::A1)).expect("it has registers");
    let mut header = [0; 8];
    machine.read_memory(Address(at), &mut header).expect("a tree is there");
    let mut blob = vec![0; word(&header, 4)];
    machine.read_memory(Address(at), &mut blob).expect("all of it");
    parse(&blob).into_iter().map(|(path, node)| (path.replace("/interrupt-controller@c", "/plic@c"), node)).collect()
}

fn word(blob: &[u8], at: usize) -> usize {
    u32::from_be_bytes(blob[at..at + 4].try_into().expect("four bytes")) as usize
}

/// Devicetree Specification, section "Flattened Devicetree (DTB) Format".
fn parse(blob: &[u8]) -> Tree {
    let text = |at: usize| -> String { blob[at..].iter().take_while(|byte| **byte != 0).map(|b| *b as char).collect() };
    let (mut at, strings) = (word(blob, 8), word(blob, 12));
    let (mut tree, mut path) = (Tree::new(), Vec::<String>::new());
    loop {
        let token = word(blob, at);
        at += 4;
        match token {
            1 => {
                path.push(text(at));
                at += text(at).len() / 4 * 4 + 4;
                tree.insert(joined(&path), BTreeMap::new());
            }
            2 => drop(path.pop()),
            3 => {
                let (length, name) = (word(blob, at), text(strings + word(blob, at + 4)));
                let value = blob[at + 8..at + 8 + length].to_vec();
                at += 8 + length.div_ceil(4) * 4;
                tree.get_mut(&joined(&path)).expect("the node began").insert(name, value);
            }
            4 => {}
            _ => return tree,
        }
    }
}

fn joined(path: &[String]) -> String {
    if path.len() == 1 { "/".into() } else { path.join("/") }
}
