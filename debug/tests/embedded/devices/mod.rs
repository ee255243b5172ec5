//! The board's devices: guests that drive them print the same on QEMU and on the embedded machine. It does not know what they print.

mod block;
mod guest_file;
mod others;
mod tree;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use debug::embedded::{Devices, Options};
use debug::machine::Stop;
use debug::{Embedded, Machine};

const LIMIT: Duration = Duration::from_secs(60);
/// What a guest says that is to be typed to.
const WAITS: &str = "type, please";

/// What the guest prints on the embedded machine, with this typed once it said that it waits.
fn here(guest: &str, typed: &str, options: &Options) -> (String, Embedded) {
    let mut machine = Embedded::open(&guest_file::build(guest), options).expect("the guest is a kernel");
    let mut stop = machine.resume(LIMIT).expect("it runs");
    if !typed.is_empty() {
        assert_eq!(stop, Stop::Interrupted, "it waits");
        assert!(printed(&machine).trim_end().ends_with(WAITS), "{}", printed(&machine));
        // One at a time, as a person types.
        for byte in typed.as_bytes() {
            machine.input(&[*byte]).expect("there is room");
            stop = machine.resume(LIMIT).expect("it runs");
        }
    }
    assert_eq!(stop, Stop::Exited { status: Some(0) }, "{}\n{:?}", printed(&machine), machine.fault());
    (printed(&machine), machine)
}

fn printed(machine: &Embedded) -> String {
    String::from_utf8_lossy(&machine.console()).into_owned()
}

/// What it prints on QEMU, from the guest's first line on.
fn on_qemu(guest: &str, typed: &str, arguments: &[&str]) -> String {
    let qemu = std::env::var_os("QEMU").filter(|name| !name.is_empty()).unwrap_or("qemu-system-riscv64".into());
    let mut child = Command::new("timeout")
        .arg(LIMIT.as_secs().to_string())
        .arg(qemu)
        .args(["-machine", "virt", "-m", "128M", "-nographic", "-monitor", "none", "-serial", "stdio", "-kernel"])
        .arg(guest_file::build(guest))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("QEMU starts");
    let mut text = String::new();
    for line in BufReader::new(child.stdout.take().expect("it is piped")).lines() {
        let line = line.expect("the guest prints text");
        text += line.trim_end_matches('\r');
        text += "\n";
        if line.contains(WAITS) {
            child.stdin.as_mut().expect("it is piped").write_all(typed.as_bytes()).expect("QEMU takes it");
        }
    }
    let status = child.wait().expect("QEMU ends");
    assert!(status.success(), "QEMU ended with {status}: {text}");
    let begin = text.find("guest begins").unwrap_or_else(|| panic!("the guest did not begin: {text}"));
    text[begin..].to_owned()
}

fn compare(guest: &str, typed: &str) {
    compare_with(guest, typed, Devices::default(), &[]);
}

/// As [`compare`], with these devices, and arguments by which QEMU has the same.
fn compare_with(guest: &str, typed: &str, devices: Devices, arguments: &[&str]) {
    let (here, _) = here(guest, typed, &Options { devices, ..Options::default() });
    let there = on_qemu(guest, typed, arguments);
    same(&here, &there);
    assert!(here.ends_with("guest ends\n"), "{here}");
}

/// Shows the lines that differ.
fn same(here: &str, there: &str) {
    let lines = here.lines().zip(there.lines()).enumerate();
    let differ: Vec<String> = lines
        .filter(|(_, (here, there))| here != there)
        .map(|(number, (here, there))| format!("line {number}: here {here}\n  on QEMU {there}"))
        .collect();
    assert!(
        here == there,
        "{}\n{} lines here, {} on QEMU",
        differ.join("\n"),
        here.lines().count(),
        there.lines().count()
    );
}

#[test]
fn slots_without_a_device_answer_as_on_qemu() {
    compare("slots", "");
}

#[test]
fn the_interrupt_controller_s_registers_are_those_of_qemu() {
    compare("plic", "");
}

#[test]
fn sources_are_claimed_in_the_order_of_their_priority() {
    compare("lines", "");
}

#[test]
fn what_is_typed_comes_by_interrupt_and_what_is_printed_last_is_not_lost() {
    compare("echo", "Hello, world.");
}

#[test]
fn the_clock_goes_on_and_its_alarm_interrupts() {
    compare("clock", "");
}
