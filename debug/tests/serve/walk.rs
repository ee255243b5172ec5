//! .gdbinit on the embedded machine: the walk is the same as on QEMU.

use std::fs;
use std::process::{Command, Stdio};

use crate::kernels;
use crate::server::{Server, await_end};

/// What GDB says to check-boot, and its exit status.
fn check_boot(kernel: &str) -> (Option<i32>, String) {
    let kernel = kernels::build(kernel);
    let server = Server::with(&kernel, &[]);
    let output = tempfile::NamedTempFile::new().unwrap();
    let socket = format!("set $debug_socket = \"{}\"", server.socket().display());
    let mut child = Command::new(std::env::var("GDB").unwrap_or_else(|_| "gdb-multiarch".into()))
        .args(["-nx", "-q", "-batch", "-iex", "set debuginfod enabled off", "-iex", &socket, "-x", ".gdbinit"])
        .arg(kernel)
        .args(["-ex", "check-boot"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdin(Stdio::null())
        .stdout(output.reopen().unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = await_end(&mut child);
    server.end();
    (status, fs::read_to_string(output.path()).unwrap())
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
