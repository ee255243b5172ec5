//! `--wait`: the line that programs wait for, and the command that people paste.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::processes::Family;
use crate::processes::await_some;
use crate::script::{PROJECT, Script, free_port, private_folder};

#[test]
fn it_prints_one_line_once_the_port_listens_on_loopback_alone() {
    let port = free_port();
    let mut running = Script::with_kernel("good", &["--wait", "--port", &port]).start();
    assert_eq!(running.await_line(""), format!("waiting for GDB on 127.0.0.1:{port}"));
    let family = Family::with_qemu(running.child.id());
    let taken = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap_err();
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    TcpListener::bind(format!("127.0.0.2:{port}")).expect("QEMU listens on 127.0.0.1 alone");
    running.signal("TERM", false);
    running.await_end();
    family.assert_gone();
}

#[test]
fn the_command_that_it_prints_attaches() {
    let mut script = Script::with_kernel("good", &["--wait", "--tied", "--socket"]);
    script.command.arg(script.folder.path().join("gdb")).stdin(Stdio::piped());
    let running = script.start();
    running.await_line("waiting for GDB on unix:");
    let command = await_some("a command to paste", || {
        running
            .said()
            .lines()
            .find_map(|line| Some(line.strip_prefix("+ ")?.to_owned()).filter(|command| command.contains("-iex")))
    });
    let gdb = Command::new("bash")
        .args(["-c", &format!("{command} -batch -ex 'print $priv'")])
        .current_dir(PROJECT)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&gdb.stdout);
    assert!(shown.contains("= 3"), "{command}\n{gdb:?}");
}

#[test]
fn a_port_in_use_is_named_before_anything_starts() {
    for mode in ["--wait", "--debug", "--reverse"] {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port().to_string();
        let finished = Script::with_kernel("good", &[mode, "--port", &port]).finish();
        let reason = finished.reason();
        assert!(reason.contains(&format!("{port} is in use")) && reason.contains("--port N"), "{reason}");
        assert!(!reason.contains("-machine virt"), "{mode}: {reason}");
    }
}

#[test]
fn a_socket_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gdb");
    let _other = UnixListener::bind(&path).unwrap();
    let finished = Script::with_kernel("good", &["--wait", "--socket", path.to_str().unwrap()]).finish();
    assert!(finished.reason().contains("is in use"), "{}", finished.stderr);
}

#[test]
fn what_is_no_socket_is_not_replaced() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let finished = Script::with_kernel("good", &["--wait", "--socket", file.path().to_str().unwrap()]).finish();
    assert!(finished.reason().contains("is not a socket"), "{}", finished.stderr);
    assert!(file.path().exists());
}

#[test]
fn a_socket_that_was_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gdb");
    drop(UnixListener::bind(&path).unwrap());
    let mut script = Script::with_kernel("good", &["--wait", "--tied", "--socket", path.to_str().unwrap()]);
    script.command.stdin(Stdio::piped());
    let mut running = script.start();
    running.await_line("waiting for GDB");
    drop(running.child.stdin.take());
    running.await_end();
    assert!(!path.exists(), "the socket goes with QEMU");
}

/// Between our look at the port and QEMU's, somebody else takes it: GDB must not be sent there.
#[test]
fn a_port_that_is_taken_while_qemu_starts_is_not_ours() {
    let port = free_port();
    let script = Script::with_kernel("good", &["--debug", "--port", &port, "--", "-batch"]);
    let taken = script.folder.path().join("taken");
    let qemu = format!("until [ -e '{}' ]; do sleep 0.01; done; exec qemu-system-riscv64 \"$@\"", taken.display());
    let qemu = script.program("qemu", &qemu);
    let script = script.env("QEMU", qemu);
    let address = format!("127.0.0.1:{port}");
    let other = thread::spawn(move || {
        // After run.sh has looked: it does so before it makes its private folder.
        await_some("run.sh's private folder", || private_folder(taken.parent().unwrap()));
        let other = TcpListener::bind(address).unwrap();
        thread::sleep(Duration::from_millis(200)); // run.sh has time to find it, and to take it for QEMU's
        fs::write(taken, "").unwrap();
        other
    });
    let finished = script.finish();
    let other = other.join().unwrap();
    assert!(finished.reason().contains(&format!("127.0.0.1:{port} was taken meanwhile")), "{}", finished.stderr);
    other.set_nonblocking(true).unwrap();
    assert!(other.accept().is_err(), "nobody has connected");
}

#[test]
fn a_qemu_that_ends_at_once_is_reported() {
    let script = Script::with_kernel("good", &["--debug", "--port", &free_port()]);
    let qemu = script.program("qemu", "echo 'out of order' >&2; exit 1");
    let finished = script.env("QEMU", qemu).finish();
    let reason = finished.reason();
    assert!(reason.contains("out of order") && reason.contains("starting QEMU failed"), "{reason}");
}
