//! What VS Code reads in this folder: .vscode's files, as they are, with their variables replaced. It runs nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use debug::{Address, Image};
use jsonc_parser::{ParseOptions, parse_to_serde_value};
use serde_json::Value;

/// The folder that is open, under the one name that the kernel's debug information has for it too.
pub static FOLDER: LazyLock<PathBuf> =
    LazyLock::new(|| Path::new(env!("HYPERVISOR_PROJECT")).canonicalize().expect("the package is in a workspace"));

/// What install.sh installed.
pub fn tool(path: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo keeps tmp in its target folder");
    let tool = target.join("vscode").join(path);
    assert!(tool.exists(), "no {}: run debug/tests/vscode/install.sh", tool.display());
    tool
}

/// A file of .vscode. VS Code allows comments there, and complains of all else that JSON does not have.
pub fn read(file: &str) -> Value {
    let path = FOLDER.join(".vscode").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let strict = ParseOptions {
        allow_comments: true,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        ..ParseOptions::default()
    };
    parse_to_serde_value(&text, &strict).unwrap_or_else(|error| panic!("{file}: {error}"))
}

pub fn configurations() -> Vec<Value> {
    array(&read("launch.json"), "configurations")
}

/// The labels of the tasks that start a machine: QEMU, and this project's own.
pub const QEMU: &str = "machine";
pub const EMBEDDED: &str = "embedded machine";

/// The configuration of that type on that machine, ready to be sent to its adapter.
pub fn configuration(kind: &str, machine: &str) -> Value {
    let all = configurations();
    let mut matching = all.into_iter().filter(|one| one["type"] == kind && one["preLaunchTask"] == machine);
    let configuration = matching.next().unwrap_or_else(|| panic!("launch.json has no {kind} on the {machine}"));
    assert!(matching.next().is_none(), "launch.json has two of {kind} on the {machine}");
    replace_variables(configuration)
}

/// The task with that label, its variables replaced but for inputs, which are commands to VS Code.
pub fn task(label: &Value) -> Value {
    let tasks = array(&read("tasks.json"), "tasks");
    let task = tasks.into_iter().find(|task| task["label"] == *label);
    replace_variables(task.unwrap_or_else(|| panic!("tasks.json has no task {label}")))
}

/// The input that an argument `${input:ID}` stands for.
pub fn input(argument: &Value) -> Option<Value> {
    let id = argument.as_str()?.strip_prefix("${input:")?.strip_suffix('}')?;
    let inputs = array(&read("tasks.json"), "inputs");
    Some(inputs.into_iter().find(|input| input["id"] == id).unwrap_or_else(|| panic!("tasks.json has no input {id:?}")))
}

pub fn array(value: &Value, key: &str) -> Vec<Value> {
    value[key].as_array().unwrap_or_else(|| panic!("{key:?} is no array in {value}")).clone()
}

pub fn string<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key:?} is no string in {value}"))
}

fn replace_variables(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let text = text.replace("${workspaceFolder}", FOLDER.to_str().expect("the folder's name is UTF-8"));
            let unknown = text.contains("${") && !text.starts_with("${input:");
            assert!(!unknown, "this test does not know what VS Code makes of the variable in {text:?}");
            Value::String(text)
        }
        Value::Array(items) => items.into_iter().map(replace_variables).collect(),
        Value::Object(members) => members.into_iter().map(|(key, value)| (key, replace_variables(value))).collect(),
        other => other,
    }
}

/// The kernel that the machine was started with.
pub fn kernel() -> Image {
    Image::open(&FOLDER.join("hypervisor.elf")).unwrap_or_else(|error| panic!("{error}"))
}

pub fn symbol(name: &str) -> Address {
    kernel().symbol(name).unwrap_or_else(|| panic!("the kernel has no symbol {name}")).address
}

/// A place in a source file, named by what stands there.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceLine {
    pub file: PathBuf,
    pub number: u64,
}

impl SourceLine {
    /// The one line of kernel/src/main.rs that contains `text`.
    pub fn with(text: &str) -> SourceLine {
        let file = FOLDER.join("kernel/src/main.rs");
        let source = fs::read_to_string(&file).expect("the kernel has a main.rs");
        let mut matching = source.lines().enumerate().filter(|(_, line)| line.contains(text));
        let (index, _) = matching.next().unwrap_or_else(|| panic!("main.rs has no line with {text:?}"));
        assert!(matching.next().is_none(), "main.rs has two lines with {text:?}");
        SourceLine { file, number: index as u64 + 1 }
    }

    /// The line below.
    pub fn next(&self) -> SourceLine {
        SourceLine { file: self.file.clone(), number: self.number + 1 }
    }
}
