//! The rest of .vscode: what happens when the machine cannot start, and what rust-analyzer is told.

use std::fs;
use std::process::Command;

use regex::Regex;
use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::session::end_machine;
use crate::task::Task;
use crate::workspace::{self, FOLDER, array, string};

/// VS Code starts no debugger then, and shows the task's terminal.
#[test]
fn a_second_machine_on_the_port_ends_without_getting_ready() {
    let sandbox = Sandbox::new();
    let task = workspace::task(&json!("machine"));
    let mut first = Task::start(&sandbox, &task);
    first.await_ready().expect("the port is free");
    let mut second = Task::start(&sandbox, &task);
    let output = second.await_ready().expect_err("the port is in use");
    assert!(output.contains("127.0.0.1:1234 is in use"), "{output}");
    assert_eq!(second.status().code(), Some(2));
    end_machine(&workspace::configurations()[0], first);
    sandbox.assert_empty();
}

/// A mistake in the kernel is to be seen in the Problems view, at its line.
#[test]
fn the_problem_matcher_finds_what_rustc_prints() {
    let patterns = array(&workspace::task(&json!("machine"))["problemMatcher"], "pattern");
    let [first, second] = &patterns[..] else { panic!("two patterns were expected: {patterns:?}") };
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    fs::write(folder.path().join("wrong.rs"), "fn main() {\n    let _: u8 = true;\n}\n").expect("the folder is ours");
    let rustc = Command::new("rustc").arg("wrong.rs").current_dir(&folder).output().expect("rustc starts");
    let output = String::from_utf8(rustc.stderr).expect("rustc writes UTF-8");
    let mut lines = output.lines();
    let found = lines.find_map(|line| regex(first).captures(line)).unwrap_or_else(|| panic!("no error in {output}"));
    assert_eq!(&found[index(first, "severity")], "error");
    assert_eq!(&found[index(first, "message")], "mismatched types");
    let place =
        lines.next().and_then(|line| regex(second).captures(line)).unwrap_or_else(|| panic!("no place in {output}"));
    assert_eq!(["file", "line", "column"].map(|what| &place[index(second, what)]), ["wrong.rs", "2", "17"]);
}

fn regex(pattern: &Value) -> Regex {
    Regex::new(string(pattern, "regexp")).unwrap_or_else(|error| panic!("{error}"))
}

fn index(pattern: &Value, what: &str) -> usize {
    pattern[what].as_u64().and_then(|index| index.try_into().ok()).unwrap_or_else(|| panic!("no {what} in {pattern}"))
}

#[test]
fn rust_analyzer_checks_both_packages_each_for_its_machine() {
    let messages = messages("rust-analyzer.check.overrideCommand");
    let has = |target: &str| messages.iter().any(|message| message["target"]["name"] == target);
    assert!(has("hypervisor") && has("debug") && has("vscode"), "{messages:#?}");
}

#[test]
fn rust_analyzer_is_told_of_no_build_script_that_fails() {
    let messages = messages("rust-analyzer.cargo.buildScripts.overrideCommand");
    assert!(messages.iter().any(|message| message["reason"] == "build-script-executed"), "{messages:#?}");
}

/// What the command of a setting prints: JSON, a message a line. It must succeed.
fn messages(setting: &str) -> Vec<Value> {
    let command = array(&workspace::read("settings.json"), setting);
    let mut words = command.iter().map(|word| word.as_str().expect("commands are strings"));
    let mut command = Command::new(words.next().expect("a command has a name"));
    let output =
        command.args(words).current_dir(&*FOLDER).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}
