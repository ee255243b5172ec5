//! `cargo debug` in other people's projects: each is a small one of its own, copied to a folder that knows nothing of this one.

mod book;
mod init;
mod machine;
mod run;
mod workflows;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use testkit::programs;

const PROGRAM: &str = env!("CARGO_BIN_EXE_cargo-debug");

/// A copy of one of the projects beside this file.
pub struct Project {
    around: TempDir,
    name: &'static str,
}

impl Project {
    pub fn new(name: &'static str) -> Project {
        let around = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/projects").join(name);
        let copied = Command::new("cp").arg("-r").arg(source).arg(around.path()).status().unwrap();
        assert!(copied.success());
        Project { around, name }
    }

    pub fn path(&self) -> PathBuf {
        self.around.path().join(self.name)
    }

    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).unwrap();
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).unwrap()
    }

    /// A program in the project's folder, with cargo-debug in PATH, and nothing of the cargo that runs this test.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let folder = Path::new(PROGRAM).parent().unwrap().as_os_str();
        let mut path = OsString::from(folder);
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        command.env("PATH", path).current_dir(self.path()).stdin(Stdio::null());
        for variable in ["HYPERVISOR_PROJECT", "CARGO", "CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "RUSTUP_TOOLCHAIN"] {
            command.env_remove(variable);
        }
        command
    }

    /// `cargo-debug` with these arguments.
    pub fn debug(&self, arguments: &[&str]) -> Output {
        self.command(PROGRAM).args(arguments).output().unwrap()
    }
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Its standard output, of a call that ended so.
pub fn ended(output: &Output, status: i32) -> String {
    assert_eq!(output.status.code(), Some(status), "{}{}", stdout(output), stderr(output));
    stdout(output)
}

#[test]
fn a_cargo_project_needs_no_word() {
    let project = Project::new("cargo");
    for on in ["qemu", "embedded", "both"] {
        let report = ended(&project.debug(&["check", "--on", on]), 0);
        assert!(report.contains("_start at 0x80200000") && report.contains("= boot_stack_top"), "{report}");
        assert!(report.contains("console  booted"), "{report}");
    }
    // As cargo calls it.
    let cargo = project.command("cargo").args(["debug", "check"]).output().unwrap();
    assert!(ended(&cargo, 0).contains("boots: 7 of 7 checks hold"));
}

#[test]
fn gdb_comes_to_the_first_instruction_and_walks() {
    let project = Project::new("cargo");
    for on in ["qemu", "embedded"] {
        let output = project.debug(&["gdb", "--on", on, "--", "-batch", "-ex", "check-boot"]);
        let said = ended(&output, 0);
        assert!(said.contains("check-boot: PASS") && said.contains("boot: 0x80200000 <_start>"), "{said}");
        // A person begins at the first instruction; GDB's status is ours.
        let mut command = project.command(PROGRAM);
        let output = command.args(["gdb", "--on", on]).stdin(Stdio::null()).output().unwrap();
        assert!(stdout(&output).contains("<_start> is the next instruction: PASS"), "{}", stdout(&output));
        let output = project.debug(&["gdb", "--on", on, "--", "-batch", "-ex", "quit 7"]);
        assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
        // Whoever names something that is not there is told so, and by which option.
        let output = project.debug(&["gdb", "--on", on, "--stack-top", "nowhere", "--", "-batch"]);
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        assert!(
            stderr(&output).contains("nowhere") && stderr(&output).contains("try: --stack-top"),
            "{}",
            stderr(&output)
        );
    }
}

/// In a recording of the boot; with and without a firmware.
#[test]
fn gdb_goes_back_on_qemu_as_well() {
    for (name, entry) in [("cargo", "_start in section .text"), ("machine", "start in section .text")] {
        let project = Project::new(name);
        ended(&project.debug(&["init"]), 0);
        let walk = ["stepi", "stepi 4", "reverse-stepi 4", "info symbol $pc"].map(|command| ["-ex", command]);
        let arguments = [&["gdb", "--on", "qemu", "--reverse", "--", "-batch"][..], &walk.concat()].concat();
        let said = ended(&project.debug(&arguments), 0);
        assert_eq!(said.lines().last(), Some(entry), "{said}");
    }
    // QEMU says only that this is not supported.
    let project = Project::new("make");
    ended(&project.debug(&["init"]), 0);
    let output = project.debug(&["gdb", "--on", "qemu", "--reverse"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    assert!(stderr(&output).contains("this one has 2; try: --smp 1, or --on embedded"), "{}", stderr(&output));
}

/// Whatever becomes of the machine before, and whichever machine it is.
#[test]
#[cfg(target_os = "linux")] // the processes are looked for in /proc
fn gdb_ends_with_a_command_that_is_killed() {
    use std::io::{BufRead, BufReader, Write};
    use testkit::processes::{await_some, marked};
    let project = Project::new("cargo");
    for (index, (on, powers_off)) in
        [("qemu", false), ("qemu", true), ("embedded", false), ("embedded", true)].into_iter().enumerate()
    {
        let mark = format!("GDB_IS_KILLED_{}_{index}", std::process::id());
        let mut command = project.command(PROGRAM);
        let temporary = TempDir::new().unwrap();
        command.args(["gdb", "--on", on]).env(&mark, "1").env("TMPDIR", temporary.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut front = command.stderr(Stdio::null()).spawn().unwrap();
        let mut keyboard = front.stdin.take().unwrap();
        let mut lines = BufReader::new(front.stdout.take().unwrap()).lines().map(Result::unwrap);
        lines.find(|line| line.contains("is the next instruction: PASS")).expect("the kernel's first instruction");
        if powers_off {
            // The loop that it ends in is none that waits: it is a power-off that is asked for.
            writeln!(keyboard, "set $a7 = 8\nset *(unsigned int *)$pc = 0x73\ncontinue\nprintf \"it is off\\n\"")
                .unwrap();
            lines.find(|line| line.contains("it is off")).expect("GDB goes on without a machine");
        }
        let members = marked(format!("{mark}=1").as_ref());
        assert!(members.len() > 1, "on {on}: {members:?}");
        front.kill().unwrap();
        front.wait().unwrap();
        await_some(&format!("on {on}, powered off: {powers_off}: the end of all"), || {
            marked(format!("{mark}=1").as_ref()).is_empty().then_some(())
        });
        drop(keyboard);
        let left: Vec<_> = fs::read_dir(temporary.path()).unwrap().collect();
        assert!(left.is_empty(), "on {on}, powered off: {powers_off}: {left:?}");
    }
}

/// GDB's commands know how they were started.
#[test]
fn what_gdb_advises_is_this_command() {
    let project = Project::new("cargo");
    let arguments =
        ["gdb", "--on", "embedded", "--", "-batch", "-ex", "bss", "-ex", "bss", "-ex", "disconnect", "-ex", "boot"];
    let output = project.debug(&arguments);
    let said = ended(&output, 0);
    assert!(said.contains("past the clear; to start again, quit, then cargo debug gdb: FAIL"), "{said}");
    assert!(said.contains("No machine is connected: quit, then cargo debug gdb."), "{said}");
    assert!(!said.contains("run.sh"), "{said}");
}

#[test]
fn a_gdb_that_cannot_be_used_is_told() {
    let project = Project::new("cargo");
    let output = project.command(PROGRAM).args(["gdb"]).env("GDB", "/nowhere/gdb").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("GDB=/nowhere/gdb cannot be run; try: "), "{}", stderr(&output));
}

#[test]
fn the_margin_that_is_asked_for_has_to_remain() {
    let project = Project::new("cargo");
    ended(&project.debug(&["check", "--on", "embedded", "--min-margin", "15000"]), 0);
    let report = ended(&project.debug(&["check", "--on", "embedded", "--min-margin", "16300"]), 1);
    assert!(report.contains("bytes remain unused, and 16300 are asked for"), "{report}");
}

#[test]
fn the_configuration_is_the_project_s_and_what_is_typed_counts() {
    let project = Project::new("cargo");
    project.write("debug.toml", "expect = \"booted\"\nforbid = \"panicked\"\nmin-margin = 16300\non = \"embedded\"\n");
    assert!(ended(&project.debug(&["check"]), 1).contains("FAIL"), "min-margin is asked for");
    ended(&project.debug(&["check", "--min-margin", "0"]), 0);
    ended(&project.debug(&["check", "--config", "none"]), 0);
    // From a folder below as well; the kernel is built there where the file is.
    let below =
        project.command(PROGRAM).args(["check", "--min-margin", "0"]).current_dir(project.path().join("src")).output();
    ended(&below.unwrap(), 0);
    project.write("debug.toml", "stack_top = \"boot_stack_top\"\n");
    let output = project.debug(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("debug.toml: unknown key stack_top; try: stack-top"), "{said}");
    project.write("debug.toml", "smp = \"many\"\n");
    let said = stderr(&project.debug(&["check"]));
    assert!(said.contains("debug.toml: invalid value 'many' for '--smp <HARTS>'"), "{said}");
}

/// Both machines get them; their paths are relative to the file.
#[test]
fn the_drives_are_those_of_the_configuration() {
    let project = Project::new("cargo");
    let image = |name: &str| project.path().join(name).display().to_string();
    project.write("disk.img", &"1".repeat(512));
    project.write("other.img", &"2".repeat(512));
    project.write("debug.toml", "drives = ['disk.img,readonly', 'file=other.img,format=raw,if=none,id=other']\n");
    let below = |arguments: &[&str]| {
        project.command(PROGRAM).args(arguments).current_dir(project.path().join("src")).output().unwrap()
    };
    let output = below(&["-v", "check", "--on", "qemu"]);
    ended(&output, 0);
    let said = stderr(&output);
    for drive in [
        format!("-drive file={},if=none,id=drive0,format=raw,readonly=on,snapshot=on ", image("disk.img")),
        format!("-drive file={},format=raw,if=none,id=other,snapshot=on ", image("other.img")),
        "-device virtio-blk-device,drive=drive0 -device virtio-blk-device,drive=other".into(),
    ] {
        assert!(said.contains(&drive), "{drive} in\n{said}");
    }
    ended(&below(&["check", "--on", "embedded"]), 0);
    fs::remove_file(image("disk.img")).unwrap();
    for on in ["qemu", "embedded"] {
        let output = below(&["check", "--on", on]);
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        assert!(stderr(&output).contains(&image("disk.img")), "{}", stderr(&output));
    }
}

/// QEMU's options end at a comma, and a shell's words at a quote.
#[test]
fn a_folder_may_have_any_name() {
    let project = Project::new("cargo");
    ended(&project.debug(&["check", "--on", "embedded"]), 0);
    let folder = project.path().join("it's, \"mine\" (2) \u{fc}");
    fs::create_dir(&folder).unwrap();
    fs::copy(project.path().join("target/riscv64gc-unknown-none-elf/debug/little"), folder.join("k.elf")).unwrap();
    fs::write(folder.join("disk.img"), "1".repeat(512)).unwrap();
    let drive = "drives = 'file=disk.img,if=none,format=raw,id=one'\ninitrd = 'disk.img'\n";
    fs::write(folder.join("debug.toml"), format!("kernel = 'k.elf'\n{drive}")).unwrap();
    let here = |arguments: &[&str]| project.command(PROGRAM).args(arguments).current_dir(&folder).output().unwrap();
    for on in ["qemu", "embedded"] {
        ended(&here(&["check", "--on", on]), 0);
        ended(&here(&["run", "--on", on, "--expect", "booted"]), 0);
        assert!(
            ended(&here(&["gdb", "--on", on, "--", "-batch", "-ex", "check-boot"]), 0).contains("check-boot: PASS")
        );
    }
}

/// A machine that does not start says nothing of a kernel, whose stack it would find.
#[test]
fn a_drive_that_is_missing_is_no_fault_of_the_kernel() {
    let project = Project::new("cargo");
    project.write("src/main.rs", &project.read("src/main.rs").replace("boot_stack_top", "upper_end"));
    for on in ["qemu", "embedded"] {
        assert!(ended(&project.debug(&["check", "--on", on]), 0).contains("the stack is assumed to be"));
        let output = project.debug(&["check", "--on", on, "--drive", "missing.img"]);
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        assert!(stderr(&output).contains("missing.img"), "{}", stderr(&output));
    }
}

#[test]
fn another_command_makes_the_same_kernel() {
    let project = Project::new("make");
    ended(&project.debug(&["init"]), 0);
    ended(&project.debug(&["check", "--on", "embedded", "--build", "make -B"]), 0);
}

#[test]
fn the_configuration_may_stand_in_the_manifest() {
    let project = Project::new("cargo");
    let manifest = project.read("Cargo.toml") + "\n[package.metadata.debug]\non = \"embedded\"\nforbid = \"booted\"\n";
    project.write("Cargo.toml", &manifest);
    assert!(ended(&project.debug(&["check"]), 1).contains("booted"));
}

#[test]
fn what_is_run_is_shown_such_that_it_can_be_pasted() {
    let project = Project::new("cargo");
    let output = project.debug(&["-v", "check", "--on", "qemu", "--append", "two words"]);
    ended(&output, 0);
    let said = stderr(&output);
    let line = said.lines().find(|line| line.starts_with("+ qemu-system-riscv64")).expect("QEMU's line is shown");
    assert!(
        line.contains("-machine virt") && line.contains("-append 'two words'") && line.ends_with("-s -S"),
        "{line}"
    );
    assert!(said.lines().any(|line| line.contains("cargo build --message-format=json-render-diagnostics")), "{said}");
    // As it stands: QEMU takes it.
    let pasted = line.trim_start_matches("+ ").replace(" -s -S", " -S");
    let script = format!("timeout 2 {pasted} </dev/null");
    let status = project.command("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(status.status.code(), Some(124), "it waits until time is up: {}", stderr(&status));
}

#[test]
fn a_make_project_is_built_by_make() {
    let project = Project::new("make");
    // A program that is installed knows no other kernel.
    let installed = project.path().join("cargo-debug");
    programs::write(&installed, &fs::read(PROGRAM).unwrap());
    let output = project.command(installed.to_str().unwrap()).arg("check").output().unwrap();
    assert!(stderr(&output).contains("try: --kernel ELF, or cargo debug init"), "{}", stderr(&output));
    ended(&project.debug(&["init"]), 0);
    let output = project.debug(&["check"]);
    let report = ended(&output, 0);
    assert!(report.contains("= early_stack_hi") && report.contains("console  hello from C"), "{report}");
    assert!(stderr(&output).contains("clang"), "make's words are for the person");
    let output = project.debug(&["gdb", "--", "-batch", "-ex", "check-boot"]);
    assert!(ended(&output, 0).contains("check-boot: PASS"));
    // A kernel that does not compile is no verdict.
    project.write("kernel.c", "#error no kernel\n");
    let output = project.debug(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("the kernel was not built: `make` ended with"), "{}", stderr(&output));
}

/// OpenSBI draws lots for the hart that boots: GDB's commands are about the one that stopped, not about the first.
#[test]
fn gdbs_commands_are_about_the_hart_that_stopped() {
    let project = Project::new("make");
    let commands = ["thread 2", "set $pc = $pc + 4", "walk find-out", "printf \"the same: %d\\n\", $walk_pc == $pc"];
    let mut arguments = vec!["gdb", "--build", "make", "--kernel", "kernel.elf", "--smp", "2", "--", "-batch"];
    arguments.extend(commands.iter().flat_map(|command| ["-ex", command]));
    let said = ended(&project.debug(&arguments), 0);
    assert!(said.lines().any(|line| line == "the same: 1"), "{said}");
}

/// As in xv6: one array has the stacks of all harts, and no symbol marks an end.
#[test]
fn stacks_in_an_array_are_found_without_a_configuration() {
    let project = Project::new("make");
    let array = "__attribute__((aligned(16), section(\".data\"))) char stack0[4096 * 2] = {1};\n\n__attribute__((naked";
    let start = "la sp, stack0\\n li t0, 4096\\n addi t1, a0, 1\\n mul t0, t0, t1\\n add sp, sp, t0\\n";
    let kernel = project.read("kernel.c").replace("la sp, early_stack_hi\\n", start);
    project.write("kernel.c", &kernel.replace("__attribute__((naked", array));
    project.write("kernel.ld", &project.read("kernel.ld").replace("    early_stack_hi = .;\n", ""));
    for on in ["qemu", "embedded"] {
        let report = ended(&project.debug(&["check", "--build", "make", "--kernel", "kernel.elf", "--on", on]), 0);
        assert!(report.contains("the stack is assumed to be stack0 to stack0+0x1000, where sp points"), "{report}");
        assert!(report.contains(" = stack0+0x1000 after 6 instructions"), "{report}");
    }
}

/// Neither by us nor by what guards QEMU.
#[test]
#[cfg(target_os = "linux")] // which has it
fn proc_is_not_read() {
    let project = Project::new("cargo");
    ended(&project.debug(&["check", "--on", "embedded"]), 0);
    let namespace = ["--mount", "--map-root-user"];
    let namespace = if rustix::process::getuid().is_root() { &namespace[..1] } else { &namespace[..] };
    let without = |arguments: &[&str]| {
        let mut command = project.command("unshare");
        command.args(namespace).args(["sh", "-c", "mount -t tmpfs tmpfs /proc && exec \"$@\"", "sh"]);
        command.args(arguments).output().unwrap()
    };
    if !without(&["true"]).status.success() {
        testkit::not_tried("a missing /proc: this user may not mount in a namespace");
        return;
    }
    let kernel = "target/riscv64gc-unknown-none-elf/debug/little";
    for on in ["qemu", "embedded"] {
        ended(&without(&[PROGRAM, "check", "--on", on, "--kernel", kernel]), 0);
        ended(&without(&[PROGRAM, "run", "--on", on, "--kernel", kernel]), 0);
        let said =
            ended(&without(&[PROGRAM, "gdb", "--on", on, "--kernel", kernel, "--", "-batch", "-ex", "check-boot"]), 0);
        assert!(said.contains("check-boot: PASS"), "{said}");
    }
}

#[test]
fn completions_and_the_manual_page_know_the_commands() {
    let project = Project::new("make");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = ended(&project.debug(&["completions", shell]), 0);
        assert!(script.contains("min-margin") && !script.contains("guardian"), "{shell}");
    }
    let page = ended(&project.debug(&["man"]), 0);
    assert!(
        page.starts_with(".ie") || page.contains(".TH CARGO\\-DEBUG") || page.contains(".TH CARGO-DEBUG"),
        "{page:.300}"
    );
    assert!(page.contains("CARGO DEBUG RUN") && page.contains("min"), "{page:.300}");
}
