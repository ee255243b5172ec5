//! `cargo debug serve` in a terminal: what is typed there goes to the kernel, and the terminal is given back as it was.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use rustix::termios::{LocalModes, tcgetattr};

use crate::client::Client;
use crate::kernels;
use crate::server::{Server, command};

/// A new terminal, and the name of the end that programs see.
fn terminal() -> (File, String) {
    let terminal = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&terminal).unwrap();
    rustix::pty::unlockpt(&terminal).unwrap();
    let name = rustix::pty::ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    (terminal.into(), name)
}

fn reads_lines(name: &str) -> bool {
    let terminal = OpenOptions::new().read(true).open(name).unwrap();
    tcgetattr(terminal).unwrap().local_modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
}

/// setsid makes the terminal the server's own, as a shell does.
#[test]
#[cfg(target_os = "linux")] // whose setsid has -c
fn what_is_typed_in_the_terminal_goes_to_the_kernel_until_ctrl_a_x() {
    let (mut keys, name) = terminal();
    // Somebody holds the other end, or its modes would be new each time.
    let held = OpenOptions::new().read(true).write(true).open(&name).unwrap();
    let mut server = Server::from_command(|listen| {
        let serve = command(&kernels::build("echoes"), listen);
        let mut command = Command::new("setsid");
        command.args(["-c", "-w"]).arg(serve.get_program()).args(serve.get_args());
        command.current_dir(serve.get_current_dir().unwrap());
        command.stdin(OpenOptions::new().read(true).write(true).open(&name).unwrap()).stdout(Stdio::piped());
        command
    });
    assert!(!reads_lines(&name));
    let mut client = Client::new(&server);
    client.monitor("goto 200000");
    keys.write_all(b"typed\x03").unwrap();
    // It goes on for ever, and what it prints comes meanwhile.
    client.send("c");
    let mut echoed = [0; 6];
    server.stdout().read_exact(&mut echoed).unwrap();
    assert_eq!(&echoed, b"typed\x03");
    client.send_raw(b"\x03");
    assert_eq!(String::from_utf8(client.receive()).unwrap(), "S02");
    let now = client.monitor("icount").split(' ').next().unwrap().to_owned();
    client.monitor("goto 200000");
    assert_eq!(client.monitor("console"), "", "typing is undone with the rest");
    client.monitor(&format!("goto {now}"));
    assert_eq!(client.monitor("console").trim_end_matches('\n'), "typed\x03", "and is repeated");
    keys.write_all(b"\x01x").unwrap();
    let (status, words) = server.ended();
    assert_eq!(status, Some(0), "{words}");
    assert!(words.contains("Ctrl-A X ends this"), "{words}");
    assert!(reads_lines(&name), "the terminal is as it was");
    drop(held);
}

/// All of it, as nobody sits there who could want to leave; and its end is not the server's.
#[test]
fn what_comes_from_a_pipe_goes_to_the_kernel() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let mut server = Server::from_command(|listen| {
        let mut command = command(&kernels::build("echoes"), listen);
        command.stdin(reader).stdout(Stdio::piped());
        command
    });
    let mut client = Client::new(&server);
    client.monitor("goto 200000");
    writer.write_all(b"piped\x01x").unwrap();
    drop(writer);
    client.send("c");
    let mut echoed = [0; 7];
    server.stdout().read_exact(&mut echoed).unwrap();
    assert_eq!(&echoed, b"piped\x01x");
    client.send_raw(b"\x03");
    assert_eq!(String::from_utf8(client.receive()).unwrap(), "S02");
    assert_eq!(client.monitor("console").trim_end_matches('\n'), "piped\x01x");
}
