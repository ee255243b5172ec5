//! `--reverse`: there and back again, in real GDB, over QEMU's record and replay.

use crate::script::{Finished, Script};

/// What GDB printed for each [`PC`] and [`SP`], in order.
fn replay(kernel: &str, commands: &[&str]) -> (Finished, Vec<String>) {
    replay_with(Script::with_kernel(kernel, &["--reverse", "--socket"]), commands)
}

fn replay_with(mut script: Script, commands: &[&str]) -> (Finished, Vec<String>) {
    script.command.arg(script.folder.path().join("gdb")).args(["--", "-batch", "-ex", "set language c"]);
    script.command.args(commands.iter().flat_map(|command| ["-ex", command]));
    let finished = script.finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let values = finished.stdout.lines().filter_map(|line| Some(line.strip_prefix("value ")?.to_owned())).collect();
    (finished, values)
}

const PC: &str = r#"printf "value %#lx\n", (long)$pc"#;
const SP: &str = r#"printf "value %#lx\n", (long)$sp"#;
const BOOT: &str = "0x80200000";

#[test]
fn steps_and_runs_go_back() {
    let there = ["tbreak *boot", "continue", PC, SP, "stepi 2", PC, SP];
    let and_back = ["reverse-stepi", PC, "reverse-stepi", PC, SP, "stepi", "stepi", SP, "stepi 20"];
    let to_boot = ["tbreak *boot", "reverse-continue", PC];
    let (finished, values) = replay("good", &[&there[..], &and_back, &to_boot].concat());
    let [boot, firmware_sp, after, stack_top, between, back, sp_back, again, last] = &values[..] else {
        panic!("{values:?}\n{}\n{}", finished.stdout, finished.stderr)
    };
    assert_eq!([boot, between, after].map(String::as_str), [BOOT, "0x80200004", "0x80200008"]);
    assert_eq!((back, sp_back, again, last), (boot, firmware_sp, stack_top, boot));
    assert_ne!(firmware_sp, stack_top);
}

#[test]
fn history_begins_in_the_firmware_right_before_boot() {
    let commands = [PC, "stepi", PC, "stepi 9", "reverse-continue", PC, "reverse-stepi", PC, "stepi", PC];
    let (_, values) = replay("good", &commands);
    let [origin, boot, back, no_further, again] = &values[..] else { panic!("{values:?}") };
    assert_eq!((boot.as_str(), again.as_str()), (BOOT, BOOT));
    assert_eq!((back, no_further), (origin, origin));
}

/// QEMU was seen to hang where the replay came again to the place from which it had gone back.
#[test]
fn the_way_forth_leads_past_where_it_turned_back() {
    let to_idle = ["tbreak hypervisor::idle", "continue", PC];
    let back = ["reverse-stepi 3", "stepi 3", PC, "reverse-continue", "tbreak *boot", "continue", PC];
    let (finished, values) = replay("good", &[&to_idle[..], &back, &to_idle, &["stepi", "reverse-stepi", PC]].concat());
    let [idle, stepped, boot, once_more, last] = &values[..] else {
        panic!("{values:?}\n{}\n{}", finished.stdout, finished.stderr)
    };
    assert_eq!(boot, BOOT);
    assert_eq!([stepped, once_more, last], [idle, idle, idle]);
    assert_ne!(idle, boot);
}

/// A history from reset on was seen to hang QEMU on the way forth, each time: none is offered where the entry is not found.
#[test]
fn a_kernel_whose_entry_is_never_reached_is_told_so() {
    let mut script = Script::with_kernel("good", &["--reverse", "--socket"]);
    script.command.arg(script.folder.path().join("gdb")).args(["--", "-batch", "-ex", "stepi"]);
    // Without a firmware nobody jumps to the kernel. The last -bios counts.
    let qemu = script.program("qemu", "exec qemu-system-riscv64 \"$@\" -bios none");
    let finished = script.env("QEMU", qemu).finish();
    let reason = finished.reason();
    assert!(reason.contains("QEMU did not reach the kernel's entry, 0x80200000, within 20 seconds"), "{reason}");
    assert!(!reason.contains("gdb-multiarch -q"), "GDB is not started: {reason}");
}

/// The firmware jumps to the lowest address, whatever the ELF's entry is.
#[test]
fn a_kernel_that_does_not_begin_at_its_entry_can_be_replayed() {
    let (_, values) = replay("boot-not-first", &[PC, "stepi", PC, "reverse-stepi", PC]);
    let [origin, first, back] = &values[..] else { panic!("{values:?}") };
    assert_eq!((first.as_str(), origin), (BOOT, back));
}

/// The recording is not, which would be the same again.
#[test]
fn the_replay_is_logged() {
    let script = Script::with_kernel("traps-for-ever", &["--reverse", "--socket"]);
    let log = script.folder.path().join("qemu.log");
    let kept = script.folder.path().join("kept");
    let copy =
        format!("shell cp '{}' '{}' && test -s '{}' && echo logged", log.display(), kept.display(), kept.display());
    let (finished, _) = replay_with(script, &["tbreak *boot", "continue", "stepi 30", &copy]);
    assert!(finished.stdout.contains("logged"), "{}", finished.stdout);
}

#[test]
fn a_write_is_found_backwards() {
    let commands =
        ["tbreak hypervisor::idle", "continue", "watch -l *(long*)&__bss", "reverse-continue", "info symbol $pc"];
    let (finished, _) = replay("good", &commands);
    assert!(finished.stdout.contains("bss::clear"), "{}", finished.stdout);
}

#[test]
fn a_kernel_that_does_not_idle_can_be_replayed() {
    let commands = ["tbreak *boot", "continue", PC, "stepi 3", "reverse-stepi 3", PC];
    let (finished, values) = replay("traps-for-ever", &commands);
    assert!(finished.stderr.contains("does not idle after"), "{}", finished.stderr);
    assert_eq!(values, [BOOT, BOOT]);
    let (finished, values) = replay("power-off", &commands);
    assert!(!finished.stderr.contains("does not idle after"), "{}", finished.stderr);
    assert_eq!(values, [BOOT, BOOT]);
}
