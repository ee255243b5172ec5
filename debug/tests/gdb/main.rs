//! GDB, .gdbinit and QEMU as people use them: the commands' words and verdicts, on our kernel and on broken ones.
//!
//! `GDB=...` runs them with another GDB than the first that knows RISC-V.

mod ends;
mod session;
mod why;

use std::net::TcpListener;
use std::process::Command;
use std::sync::Once;

use session::{Ended, Session};
use testkit::kernels;

/// Kernels that run until time is up, and not each time to the same instruction.
const HANGING: [&str; 7] = [
    "calls-for-ever",
    "endless-loop-in-clear",
    "counts-for-ever",
    "loop-idle",
    "loop-two",
    "prints-for-ever",
    "stack-overflow",
];

const EMBEDDED: [&str; 2] = ["--debug", "--embedded"];

/// Builds the embedded machine, which may take longer than a session.
fn build_embedded() {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--release", "--package", "debug"]).current_dir(env!("HYPERVISOR_PROJECT"));
        assert!(build.status().expect("cargo runs").success());
    });
}

/// Runs these commands in `gdb -batch` on QEMU.
fn batch(kernel: &str, commands: &[&str]) -> Ended {
    batch_on(&["--debug"], kernel, commands)
}

/// Kernels that hang get less time; the others are not to fail because we are slow.
fn batch_on(machine: &[&str], kernel: &str, commands: &[&str]) -> Ended {
    if machine == EMBEDDED {
        build_embedded();
    }
    let limit = if HANGING.contains(&kernel) { "set $debug_seconds = 2" } else { "set $debug_seconds = 20" };
    let mut arguments = vec!["-batch", "-iex", limit];
    arguments.extend(commands.iter().flat_map(|command| ["-ex", command]));
    Session::start_on(machine, &kernels::build(kernel), &arguments).end()
}

/// Sees check-boot say the same on both machines: these lines, and the verdict for GDB's exit status.
#[track_caller]
fn check_boot(kernel: &str, status: i32, lines: &[&str]) {
    let verdict = if status == 0 { "check-boot: PASS" } else { "check-boot: FAIL" };
    let said = [&["--debug"][..], &EMBEDDED].map(|machine| {
        let ended = batch_on(machine, kernel, &["check-boot"]);
        assert_lines(&ended, &[lines, &[verdict]].concat());
        assert_eq!(ended.status.code(), Some(status), "{}", ended.errors);
        ended.output
    });
    if !HANGING.contains(&kernel) {
        assert_eq!(without_firmware(&said[0]), without_firmware(&said[1]));
    }
}

/// What was said but for addresses of the firmware, [0x80000000, 0x80080000): each version has its stack elsewhere.
fn without_firmware(said: &str) -> String {
    let mut parts = said.split("0x");
    let mut rest: String = parts.next().unwrap_or_default().into();
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|digit: char| digit.is_ascii_hexdigit()).len();
        let address = u64::from_str_radix(&part[..digits], 16).unwrap_or(0);
        let shown = if (0x8000_0000..0x8008_0000).contains(&address) { "firmware" } else { &part[..digits] };
        rest += &format!("0x{shown}{}", &part[digits..]);
    }
    rest
}

/// Line by line what was said, and nothing else.
#[track_caller]
fn assert_lines(ended: &Ended, expected: &[&str]) {
    let lines: Vec<_> = ended.output.lines().collect();
    let fit = lines.len() == expected.len() && lines.iter().zip(expected).all(|(line, pattern)| matches(line, pattern));
    assert!(fit, "expected\n{}\nbut GDB said\n{}\n{}", expected.join("\n"), ended.output, ended.errors);
}

/// `*` in the pattern stands for anything.
fn matches(line: &str, pattern: &str) -> bool {
    let (first, parts) = pattern.split_once('*').map_or((pattern, None), |(first, rest)| (first, Some(rest)));
    let Some(line) = line.strip_prefix(first) else { return false };
    let Some(rest) = parts else { return line.is_empty() };
    (0..=line.len()).any(|start| line.is_char_boundary(start) && matches(&line[start..], rest))
}

const BOOT: &str = "boot: 0x80200000 <boot>* is the next instruction: PASS";
const STACK: &str = "stack: sp = 0x*, __stack_top = 0x*: PASS";
const BSS: &str = "bss: [0x*, 0x*), filled with 0xa5, is all zero after 0x* <*>*: PASS";
const GUARDS: &str = "bss: the 16 bytes before it and the 16 after it still hold 0xa5: PASS";
const IDLE: &str = "idle: the kernel waits for interrupts at 0x* <*> (*:*): PASS";
const PANIC: &str = "panic: none: PASS";
const NOT_RUN: &str = "idle: not run: FAIL";

macro_rules! check_boot {
    ($($kernel:ident, $status:literal: [$($line:expr),+ $(,)?];)*) => {
        mod check_boot {
            use super::*;
            $(#[test]
            fn $kernel() {
                super::check_boot(&stringify!($kernel).replace('_', "-"), $status, &[$($line),+]);
            })*
        }
    };
}

check_boot! {
    good, 0: [BOOT, STACK, BSS, GUARDS, IDLE, PANIC];
    good_release, 0: [BOOT, STACK, BSS, GUARDS, IDLE, PANIC];
    deep_stack, 0: [BOOT, STACK, BSS, GUARDS, IDLE, PANIC];
    large_bss, 0: [BOOT, STACK, BSS, GUARDS, IDLE, PANIC];
    clear_by_bytes, 0: [BOOT, STACK, BSS, GUARDS, IDLE, PANIC];
    clear_downwards, 0: [BOOT, STACK, BSS, GUARDS, IDLE, PANIC];
    clear_with_memset, 0: [BOOT, STACK, BSS, GUARDS, IDLE, PANIC];
    clears_in_boot, 0: [BOOT, STACK, BSS, GUARDS, IDLE, PANIC];
    own_trap_handler, 0: [BOOT, STACK, BSS, GUARDS, IDLE, PANIC];
    linked_high, 0: [BOOT, STACK, BSS, GUARDS, IDLE, PANIC];
    empty_bss, 0: [BOOT, STACK, BSS, GUARDS, IDLE, "panic: not known: the kernel has no symbol panic_record"];
    loop_idle, 0: [BOOT, STACK, BSS, GUARDS, "idle: the kernel is in an infinite loop at 0x* <variant::idle> (*): PASS", PANIC];
    loop_two, 0: [BOOT, STACK, BSS, GUARDS, "idle: the kernel is in an infinite loop at 0x* <variant::idle*> (*): PASS", PANIC];
    calls_for_ever, 0: [
        BOOT, STACK, BSS, GUARDS, "idle: the kernel is in an infinite loop at 0x* <variant::after_clear+*> (*): PASS", PANIC,
    ];
    power_off, 0: [BOOT, STACK, BSS, GUARDS, "idle: the kernel powers the machine off at 0x*: PASS", PANIC];
    asks_firmware, 0: [BOOT, STACK, BSS, GUARDS, IDLE, PANIC];
    power_off_legacy, 0: [BOOT, STACK, BSS, GUARDS, "idle: the kernel powers the machine off at 0x*: PASS", PANIC];

    sp_off_by_16, 1: [
        BOOT, "stack: sp = 0x*, __stack_top = 0x*, when boot jumps to 0x* <variant::main> (*): FAIL", BSS, GUARDS, IDLE, PANIC,
    ];
    call_before_sp, 1: [
        BOOT, "stack: sp = 0x*, __stack_top = 0x*, when boot jumps to 0x* <variant::nothing*>: FAIL", BSS, GUARDS, IDLE, PANIC,
    ];
    sp_never_set, 1: [
        BOOT,
        "stack: sp = 0x*, __stack_top = 0x*, when boot jumps to 0x* <variant::main> (*): FAIL",
        "bss: the kernel trapped at 0x* <variant::main+*> (*), store access fault, scause 7, stval 0x*, and .bss is not cleared: FAIL",
        NOT_RUN,
        PANIC,
    ];
    store_before_sp, 1: [
        BOOT,
        "stack: 0x80200000 <boot> does not continue in the kernel, sp = 0x*: the kernel trapped at 0x80200000 <boot>, *: FAIL",
        "bss: the kernel trapped at 0x80200000 <boot>, store access fault, scause 7, stval 0x*, and .bss is not cleared: FAIL",
        NOT_RUN,
        PANIC,
    ];
    boot_not_first, 1: [
        "boot: the kernel is at 0x80200000 <first>, not at boot, 0x80200004 <boot>: FAIL",
        "stack: not run: FAIL",
        "bss: not run: FAIL",
        NOT_RUN,
        PANIC,
    ];
    bss_last_8_not_cleared, 1: [
        BOOT, STACK, "bss: *, holds 0xa5 at 0x* <panic_record+4088>: FAIL", GUARDS, IDLE, PANIC,
    ];
    bss_one_doubleword_too_long, 1: [
        BOOT, STACK, BSS, "bss: the 16 bytes after it were overwritten: FAIL", IDLE, PANIC,
    ];
    bss_starts_too_early, 1: [
        BOOT, STACK, BSS, "bss: the 16 bytes before it were overwritten: FAIL", IDLE, PANIC,
    ];
    // Some instructions have no line.
    endless_loop_in_clear, 1: [
        BOOT, STACK, "bss: after 2 s the kernel is at 0x* <variant::*>*, and .bss is not cleared: FAIL", NOT_RUN, PANIC,
    ];
    traps_for_ever, 1: [
        BOOT, STACK, "bss: the kernel trapped at 0x* (*), illegal instruction, scause 2, *: FAIL", NOT_RUN, PANIC,
    ];
    load_from_0, 1: [
        BOOT, STACK, BSS, GUARDS,
        "idle: the kernel trapped at 0x* <variant::after_clear*> (*), load access fault, scause 5, stval 0: FAIL", PANIC,
    ];
    illegal_instruction, 1: [
        BOOT, STACK, BSS, GUARDS,
        "idle: the kernel trapped at 0x* <variant::after_clear*> (*), illegal instruction, scause 2, stval *: FAIL", PANIC,
    ];
    stack_overflow, 1: [
        BOOT, STACK, BSS, GUARDS,
        "idle: *, and the 16 bytes after .bss were overwritten since the clear, perhaps by a stack that grew too far: FAIL", "panic: *",
    ];
    counts_for_ever, 1: [
        BOOT, STACK, BSS, GUARDS, "idle: after 2 s the kernel is at 0x* <variant::idle*>*: FAIL", PANIC,
    ];
    prints_for_ever, 1: [
        BOOT, STACK, BSS, GUARDS, "idle: after 2 s the kernel is at 0x* <variant::after_clear+*> (*): FAIL", PANIC,
    ];
    corrupts_itself, 1: [
        BOOT, STACK, BSS, GUARDS,
        "idle: the kernel trapped at 0x* <variant::run+*> (*), load access fault, scause 5, stval 0x72657669726420: FAIL", PANIC,
    ];
    power_off_in_clear, 1: [
        BOOT, STACK, "bss: the kernel powers the machine off at 0x* <variant::clear_doublewords*> (*), and .bss is not cleared: FAIL",
        "idle: the kernel powers the machine off at 0x* <variant::clear_doublewords*> (*): PASS", PANIC,
    ];
    reboot, 1: [BOOT, STACK, BSS, GUARDS, "idle: the kernel resets the machine at 0x*: FAIL", PANIC];
    panic, 1: [
        BOOT, STACK, BSS, GUARDS, IDLE,
        "panic: debug/tests/kernels/variants.rs:*:*: the page table at 0x80201008 is not aligned to 4096 bytes: FAIL",
    ];
    panic_before_clear, 1: [
        BOOT, STACK, "bss: *, holds 0x70 at 0x* <panic_record>: FAIL", GUARDS, IDLE,
        "panic: debug/tests/kernels/variants.rs:*:*: too early: .bss is not clear: FAIL",
    ];
    renamed, 0: [
        "boot: 0x80200000 <_start> is the next instruction: PASS",
        "stack: sp = 0x*, boot_stack_top = 0x*: PASS",
        BSS, GUARDS, IDLE, PANIC,
    ];
}

#[test]
fn calls_that_repeat_are_shown_once() {
    let deep = ["break variant::descend", "ignore 1 300", "continue", "bt", "bt 4"];
    let ended = batch("stack-overflow", &deep);
    let calls = ["#0  variant::descend *", "#1  0x* in variant::descend *"];
    let start = ended.output.find("#0 ").expect("there is a backtrace");
    let shown: Vec<&str> = ended.output[start..].lines().collect();
    let expected = [
        &calls[..],
        &[
            "...   this is repeated: 299 more frames, to #300",
            "#301 0x* in variant::after_clear *",
            "#302 0x* in variant::main *",
        ],
    ];
    let expected = expected.concat();
    assert!(shown.len() > 8 && shown.iter().zip(&expected).all(|(line, pattern)| matches(line, pattern)), "{shown:#?}");
    let few = [&calls[..], &["...   this is repeated: 2 more frames, to #3"]].concat();
    let last = &shown[shown.len() - 3..];
    assert!(last.iter().zip(&few).all(|(line, pattern)| matches(line, pattern)), "{shown:#?}");
}

/// QEMU ends then, and its exit status is the reason; the embedded machine can still be read.
#[test]
fn the_test_finisher_powers_off() {
    for (kernel, status, on_qemu, on_embedded) in [
        (
            "power-off-finisher",
            0,
            "the kernel powers the machine off: PASS",
            "off at 0x* <variant::store_word+*> (*): PASS",
        ),
        (
            "power-off-mapped",
            0,
            "the kernel powers the machine off: PASS",
            "off at 0x* <variant::store_word+*> (*): PASS",
        ),
        (
            "fails-by-finisher",
            1,
            "the machine ended with exit status 1: FAIL",
            "off with a failure at 0x* <*> (*): FAIL",
        ),
    ] {
        let verdict = if status == 0 { "check-boot: PASS" } else { "check-boot: FAIL" };
        let ended = batch(kernel, &["check-boot"]);
        let unknown = "panic: not known: the machine has ended";
        assert_lines(&ended, &[BOOT, STACK, BSS, GUARDS, &format!("idle: {on_qemu}"), unknown, verdict]);
        assert_eq!(ended.status.code(), Some(status), "{}", ended.errors);
        let ended = batch_on(&EMBEDDED, kernel, &["check-boot"]);
        let idle = format!("idle: the kernel powers the machine {on_embedded}");
        assert_lines(&ended, &[BOOT, STACK, BSS, GUARDS, &idle, PANIC, verdict]);
        assert_eq!(ended.status.code(), Some(status), "{}", ended.errors);
    }
}

/// It is QEMU's to judge, and GDB's user is told.
#[test]
fn what_the_embedded_machine_lacks_is_told() {
    let ended = batch_on(&EMBEDDED, "needs-flash", &["check-boot"]);
    let idle = "idle: the kernel is at 0x* <variant::after_clear+*> (*): FAIL";
    assert_lines(&ended, &[BOOT, STACK, BSS, GUARDS, idle, PANIC, "check-boot: FAIL"]);
    assert!(ended.errors.contains("the flash memory, which the embedded machine does not have; run"));
}

#[test]
fn commands_work_one_by_one() {
    let ended = batch("good", &["boot", "stack", "bss", "idle", "panic", "info breakpoints", "show language"]);
    assert_lines(
        &ended,
        &[
            BOOT,
            "=> 0x80200000 <boot>:\tauipc\tsp,*",
            STACK,
            "=> 0x* <hypervisor::main>:\t*",
            BSS,
            GUARDS,
            "=> 0x* <hypervisor::main+*>:\t*",
            IDLE,
            "=> 0x* <hypervisor::idle+*>:\twfi",
            PANIC,
            "No breakpoints*.",
            "The current source language is \"auto; currently rust\".",
        ],
    );
}

#[test]
fn a_command_runs_what_comes_before_it() {
    assert_lines(&batch("good", &["bss"]), &[BOOT, STACK, BSS, GUARDS, "=> 0x* <hypervisor::main+*>:\t*"]);
    assert_lines(
        &batch("good", &["boot", "stepi", "stack"]),
        &[
            BOOT,
            "=> 0x80200000 <boot>:\tauipc\tsp,*",
            "0x0000000080200004 in boot () at kernel/src/main.rs:*",
            "*la sp, __stack_top*",
            STACK,
            "=> 0x* <hypervisor::main>:\t*",
        ],
    );
    let ended = batch("panic", &["idle", "panic"]);
    assert!(ended.output.contains("variants.rs:") && ended.output.ends_with("4096 bytes: FAIL\n"), "{}", ended.output);
}

#[test]
fn a_command_that_comes_too_late_says_so() {
    let ended = batch("good", &["bss", "boot", "stack", "bss"]);
    let late: Vec<_> = ended.output.lines().filter(|line| line.ends_with("FAIL")).collect();
    assert_eq!(late.len(), 3, "{}", ended.output);
    assert!(late.iter().all(|line| line.contains("to start again, quit, then ./run.sh --debug")), "{}", ended.output);
    let ended = batch("good", &["bss", "check-boot"]);
    assert_eq!(ended.status.code(), Some(1));
    let late = "check-boot: not run, already past boot; to start again, quit, then ./run.sh --debug";
    assert!(ended.output.ends_with(&format!("{late}\ncheck-boot: FAIL\n")), "{}", ended.output);
    assert!(!ended.output.contains(": FAIL\nboot"), "said once: {}", ended.output);
}

#[test]
fn a_monitor_command_that_moves_nothing_adds_no_words() {
    let ended = batch("good", &["boot", "monitor info status", "stepi"]);
    let boot = "=> 0x80200000 <boot>:\tauipc\tsp,*";
    assert_lines(
        &ended,
        &[BOOT, boot, "0x0000000080200004 in boot () at kernel/src/main.rs:*", "*la sp, __stack_top*"],
    );
    assert!(ended.errors.contains("VM status: paused"), "{}", ended.errors);
    // Without a machine it is GDB's own error, and nothing else.
    let kernel = kernels::build("good");
    let commands = ["-batch", "-ex", "monitor info status", kernel.to_str().expect("cargo's folders are UTF-8")];
    let ended = Session::start_alone(&commands).end();
    assert!(ended.errors.contains("\"monitor\" command not supported by this target."), "{}", ended.errors);
}

#[test]
fn breakpoints_of_the_user_stay() {
    let ended = batch("good", &["hbreak hypervisor::idle", "stack", "info breakpoints", "continue"]);
    assert!(ended.output.contains("hw breakpoint  keep y"), "{}", ended.output);
    assert!(ended.output.contains("Breakpoint 1, "), "{}", ended.output);
}

#[test]
fn a_port_works_as_a_socket_does() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    drop(listener);
    let ended = Session::start_on_port(&kernels::build("good"), port, &["-batch", "-ex", "check-boot"]).end();
    assert_lines(&ended, &[BOOT, STACK, BSS, GUARDS, IDLE, PANIC, "check-boot: PASS"]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);
}

#[test]
fn without_a_machine_it_says_what_to_do() {
    let kernel = kernels::build("good");
    let kernel = kernel.to_str().expect("cargo's folders are UTF-8");
    let ended = Session::start_alone(&["-batch", "-ex", "check-boot", kernel]).end();
    let advice = "No machine is connected: start one with ./run.sh --wait in another terminal, then type connect.";
    assert_lines(&ended, &[advice, "check-boot: FAIL"]);
    assert_eq!(ended.status.code(), Some(1));

    let mut session = Session::start_alone(&[kernel]);
    session.type_in("boot\nprint 6 * 7\ncheck-boot\nprint 6 * 9\n");
    let ended = session.end();
    for expected in ["(no machine: ./run.sh --wait in another terminal", advice, "= 42", "check-boot: FAIL", "= 54"] {
        assert!(ended.output.contains(expected), "{expected} is not in\n{}", ended.output);
    }
    assert_eq!(ended.status.code(), Some(0));
}

/// The source file at each `info source`.
fn sources(ended: &Ended) -> Vec<&str> {
    ended.output.lines().filter_map(|line| line.strip_prefix("Current source file is ")).collect()
}

/// `step` from boot on, through main and some turns of the clear, then out of it.
#[test]
fn stepping_through_the_clear_stays_in_our_sources() {
    for kernel in ["good", "good-release"] {
        let steps = [["step", "info source"]; 18].concat();
        let commands = [&["boot"][..], &steps, &["finish", "info source", "step", "info source"]].concat();
        let ended = batch(kernel, &commands);
        let sources = sources(&ended);
        assert_eq!(sources.len(), 20, "{}\n{}", ended.output, ended.errors);
        let (inside, after) = sources.split_at(18);
        assert!(inside.iter().all(|source| source.starts_with("kernel/src/")), "{}", ended.output);
        assert!(inside.ends_with(&["kernel/src/bss.rs"; 10]), "{}", ended.output);
        assert_eq!(after, ["kernel/src/main.rs"; 2], "{}", ended.output);
        // Round and round: it came to the store's line again.
        assert!(ended.output.matches("sd zero").count() >= 2, "{}", ended.output);
    }
}

#[test]
fn stepping_passes_by_the_libraries() {
    let mut commands = vec!["tbreak variant::clear", "continue"];
    commands.extend([["step", "info source"]; 3].concat());
    let ended = batch("clear-with-memset", &commands);
    assert_eq!(sources(&ended), ["debug/tests/kernels/variants.rs"; 3], "{}", ended.output);
}
