//! The files that init writes. It does not look at anything.

use super::look::{Entry, Project};

const HEAD: &str = "\
# For `cargo debug check`, `run`, `gdb` and `serve`. Each key is an option as well: `cargo debug check --help`, and
# docs/configuration.md of cargo-debug. Everything else is found in the kernel, or is as usual: the machine virt with one hart,
# 128 MiB and OpenSBI.
";

const TAIL: &str = "
# What the kernel is to say, which makes a test of it:
# expect = [\"booted\"]
# forbid = [\"panic\"]
";

/// debug.toml.
pub fn config(project: &Project) -> String {
    let mut text = HEAD.to_owned();
    if project.entries.is_empty() {
        text.push_str("\n# Nothing has to be said here: cargo makes the kernel, and its symbols have usual names.\n");
    } else {
        text.push('\n');
    }
    for entry in &project.entries {
        text.push_str(&line(entry));
    }
    text + TAIL
}

fn line(entry: &Entry) -> String {
    let quoted: Vec<String> = entry.values.iter().map(|value| toml_text(value)).collect();
    let several = matches!(entry.key, "drives" | "qemu-args");
    match (&*quoted, several) {
        ([], _) => format!("# {} = \"\" # {}\n", entry.key, entry.why),
        ([one], false) => format!("{} = {one} # {}\n", entry.key, entry.why),
        (all, _) => format!("{} = [{}] # {}\n", entry.key, all.join(", "), entry.why),
    }
}

/// A number as it is, everything else in quotes.
fn toml_text(value: &str) -> String {
    if !value.is_empty()
        && value.len() < 10
        && value.chars().all(|digit| digit.is_ascii_digit())
        && !value.starts_with("00")
    {
        return value.to_owned();
    }
    toml::Value::String(value.to_owned()).to_string()
}

fn elf(project: &Project) -> &str {
    project.elf.as_deref().unwrap_or("KERNEL.ELF")
}

fn entry(project: &Project) -> &str {
    project.value("entry").or(project.first.as_deref()).unwrap_or("_start")
}

/// .vscode/launch.json.
pub fn launch(project: &Project) -> String {
    let entry = entry(project);
    let architecture = if project.rv32 { "riscv:rv32" } else { "riscv:rv64" };
    format!(
        r#"// Written by `cargo debug init --vscode`. F5 starts the machine (tasks.json) and stops at the kernel's first instruction.
{{
    "version": "0.2.0",
    "configurations": [
        {{
            // Extension: ms-vscode.cpptools
            "name": "kernel, by C/C++ (GDB)",
            "type": "cppdbg",
            "request": "launch",
            "program": "${{workspaceFolder}}/{elf}",
            "cwd": "${{workspaceFolder}}",
            "MIMode": "gdb",
            "miDebuggerPath": "gdb-multiarch",
            "miDebuggerServerAddress": "127.0.0.1:1234",
            "setupCommands": [{{ "text": "set architecture {architecture}" }}, {{ "text": "set osabi none" }}],
            "stopAtEntry": true,
            "postRemoteConnectCommands": [{{ "text": "tbreak *{entry}" }}],
            "preLaunchTask": "machine"
        }},
        {{
            // Extension: vadimcn.vscode-lldb; goes back in time with the embedded machine
            "name": "kernel, by CodeLLDB",
            "type": "lldb",
            "request": "launch",
            "targetCreateCommands": ["target create ${{workspaceFolder}}/{elf}"],
            "processCreateCommands": ["gdb-remote 127.0.0.1:1234", "breakpoint set --one-shot true --name {entry}"],
            "reverseDebugging": true,
            "preLaunchTask": "embedded machine"
        }}
    ]
}}
"#,
        elf = elf(project),
    )
}

/// .vscode/tasks.json.
pub fn tasks() -> String {
    let task = |label: &str, machine: &str| {
        format!(
            r#"        {{
            "label": "{label}",
            "type": "process",
            "command": "cargo-debug",
            "args": ["-v", "serve", "--on", "{machine}"],
            "isBackground": true,
            "problemMatcher": {{
                "pattern": {{ "regexp": "^error: (.+)$", "message": 1, "kind": "file", "file": 1 }},
                "background": {{ "activeOnStart": true, "beginsPattern": "^\\+ ", "endsPattern": "^waiting for GDB on " }}
            }},
            "presentation": {{ "reveal": "silent", "panel": "dedicated", "clear": true }}
        }}"#
        )
    };
    format!(
        "// Written by `cargo debug init --vscode`.\n{{\n    \"version\": \"2.0.0\",\n    \"tasks\": [\n{},\n{}\n    ]\n}}\n",
        task("machine", "qemu"),
        task("embedded machine", "embedded")
    )
}

const NO_FIRMWARE: &str = "\
      # Ubuntu's QEMU has no firmware for 32 bits. Name one in debug.toml (bios = \"FILE\"), or use a container of Debian 13,
      # with the packages qemu-system-riscv and opensbi.
";

/// .github/workflows/boot.yml.
pub fn workflow(project: &Project) -> String {
    let rust = match &project.target {
        // rustc makes what a JSON file describes.
        Some(target) if target.ends_with(".json") => "      - run: rustup show\n".into(),
        Some(target) => format!("      - run: rustup target add {target}\n"),
        None => String::new(),
    };
    let packages = match (project.by_cargo, project.rv32) {
        (true, _) => "qemu-system-misc",
        (false, _) => "qemu-system-misc gcc-riscv64-unknown-elf clang lld make",
    };
    let without_firmware = project.rv32 && project.value("bios").is_none();
    let note = if without_firmware { NO_FIRMWARE } else { "" };
    format!(
        "# Written by `cargo debug init --ci`: the kernel has to boot.
name: boot
on: [push, pull_request]
jobs:
  boot:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    steps:
      - uses: actions/checkout@v4
{rust}{note}      - run: sudo apt-get update && sudo apt-get install -y --no-install-recommends {packages}
      - run: mkdir -p boot
      # The repository that cargo-debug comes from:
      - run: cargo install --locked --git \"$CARGO_DEBUG\" debug
        env:
          CARGO_DEBUG: ${{{{ vars.CARGO_DEBUG }}}}
      # The summary has the verdict, and the commands that go on from boot.html and the recording at the desk.
      - run: |
          cargo debug check --format junit --output boot/junit.xml --html boot/boot.html \\
            --record-on-failure boot --summary \"$GITHUB_STEP_SUMMARY\"
      - if: always()
        uses: actions/upload-artifact@v4
        with:
          name: boot
          path: boot
"
    )
}

/// .gdbinit.
pub fn gdbinit(project: &Project) -> String {
    let architecture = if project.rv32 { "riscv:rv32" } else { "riscv:rv64" };
    format!(
        "# Written by `cargo debug init --gdbinit`: after `cargo debug serve` in another terminal, here:
#   gdb-multiarch -iex 'set auto-load safe-path .'
# `cargo debug gdb` needs none of this, and has the walk's commands.
set architecture {architecture}
# Otherwise Debian's GDB takes the kernel for a Linux program, and `stepi` over an ecall loses the trap handler.
set osabi none
set print asm-demangle on
set disassemble-next-line auto
file {elf}
target remote localhost:1234
tbreak *{entry}
continue
",
        elf = elf(project),
        entry = entry(project),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_toml() {
        let entries = [
            ("smp", vec!["4"]),
            ("append", vec!["a \"b\" \\c"]),
            ("qemu-args", vec!["-device x"]),
            ("memory", vec!["0x10"]),
        ];
        let entries = entries.map(|(key, values)| Entry {
            key,
            values: values.into_iter().map(str::to_owned).collect(),
            why: "as in Makefile".into(),
        });
        let project = Project { entries: entries.into(), ..Project::default() };
        let table: toml::Table = config(&project).parse().expect("it is TOML");
        assert_eq!(table["smp"].as_integer(), Some(4));
        assert_eq!(table["append"].as_str(), Some("a \"b\" \\c"));
        assert_eq!(table["qemu-args"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn the_editors_files_are_json_with_comments() {
        let project = Project { elf: Some("os.elf".into()), ..Project::default() };
        for text in [launch(&project), tasks()] {
            let json: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            serde_json::from_str::<serde_json::Value>(&json).expect("it is JSON");
        }
    }
}
