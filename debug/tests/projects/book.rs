//! A kernel for 32 bits, of the shape that a book's readers write first: with and without a firmware.

use std::path::Path;
use std::process::Command;

use crate::{PROGRAM, Project, ended, stderr, stdout};

/// What both machines report on the kernel that is built with these macros and starts in M-mode.
fn reports(macros: &str, status: i32) -> [String; 2] {
    let project = Project::new("book");
    let build = format!("make START=0x80000000 KERNEL='-DMACHINE {macros}'");
    let check = ["check", "--bios", "none", "--build", &build, "--kernel", "kernel.elf", "--on"];
    ["qemu", "embedded"].map(|on| ended(&project.debug(&[&check[..], &[on]].concat()), status))
}

/// Debian has a firmware for 32 bits since 13.
fn has_firmware() -> bool {
    let output = Command::new("qemu-system-riscv32").args(["-L", "help"]).output().unwrap();
    let is_there = |folder: &str| Path::new(folder).join("opensbi-riscv32-generic-fw_dynamic.bin").exists();
    stdout(&output).lines().any(is_there)
}

#[test]
fn without_a_firmware_it_is_judged_whole() {
    for said in reports("", 0) {
        assert!(said.contains("M-mode, hart 0, device tree at") && said.contains("= __stack_top after"), "{said}");
        assert!(said.contains("waits for interrupts (wfi)") && said.contains("hello from 32 bits"), "{said}");
        // Right with 32-bit registers, and yet not as the ABI has it.
        assert!(said.contains("is not 16-aligned, as the ABI asks"), "{said}");
    }
}

#[test]
fn a_stack_that_is_not_aligned_to_a_word_is_wrong() {
    let project = Project::new("book");
    project.write("kernel.ld", &project.read("kernel.ld").replace("128 * 1024;", "128 * 1024 + 2;"));
    let build = "make START=0x80000000 KERNEL=-DMACHINE";
    let output = project.debug(&["check", "--bios", "none", "--build", build, "--kernel", "kernel.elf"]);
    assert!(ended(&output, 1).contains("FAIL     image    __stack_top at"), "{}", stdout(&output));
    assert!(stdout(&output).contains("is not 4-aligned"), "{}", stdout(&output));
}

#[test]
fn causes_and_addresses_have_32_bits() {
    for said in reports("-DFAULTS", 1) {
        assert!(said.contains("store/AMO access fault: `sw a0, 8(zero)`, address 0x8 (a null pointer, and an offset?); mtvec was never set"), "{said}");
        assert!(said.contains("mcause = 0x7 (store/AMO access fault)") && said.contains("kernel_main"), "{said}");
    }
    for said in reports("-DJUMPS", 1) {
        assert!(said.contains("instruction access fault: there is no instruction at 0x8"), "{said}");
    }
}

/// The bit that tells an interrupt from an exception is bit 31.
#[test]
fn a_timer_interrupt_is_none_of_its_exceptions() {
    for said in reports("-DTICKS", 0) {
        let ticks = said.contains("a machine timer interrupt") || said.contains("waits for interrupts, ticking every ");
        assert!(said.contains("no exception;") && ticks, "{said}");
        assert!(said.contains("4 bytes cleared by kernel_main"), "{said}");
    }
}

#[test]
fn a_page_table_of_two_levels_is_read() {
    for said in reports("-DSUPERVISOR -DPAGING", 0) {
        assert!(said.contains("4096 bytes cleared") && said.contains("behind a page table"), "{said}");
    }
    for said in reports("-DSUPERVISOR -DPAGING -DFAULTS", 1) {
        assert!(said.contains("store/AMO page fault: `sw a0, 8(zero)`, address 0x8 (a null pointer, and an offset?); the page table in satp"), "{said}");
        assert!(said.contains("at level 1 the entry is 0x0: V is 0") && said.contains("level 1: entry 0 of"), "{said}");
    }
}

#[test]
fn gdb_and_run_start_it() {
    let project = Project::new("book");
    project.write(
        "debug.toml",
        "build = \"make START=0x80000000 KERNEL=-DMACHINE\"\nkernel = \"kernel.elf\"\nbios = \"none\"\n",
    );
    let said = ended(&project.debug(&["gdb", "--", "-batch", "-ex", "check-boot", "-ex", "print sizeof($sp)"]), 0);
    assert!(said.contains("check-boot: PASS") && said.contains("waits for interrupts at"), "{said}");
    assert!(said.contains("= 4\n"), "GDB knows that registers have 32 bits: {said}");
    ended(&project.debug(&["run", "--expect", "hello from 32 bits"]), 0);
    // A flat image goes where RAM begins, too.
    assert!(project.command("llvm-objcopy").args(["-O", "binary", "kernel.elf", "k.bin"]).status().unwrap().success());
    let said = ended(&project.debug(&["check", "--raw", "k.bin"]), 0);
    assert!(said.contains("boot at 0x80000000") && said.contains("book/kernel.elf; __stack_top"), "{said}");
    // What the embedded machine has not for it.
    for (arguments, words) in [
        (["--on=embedded", "--cpu=rv64,h=off"], "is for 32-bit RISC-V, and --cpu rv64,h=off is not; try: without it"),
        (["--on=embedded", "--cpu=rv32,h=on"], "does not support h=on of --cpu; try: without it"),
    ] {
        let output = project.debug(&[&["check"], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

/// With registers of 32 bits, back to the first instruction, and with questions about the past.
#[test]
fn gdb_goes_back_in_it() {
    let project = Project::new("book");
    let build = "make START=0x80000000 KERNEL='-DMACHINE -DFAULTS'";
    let begin =
        ["gdb", "--on", "embedded", "--bios", "none", "--build", build, "--kernel", "kernel.elf", "--", "-batch"];
    let commands = [
        "tbreak kernel_main",
        "continue",
        "monitor at 8",
        "print sizeof($sp)",
        "print sizeof($mcause)",
        "print sizeof($fs0)",
        "set var $a0 = 0xfffffff0",
        "print/x $a0 + 0x20",
        "continue",
        "monitor why",
        "reverse-stepi",
        "reverse-continue",
        "print/x $pc",
    ];
    let arguments: Vec<&str> = begin.into_iter().chain(commands.iter().flat_map(|command| ["-ex", command])).collect();
    let output = project.debug(&arguments);
    let said = testkit::in_older_words(&(ended(&output, 0) + &stderr(&output)));
    assert!(said.contains("$1 = 4\n$2 = 4\n$3 = 8\n$4 = 0x10\n"), "{said}");
    assert!(said.contains("store/AMO access fault: `sw a0, 8(zero)`"), "{said}");
    assert!(said.contains("No more reverse-execution history") && said.contains("$5 = 0x1000\n"), "{said}");
    // Eight digits of each register.
    assert!(said.contains("  pc 0x8000") && said.contains("zero 0x00000000  "), "{said}");
}

/// By the firmware where there is one, and else with the reason; the embedded machine has one in the host.
#[test]
fn with_a_firmware_it_starts_in_s_mode() {
    let project = Project::new("book");
    let check = ["check", "--build", "make", "--kernel", "kernel.elf", "--on", "embedded"];
    let said = ended(&project.debug(&check), 0);
    assert!(said.contains("S-mode, hart 0") && said.contains("hello from 32 bits"), "{said}");
    let check = &check[..5];
    let output = project.debug(check);
    if has_firmware() {
        let said = ended(&output, 0);
        assert!(said.contains("S-mode, hart 0") && said.contains("hello from 32 bits"), "{said}");
        let faulting = ["check", "--build", "make -B KERNEL='-DPAGING -DFAULTS'", "--kernel", "kernel.elf"];
        let said = ended(&project.debug(&faulting), 1);
        assert!(said.contains("scause = 0xf (store/AMO page fault)") && said.contains("V is 0"), "{said}");
        return;
    }
    for command in ["check", "gdb", "run", "serve"] {
        let mut arguments = vec![command, "--build", "make", "--kernel", "kernel.elf"];
        if command == "serve" {
            arguments.extend(["--on", "qemu", "--listen", "unix:stub"]);
        }
        let output = project.debug(&arguments);
        assert_eq!(output.status.code(), Some(2), "{command}: {}", stdout(&output));
        let said = stderr(&output);
        assert!(said.contains("has no 32-bit firmware, opensbi-riscv32-generic-fw_dynamic.bin"), "{command}: {said}");
        assert!(said.contains("Debian has it since 13 (package opensbi)") && said.contains("--bios none"), "{said}");
    }
}

#[test]
fn init_writes_what_gdb_takes() {
    let project = Project::new("book");
    let makefile = project.read("Makefile").replace("= default", "= none").replace("0x80200000", "0x80000000");
    project.write("Makefile", &makefile.replace("$(KERNEL)", "-DMACHINE"));
    ended(&project.debug(&["init", "--gdbinit", "--ci", "--vscode"]), 0);
    assert!(project.read("debug.toml").contains("bios = \"none\""), "{}", project.read("debug.toml"));
    assert!(project.read(".vscode/launch.json").contains("set architecture riscv:rv32"));
    let said = crate::init::stops_at_the_entry(&project, "qemu");
    assert!(said.contains("boot in section .text") && said.contains("riscv:rv32"), "{said}");
}

#[test]
fn a_qemu_for_64_bits_is_told() {
    let project = Project::new("book");
    let mut command = project.command(PROGRAM);
    command.args(["debug", "check", "--build", "make", "--kernel", "kernel.elf"]).env("QEMU", "qemu-system-riscv64");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    let words = "qemu-system-riscv64 is QEMU for 64-bit harts, and the kernel is for 32-bit RISC-V; try: QEMU=qemu-system-riscv32";
    assert!(stderr(&output).contains(words), "{}", stderr(&output));
}
