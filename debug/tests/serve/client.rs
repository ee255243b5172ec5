//! A client that says exactly what a test wants, and GDB's whole view of the machine in a few packets.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use crate::server::Server;

pub struct Client {
    stream: UnixStream,
}

impl Client {
    /// Connects.
    pub fn new(server: &Server) -> Client {
        Client::of(server.connect())
    }

    /// Begins to talk on a connection: who is silent is not served.
    pub fn of(stream: UnixStream) -> Client {
        let mut client = Client { stream };
        assert!(client.ask("?").contains("05"), "it stands");
        client
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends a packet. As GDB does, it drops what comes before the acknowledgement: replies to what it no longer waits for.
    pub fn send(&mut self, body: &str) {
        self.send_raw(&frame(body.as_bytes()));
        loop {
            match self.byte() {
                b'+' => return,
                b'$' => drop(self.rest()),
                other => panic!("{other:#x} for an acknowledgement"),
            }
        }
    }

    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).unwrap();
        byte[0]
    }

    /// The next packet's body.
    pub fn receive(&mut self) -> Vec<u8> {
        while self.byte() != b'$' {}
        self.rest()
    }

    /// The rest of a packet, which is acknowledged.
    fn rest(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            match self.byte() {
                b'#' => break,
                byte => body.push(byte),
            }
        }
        self.byte();
        self.byte();
        // It may be gone, as after `k`.
        let _ = self.stream.write_all(b"+");
        expand(&body)
    }

    pub fn ask(&mut self, body: &str) -> String {
        self.send(body);
        String::from_utf8(self.receive()).unwrap()
    }

    /// The answer of a monitor command.
    pub fn monitor(&mut self, command: &str) -> String {
        self.send_monitor(command);
        self.receive_text()
    }

    pub fn send_monitor(&mut self, command: &str) {
        self.send(&format!("qRcmd,{}", hexadecimal(command.as_bytes())));
    }

    /// What a monitor command that was sent answers.
    pub fn receive_text(&mut self) -> String {
        let mut text = String::new();
        loop {
            let answer = String::from_utf8(self.receive()).unwrap();
            match answer.strip_prefix('O').filter(|_| answer != "OK") {
                Some(part) => {
                    let part = String::from_utf8(bytes(part)).unwrap();
                    // How far a long command is comes in packets of its own.
                    if !part.ends_with("(Ctrl-C ends it)\n") {
                        text += &part;
                    }
                }
                None => {
                    assert_eq!(answer, "OK");
                    return text;
                }
            }
        }
    }

    /// Sends what makes the machine move, and waits for it to stop; console output on the way is left out.
    pub fn stop(&mut self, body: &str) -> String {
        self.send(body);
        loop {
            let answer = String::from_utf8(self.receive()).unwrap();
            if !answer.starts_with('O') {
                return answer;
            }
        }
    }

    /// Every register and every byte that the kernel may have touched.
    pub fn state(&mut self) -> State {
        let mut registers = vec![self.ask("g")];
        let csrs = [0x003, 0x100, 0x104, 0x105, 0x106, 0x140, 0x141, 0x142, 0x143, 0x144, 0x180, 0xc00, 0xc01, 0xc02];
        let others = (33..=64).chain(csrs.map(|number| 65 + number)).chain([4161]);
        registers.extend(others.map(|number| self.ask(&format!("p{number:x}"))));
        assert!(registers.iter().all(|register| !register.starts_with('E') && !register.is_empty()), "{registers:?}");
        let memory = (0..MEMORY / PART).map(|index| self.ask(&format!("m{:x},{PART:x}", START + index * PART)));
        State { registers, memory: memory.collect() }
    }
}

/// From the kernel's first byte to the end of its stack, and more.
const START: u64 = 0x8020_0000;
const MEMORY: u64 = 0x12_0000;
const PART: u64 = 0x1800;

/// Not shown when it differs: it is megabytes.
#[derive(PartialEq, Eq)]
pub struct State {
    registers: Vec<String>,
    memory: Vec<String>,
}

impl State {
    /// What differs, in words; empty where nothing does.
    pub fn differences(&self, other: &State) -> String {
        let differing = |ours: &[String], others: &[String]| -> Vec<usize> {
            (0..ours.len()).filter(|index| ours[*index] != others[*index]).collect()
        };
        let registers = differing(&self.registers, &other.registers);
        let memory = differing(&self.memory, &other.memory);
        match registers.is_empty() && memory.is_empty() {
            true => String::new(),
            false => format!("registers {registers:?} (0: all of g), memory parts {memory:?}"),
        }
    }
}

pub fn frame(body: &[u8]) -> Vec<u8> {
    let sum = body.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    [b"$", body, format!("#{sum:02x}").as_bytes()].concat()
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Undoes run-length encoding (GDB manual, section "Overview" of the remote protocol).
fn expand(body: &[u8]) -> Vec<u8> {
    let mut expanded = Vec::new();
    let mut rest = body.iter();
    while let Some(byte) = rest.next() {
        match (byte, expanded.last().copied()) {
            (b'*', Some(last)) => {
                let count = usize::from(*rest.next().unwrap()) - 29;
                expanded.extend(std::iter::repeat_n(last, count));
            }
            _ => expanded.push(*byte),
        }
    }
    expanded
}
