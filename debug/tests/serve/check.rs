//! `cargo debug check` on a served machine: through the socket the verdict is the one on the machine itself.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use debug::Endpoint;
use debug::machine::{Machine, Stop};
use debug::{Address, Remote};
use serde_json::Value;

use crate::kernels;
use crate::server::Server;

const LIMIT: Duration = Duration::from_secs(30);

/// The report on the kernel, and the command's exit status.
fn check(kernel: &str, on: &str, seconds: &str) -> (Value, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-debug"))
        .args(["check", "--format", "json", "--timeout", seconds, "--on", on, "--elf"])
        .arg(kernels::build(kernel))
        .current_dir(env!("HYPERVISOR_PROJECT"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{kernel} on {on}: {}", String::from_utf8_lossy(&output.stderr)));
    (report, output.status.code())
}

/// What a socket shows as well as the machine itself. That leaves out how many stores and instructions something took, the
/// exit status of a machine that is off, and where exactly a trap was that a handler took (no such kernel is compared).
fn verdict(report: &Value) -> Vec<Value> {
    let told = |check: &Value| {
        let exact = ["bss", "trap", "margin"].contains(&check["name"].as_str().unwrap()) && check["status"] == "pass";
        let keys: &[&str] =
            if exact { &["name", "status"] } else { &["name", "status", "summary", "found", "location"] };
        let told = keys.iter().map(|key| match check[key].as_str() {
            Some(text) => text.replace(", with status 0", "").into(),
            None => check[key].clone(),
        });
        told.collect::<Value>()
    };
    let mut verdict = vec![report["verdict"].clone()];
    verdict.extend(report["checks"].as_array().unwrap().iter().map(told));
    verdict
}

#[test]
fn the_verdict_through_the_socket_is_the_machine_s() {
    for (kernel, status) in [
        ("good", 0),
        ("power-off", 0),
        ("power-off-legacy", 0),
        ("power-off-in-clear", 1),
        ("reboot", 1),
        ("panic", 1),
        ("panic-before-clear", 1),
        ("load-from-0", 1),
        ("illegal-instruction", 1),
        ("traps-for-ever", 1),
        ("store-before-sp", 1),
        ("sp-off-by-16", 1),
        ("bss-last-8-not-cleared", 1),
        ("stack-overflow", 1),
    ] {
        let server = Server::start(kernel);
        let seconds = "60";
        let itself = check(kernel, "embedded", seconds);
        let target = check(kernel, &format!("unix:{}", server.socket().display()), seconds);
        assert_eq!((itself.1, target.1), (Some(status), Some(status)), "{kernel}: {:#}", target.0);
        assert_eq!(verdict(&target.0), verdict(&itself.0), "{kernel}");
        server.end();
    }
}

/// A machine that is off has executed nothing more, however often it is asked to.
#[test]
fn the_end_of_the_machine_is_no_step() {
    let server = Server::start("power-off");
    let target = Endpoint::Unix(server.socket());
    let mut machine = Remote::attach(&target, Instant::now() + LIMIT).unwrap();
    let off = Stop::Exited { status: None };
    assert_eq!(machine.resume(LIMIT).unwrap(), off);
    let pc = Address(machine.registers().unwrap().pc);
    assert_eq!(machine.step(10, LIMIT).unwrap(), (0, off));
    machine.insert_breakpoint(Address(0x8020_0000)).unwrap();
    assert_eq!(machine.resume(LIMIT).unwrap(), off);
    assert_eq!(Address(machine.registers().unwrap().pc), pc);
    drop(machine);
    server.end();
}
