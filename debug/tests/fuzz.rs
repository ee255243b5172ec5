//! Hostile bytes of every kind, new ones with each run: what debug/fuzz does with libFuzzer's bytes is done with proptest's here,
//! and what either has found is kept as a case.

use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use testkit::fuzz::{client, code, elf, recording};

/// The targets themselves, which nothing else here builds; libFuzzer is left out, and with it the need for nightly.
#[test]
fn the_fuzz_targets_build() {
    let manifest = Path::new(env!("HYPERVISOR_PROJECT")).join("debug/fuzz/Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    let output = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--locked", "--no-default-features", "--manifest-path"])
        .arg(manifest)
        .env("CARGO_TARGET_DIR", target)
        .env("RUSTFLAGS", "-Dwarnings")
        .output()
        .expect("cargo runs");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "after a change of dependencies: cargo check in debug/fuzz\n{words}");
}

/// What was found, each as small as it could be made.
#[test]
fn what_was_found_stays_found() {
    // An atomic that stores over itself ended a step that was looked at.
    code::survive(&0x0e39_292f_u32.to_le_bytes());
}

/// The opcodes of RV64GC's instructions of four bytes.
const OPCODES: [u32; 18] =
    [0x33, 0x3b, 0x13, 0x1b, 0x03, 0x23, 0x07, 0x27, 0x63, 0x67, 0x6f, 0x73, 0x2f, 0x53, 0x43, 0x37, 0x17, 0x0f];

/// An instruction that exists, more often than not: its registers are those that point to something.
fn instruction() -> impl Strategy<Value = u32> {
    (any::<u32>(), prop::sample::select(&OPCODES[..])).prop_map(|(bits, opcode)| bits & !0x7f | opcode)
}

fn bytes(words: Vec<u32>) -> Vec<u8> {
    words.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// What GDB says, and some that it would not.
const PACKETS: [&str; 14] = [
    "?",
    "g",
    "p20",
    "m80200000,10",
    "M80300000,4:deadbeef",
    "Z0,80200008,4",
    "Z2,80300000,1000",
    "vCont;c",
    "vCont;s:p1.1",
    "bs",
    "bc",
    "qRcmd,6c6173742d777269746520307838303230303230",
    "\u{3}",
    "k",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_may_be_given(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        elf::survive(&bytes);
    }

    #[test]
    fn any_bytes_of_a_kernel_may_be_wrong(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        elf::survive(&bytes);
    }

    #[test]
    fn any_code_may_run(words in prop::collection::vec(any::<u32>(), 64..512)) {
        code::survive(&bytes(words));
    }

    #[test]
    fn any_code_of_known_opcodes_may_run(words in prop::collection::vec(instruction(), 64..512)) {
        code::survive(&bytes(words));
    }

    #[test]
    fn any_bytes_may_be_a_recording(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        recording::survive(&bytes);
    }

    #[test]
    fn a_client_may_say_anything(packets in prop::collection::vec(prop::sample::select(&PACKETS[..]), 1..8)) {
        client::survive(packets.join("\n").as_bytes());
    }
}
