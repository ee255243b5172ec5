//! What a kernel is started with besides itself: initrd, command line, memory, where it goes itself; on both machines alike.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use debug::embedded::{self, Options};
use debug::image::{NEUTRAL_BASE, neutral, neutral_image};
use debug::machine::Stop;
use debug::qemu::MachineOptions;
use debug::riscv::Xlen;
use debug::{Address, Embedded, Image, Machine, Qemu};

use crate::assembler::{addi, branch_form, jump_form, li, sd};

const LIMIT: Duration = Duration::from_secs(90);
const A1: usize = 11;

/// What a machine at the kernel's entry was given.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Given {
    tree: u64,
    command_line: Option<Vec<u8>>,
    initrd: Option<(u64, u64)>,
    memory: Vec<u8>,
    /// What lies where the initrd is said to be.
    bytes: Vec<u8>,
}

/// The device tree, and where it is.
fn device_tree(machine: &mut dyn Machine) -> (u64, Vec<u8>) {
    if machine.registers().unwrap().pc != NEUTRAL_BASE.0 {
        machine.insert_breakpoint(NEUTRAL_BASE).unwrap();
        assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Breakpoint);
    }
    let tree = machine.registers().unwrap().x[A1];
    let mut header = [0; 8];
    machine.read_memory(Address(tree), &mut header).unwrap();
    let mut blob = vec![0; u32::from_be_bytes(header[4..].try_into().unwrap()) as usize];
    machine.read_memory(Address(tree), &mut blob).unwrap();
    (tree, blob)
}

fn given(machine: &mut dyn Machine) -> Given {
    let (tree, blob) = device_tree(machine);
    let number = |name| {
        let cells = property(&blob, "chosen", name)?;
        // QEMU 7.2 writes one cell, others two.
        Some(cells.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte)))
    };
    let initrd = number("linux,initrd-start").zip(number("linux,initrd-end"));
    let mut bytes = vec![0; initrd.map_or(0, |(start, end)| end - start) as usize];
    machine.read_memory(Address(initrd.map_or(NEUTRAL_BASE.0, |(start, _)| start)), &mut bytes).unwrap();
    let command_line = property(&blob, "chosen", "bootargs").filter(|text| text.len() > 1);
    let memory = property(&blob, "memory@80000000", "reg").unwrap();
    Given { tree, command_line, initrd, memory, bytes }
}

/// A property's value (Devicetree Specification, chapter "Flattened Devicetree (DTB) Format").
fn property(blob: &[u8], node: &str, name: &str) -> Option<Vec<u8>> {
    let word = |offset: usize| u32::from_be_bytes(blob[offset..offset + 4].try_into().unwrap()) as usize;
    let text = |offset: usize| blob[offset..].split(|byte| *byte == 0).next().unwrap();
    let (mut at, strings, mut within) = (word(8), word(12), Vec::new());
    loop {
        match word(at) {
            1 => {
                within.push(text(at + 4));
                at = (at + 4 + text(at + 4).len() + 1).next_multiple_of(4);
                continue;
            }
            2 => drop(within.pop()),
            3 => {
                let (length, key) = (word(at + 4), text(strings + word(at + 8)));
                if within.last() == Some(&node.as_bytes()) && key == name.as_bytes() {
                    return Some(blob[at + 12..at + 12 + length].to_vec());
                }
                at = (at + 12 + length).next_multiple_of(4);
                continue;
            }
            4 => {}
            _ => return None,
        }
        at += 4;
    }
}

#[test]
fn initrd_command_line_and_memory_are_as_on_qemu() {
    let folder = tempfile::tempdir().unwrap();
    let initrd = folder.path().join("initrd");
    let contents: Vec<u8> = (0..5001_u32).map(|number| number as u8).collect();
    std::fs::write(&initrd, &contents).unwrap();
    let kernel = folder.path().join("neutral");
    std::fs::write(&kernel, neutral(Xlen::Rv64)).unwrap();
    for memory_mib in [128, 512] {
        let append = Some("console=ttyS0 -- a b".to_owned());
        let machine = MachineOptions {
            memory: format!("{memory_mib}M"),
            append: append.clone(),
            initrd: Some(initrd.clone()),
            kernel: Some(kernel.clone()),
            ..MachineOptions::default()
        };
        let mut on_qemu = given(&mut *Qemu::start_machine(&machine, LIMIT).unwrap());
        let options = Options { memory_mib, append, initrd: Some(Arc::from(&*contents)), ..Options::default() };
        let here = given(&mut Embedded::load(&neutral_image(Xlen::Rv64), &options).unwrap());
        // QEMU 7.2 goes 128 MiB above the kernel at most, later versions 512.
        if let (Some((start, end)), Some((theirs, _))) = (here.initrd, on_qemu.initrd)
            && theirs == NEUTRAL_BASE.0 + (128 << 20)
        {
            on_qemu.initrd = Some((start, end));
        }
        let [brief, brief_on_qemu] =
            [&here, &on_qemu].map(|given| Given { bytes: given.bytes[..8].to_vec(), ..given.clone() });
        assert_eq!(brief, brief_on_qemu);
        assert_eq!(here.command_line.as_deref(), Some(&b"console=ttyS0 -- a b\0"[..]));
        assert!(here.bytes == contents && on_qemu.bytes == contents);
    }
}

/// The same hart on both, and the device tree says which.
#[test]
fn the_isa_string_says_what_the_cpu_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = folder.path().join("neutral");
    std::fs::write(&kernel, neutral(Xlen::Rv64)).unwrap();
    for (cpu, without) in [("rv64", &[][..]), ("rv64,h=on,zba=off", &["zba"]), ("rv64,h=off,zbb=off", &["h", "zbb"])] {
        let machine = MachineOptions { cpu: cpu.into(), kernel: Some(kernel.clone()), ..MachineOptions::default() };
        let on_qemu = extensions(&mut *Qemu::start_machine(&machine, LIMIT).unwrap());
        let options = Options { cpu: cpu.parse().unwrap(), ..Options::default() };
        let here = extensions(&mut Embedded::load(&neutral_image(Xlen::Rv64), &options).unwrap());
        for name in ["h", "zba", "zbb", "zbc", "zbs"] {
            let has = |all: &[String]| all.iter().any(|other| other == name);
            assert_eq!(
                [has(&here), has(&on_qemu)],
                [!without.contains(&name); 2],
                "{cpu}: {name}: {here:?} {on_qemu:?}"
            );
        }
    }
}

/// The names in `riscv,isa`, letters one by one.
fn extensions(machine: &mut dyn Machine) -> Vec<String> {
    let isa = String::from_utf8(property(&device_tree(machine).1, "cpu@0", "riscv,isa").unwrap()).unwrap();
    let (letters, names) = isa.trim_end_matches('\0').strip_prefix("rv64").unwrap().split_once('_').unwrap();
    letters.chars().map(String::from).chain(names.split('_').map(String::from)).collect()
}

#[test]
fn what_has_no_room_is_refused_in_words() {
    let refusal = |size: usize, memory: u64, address: u64| {
        let initrd = Some(vec![0; size].into());
        let kernel = Image::flat(Path::new("os"), vec![0x13; 64], Address(address), memory).unwrap();
        let loaded = Embedded::load(&kernel, &Options { memory_mib: 16, initrd, ..Options::default() });
        loaded.err().map(|error| error.to_string())
    };
    assert_eq!(refusal(4 << 20, 0, 0x8020_0000), None);
    let said =
        |said: Option<String>, words: &str| assert!(said.as_ref().is_some_and(|said| said.contains(words)), "{said:?}");
    said(refusal(8 << 20, 0, 0x8020_0000), "is beyond the end of memory, 0x81000000; try: more memory");
    said(refusal(5 << 20, 0, 0x8020_0000), "the device tree takes: [0x80e00000, ");
    said(refusal(16, 9 << 20, 0x8020_0000), "the kernel needs: it takes [0x80200000, 0x80b00000)");
    let command_line = Options { append: Some("a\0b".into()), ..Options::default() };
    assert!(matches!(Embedded::load(&neutral_image(Xlen::Rv64), &command_line), Err(embedded::Error::CommandLine)));
}

/// The same run as that of an ELF, from any address.
#[test]
fn a_flat_kernel_runs_where_it_was_put() {
    // li a0, 7; wfi; j .
    let code = [0x0070_0513_u32, 0x1050_0073, 0x0000_006f].map(u32::to_le_bytes).concat();
    for start in [0x8020_0000, 0x8040_0000] {
        let image = Image::flat(Path::new("os.bin"), code.clone(), Address(start), 0).unwrap();
        let mut machine = Embedded::load(&image, &Options::default()).unwrap();
        assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Interrupted);
        let registers = machine.registers().unwrap();
        assert_eq!((registers.pc, registers.x[10]), (start + 8, 7));
    }
}

/// It does not tell which of its bytes are code, and a machine that is stepped through all of it takes long.
#[test]
fn of_a_flat_kernel_sp_is_found_behind_a_long_loop() {
    const SP: u32 = 2;
    const T0: u32 = 5;
    let mut code = li(T0, 20_000);
    code.extend([addi(T0, T0, -1), branch_form(1, T0, 0, -4)]);
    code.extend(li(T0 + 1, 0x8030_0000));
    code.extend([addi(SP, T0 + 1, 0), addi(SP, SP, -16), sd(T0, SP, 8), 0x1050_0073, jump_form(0, -4)]);
    let folder = tempfile::tempdir().unwrap();
    let kernel = folder.path().join("flat.bin");
    std::fs::write(&kernel, code.into_iter().flat_map(u32::to_le_bytes).collect::<Vec<u8>>()).unwrap();
    for machine in ["embedded", "qemu"] {
        let mut check = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
        check.args(["debug", "check", "--config", "none", "--on", machine, "--load-address", "0x80200000", "--kernel"]);
        let output = check.arg(&kernel).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("sp = 0x802ffff0 "), "{said}{output:?}");
    }
}
