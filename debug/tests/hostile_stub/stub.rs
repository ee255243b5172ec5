//! A stub on a Unix socket that answers as a test says. It judges nothing.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use debug::Endpoint;
use tempfile::TempDir;

const TARGET_XML: &str = concat!(
    r#"l<?xml version="1.0"?><target><architecture>riscv:rv64</architecture><feature name="org.gnu.gdb.riscv.cpu">"#,
    r#"<reg name="zero" bitsize="64"/><reg name="pc" bitsize="64" regnum="32"/></feature>"#,
    r#"<feature name="x"><reg name="satp" bitsize="64" regnum="450"/><reg name="wide" bitsize="128"/></feature></target>"#
);

/// What a stub does with a command.
pub enum Answer {
    /// A packet with the right checksum.
    Packet(Vec<u8>),
    /// These very bytes.
    Raw(Vec<u8>),
    /// These bytes, again and again, until nobody reads them.
    Endless(Vec<u8>),
    Silence,
    Close,
}

/// A stub that answers as `answer` says, and as a good one where that says `None`.
pub fn stub(answer: impl Fn(&[u8]) -> Option<Answer> + Send + 'static) -> (TempDir, Endpoint) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gdb");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        while let Some(command) = command(&mut stream) {
            let sent = match answer(&command).unwrap_or_else(|| good(&command)) {
                Answer::Packet(data) => stream.write_all(&packet(&data)),
                Answer::Raw(bytes) => stream.write_all(&bytes),
                Answer::Endless(bytes) => loop {
                    if let Err(error) = stream.write_all(&bytes) {
                        break Err(error);
                    }
                },
                Answer::Silence => Ok(()),
                Answer::Close => return,
            };
            if sent.is_err() {
                return;
            }
        }
    });
    (folder, Endpoint::Unix(path))
}

pub fn good(command: &[u8]) -> Answer {
    Answer::Packet(match command {
        b"vCont?" => b"vCont;c;s".to_vec(),
        b"?" => b"T05".to_vec(),
        b"\x03" => return Answer::Silence,
        b"g" => vec![b'0'; 33 * 16],
        _ if command.starts_with(b"qSupported") => b"PacketSize=1000;qXfer:features:read+".to_vec(),
        _ if command.starts_with(b"qXfer:features:read:target.xml:0,") => TARGET_XML.as_bytes().to_vec(),
        _ if command.starts_with(b"Z") || command.starts_with(b"z") => b"OK".to_vec(),
        _ => Vec::new(),
    })
}

pub fn packet(data: &[u8]) -> Vec<u8> {
    let sum = data.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    [b"+$", data, format!("#{sum:02x}").as_bytes()].concat()
}

/// The next packet's data, or the interrupt byte; `None` at the end.
fn command(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let mut byte = || {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok().map(|()| byte[0])
    };
    loop {
        match byte()? {
            3 => return Some(vec![3]),
            b'$' => break,
            _ => {}
        }
    }
    let mut data = Vec::new();
    loop {
        match byte()? {
            b'#' => break,
            other => data.push(other),
        }
    }
    byte().and_then(|_| byte()).map(|_| data)
}
