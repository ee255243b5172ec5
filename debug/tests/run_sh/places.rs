//! Where run.sh writes: what is in the way, what is not to be written, and what others have put there.

use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use testkit::programs::write_script;

use crate::kills::copy_of_the_scripts;
use crate::processes::Family;
use crate::script::{Finished, Script, free_port, private_folder};

/// A project of its own, a cargo that builds at once, and a QEMU that says what it was called with.
struct Place {
    around: TempDir,
    project: PathBuf,
}

impl Place {
    fn named(name: &str) -> Place {
        let around = tempfile::tempdir().unwrap();
        fs::set_permissions(around.path(), Permissions::from_mode(0o755)).unwrap();
        let project = around.path().join(name);
        copy_of_the_scripts(&project);
        fs::write(around.path().join("built"), "a kernel").unwrap();
        let built = around.path().join("built");
        write_script(
            &around.path().join("cargo"),
            &format!(
                "echo \"target $CARGO_TARGET_DIR\" >&2; echo '{{\"executable\":\"{}\",\"fresh\":true}}'",
                built.display()
            ),
        );
        write_script(&around.path().join("qemu"), "printf '%s\\n' \"$@\"");
        Place { around, project }
    }

    fn script(&self, arguments: &[&str]) -> Script {
        let path = format!("{}:{}", self.around.path().display(), std::env::var("PATH").unwrap());
        let mut script = Script::at(&self.project, arguments).env("PATH", path);
        script.command.env_remove("QEMU_LOG").env("QEMU", self.around.path().join("qemu"));
        fs::set_permissions(script.folder.path(), Permissions::from_mode(0o777)).unwrap();
        script
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        self.script(arguments).finish()
    }

    fn kernel(&self) -> PathBuf {
        self.project.join("hypervisor.elf")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A folder that cannot be written cannot be removed either.
        let _ = fs::set_permissions(&self.project, Permissions::from_mode(0o755));
    }
}

/// Where QEMU was told to log.
fn log_of(finished: &Finished) -> PathBuf {
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let mut arguments = finished.stdout.lines().skip_while(|argument| *argument != "-D");
    arguments.nth(1).unwrap().into()
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn the_log_does_not_follow_a_link() {
    let place = Place::named("project");
    assert_eq!(log_of(&place.run(&[])), Path::new("qemu.log"));
    let precious = place.around.path().join("precious");
    fs::write(&precious, "kept").unwrap();
    symlink(&precious, place.project.join("qemu.log")).unwrap();
    let script = place.script(&[]);
    let temporary = script.folder.path().to_owned();
    let finished = script.finish();
    let log = log_of(&finished);
    assert!(log.starts_with(&temporary) && log.ends_with("qemu.log"), "{log:?}");
    let said = format!("cannot write qemu.log in {}: QEMU logs to {}", place.project.display(), log.display());
    assert!(finished.stderr.contains(&said), "{}", finished.stderr);
    assert_eq!(fs::read_to_string(precious).unwrap(), "kept");
}

#[test]
fn the_log_of_a_checkout_that_cannot_be_written_is_elsewhere() {
    let place = Place::named("project");
    fs::set_permissions(&place.project, Permissions::from_mode(0o555)).unwrap();
    let script = place.script(&["--kernel", "run.sh"]);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(script.command.get_program());
    let mut script = script;
    if is_root() {
        // Root may write anywhere: another user runs it.
        command.args(script.command.get_args()).current_dir(&place.project).stdin(Stdio::null());
        for (name, value) in script.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        script.command = command;
    }
    let temporary = script.folder.path().to_owned();
    let finished = script.finish();
    assert!(log_of(&finished).starts_with(temporary), "{}", finished.stdout);
    assert!(finished.stderr.contains("QEMU logs to"), "{}", finished.stderr);
}

#[test]
fn what_others_put_into_the_temporary_folder_is_not_used() {
    let place = Place::named("project");
    symlink("/nowhere", place.project.join("qemu.log")).unwrap();
    let script = place.script(&[]);
    let victim = place.around.path().join("victim");
    fs::create_dir(&victim).unwrap();
    let uid = fs::metadata("/proc/self").unwrap().uid();
    symlink(&victim, script.folder.path().join(format!("run.sh-{uid}"))).unwrap();
    let log = log_of(&script.finish());
    assert!(fs::read_dir(&victim).unwrap().next().is_none(), "{log:?}");
    assert!(log.parent().unwrap().file_name().unwrap().to_str().unwrap().starts_with(&format!("run.sh-{uid}.")));

    // A folder that seems left behind is no way to others.
    let script = Script::with_kernel("good", &["--wait", "--tied", "--port", &free_port()]);
    fs::write(victim.join("owner"), "").unwrap();
    let planted = script.folder.path().join("cargo-debug.planted");
    symlink(&victim, &planted).unwrap();
    let mut running = { script }.start();
    running.await_end();
    assert!(victim.join("owner").exists() && planted.exists());
}

#[test]
fn sockets_are_their_users_alone() {
    for arguments in [&["--wait", "--tied"][..], &["--wait", "--tied", "--embedded"]] {
        let script = Script::with_kernel("good", &[]);
        let socket = script.folder.path().join("gdb");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "umask 0; exec \"$@\"", "sh"])
            .arg(script.command.get_program())
            .args(script.command.get_args());
        shell.args(arguments).arg("--socket").arg(&socket);
        shell.env("TMPDIR", script.folder.path()).env("QEMU_LOG", script.folder.path().join("qemu.log"));
        shell.stdin(Stdio::piped());
        let mut script = script;
        script.command = shell;
        let running = script.start();
        running.await_line("waiting for GDB");
        let mode = fs::metadata(&socket).unwrap().mode() & 0o077;
        assert_eq!(mode, 0, "{arguments:?}");
        // The embedded machine has none.
        let private = private_folder(running.folder.path());
        assert_eq!(private.is_none(), arguments.contains(&"--embedded"));
        assert!(private.is_none_or(|private| fs::metadata(private).unwrap().mode() & 0o777 == 0o700));
    }
}

#[test]
fn a_temporary_folder_that_is_not_there_is_told() {
    let script = Script::with_kernel("good", &["--wait", "--tied", "--port", &free_port()]).env("TMPDIR", "/nowhere");
    let mut running = { script }.start();
    running.await_end();
    assert!(running.said().contains("TMPDIR=/nowhere is not a writable folder: using /tmp"), "{}", running.said());
}

#[test]
fn the_kernels_copy_keeps_what_is_there() {
    let place = Place::named("it's \"a\\project\" of mine");
    let build = || {
        let finished = place.run(&["--build"]);
        assert_eq!(finished.code(), 0, "{}", finished.stderr);
    };
    build();
    fs::set_permissions(place.kernel(), Permissions::from_mode(0o600)).unwrap();
    build();
    assert_eq!(fs::metadata(place.kernel()).unwrap().mode() & 0o777, 0o600);
    let other = place.project.join("other");
    fs::hard_link(place.kernel(), &other).unwrap();
    fs::write(&other, "old").unwrap();
    build();
    assert_eq!(fs::read_to_string(&other).unwrap(), "a kernel");
    fs::remove_file(place.kernel()).unwrap();
    fs::write(&other, "old").unwrap();
    symlink("other", place.kernel()).unwrap();
    build();
    assert!(fs::symlink_metadata(place.kernel()).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&other).unwrap(), "a kernel");
    fs::remove_file(place.kernel()).unwrap();
    fs::create_dir(place.kernel()).unwrap();
    let finished = place.run(&["--build"]);
    assert!(finished.reason().contains("hypervisor.elf is a folder") && finished.stderr.contains("try: "));
    assert_eq!(fs::read_dir(place.kernel()).unwrap().count(), 0);
    assert!(!fs::metadata(place.kernel()).unwrap().file_type().is_fifo());
}

/// As after `{"executable":"…"}` of a cargo whose folder has such a name: JSON escapes it.
#[test]
fn the_builds_path_is_read_as_json() {
    let place = Place::named("project");
    let odd = place.around.path().join("it's a \"back\\slash\"\tand\u{1}more");
    fs::write(&odd, "an odd kernel").unwrap();
    let json = serde_json::to_string(odd.to_str().unwrap()).unwrap().replace('\'', "'\\''");
    write_script(
        &place.around.path().join("cargo"),
        &format!("printf '%s\\n' '{{\"executable\":{json},\"fresh\":true}}'"),
    );
    let finished = place.run(&["--build"]);
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    assert_eq!(fs::read_to_string(place.kernel()).unwrap(), "an odd kernel");
}

#[test]
fn names_that_rusts_tools_cannot_take_are_told() {
    let place = Place::named("a\nproject");
    let finished = place.run(&["--build"]);
    assert!(finished.reason().contains("the folder's name contains a line break"), "{}", finished.stderr);
}

#[test]
fn a_relative_target_folder_is_the_callers() {
    let place = Place::named("project");
    let mut script = place.script(&["--build"]).env("CARGO_TARGET_DIR", "my target");
    script.command.current_dir(place.around.path());
    let finished = script.finish();
    let meant = place.around.path().canonicalize().unwrap().join("my target");
    assert!(finished.stderr.contains(&format!("target {}", meant.display())), "{}", finished.stderr);
}

/// How a shell tells what is left, and keeps the status.
const LOOK: &str = "status=$?; echo \"left: $(ls -A \"$TMPDIR\")\" >&2; exit $status;";

/// In a mount namespace of its own: what `prepare` does there, nobody else sees. `None` where this user may not have one, which is said.
fn in_namespace(prepare: &str, script: Script) -> Option<Finished> {
    let namespace = ["--mount", "--map-root-user"];
    let namespace = if is_root() { &namespace[..1] } else { &namespace[..] };
    // Some systems allow the namespace, and no mount in it.
    let probe = ["sh", "-c", "mount -t tmpfs tmpfs /proc"];
    if !Command::new("unshare").args(namespace).args(probe).status().is_ok_and(|status| status.success()) {
        testkit::not_tried("full disks and a missing /proc: this user may not mount in a namespace");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(namespace).args(["sh", "-c", &format!("{prepare} && {{ \"$@\"; {LOOK} }}"), "sh"]);
    command.arg(script.command.get_program()).args(script.command.get_args()).stdin(Stdio::null());
    for (name, value) in script.command.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Some(Script { command, folder: script.folder }.finish())
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    for mode in ["--debug", "--reverse"] {
        let script = Script::with_kernel("good", &[mode, "--port", &free_port()]);
        let temporary = script.folder.path().join("small");
        fs::create_dir(&temporary).unwrap();
        // Not a byte fits; a folder does.
        let small = temporary.display();
        let fill = format!("{{ cat /dev/zero >{small}/fill 2>/dev/null || :; }}");
        let prepare = format!("mount -t tmpfs -o size=16k tmpfs {small} && {fill}");
        let script = script.env("TMPDIR", &temporary);
        let Some(finished) = in_namespace(&prepare, script) else { return };
        let reason = finished.reason();
        assert!(
            reason.contains("No space left on device") && reason.contains("try: TMPDIR=FOLDER"),
            "{mode:?}: {reason}"
        );
    }
}

#[test]
fn a_project_on_a_full_disk_boots_what_was_built() {
    let place = Place::named("project");
    fs::write(place.around.path().join("built"), vec![1; 100_000]).unwrap();
    let project = place.project.display();
    let scripts = place.around.path().join("scripts");
    copy_of_the_scripts(&scripts);
    let prepare = format!(
        "mount -t tmpfs -o size=200k tmpfs '{project}' && cp -r {0}/. '{project}' && cd '{project}' && \
         {{ cat /dev/zero >fill 2>/dev/null || :; }}",
        scripts.display()
    );
    let Some(finished) = in_namespace(&prepare, place.script(&[])) else { return };
    assert_eq!(finished.code(), 0, "{}", finished.stderr);
    let built = place.around.path().join("built");
    assert!(finished.stderr.contains(&format!("booting {}", built.display())), "{}", finished.stderr);
    assert!(finished.stdout.lines().any(|argument| Path::new(argument) == built), "{}", finished.stdout);
}

#[test]
fn without_proc_it_says_so() {
    let script = Script::with_kernel("good", &["--wait", "--tied", "--port", &free_port()]);
    let Some(finished) = in_namespace("mount -t tmpfs tmpfs /proc", script) else { return };
    assert!(finished.reason().contains("is /proc mounted? try: "), "{}", finished.stderr);
}

/// Ctrl-Z stops GDB and its parent, and not QEMU, whose end they still are.
#[test]
fn stopped_and_continued_it_goes_on() {
    let mut script = Script::with_kernel("good", &["--debug", "--socket"]);
    script.command.arg(script.folder.path().join("gdb")).stdin(Stdio::piped());
    let mut running = script.start();
    let mut stdin = running.child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"print 6 * 7\n").unwrap();
    running.await_line("= 42");
    let family = Family::with_qemu(running.child.id());
    running.signal("TSTP", true);
    std::io::Write::write_all(&mut stdin, b"print 7 * 7\n").unwrap();
    running.signal("CONT", true);
    running.await_line("= 49");
    std::io::Write::write_all(&mut stdin, b"print $pc\nquit 5\n").unwrap();
    running.await_line("0x80200000");
    assert_eq!(running.await_end().code(), Some(5));
    family.assert_gone();
}
