//! A kernel without a firmware: it starts in M-mode, at the first address of RAM.

use crate::{Project, ended, stderr, stdout};

/// The report on the kernel that is built with these macros.
fn report(macros: &str, status: i32) -> String {
    let project = Project::new("machine");
    ended(&project.debug(&["init"]), 0);
    assert!(project.read("debug.toml").contains("bios = \"none\""));
    ended(&project.debug(&["check", "--build", &format!("make KERNEL='{macros}'"), "--kernel", "kernel.elf"]), status)
}

#[test]
fn it_is_entered_by_its_own_protocol() {
    let said = report("", 0);
    assert!(said.contains("M-mode, hart 0, device tree at") && said.contains("mcause unchanged since entry"), "{said}");
    assert!(said.contains("console  hello from M-mode"), "{said}");
}

#[test]
fn a_trap_without_a_handler_is_told_with_its_cause() {
    let said = report("-DFAULTS", 1);
    assert!(said.contains("FAIL     trap     store/AMO access fault"), "{said}");
    assert!(said.contains("mtvec was never set") && said.contains("mcause = 0x7"), "{said}");
}

#[test]
fn a_handler_that_never_returns_is_told() {
    let said = report("-DHANDLED", 1);
    assert!(said.contains("its handler") && said.contains("<handler>") && said.contains("never returned"), "{said}");
}

#[test]
fn a_kernel_that_goes_on_in_s_mode_is_not_lost() {
    let said = report("-DSUPERVISOR", 0);
    assert!(said.contains("M-mode, hart 0, device tree at"), "{said}");
    assert!(said.contains("hello from S-mode") && said.contains("waits for interrupts (wfi)"), "{said}");
}

/// They come to the entry together. What is tried on the one that is followed disturbs none of them.
#[test]
fn all_harts_begin_at_the_entry() {
    let project = Project::new("machine");
    ended(&project.debug(&["init"]), 0);
    let check = ["check", "--on", "qemu", "--smp", "3", "--build", "make KERNEL=-DHARTS", "--timeout", "100"];
    for _ in 0..8 {
        let said = ended(&project.debug(&check), 0);
        assert!(
            said.contains("M-mode, hart 0 of 3, ") && said.contains(", in stack0, computed from the hart's number"),
            "{said}"
        );
    }
    for schedule in 0..8 {
        let schedule = schedule.to_string();
        let embedded = ["--on", "embedded", "--schedule", &schedule];
        let said = ended(&project.debug(&[&["check"][..], &embedded, &check[3..]].concat()), 0);
        assert!(
            said.contains("M-mode, hart 0 of 3, ") && said.contains(", in stack0, computed from the hart's number"),
            "{said}"
        );
    }
    let said = stdout(&project.debug(&[&check[..], &["--boot-hart", "2", "--expect", "hello"]].concat()));
    assert!(said.contains("M-mode, hart 2 of 3, "), "{said}");
}

/// The others would run to the end of the kernel while one is stepped.
#[test]
fn in_gdb_hart_0_runs_alone() {
    let project = Project::new("machine");
    ended(&project.debug(&["init"]), 0);
    for _ in 0..3 {
        let said =
            ended(&project.debug(&["gdb", "--on", "qemu", "--smp", "3", "--", "-batch", "-ex", "check-boot"]), 0);
        assert!(said.ends_with("check-boot: PASS\n"), "{said}");
    }
}

/// Its clear is a part of the function that powers off, and QEMU can tell nothing afterwards.
#[test]
fn in_gdb_a_power_off_is_a_verdict() {
    let project = Project::new("machine");
    let source = project.read("kernel.c");
    let (before, after) = source.rsplit_once("__asm__ volatile(\"wfi\")").expect("the last loop waits");
    project.write("kernel.c", &format!("{before}*(volatile int *)0x100000 = 0x5555{after}"));
    ended(&project.debug(&["init"]), 0);
    for on in ["qemu", "embedded"] {
        let said = ended(&project.debug(&["gdb", "--on", on, "--", "-batch", "-ex", "check-boot"]), 0);
        assert!(said.contains("idle: the kernel powers the machine off"), "{said}");
    }
}

#[test]
fn the_embedded_machine_has_m_mode_and_both_in_lockstep_have_not() {
    let project = Project::new("machine");
    ended(&project.debug(&["init"]), 0);
    let said = ended(&project.debug(&["check", "--on", "embedded"]), 0);
    assert!(said.contains("M-mode, hart 0, device tree at") && said.contains("on embedded"), "{said}");
    let output = project.debug(&["check", "--on", "both"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stderr(&output).contains("try: --on embedded, and --on qemu"), "{}", stderr(&output));
}

#[test]
fn it_runs_and_a_flat_image_of_it_does() {
    let project = Project::new("machine");
    ended(&project.debug(&["init"]), 0);
    ended(&project.debug(&["run", "--expect", "hello from M-mode"]), 0);
    let made = project.command("llvm-objcopy").args(["-O", "binary", "kernel.elf", "kernel.bin"]).status();
    let made = made.or_else(|_| {
        project.command("riscv64-unknown-elf-objcopy").args(["-O", "binary", "kernel.elf", "kernel.bin"]).status()
    });
    assert!(made.unwrap().success());
    let said = ended(&project.debug(&["check", "--raw", "kernel.bin"]), 0);
    assert!(said.contains("0x80000000") && said.contains("kernel_main"), "{said}");
}
