//! `cargo debug init` looks, writes, and replaces nothing by itself.

use crate::{Project, ended, stderr};

#[test]
fn it_writes_what_the_makefile_and_the_linker_script_tell() {
    let project = Project::new("make");
    assert!(ended(&project.debug(&["init"]), 0).contains("debug.toml: written"));
    let walk = ended(&project.debug(&["gdb", "--", "-batch", "-ex", "boot", "-ex", "stack"]), 0);
    let stack = walk.lines().find(|line| line.starts_with("stack: ")).unwrap_or_default();
    assert!(stack.contains(", early_stack_hi = 0x"), "by the kernel's own name: {walk}");
    let written = project.read("debug.toml");
    for line in [
        "build = \"make\"",
        "kernel = \"kernel.elf\"",
        "smp = 2",
        "memory = 256",
        "append = \"quiet\"",
        "bss-start = \"bss_lo_mark\"",
        "bss-end = \"bss_hi_mark\"",
        "stack-top = \"early_stack_hi\"",
    ] {
        assert!(written.lines().any(|written| written.starts_with(line)), "{line} in\n{written}");
    }
}

#[test]
fn of_a_usual_cargo_project_nothing_has_to_be_said() {
    let project = Project::new("cargo");
    ended(&project.debug(&["init"]), 0);
    let written = project.read("debug.toml");
    assert!(written.lines().all(|line| line.is_empty() || line.starts_with('#')), "{written}");
    ended(&project.debug(&["check", "--on", "embedded"]), 0);
}

#[test]
fn a_file_that_is_there_is_shown_the_difference_and_left_alone() {
    let project = Project::new("cargo");
    project.write("debug.toml", "smp = 4\n");
    let said = ended(&project.debug(&["init"]), 1);
    assert!(said.contains("-smp = 4") && said.contains("left unchanged; try: --force"), "{said}");
    assert_eq!(project.read("debug.toml"), "smp = 4\n");
    assert!(ended(&project.debug(&["init", "--force"]), 0).contains("debug.toml: replaced"));
    assert!(ended(&project.debug(&["init"]), 0).contains("debug.toml: up to date"));
}

#[test]
fn no_other_file_that_is_there_is_replaced_either() {
    let project = Project::new("cargo");
    let files = [".vscode/launch.json", ".vscode/tasks.json", ".github/workflows/boot.yml", ".gdbinit"];
    for file in files {
        std::fs::create_dir_all(project.path().join(file).parent().unwrap()).unwrap();
        project.write(file, "mine\n");
    }
    let all = ["init", "--vscode", "--ci", "--gdbinit"];
    let said = ended(&project.debug(&all), 1);
    for file in files {
        assert!(said.contains(&format!("--- {file}\n")) && said.contains("-mine"), "{file}: {said}");
        assert!(said.contains(&format!("{file} exists already and is left unchanged; try: --force")), "{said}");
        assert_eq!(project.read(file), "mine\n");
    }
    ended(&project.debug(&[&all[..], &["--force"]].concat()), 0);
    assert!(files.iter().all(|file| project.read(file) != "mine\n"));
}

#[test]
fn the_other_files_are_written_on_request() {
    let project = Project::new("cargo");
    let said = ended(&project.debug(&["init", "--vscode", "--ci", "--gdbinit"]), 0);
    for file in ["debug.toml", ".vscode/launch.json", ".vscode/tasks.json", ".github/workflows/boot.yml", ".gdbinit"] {
        assert!(said.contains(&format!("{file}: written")), "{said}");
    }
    let launch = project.read(".vscode/launch.json");
    assert!(launch.contains("target/riscv64gc-unknown-none-elf/debug/little"), "{launch}");
    for file in [".vscode/launch.json", ".vscode/tasks.json"] {
        jsonc_parser::parse_to_serde_value::<serde_json::Value>(&project.read(file), &Default::default()).expect(file);
    }
}

/// What init writes for GDB is what GDB takes, on the machine that the tasks start.
#[test]
fn gdb_takes_the_file_that_is_written() {
    let project = Project::new("cargo");
    ended(&project.debug(&["init", "--gdbinit"]), 0);
    for on in ["embedded", "qemu"] {
        let said = stops_at_the_entry(&project, on);
        assert!(said.contains("_start in section .text"), "{said}");
    }
}

/// What GDB says with the project's .gdbinit, on a machine of `cargo debug serve`: where it is, and for which architecture.
pub fn stops_at_the_entry(project: &Project, on: &str) -> String {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let socket = project.path().join("stub");
    let listen = format!("unix:{}", socket.display());
    let mut command = project.command(crate::PROGRAM);
    command.args(["serve", "--on", on, "--listen", &listen]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut served = command.spawn().unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(served.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert_eq!(line, format!("waiting for GDB on {listen}\n"));
    let script = project.read(".gdbinit").replace("localhost:1234", &socket.display().to_string());
    project.write("script", &script);
    let mut gdb = project.command(testkit::gdb());
    gdb.args(["-nx", "-batch", "-x", "script", "-ex", "info symbol $pc", "-ex", "show architecture"]);
    let gdb = gdb.output().unwrap();
    let id = rustix::process::Pid::from_child(&served);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(served.wait().unwrap().code(), Some(0), "on {on}");
    assert!(!socket.exists(), "on {on}");
    ended(&gdb, 0) + &stderr(&gdb)
}

#[test]
fn where_nothing_is_it_says_so() {
    let project = Project::new("make");
    std::fs::remove_file(project.path().join("Makefile")).unwrap();
    let output = project.debug(&["init"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no kernel found here"), "{}", stderr(&output));
}
