//! Any bytes from a client of `cargo debug serve`: it loses its connection at most, and the server ends when it is told to.
//!
//! Each line becomes a packet, its checksum right; a line that begins with 0xff is sent as it is.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use debug::Endpoint;
use debug::embedded::Options;
use debug::image::KernelFiles;
use debug::serve::{GdbTarget, Listener, ServeEvent, serve};

use super::template;

const RAW: u8 = 0xff;
const PATIENCE: Duration = Duration::from_secs(60);

pub fn survive(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let file = folder.path().join("kernel");
    std::fs::write(&file, template::build()).expect("it can be written");
    let options = Options { memory_mib: 8, history_mib: 1, ..Options::default() };
    let mut target = GdbTarget::open(&KernelFiles::of(&file), options).expect("it is a kernel");
    let endpoint = folder.path().join("gdb");
    let listener = Listener::bind(&Endpoint::Unix(endpoint.clone())).expect("nobody else is here");
    let (ending, end) = UnixStream::pair().expect("there are descriptors");
    let mut end = Some(end);
    let client = UnixStream::connect(endpoint).expect("it listens");
    std::thread::scope(|scope| {
        scope.spawn(|| talk(client, &packets(bytes)));
        serve(&listener, &mut target, &ending, None, &mut |event| {
            if let ServeEvent::Disconnected(_) = event {
                end = None;
            }
        })
        .expect("no client ends the server");
    });
}

/// Says all of it, then hears all that there is to hear.
fn talk(mut client: UnixStream, bytes: &[u8]) {
    client.set_write_timeout(Some(PATIENCE)).expect("it is a socket");
    client.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    let mut answers = client.try_clone().expect("there are descriptors");
    std::thread::scope(|scope| {
        scope.spawn(move || drop(answers.read_to_end(&mut Vec::new())));
        // It may have had enough of us before we have said all.
        let _ = client.write_all(bytes);
        let _ = client.shutdown(Shutdown::Write);
    });
}

fn packets(bytes: &[u8]) -> Vec<u8> {
    let mut packets = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let [RAW, raw @ ..] = line {
            packets.extend(raw);
        } else {
            let sum = line.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            packets.push(b'$');
            packets.extend(line);
            packets.extend(format!("#{sum:02x}").as_bytes());
        }
    }
    packets
}
