//! README.md and docs/machine.md say what the embedded machine has: their tables are made here, from what a kernel finds out. Each row is
//! asked of a machine: its device tree, and its firmware.

use std::fmt::Write;

use debug::embedded::Options;
use debug::machine::Register;
use debug::riscv::Extension;
use debug::{Address, Embedded, Machine};

use crate::assembler::*;
use crate::kernel::*;

const README: &str = include_str!("../../../README.md");
const PAGE: &str = include_str!("../../../docs/machine.md");

/// The device tree that the kernel of a machine with this hart gets.
fn device_tree(cpu: &str) -> Vec<u8> {
    let mut machine = boot_with(&[STAY], &Options { cpu: cpu.parse().unwrap(), ..Options::default() });
    let start = Address(machine.read_register(Register::Gpr(Register::A1)).unwrap());
    let mut size = [0; 4];
    machine.read_memory(start + 4, &mut size).unwrap();
    let mut tree = vec![0; u32::from_be_bytes(size) as usize];
    machine.read_memory(start, &mut tree).unwrap();
    tree
}

/// A node's properties by their names.
type Properties = Vec<(String, Vec<u8>)>;

/// Each node's name with its properties, in the order of the tree (Devicetree Specification, "Flattened Devicetree Format").
fn nodes(tree: &[u8]) -> Vec<(String, Properties)> {
    let word = |at: usize| u32::from_be_bytes(tree[at..at + 4].try_into().unwrap()) as usize;
    let text = |at: usize| {
        tree[at..].split(|byte| *byte == 0).next().map(|text| String::from_utf8_lossy(text).into_owned()).unwrap()
    };
    let (mut at, strings) = (word(8), word(12));
    let (mut nodes, mut open): (Vec<(String, Properties)>, Vec<usize>) = (Vec::new(), Vec::new());
    loop {
        let token = word(at);
        at += 4;
        match token {
            1 => {
                let name = text(at);
                at += (name.len() + 4) & !3;
                open.push(nodes.len());
                nodes.push((name, Vec::new()));
            }
            2 => drop(open.pop()),
            3 => {
                let (length, name) = (word(at), text(strings + word(at + 4)));
                let node = *open.last().unwrap();
                nodes[node].1.push((name, tree[at + 8..at + 8 + length].to_vec()));
                at += 8 + ((length + 3) & !3);
            }
            9 => return nodes,
            _ => assert_eq!(token, 4, "at {at:#x}"),
        }
    }
}

fn property<'a>(properties: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
}

/// The extensions that a device tree says.
fn extensions(cpu: &str) -> Vec<String> {
    let nodes = nodes(&device_tree(cpu));
    let value = nodes.iter().find_map(|(_, properties)| property(properties, "riscv,isa-extensions")).unwrap();
    value.split(|byte| *byte == 0).map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

/// The extensions of the usual hart, and of one with all of them.
fn usual_and_all() -> [Vec<String>; 2] {
    let all = Extension::ALL.iter().fold("rv64".to_owned(), |cpu, extension| format!("{cpu},{}=on", extension.name()));
    [extensions("rv64"), extensions(&all)]
}

fn table_of_extensions() -> String {
    let [usual, all] = usual_and_all();
    let mut table = String::from(
        "| extension | | with `--cpu rv64` |\n| --- | --- | --- |\n| RV64GC | what compilers use | yes |\n",
    );
    for extension in Extension::ALL {
        let name = extension.name();
        let has = |set: &[String]| set.iter().any(|known| known == name);
        let answer = match (has(&usual), has(&all)) {
            (true, _) => "yes".to_owned(),
            (false, true) => format!("`--cpu rv64,{name}=on`"),
            (false, false) => format!("no: with `{name}=on` an instruction of it stops the machine with a report"),
        };
        writeln!(table, "| {name} | {} | {answer} |", extension.about()).unwrap();
    }
    table
}

/// Address, size and name of each device, by address.
fn devices() -> Vec<(u64, u64, String)> {
    let nodes = nodes(&device_tree("rv64"));
    let mut devices = Vec::new();
    for (_, properties) in &nodes {
        let (Some(compatible), Some(place)) = (property(properties, "compatible"), property(properties, "reg")) else {
            continue;
        };
        if place.len() != 16 {
            continue; // a hart's number
        }
        let number = |range: std::ops::Range<usize>| u64::from_be_bytes(place[range].try_into().unwrap());
        let (start, size) = (number(0..8), number(8..16));
        let name = compatible.split(|byte| *byte == 0).next().map(String::from_utf8_lossy).unwrap();
        devices.push((start, size, format!("`{name}`")));
    }
    devices.sort();
    devices
}

fn table_of_devices() -> String {
    let head = "| device, as the device tree names it | at | size |\n| --- | --- | --- |\n".to_owned();
    devices().iter().fold(head, |table, (start, size, name)| format!("{table}| {name} | {start:#x} | {size:#x} |\n"))
}

/// Extension by its four letters (SBI specification, "Binary Encoding"), and what it is.
const CALLS: [(&str, &str); 9] = [
    ("TIME", "the timer"),
    ("sPI", "interrupts for harts"),
    ("RFNC", "fences on other harts"),
    ("HSM", "harts' states"),
    ("SRST", "power-off and reset"),
    ("DBCN", "the debug console"),
    ("PMU", "performance counters"),
    ("SUSP", "suspending"),
    ("STA", "stolen time"),
];

fn has_call(name: &str) -> bool {
    let number = name.bytes().fold(0, |number, byte| number << 8 | u64::from(byte));
    let mut machine = boot(&[li(17, 0x10), li(16, 3), li(10, number), vec![ECALL, STAY]].concat());
    machine.step(100, LIMIT).unwrap();
    let answer = |machine: &mut Embedded, register| machine.read_register(Register::Gpr(register)).unwrap();
    assert_eq!(answer(&mut machine, Register::A0), 0, "{name}");
    answer(&mut machine, Register::A1) != 0
}

fn table_of_calls() -> String {
    let mut table = String::from("| SBI extension | | |\n| --- | --- | --- |\n");
    for (name, about) in CALLS {
        writeln!(table, "| {name} | {about} | {} |", if has_call(name) { "yes" } else { "no" }).unwrap();
    }
    table
}

/// All of it in a few lines.
fn summary() -> String {
    let [usual, all] = usual_and_all();
    let named = |has: &dyn Fn(&str) -> bool| {
        let names: Vec<&str> =
            Extension::ALL.iter().map(|extension| extension.name()).filter(|name| has(name)).collect();
        names.join(", ")
    };
    let is_in = |set: &[String], name: &str| set.iter().any(|known| known == name);
    let mut devices: Vec<String> = devices().into_iter().map(|(.., name)| name).collect();
    let slots = devices.iter().filter(|name| *name == "`virtio,mmio`").count();
    devices.dedup();
    let devices = devices.join(", ").replace("`virtio,mmio`", &format!("{slots} of `virtio,mmio`"));
    let calls: Vec<&str> = CALLS.iter().map(|(name, _)| *name).filter(|name| has_call(name)).collect();
    format!(
        "| of | there is |\n| --- | --- |\n| the hart | RV64GC, {} |\n| the hart, on request | {} |\n| devices | {devices} |\n| \
         the SBI | {} |\n",
        named(&|name| is_in(&usual, name)),
        named(&|name| !is_in(&usual, name) && is_in(&all, name)),
        calls.join(", "),
    )
}

#[test]
fn the_pages_about_the_machine_say_what_it_has() {
    let tables = [table_of_extensions(), table_of_devices(), table_of_calls()];
    let missing: Vec<&str> = tables.iter().map(String::as_str).filter(|table| !PAGE.contains(table)).collect();
    assert!(missing.is_empty(), "docs/machine.md should have:\n\n{}", missing.join("\n"));
    let summary = summary();
    assert!(README.contains(&summary), "README.md should have:\n\n{summary}");
}
