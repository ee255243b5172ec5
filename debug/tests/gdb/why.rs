//! What a person is told who does not know what happened: the last trap in words, and what can be done.

use std::time::{Duration, Instant};

use super::session::Session;
use super::{EMBEDDED, batch_on, build_embedded, kernels};

#[test]
fn why_tells_the_last_trap_on_both_machines() {
    for machine in [&["--debug"][..], &EMBEDDED] {
        let ended = batch_on(machine, "load-from-0", &["why", "idle", "why"]);
        let lines: Vec<_> = ended.output.lines().filter(|line| line.starts_with("why: ")).collect();
        let [none, trap, vector] = lines[..] else { panic!("{}\n{}", ended.output, ended.errors) };
        assert_eq!(none, "why: no trap since the firmware entered the kernel: sepc is 0");
        assert!(
            trap.contains("<variant::after_clear") && trap.ends_with(", load access fault, scause 5, stval 0"),
            "{trap}"
        );
        assert_eq!(
            vector,
            "why: stvec is still what the firmware set, 0x80200000 <boot>: each trap enters the kernel again"
        );
    }
}

#[test]
fn why_names_the_kernel_s_own_handler() {
    let ended = batch_on(&["--debug"], "own-trap-handler", &["idle", "why"]);
    assert!(
        ended.output.contains("why: its handler is at 0x") && ended.output.contains("<variant::skip"),
        "{}",
        ended.output
    );
}

/// `continue` in a kernel that enters boot again and again is silent; Ctrl-C is not.
#[test]
fn ctrl_c_in_a_kernel_that_traps_names_why() {
    let mut session = Session::start(&kernels::build("load-from-0"), &[]);
    session.type_in("boot\n");
    session.await_output("is the next instruction: PASS");
    session.await_output("Commands: boot, stack, bss, idle, panic, check-boot (all of them)");
    session.type_in("continue\n");
    session.await_output("Continuing.");
    session.await_work(Duration::from_millis(300));
    session.signal("INT", true);
    session.await_output("The kernel trapped. Type why for the reason and the place.");
    session.type_in("why\n");
    session.await_output("load access fault");
    session.end();
}

#[test]
fn symbols_of_other_names_are_followed() {
    build_embedded();
    let names = ["boot = \"_start\"", "stack_top = \"boot_stack_top\"", "bss = \"sbss\"", "bss_end = \"ebss\""];
    let names: Vec<String> = names.iter().map(|name| format!("set $debug_{name}")).collect();
    let mut arguments = vec!["-batch"];
    arguments.extend(names.iter().flat_map(|name| ["-iex", name]));
    arguments.extend(["-ex", "check-boot"]);
    for machine in [&["--debug"][..], &EMBEDDED] {
        let ended = Session::start_on(machine, &kernels::build("renamed"), &arguments).end();
        assert_eq!(ended.status.code(), Some(0), "{}\n{}", ended.output, ended.errors);
        assert!(ended.output.starts_with("boot: 0x80200000 <_start>"), "{}", ended.output);
    }
}

/// run.sh sets the same variables by options.
#[test]
fn symbols_of_other_names_are_options_of_run_sh() {
    let names =
        ["--debug", "--entry", "_start", "--stack-top", "boot_stack_top+0", "--bss-start", "sbss", "--bss-end", "ebss"];
    let ended = Session::start_on(&names, &kernels::build("renamed"), &["-batch", "-ex", "check-boot"]).end();
    assert_eq!(ended.status.code(), Some(0), "{}\n{}", ended.output, ended.errors);
    assert!(ended.output.starts_with("boot: 0x80200000 <_start>"), "{}", ended.output);
}

/// An interrupt that comes while GDB looks at the condition of an ecall's breakpoint is lost, so it is repeated. QEMU is in its firmware
/// when time is up.
#[test]
fn a_loop_of_calls_ends_in_time() {
    let begin = Instant::now();
    let ended = batch_on(&["--debug"], "calls-for-ever", &["idle"]);
    assert!(ended.output.contains("idle: the kernel is in an infinite loop at "), "{}", ended.output);
    assert!(begin.elapsed() < Duration::from_secs(50), "{:?}", begin.elapsed());
}

#[test]
fn advice_is_for_a_gdb_that_needs_it() {
    let ended = batch_on(&EMBEDDED, "good", &["boot", "monitor goto 3"]);
    assert!(ended.errors.contains("3 instructions since boot"), "{}", ended.errors);
    assert!(!ended.errors.contains("The machine has moved"), "{}", ended.errors);
}
