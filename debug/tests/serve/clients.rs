//! Clients in turn: whoever leaves, and however, the machine is as it was left, for the next.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::gdb;
use crate::kernels;
use crate::server::{self, Server, await_end, is_alive, signal};

#[test]
fn several_clients_in_turn_find_what_the_one_before_left() {
    let server = Server::start("good");
    for round in 0..5 {
        let before = format!("{} instructions since boot", round * 100);
        gdb::says(&server, &["monitor icount", "break *0x80200000", "stepi 100"], &[&before]);
    }
    // Their breakpoints went with them.
    let mut client = Client::new(&server);
    assert_eq!(client.stop("bc"), "T05replaylog:begin;");
    drop(client);
    server.end();
}

#[test]
fn the_next_client_waits_until_the_first_leaves() {
    let server = Server::start("good");
    let mut first = Client::new(&server);
    let (mut second, output) = gdb::spawn(&server, &["monitor icount"]);
    thread::sleep(Duration::from_millis(200));
    assert_eq!(first.stop("vCont;s:p1.1"), "S05");
    assert!(!fs::read_to_string(output.path()).unwrap().contains("since boot"));
    drop(first);
    await_end(&mut second);
    let said = fs::read_to_string(output.path()).unwrap();
    assert!(said.contains("1 instructions since boot"), "{said}");
    server.end();
}

#[test]
fn a_client_that_sends_nothing_keeps_nobody_waiting() {
    let server = Server::start("good");
    let silent = server.connect();
    gdb::says(&server, &["monitor icount", "break *0x80200000", "stepi"], &["0 instructions since boot"]);
    // When it speaks it is served, also when others went on being silent.
    let more: Vec<_> = (0..40).map(|_| server.connect()).collect();
    let mut client = Client::of(silent);
    assert!(client.monitor("icount").starts_with("1 instructions since boot"));
    drop(client);
    drop(more);
    // However many there are.
    let many: Vec<_> = (0..200).map(|_| server.connect()).collect();
    assert!(Client::new(&server).monitor("icount").starts_with("1 instructions since boot"));
    drop(many);
    assert_eq!(server.end(), "", "what a client does is no news to the server's user");
}

#[test]
fn a_gdb_that_is_killed_in_mid_command_leaves_the_machine_to_the_next() {
    let server = Server::start("counts-for-ever");
    let mut before = 0;
    for command in ["continue", "stepi 100000000", "monitor goto 100000000000", "continue"] {
        let (mut gdb, output) =
            gdb::spawn(&server, &["break *0x80200000", "watch *0x80300000", "shell echo ready", command]);
        gdb::await_text(output.path(), "ready");
        thread::sleep(Duration::from_millis(300));
        assert!(is_alive(gdb.id()), "{command} ended: {}", fs::read_to_string(output.path()).unwrap());
        gdb.kill().unwrap();
        gdb.wait().unwrap();
        let mut client = Client::new(&server);
        let said = client.monitor("icount");
        let moment: u64 = said.split_once(' ').unwrap().0.parse().unwrap();
        assert!(moment > before, "it was at {before}, and went on with {command}: {said}");
        before = moment;
        assert_eq!(client.stop("vCont;s:p1.1"), "S05");
        assert_eq!(client.stop("bs"), "S05");
        assert!(client.monitor("icount").starts_with(&format!("{moment} instructions")));
    }
    assert_eq!(server.end(), "", "what a client does is no news to the server's user");
}

#[test]
fn kill_ends_the_machine_as_it_ends_qemu() {
    let server = Server::start("good");
    gdb::run(&server, &["kill"]);
    let (status, words) = server.ended();
    assert_eq!(status, Some(0), "{words}");
}

#[test]
fn a_signal_ends_it_whatever_it_does() {
    for name in ["INT", "TERM", "HUP"] {
        let server = Server::start("counts-for-ever");
        let mut client = Client::new(&server);
        client.send("vCont;c:p1.-1");
        thread::sleep(Duration::from_millis(50));
        signal(name, server.id());
        let (status, words) = server.ended();
        assert_eq!(status, Some(0), "{name}: {words}");
    }
}

#[test]
fn a_port_that_is_in_use_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = server::command(&kernels::build("good"), &address).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains(&format!("{address} is in use")) && words.contains("--listen"), "{words}");
    assert_eq!(output.stdout, b"");
}

#[test]
fn a_port_is_said_where_any_will_do_and_others_are_warned_of() {
    for (listen, local) in [("127.0.0.1:0", true), ("0.0.0.0:0", false)] {
        let mut child = server::command(&kernels::build("good"), listen).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        signal("TERM", child.id());
        assert_eq!(await_end(&mut child), Some(0));
        let mut words = String::new();
        child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        let port = line.trim().rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
        assert!(port > 0);
        assert_eq!(words.contains("other computers can connect"), !local, "{words}");
    }
}

#[test]
fn a_file_that_is_no_kernel_is_told() {
    let output = server::command(std::path::Path::new("Cargo.toml"), "127.0.0.1:0").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stdout, b"");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
}
