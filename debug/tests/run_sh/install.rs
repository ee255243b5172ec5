//! A machine that lacks something: run.sh on a private PATH, with package managers that only note down what they are asked.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use testkit::programs::write_script;

use crate::script::{Finished, Script};

/// What run.sh needs of any system.
const BASICS: &str = "bash cat chmod cp dirname echo env ln ls mkdir mkfifo mktemp mv od rm sed sh sleep sort tr uname";

const RISCV_GDB: &str = r#"echo 'The target architecture is set to "riscv:rv64".'"#;
const OTHER_GDB: &str = r#"echo 'The target architecture is set to "auto" (currently "i386").'"#;
const RUSTC: &str = "echo \"${0%/*}/libraries\"";

/// A machine with the basics, with Rust and its target, and with nothing else.
struct Machine {
    bin: TempDir,
}

impl Machine {
    fn new() -> Machine {
        let machine = Machine { bin: tempfile::tempdir().unwrap() };
        for name in BASICS.split(' ') {
            let real = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap();
            let real = String::from_utf8(real.stdout).unwrap();
            // A shell's own command is no file.
            if real.starts_with('/') {
                symlink(real.trim(), machine.path(name)).unwrap();
            }
        }
        machine.with("cargo", "echo \"cargo $*\" >>\"${0%/*}/log\"").with("rustc", RUSTC).with_folder("libraries")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.bin.path().join(name)
    }

    fn with(self, name: &str, program: &str) -> Machine {
        write_script(&self.path(name), program);
        self
    }

    fn with_folder(self, name: &str) -> Machine {
        fs::create_dir(self.path(name)).unwrap();
        self
    }

    fn without(self, name: &str) -> Machine {
        let path = self.path(name);
        if path.is_dir() {
            fs::remove_dir(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
        self
    }

    /// A program that notes down its call; `effect` is what else it does. `$bin` is the folder that PATH is.
    fn with_noting(self, name: &str, effect: &str) -> Machine {
        self.with(
            name,
            &format!(
                "bin=${{0%/*}}; case \"$*\" in *--simulate*) ;; *) echo \"{name} $*\" >>\"$bin/log\" ;; esac\n{effect}"
            ),
        )
    }

    /// A package manager after whose call there are QEMU, which says `booted`, and the others.
    fn with_manager(self, name: &str) -> Machine {
        self.with_noting(name, INSTALL)
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Finished {
        let kernel = self.path("kernel");
        fs::write(&kernel, "an ELF").unwrap();
        let kernel = kernel.to_str().unwrap();
        let mut script = Script::new(&match arguments {
            ["--build" | "--test"] => vec![],
            _ => vec!["--kernel", kernel],
        });
        script.command.args(arguments).env("PATH", self.bin.path()).envs(variables.iter().copied());
        script.finish()
    }

    /// What was asked of the package managers, of rustup and of cargo.
    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

/// Has an effect where it is not simulated, and where it is not `apt-get update`.
const INSTALL: &str = r#"
case "$*" in *--simulate* | update) exit 0 ;; esac
for name in qemu-system-riscv64 qemu-img shellcheck; do
    printf '#!/bin/sh\necho booted\n' >"$bin/$name"
    chmod +x "$bin/$name"
done"#;

/// Package lists as on Debian 12; `$misc` says what qemu-system-misc provides.
const APT_CACHE: &str = r#"case "$*" in
    *show*lldb-22) echo 'Package: lldb-22' ;;
    *show*lldb-*) exit 100 ;;
    *show*) echo 'Provides: qemu-system-riscv32, qemu-system-riscv64' ;;
    *policy*) printf 'qemu-system-misc:\n  Installed: (none)\n  Candidate: 1:7.2\n' ;;
esac"#;

const APT: &str = "apt-get install -y --no-install-recommends --no-remove";

/// `sudo ` where the tests do not run as root: a sudo that does as it is told is there then.
fn sudo() -> &'static str {
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout == b"0\n" { "" } else { "sudo " }
}

#[test]
fn each_package_manager_installs_its_own_packages_after_the_command_is_shown() {
    for (manager, command) in [
        ("apt-get", format!("{}{APT} qemu-system-misc", sudo())),
        ("dnf", format!("{}dnf install -y qemu-system-riscv", sudo())),
        ("pacman", format!("{}pacman -S --needed --noconfirm qemu-system-riscv", sudo())),
        ("brew", "brew install qemu".to_owned()),
    ] {
        let machine = Machine::new().with_manager(manager).with("apt-cache", APT_CACHE).with("sudo", "exec \"$@\"");
        let finished = machine.run(&[]);
        assert_eq!((finished.code(), finished.stdout.as_str()), (0, "booted\n"), "{}", finished.stderr);
        assert_eq!(finished.commands()[0], command);
        assert_eq!(machine.log(), format!("{}\n", command.trim_start_matches("sudo ")));
    }
}

#[test]
fn tests_need_more_than_a_boot_does() {
    let machine = Machine::new().with_manager("dnf").with("sudo", "exec \"$@\"").with("gdb", RISCV_GDB);
    machine.run(&["--test"]);
    assert!(machine.log().contains("dnf install -y qemu-system-riscv qemu-img ShellCheck\n"), "{}", machine.log());
}

/// cargo debug check has a machine of its own.
#[test]
fn a_check_needs_nothing_but_rust() {
    let cargo = "echo \"cargo $*\" >>\"${0%/*}/log\"; echo '{\"executable\":\"/bin/echo\",\"fresh\":true}'";
    let machine = Machine::new().with_manager("apt-get").with("apt-cache", APT_CACHE).with("cargo", cargo);
    let finished = machine.run(&["--check"]);
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert!(finished.stdout.starts_with("check --elf "), "{}", finished.stdout);
    assert!(machine.log().starts_with("cargo build ") && !machine.log().contains("apt-get"), "{}", machine.log());
}

#[test]
fn debian_13_has_riscv_in_a_package_of_its_own() {
    let machine = Machine::new().with_manager("apt-get").with("apt-cache", "").with("sudo", "exec \"$@\"");
    machine.run(&[]);
    assert_eq!(machine.log(), format!("{APT} qemu-system-riscv\n"));
}

/// A newer qemu-utils, of the backports, lets apt refuse QEMU or remove qemu-utils: qemu-utils has to go back with QEMU.
#[test]
fn a_newer_qemu_utils_goes_back_to_qemus_version() {
    let refuse = "case \"$*\" in *qemu-utils=1:7.2*) ;; *) exit 100 ;; esac";
    let machine = Machine::new().with_noting("apt-get", &format!("{refuse}\n{INSTALL}")).with("apt-cache", APT_CACHE);
    let finished = machine.with("sudo", "exec \"$@\"").run(&[]);
    assert_eq!(finished.stdout, "booted\n", "{}", finished.stderr);
    let command = format!("{}{APT} qemu-system-misc --allow-downgrades qemu-utils=1:7.2", sudo());
    assert_eq!(finished.commands()[0], command);
}

#[test]
fn missing_or_stale_package_lists_are_fetched() {
    let refuse = "case \"$*\" in update) : >\"$bin/lists\" ;; *) [ -e \"$bin/lists\" ] || exit 100 ;; esac";
    let known = format!("[ -e \"${{0%/*}}/lists\" ] || exit 100\n{APT_CACHE}");
    let machine = Machine::new().with_noting("apt-get", &format!("{refuse}\n{INSTALL}")).with("apt-cache", &known);
    let machine = machine.with("sudo", "exec \"$@\"");
    let finished = machine.run(&[]);
    assert_eq!(finished.stdout, "booted\n", "{}", finished.stderr);
    let log = machine.log();
    assert!(log.ends_with(&format!("apt-get update\n{APT} qemu-system-misc\n")), "{log}");
}

#[test]
fn what_does_not_install_is_said_with_exit_2() {
    for effect in ["exit 1", "exit 0"] {
        let machine = Machine::new().with_noting("dnf", effect).with("sudo", "exec \"$@\"");
        let finished = machine.run(&[]);
        let reason = finished.reason();
        assert!(
            reason.contains("missing: qemu") || reason.contains("qemu was installed but cannot be found"),
            "{reason}"
        );
    }
}

#[test]
fn nothing_is_installed_where_that_is_not_wanted_or_not_known_how() {
    let machine = Machine::new().with_manager("apt-get").with("apt-cache", APT_CACHE);
    let finished = machine.run_with(&["--reverse"], &[("NO_INSTALL", "1")]);
    let reason = finished.reason();
    assert!(["NO_INSTALL", "qemu-system-misc", "gdb-multiarch"].iter().all(|word| reason.contains(word)), "{reason}");
    assert_eq!(machine.log(), "");

    // --debug does without QEMU, and not without GDB.
    let finished = machine.run_with(&["--debug"], &[("NO_INSTALL", "1")]);
    let reason = finished.reason();
    assert!(reason.contains("using the embedded machine"), "{reason}");
    assert!(reason.contains("missing: gdb; NO_INSTALL is set"), "{reason}");
    assert_eq!(machine.log(), "");

    let finished = Machine::new().run(&["--debug"]);
    let reason = finished.reason();
    assert!(reason.contains("found none of apt, dnf, pacman, brew") && reason.contains("gdb-multiarch"), "{reason}");
}

/// The debug adapters of the tests come by the same way, before anything is built.
#[test]
fn tests_without_their_debug_adapters_end_at_once() {
    let refuse = "case \"$*\" in *lldb*) exit 100 ;; esac";
    let machine = Machine::new().with_noting("apt-get", &format!("{refuse}\n{INSTALL}")).with("apt-cache", APT_CACHE);
    let machine = machine.with("sudo", "exec \"$@\"").with("gdb", RISCV_GDB);
    let finished = machine.run(&["--test"]);
    let reason = finished.reason();
    let command = format!("{APT} clang lld llvm make python3-venv lldb-22 iproute2");
    assert!(reason.contains(&format!("this command failed, see above: {command}\n")), "{reason}");
    assert!(reason.ends_with("debug/tests/vscode/install.sh failed, see above\n"), "{reason}");
    assert!(machine.log().contains(&format!("apt-get update\n{command}\n")), "{}", machine.log());
    assert!(!machine.log().contains("cargo"), "{}", machine.log());
}

#[test]
fn a_missing_rust_target_is_added() {
    let add = "mkdir \"$bin/libraries\"";
    let machine = Machine::new().without("libraries").with_noting("rustup", add);
    let finished = machine.run(&["--build"]);
    assert_eq!(finished.commands(), ["rustup target add riscv64gc-unknown-none-elf"], "{}", finished.stderr);
    assert!(
        machine.log().starts_with("rustup target add riscv64gc-unknown-none-elf\ncargo build"),
        "{}",
        machine.log()
    );

    let machine = Machine::new().without("libraries").with_noting("rustup", add);
    let finished = machine.run_with(&["--build"], &[("NO_INSTALL", "1")]);
    assert!(finished.reason().contains("rustup target add riscv64gc-unknown-none-elf"), "{}", finished.stderr);
    assert_eq!(machine.log(), "");
}

#[test]
fn rust_itself_is_not_installed() {
    for missing in ["cargo", "rustc"] {
        let finished = Machine::new().without(missing).run(&["--build"]);
        assert!(finished.reason().contains("rustup"), "{}", finished.stderr);
    }
    let finished = Machine::new().without("libraries").run(&["--build"]);
    assert!(finished.reason().contains("rustup"), "{}", finished.stderr);
}

#[test]
fn the_gdb_is_the_first_that_knows_riscv() {
    let machine = Machine::new().with("qemu-system-riscv64", "exit 1").with("gdb-multiarch", OTHER_GDB);
    let finished = machine.run_with(&["--debug"], &[("NO_INSTALL", "1")]);
    assert!(finished.reason().contains("missing: gdb"), "{}", finished.stderr);

    // With one that does, it is QEMU that fails.
    let cargo = format!("echo '{{\"executable\":\"{}\",\"fresh\":true}}'", env!("CARGO_BIN_EXE_cargo-debug"));
    let machine = machine.with("riscv64-elf-gdb", RISCV_GDB).with("cargo", &cargo);
    let kernel = crate::kernels::build("good");
    let socket = machine.path("stub"); // port 1234 may be in use
    let debug = ["--debug", "--socket", socket.to_str().unwrap(), "--kernel", kernel.to_str().unwrap()];
    let finished = machine.run_with(&debug, &[("NO_INSTALL", "1")]);
    assert!(finished.reason().contains("starting QEMU failed"), "{}", finished.stderr);
}

#[test]
fn a_qemu_or_gdb_that_was_asked_for_is_not_replaced() {
    let machine = Machine::new().with_manager("dnf").with("gdb", RISCV_GDB);
    let finished = machine.run_with(&[], &[("QEMU", "/missing/qemu")]);
    assert!(finished.reason().contains("no such program: /missing/qemu (from QEMU)"), "{}", finished.stderr);
    let finished = machine.run_with(&["--debug"], &[("QEMU", "bash"), ("GDB", "missing-gdb")]);
    assert!(finished.reason().contains("no such program: missing-gdb (from GDB)"), "{}", finished.stderr);
    assert_eq!(machine.log(), "");
}
