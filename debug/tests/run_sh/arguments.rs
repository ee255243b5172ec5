//! What run.sh makes of its arguments: QEMU's command line, seen by a QEMU that only notes it down, and refusals.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use debug::qemu::MachineOptions;

use crate::processes::{Family, await_some};
use crate::script::{PROJECT, Script};

/// What QEMU was called with, one argument a line.
fn called_with(script: Script) -> Vec<String> {
    let qemu = script.program("qemu", "printf '%s\\n' \"$@\"");
    let finished = script.env("QEMU", qemu).finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    finished.stdout.lines().map(str::to_owned).collect()
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

#[test]
fn plain_boots_hypervisor_elf_with_the_chapters_flags() {
    let script = Script::new(&[]);
    let log = script.folder.path().join("qemu.log");
    let mut expected =
        words("-machine virt -cpu rv64 -bios default -smp 1 -m 128M -nographic -d cpu_reset,unimp,guest_errors,int -D");
    expected.push(log.to_str().unwrap());
    expected.extend(words("-serial mon:stdio --no-reboot -kernel hypervisor.elf"));
    assert_eq!(called_with(script), expected);
}

#[test]
fn the_crate_starts_the_machine_of_run_sh() {
    let mut here = called_with(Script::new(&[]));
    let log = here.iter().position(|argument| argument == "-d").unwrap();
    // The log is for a person who looks at it afterwards.
    here.drain(log..log + 4);
    let machine = MachineOptions { kernel: Some("hypervisor.elf".into()), ..MachineOptions::default() };
    assert_eq!(machine.arguments(), here.iter().map(OsString::from).collect::<Vec<_>>());
}

#[test]
fn what_the_machine_has_besides_goes_to_either_machine() {
    let initrd = Script::with_kernel("good", &[]).folder.path().join("none");
    let finished = Script::with_kernel("good", &["--initrd", initrd.to_str().unwrap()]).finish();
    assert_eq!(finished.code(), 2);
    assert!(finished.stderr.contains("--initrd takes an initial RAM disk"), "{}", finished.stderr);
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let arguments = called_with(Script::with_kernel(
        "good",
        &["--initrd", path, "--append", "a b=c", "--memory", "256", "--drive", path],
    ));
    let follows = |option: &str, value: &str| arguments.windows(2).any(|pair| pair[0] == option && pair[1] == value);
    assert!(follows("-initrd", path) && follows("-append", "a b=c") && follows("-m", "256M"), "{arguments:?}");
    let drive = format!("file={path},if=none,id=drive0,format=raw,snapshot=on");
    assert!(follows("-drive", &drive) && follows("-device", "virtio-blk-device,drive=drive0"), "{arguments:?}");
}

#[test]
fn the_log_is_qemu_log_in_the_project_where_nothing_else_is_said() {
    let mut script = Script::with_kernel("good", &[]);
    script.command.env_remove("QEMU_LOG");
    let arguments = called_with(script);
    let log = arguments.iter().position(|argument| argument == "-D").unwrap() + 1;
    assert_eq!(arguments[log], "qemu.log");
}

#[test]
fn firmware_boots_no_kernel_with_the_chapters_first_flags() {
    let arguments = called_with(Script::new(&["--firmware"]));
    assert_eq!(arguments, words("-machine virt -bios default -nographic -serial mon:stdio --no-reboot"));
}

#[test]
fn build_makes_hypervisor_elf_and_nothing_else() {
    let finished = Script::new(&["--build"]).env("QEMU", "/missing/qemu").env("GDB", "/missing/gdb").finish();
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert_eq!(finished.commands(), [""; 0]);
    let elf = fs::read(Path::new(PROJECT).join("hypervisor.elf")).unwrap();
    assert_eq!(elf[..4], *b"\x7fELF");
}

#[test]
fn help_tells_of_every_mode_and_option() {
    for option in ["--help", "-h"] {
        let finished = Script::new(&[option]).finish();
        assert_eq!((finished.code(), finished.stderr.as_str()), (0, ""));
        for word in words(
            "--firmware --debug --wait --reverse --check --test --build --kernel --port --socket --tied --embedded \
             --load-address --symbols --initrd --append --memory --drive QEMU GDB QEMU_LOG NO_INSTALL",
        ) {
            assert!(finished.stdout.contains(word), "{word} is missing");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_the_usage() {
    let kernel = crate::kernels::build("good");
    let kernel = kernel.to_str().unwrap();
    for (arguments, reason) in [
        (vec!["--frobnicate"], "--frobnicate"),
        (vec!["hypervisor.elf"], "hypervisor.elf"),
        (vec!["--debug", "--wait"], "--debug and --wait cannot be used together"),
        (vec!["--port", "4321"], "--port"),
        (vec!["--build", "--memory", "64"], "need a mode that boots a kernel"),
        (vec!["--reverse", "--drive", kernel], "--reverse records no disk"),
        (vec!["--memory", "64M"], "--memory takes a number of MiB, not 64M"),
        (vec!["--load-address", "0x80400000"], "QEMU puts a flat kernel at 0x80200000"),
        (vec!["--build", "--socket", "/tmp/s"], "--socket"),
        (vec!["--wait", "--port"], "--port needs a value"),
        (vec!["--wait", "--port", "0"], "--port takes 1 to 65535"),
        (vec!["--wait", "--port", "65536"], "--port takes 1 to 65535"),
        (vec!["--wait", "--port", "12x"], "--port takes 1 to 65535"),
        (vec!["--wait", "--port", "4321", "--socket", "/tmp/s"], "cannot be used together"),
        (vec!["--debug", "--tied"], "--tied needs --wait"),
        (vec!["--firmware", "--kernel", kernel], "--firmware"),
        (vec!["--wait", "--", "-batch"], "--debug or --reverse"),
    ] {
        let finished = Script::new(&arguments).finish();
        let words = finished.reason();
        assert!(words.contains(reason) && words.contains("Usage: ./run.sh"), "{arguments:?}: {words}");
        assert_eq!(finished.commands(), [""; 0], "{arguments:?}");
    }
}

#[test]
fn a_kernel_that_is_not_there_is_named() {
    let finished = Script::new(&["--kernel", "no/such.elf"]).finish();
    assert!(finished.reason().contains("no/such.elf"));
}

#[test]
fn an_example_is_built_by_its_name() {
    let called = called_with(Script::new(&["--example", "load-from-0"]));
    let kernel = &called[called.iter().position(|word| word == "-kernel").unwrap() + 1];
    assert!(kernel.ends_with("/examples/load-from-0"), "{kernel}");
    assert!(fs::read(kernel).unwrap().starts_with(b"\x7fELF"));

    let finished = Script::new(&["--example", "no-such-kernel"]).finish();
    let reason = finished.reason();
    assert!(reason.contains("no-such-kernel") && reason.contains(" load-from-0 "), "{reason}");
    let finished = Script::new(&["--example", "load-from-0", "--kernel", "/bin/sh"]).finish();
    assert!(finished.reason().contains("cannot be used together"), "{}", finished.stderr);
}

/// Our kernel has none, and says nothing; another may have one.
#[test]
fn once_the_banner_is_over_the_want_of_a_console_is_told() {
    let mut script = Script::new(&[]);
    script.command.stdin(std::process::Stdio::piped());
    let mut running = script.start();
    running.await_line("OpenSBI v");
    let told = await_some("the line on the console", || running.said().find("this kernel has no console"));
    assert!(running.said()[told..].contains("./run.sh --check"), "{}", running.said());
    let family = Family::with_qemu(running.child.id());
    std::io::Write::write_all(running.child.stdin.as_mut().unwrap(), b"\x01x").unwrap();
    assert_eq!(running.await_end().code(), Some(0));
    family.assert_gone();

    let mut script = Script::with_kernel("power-off", &[]);
    script.command.stdin(std::process::Stdio::null());
    let finished = script.finish();
    assert!(!finished.stderr.contains("console"), "{}", finished.stderr);
}

#[test]
fn it_works_from_any_folder_and_where_names_have_spaces() {
    let around = tempfile::tempdir().unwrap();
    let project = around.path().join("a project");
    std::os::unix::fs::symlink(PROJECT, &project).unwrap();
    fs::copy(crate::kernels::build("good"), around.path().join("my kernel")).unwrap();
    let mut script = Script::at(&project, &["--wait", "--tied", "--socket", "my, socket", "--kernel", "my kernel"]);
    script.command.current_dir(around.path()).stdin(std::process::Stdio::piped()).env("QEMU_LOG", "my log");
    let mut running = script.start();
    let line = running.await_line("waiting");
    assert_eq!(line, format!("waiting for GDB on unix:{}", around.path().join("my, socket").display()));
    assert!(around.path().join("my log").exists());
    drop(running.child.stdin.take());
    running.await_end();
}

#[test]
fn firmware_prints_its_banner_and_leaves_on_ctrl_a_x() {
    let mut script = Script::new(&["--firmware"]);
    script.command.stdin(std::process::Stdio::piped());
    let mut running = script.start();
    running.await_line("OpenSBI v");
    std::io::Write::write_all(running.child.stdin.as_mut().unwrap(), b"\x01x").unwrap();
    assert_eq!(running.await_end().code(), Some(0));
}

#[test]
fn firmware_for_32_bits_says_where_it_is_not_installed() {
    let script = Script::new(&["--firmware"]);
    let qemu = script.program("qemu-system-riscv32", "[ \"$*\" != '-L help' ] || echo /nowhere");
    let finished = script.env("QEMU", qemu).finish();
    assert!(finished.reason().contains("opensbi-riscv32-generic-fw_dynamic.bin"));
}
