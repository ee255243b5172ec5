//! A kernel for 32 bits, of the shape that a book's readers write first: with and without a firmware.

use std::path::Path;
use std::process::Command;

use crate::{PROGRAM, Project, ended, stderr, stdout};

/// The report on the kernel that is built with these macros and starts in M-mode.
fn report(macros: &str, status: i32) -> String {
    let project = Project::new("book");
    let build = format!("make START=0x80000000 KERNEL='-DMACHINE {macros}'");
    ended(&project.debug(&["check", "--bios", "none", "--build", &build, "--kernel", "kernel.elf"]), status)
}

/// Debian has a firmware for 32 bits since 13.
fn has_firmware() -> bool {
    let output = Command::new("qemu-system-riscv32").args(["-L", "help"]).output().unwrap();
    let is_there = |folder: &str| Path::new(folder).join("opensbi-riscv32-generic-fw_dynamic.bin").exists();
    stdout(&output).lines().any(is_there)
}

#[test]
fn without_a_firmware_it_is_judged_whole() {
    let said = report("", 0);
    assert!(said.contains("M-mode, hart 0, device tree at") && said.contains("= __stack_top after"), "{said}");
    assert!(said.contains("waits for interrupts (wfi)") && said.contains("hello from 32 bits"), "{said}");
    // Right with 32-bit registers, and yet not as the ABI has it.
    assert!(said.contains("is not 16-aligned, as the ABI asks"), "{said}");
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
    let said = report("-DFAULTS", 1);
    assert!(said.contains("store/AMO access fault: `sw a0, 8(zero)`, address 0x8 (a null pointer, and an offset?); mtvec was never set"), "{said}");
    assert!(said.contains("mcause = 0x7 (store/AMO access fault)") && said.contains("kernel_main"), "{said}");
    let said = report("-DJUMPS", 1);
    assert!(said.contains("instruction access fault: there is no instruction at 0x8"), "{said}");
}

/// The bit that tells an interrupt from an exception is bit 31.
#[test]
fn a_timer_interrupt_is_none_of_its_exceptions() {
    let said = report("-DTICKS", 0);
    assert!(said.contains("no exception;") && said.contains("a machine timer interrupt"), "{said}");
    assert!(said.contains("4 bytes cleared by kernel_main"), "{said}");
}

#[test]
fn a_page_table_of_two_levels_is_read() {
    let said = report("-DSUPERVISOR -DPAGING", 0);
    assert!(said.contains("4096 bytes cleared") && said.contains("behind a page table"), "{said}");
    let said = report("-DSUPERVISOR -DPAGING -DFAULTS", 1);
    assert!(said.contains("store/AMO page fault: `sw a0, 8(zero)`, address 0x8 (a null pointer, and an offset?); the page table in satp"), "{said}");
    assert!(said.contains("at level 1 the entry is 0x0: V is 0") && said.contains("level 1: entry 0 of"), "{said}");
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
    // A stub of another machine is told from this kernel's.
    let output = project.debug(&["check", "--on", "embedded"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    let words = "is for 32-bit RISC-V (ELF32), and the embedded machine has 64-bit registers; try: --on qemu";
    assert!(stderr(&output).contains(words), "{}", stderr(&output));
}

/// By the firmware where there is one, and else with the reason.
#[test]
fn with_a_firmware_it_starts_in_s_mode() {
    let project = Project::new("book");
    let check = ["check", "--build", "make", "--kernel", "kernel.elf"];
    let output = project.debug(&check);
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
