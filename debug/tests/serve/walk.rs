//! .gdbinit on the embedded machine: the walk is the same as on QEMU.

use std::fs;
use std::process::{Command, Stdio};

use crate::kernels;
use crate::server::{Server, await_end};

/// What GDB with .gdbinit left.
struct Ended {
    status: Option<i32>,
    output: String,
    /// What GDB prints of the machine's own answers is there, too.
    errors: String,
}

fn run(kernel: &str, commands: &[&str]) -> Ended {
    let kernel = kernels::build(kernel);
    let server = Server::with(&kernel, &[]);
    let [output, errors] = [(); 2].map(|()| tempfile::NamedTempFile::new().unwrap());
    let socket = format!("set $debug_socket = \"{}\"", server.socket().display());
    let mut child = Command::new(testkit::gdb())
        .args(["-nx", "-q", "-batch", "-iex", "set debuginfod enabled off", "-iex", &socket, "-x", ".gdbinit"])
        .arg(kernel)
        .args(commands.iter().flat_map(|command| ["-ex", command]))
        .current_dir(env!("HYPERVISOR_PROJECT"))
        .stdin(Stdio::null())
        .stdout(output.reopen().unwrap())
        .stderr(errors.reopen().unwrap())
        .spawn()
        .unwrap();
    let status = await_end(&mut child);
    server.end();
    let [output, errors] = [output, errors].map(|file| fs::read_to_string(file.path()).unwrap());
    Ended { status, output, errors }
}

/// What GDB says to check-boot, and its exit status.
fn check_boot(kernel: &str) -> (Option<i32>, String) {
    let ended = run(kernel, &["check-boot"]);
    (ended.status, ended.output)
}

#[test]
fn check_boot_passes_a_kernel_that_boots() {
    for kernel in ["good", "power-off", "clear-downwards"] {
        let (status, said) = check_boot(kernel);
        assert_eq!(status, Some(0), "{kernel}: {said}");
        assert!(said.ends_with("check-boot: PASS\n"), "{said}");
    }
}

#[test]
fn check_boot_fails_a_kernel_that_does_not() {
    for (kernel, part) in [
        ("sp-off-by-16", "stack"),
        ("bss-last-8-not-cleared", "bss"),
        ("bss-one-doubleword-too-long", "bss"),
        ("load-from-0", "idle"),
        ("panic", "panic"),
    ] {
        let (status, said) = check_boot(kernel);
        assert_eq!(status, Some(1), "{kernel}: {said}");
        let failed: Vec<&str> = said.lines().filter(|line| line.ends_with(": FAIL")).collect();
        assert!(
            failed.len() == 2 && failed[0].starts_with(part) && failed[1] == "check-boot: FAIL",
            "{kernel}: {said}"
        );
    }
}

const NAMED: &str = "with language c -- set $debug_";

#[test]
fn each_symbol_that_is_missing_is_named() {
    for command in ["check-boot", "why"] {
        let ended = run("renamed", &[command]);
        for symbol in ["boot", "__stack_top", "__bss", "__bss_end"] {
            let expected = format!("The kernel has no symbol {symbol}; if it has another name: {NAMED}");
            assert!(ended.output.contains(&expected), "{command}: {}", ended.output);
        }
    }
    // The advice holds in a Rust frame, too.
    let names = [("boot", "_start"), ("stack_top", "boot_stack_top"), ("bss", "sbss"), ("bss_end", "ebss")];
    let names = names.map(|(name, own)| format!("{NAMED}{name} = \"{own}\""));
    let commands =
        ["tbreak variant::idle", "continue"].into_iter().chain(names.iter().map(String::as_str)).chain(["why"]);
    let ended = run("renamed", &commands.collect::<Vec<_>>());
    assert!(ended.output.contains("\nwhy: no trap since"), "{}\n{}", ended.output, ended.errors);
}

/// The frames of the two functions lie at the same place of the stack: what GDB has read of it is of no use any more.
#[test]
fn gdb_knows_where_a_monitor_command_went() {
    let there =
        run("corrupts-itself", &["tbreak variant::rename", "continue", "monitor icount", "echo <there>\\n", "bt"]);
    let count = there.errors.lines().find_map(|line| Some(line.split_once(" instructions since boot")?.0));
    let goto = format!("monitor goto {}", count.unwrap_or_else(|| panic!("{}", there.errors)));
    let moves = ["tbreak variant::run", "continue", "bt", "echo <moved>\\n", &goto, "echo <there>\\n", "bt"];
    let moved = run("corrupts-itself", &moves);
    let after = |said: &str, mark: &str| said.split_once(mark).unwrap_or_else(|| panic!("{said}")).1.to_owned();
    assert_eq!(after(&moved.output, "<there>"), after(&there.output, "<there>"), "{}", moved.output);
    let shown = after(&moved.output, "<moved>");
    assert!(shown.starts_with("\n#0  variant::rename (") && !shown.contains("flushed"), "{shown}");
    // Where the machine stays, GDB says nothing of it.
    let stayed = run("good", &["boot", "echo <stays>", "monitor icount", "monitor goto 0"]);
    assert_eq!(after(&stayed.output, "<stays>"), "", "{}", stayed.errors);
}
