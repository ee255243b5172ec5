//! `cargo debug ask` as its users meet it: answers as text and JSON, exit codes, refusals.

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use testkit::kernels;

fn ask(kernel: &str, arguments: &[&str]) -> Output {
    let kernel = kernels::build(kernel);
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    command.args(["debug", "ask", "--config", "none", "--kernel", kernel.to_str().unwrap()]).args(arguments);
    command.stdin(Stdio::null()).current_dir(env!("HYPERVISOR_PROJECT")).output().unwrap()
}

/// The answer in words, where something was found.
fn words(kernel: &str, arguments: &[&str]) -> String {
    let output = ask(kernel, arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(kernel: &str, arguments: &[&str]) -> Value {
    let document: Value = serde_json::from_str(&words(kernel, &[arguments, &["--format", "json"]].concat())).unwrap();
    assert_eq!(document["schema"], 1);
    document
}

fn refused(kernel: &str, arguments: &[&str]) -> String {
    let output = ask(kernel, arguments);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn each_question_is_answered_about_a_kernel_that_corrupts_itself() {
    let last = words("corrupts-itself", &["last-write", "variant::TASK"]);
    assert!(last.contains("0x00 -> 0x72\nby instruction ") && last.contains("<variant::rename+"), "{last}");
    let moment = last.lines().last().unwrap().strip_prefix("to go there: cargo debug ask at ").unwrap();
    let at = words("corrupts-itself", &["at", moment]);
    assert!(at.starts_with(&format!("instruction {moment}: `sb ")) && at.contains("\nfrom "), "{at}");
    let before = words("corrupts-itself", &["last-write", "variant::TASK", "--before", moment]);
    assert_ne!(before, last);
    let first = words("corrupts-itself", &["first-write", "variant::TASK"]);
    assert!(!first.contains("variant::rename"), "the clear wrote it before: {first}");
    let reads = words("corrupts-itself", &["reads", "variant::TASK"]);
    assert!(reads.contains(" <variant::"), "{reads}");
    let why = words("corrupts-itself", &["why"]);
    assert!(why.contains("load access fault") || why.contains("load address misaligned"), "{why}");
    assert!(words("corrupts-itself", &["page", "0x80200000"]).contains("nothing is translated"));
}

#[test]
fn programs_get_numbers() {
    let document = json("corrupts-itself", &["when", "variant::rename"]);
    let answer = &document["answer"];
    assert_eq!((&document["question"], &document["found"]), (&"when variant::rename".into(), &true.into()));
    assert_eq!(answer["count"], 1);
    let moment = answer["arrivals"][0]["instruction"].as_u64().unwrap();
    assert!(answer["arrivals"][0]["ra"]["symbol"].as_str().unwrap().starts_with("variant::after_clear+"), "{answer}");
    let at = json("corrupts-itself", &["at", &moment.to_string()]);
    assert_eq!((&at["answer"]["instruction"], &at["answer"]["pc"]), (&moment.into(), &answer["place"]["pc"]));
    assert_eq!(at["answer"]["registers"].as_array().unwrap().len(), 32);
    let store = json("corrupts-itself", &["last-write", "variant::TASK"])["answer"]["store"].clone();
    assert!(store["instruction"].as_u64().unwrap() > moment && store["new"] == "0x72", "{store}");
}

#[test]
fn what_never_happened_is_status_1_and_what_is_no_question_2() {
    let never = ask("good", &["when", "hypervisor::nowhere"]);
    assert_eq!(never.status.code(), Some(2), "no such symbol");
    let never = ask("good", &["why"]);
    assert_eq!((never.status.code(), &*never.stdout), (Some(1), &b"no trap since boot\n"[..]));
    assert!(
        refused("good", &["who", "did", "it"]).contains("who did it is not a question; the questions are last-write,")
    );
    assert!(refused("good", &["at", "1", "--before", "99999999"]).contains("the run has only "));
    assert!(refused("good", &["reads", "0x80200000", "0"]).contains("not a number of bytes"));
    assert!(refused("good", &["page"]).contains("usage: cargo debug ask page [guest] PLACE"));
    let near = refused("good", &["last-write", "__bss_start"]);
    assert!(
        near.contains("nor a symbol; ") && near.contains("has no symbol __bss_start") && near.contains("__bss"),
        "{near}"
    );
}

#[test]
fn an_offset_is_added_to_a_symbol() {
    let place = |place: &str| json("corrupts-itself", &["last-write", place])["answer"].clone();
    let (whole, behind) = (place("variant::TASK"), place("variant::TASK+0xe"));
    assert_eq!((&whole["bytes"], &behind["bytes"]), (&16.into(), &2.into()));
    assert_eq!(behind["memory"]["symbol"], "variant::TASK+0xe");
    assert!(refused("good", &["last-write", "nowhere+8"]).contains("nowhere is neither an address"));
}
