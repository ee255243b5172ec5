//! Every number that a client can send, at its ends: the server stays within its memory, and hears the next client.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::client::{Client, frame, hexadecimal};
use crate::kernels;
use crate::server::{Server, command};

/// MiB of address space. The program itself, its threads and what they may allocate take some 200.
const LIMIT: u64 = 640;

/// Serves in so many MiB of address space.
fn limited(kernel: &str, arguments: &[&str]) -> Server {
    Server::from_command(|listen| {
        let served = command(&kernels::build(kernel), listen);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -v {} && exec \"$@\"", LIMIT << 10), "sh"]).arg(served.get_program());
        shell.args(served.get_args()).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        shell
    })
}

const NUMBERS: [&str; 11] = [
    "0",
    "1",
    "fff",
    "7fffffff",
    "80000000",
    "ffffffff",
    "7fffffffffffffff",
    "8000000000000000",
    "fffffffffffffffe",
    "ffffffffffffffff",
    "10000000000000000",
];

/// N stands for each of the numbers.
const PACKETS: [&str; 24] = [
    "mN,N",
    "m80200000,N",
    "MN,N:",
    "MN,1:00",
    "M80200000,N:00",
    "XN,N:",
    "Z0,N,N",
    "Z1,N,4",
    "Z2,N,N",
    "Z3,80200000,N",
    "Z4,N,N",
    "z0,N,4",
    "z2,N,N",
    "pN",
    "PN=0000000000000000",
    "vCont;rN,N",
    "vCont;r80200000,N:p1.1",
    "vCont;s:pN.N",
    "qXfer:features:read:target.xml:N,N",
    "qXfer:memory-map:read::N,N",
    "qXfer:exec-file:read::N,N",
    "qXfer:exec-file:read:N:0,fff",
    "HgpN.N",
    "TpN.N",
];

const MONITORS: [&str; 5] =
    ["goto 0xN", "last-write 0xN", "last-write 0xN 0xN", "last-write 0x80200000 0xN", "last-write boot 0xN"];

/// Says it, and interrupts what that has begun; whatever the answer is, the next client is served.
fn survive(server: &Server, body: &str) {
    let mut stream = server.connect();
    let _ = stream.write_all(&frame(body.as_bytes())).and_then(|()| stream.write_all(b"+\x03"));
    let _ = stream.shutdown(std::net::Shutdown::Write);
    // All that there is to hear: the connection's end comes.
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn the_ends_of_all_numbers_are_survived_within_the_memory() {
    for kernel in ["good", "traps-for-ever"] {
        let server = limited(kernel, &["--memory", "8", "--history", "1"]);
        for packet in PACKETS {
            for number in NUMBERS {
                survive(&server, &packet.replace('N', number));
            }
        }
        for command in MONITORS {
            for number in NUMBERS {
                let command = command.replace('N', number);
                survive(&server, &format!("qRcmd,{}", hexadecimal(command.as_bytes())));
            }
        }
        assert!(Client::new(&server).monitor("icount").contains("instructions since boot"));
        let words = server.end();
        assert!(!words.contains("github.com"), "the stub's own words are for who develops it: {words}");
    }
}

/// It was seen to take 2 GB a second.
#[test]
fn goto_as_far_as_numbers_go_says_where_it_came() {
    let server = limited("good", &["--memory", "8", "--history", "1"]);
    let mut client = Client::new(&server);
    for far in ["18446744073709551615", "0xffffffffffffffff", "9223372036854775809", "1000000000000000000"] {
        let said = client.monitor(&format!("goto {far}"));
        assert!(said.contains("it waits for an interrupt that never comes"), "{said}");
    }
    drop(client);
    server.end();
}

/// What a client sets, types and changes is bounded as well.
#[test]
fn a_client_that_never_stops_giving_is_told_enough() {
    let server = limited("good", &["--memory", "8", "--history", "1"]);
    let mut client = Client::new(&server);
    let line = "x".repeat(7000);
    let refused = (0..1000).map(|_| client.monitor(&format!("console {line}"))).find(|said| !said.is_empty());
    assert!(refused.expect("7 MB are more than enough").contains("try: "));
    // Each change after a step is a moment of its own to come back to.
    for index in 0..3000_u64 {
        assert_eq!(client.ask(&format!("M{:x},8:0102030405060708", 0x8030_0000 + index * 4096 % 0x30_0000)), "OK");
        client.stop("vCont;s:p1.1");
    }
    assert!(client.monitor("icount").contains("instructions since boot"));
    drop(client);
    server.end();
}

#[test]
fn options_at_their_ends_are_refused_or_served() {
    let kernel = kernels::build("good");
    for (option, number, served) in [
        ("--memory", "0", false),
        ("--memory", "7", false),
        ("--memory", "16385", false),
        ("--memory", "18446744073709551615", false),
        ("--memory", "18446744073709551616", false),
        ("--memory", "-1", false),
        ("--history", "-1", false),
        ("--history", "18446744073709551616", false),
        ("--history", "0", true),
        ("--history", "18446744073709551615", true),
    ] {
        if served {
            let server = Server::with(&kernel, &[option, number]);
            assert!(Client::new(&server).monitor("goto 1000000").contains("instructions"));
            server.end();
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let listen = format!("unix:{}", folder.path().join("gdb").display());
        let output = command(&kernel, &listen).args([option, number]).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{option} {number}: {output:?}");
    }
    // More than there is: an error, and no dead process.
    let listen = "127.0.0.1:0";
    let served = command(&kernel, listen);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -v 500000 && exec \"$@\" --memory 1024", "sh"]).arg(served.get_program());
    let output = shell.args(served.get_args()).stdin(Stdio::null()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(words.contains("1024 MiB"), "{words}");
}

/// The most memory that it has taken so far, in MiB.
fn peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

/// A kernel that prints for ever: the latest MiB is kept, and the server's memory stays what it was.
#[test]
fn a_kernel_that_prints_and_prints_stays_within_the_memory() {
    let mut server = limited("prints-for-ever", &["--memory", "8", "--history", "1"]);
    let mut client = Client::new(&server);
    client.send("vCont;c:p1.1");
    // `PRINTED_MIB=1024` is a GiB.
    let count = std::env::var("PRINTED_MIB").map_or(16, |text| text.parse().unwrap());
    let mut printed = vec![0; 1 << 20];
    for _ in 0..count {
        server.stdout().read_exact(&mut printed).unwrap();
    }
    client.send_raw(b"\x03");
    client.receive();
    assert!(client.monitor("console").len() <= (1 << 20) + 1);
    assert!(peak(&server) < 64, "{} MiB", peak(&server));
}

/// A kernel that writes all memory again and again: the history keeps to its bound, and can still be gone back in.
#[test]
fn a_kernel_that_fills_memory_stays_within_the_history() {
    // 11 instructions write 64 bytes: 124 MiB in 22 million of them, and then all of it once more.
    let (far, before) = (46_000_000_u64, 45_990_000_u64);
    // RAM, what it held before a journey back, the history and the program itself.
    for (history, most) in [("1", 128 + 124 + 64), ("32", 128 + 124 + 96)] {
        let server = limited("fills-memory", &["--memory", "128", "--history", history]);
        let mut client = Client::new(&server);
        assert!(client.monitor(&format!("goto {far}")).contains(&format!("{far} instructions")));
        for page in (0x8040_0000_u64..0x8800_0000).step_by(4096) {
            assert_ne!(client.ask(&format!("m{page:x},8")), "0000000000000000", "{page:#x} was written");
        }
        let state = client.state();
        assert!(client.monitor(&format!("goto {before}")).contains(&format!("{before} instructions")));
        client.monitor(&format!("goto {far}"));
        assert_eq!(client.state().differences(&state), "");
        println!("{} MiB at most with --history {history}", peak(&server));
        assert!(peak(&server) < most, "{} MiB with --history {history}", peak(&server));
        drop(client);
        server.end();
    }
}
