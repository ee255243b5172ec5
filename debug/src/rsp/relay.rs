//! Passes packets between GDB and a stub. It tells GDB how a machine ended whose stub only closes the connection, and keeps an interrupt
//! that comes while the machine stands. It does not know what the other packets mean.
//!
//! QEMU 7.2 ends without a reply when a kernel powers off by the test finisher, and later versions may send a stop before they end. GDB
//! takes the loss of the connection for an error, which ends all its commands.
//!
//! A stub ignores an interrupt if the machine stands, and GDB does not send it again. At a breakpoint with a condition the machine stands
//! most of the time, so that nothing would end a loop over one.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::connection::Stream;
use super::frame;
use crate::endpoint::Endpoint;

/// How long a stub may take to listen.
const PATIENCE: Duration = Duration::from_secs(1);
/// A question without effects, and the start of its answer (GDB's manual, "General Query Packets").
const QUESTION: &[u8] = b"qC";
const ANSWER: &[u8] = b"$QC";
/// The byte that stops a running machine (GDB's manual, "Interrupts").
const INTERRUPT: u8 = 3;
/// A stop by SIGINT.
const INTERRUPTED: &[u8] = b"$T02";
/// How long an interrupt is kept: longer than a condition takes, and shorter than a person's next command. A test is not that quick.
const KEPT: Duration = Duration::from_millis(if cfg!(test) { 20_000 } else { 200 });

/// The last interrupt, until the machine stops for it.
#[derive(Clone, Default)]
struct Interrupt(Arc<Mutex<Option<Instant>>>);

impl Interrupt {
    fn set(&self, at: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Whether these bytes of GDB let the machine run although it is to stop.
    fn is_due(&self, bytes: &[u8]) -> bool {
        let continues = [&b"$vCont;c"[..], b"$c#", b"$C"].iter().any(|start| find(bytes, start).is_some());
        continues && self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| at.elapsed() < KEPT)
    }
}

/// Connects GDB to the stub until one of them leaves. If it is the stub, `end` waits for the machine's exit status.
///
/// # Errors
/// If the stub does not listen; errors of the sockets.
pub fn relay(mut gdb: UnixStream, stub: &Endpoint, end: impl FnOnce() -> Option<u8>) -> io::Result<()> {
    let mut stub = Stream::connect(stub, PATIENCE)?;
    let (mut from_gdb, mut to_stub) = (gdb.try_clone()?, stub.try_clone()?);
    let left = Arc::new(AtomicBool::new(false));
    let has_left = Arc::clone(&left);
    let interrupt = Interrupt::default();
    let served = interrupt.clone();
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length @ 1..) = from_gdb.read(&mut bytes) {
            // Between packets: each of them ends in a digit. The stub may stop for it as soon as it has it.
            let interrupts = length < bytes.len() && bytes[length - 1] == INTERRUPT;
            if interrupts {
                interrupt.set(Some(Instant::now()));
            }
            // When the stub has gone, GDB may still acknowledge that.
            let _ = to_stub.write_all(&bytes[..length]);
            if !interrupts && interrupt.is_due(&bytes[..length]) {
                let _ = to_stub.write_all(&[INTERRUPT]);
            }
        }
        has_left.store(true, Ordering::Relaxed);
        to_stub.close();
    });
    // A stop is held until the stub has answered a question: it may be about to end.
    let (mut bytes, mut held, mut asked) = ([0; 4096], Vec::new(), false);
    while let Ok(length @ 1..) = stub.read(&mut bytes) {
        held.extend_from_slice(&bytes[..length]);
        if !asked && let Some(stop) = find(&held, b"$T") {
            // GDB awaits what comes before, such as the acknowledgement of its command.
            gdb.write_all(&held[..stop])?;
            held.drain(..stop);
            let mut packet = Vec::new();
            frame::encode(QUESTION, &mut packet);
            // If it has closed the connection already, nothing more is read.
            let _ = stub.write_all(&packet);
            asked = true;
        }
        if asked {
            let Some(answer) = answer(&held) else { continue };
            held.drain(answer);
            asked = false;
        }
        if held.starts_with(INTERRUPTED) {
            served.set(None);
        }
        gdb.write_all(&held)?;
        held.clear();
    }
    if !left.load(Ordering::Relaxed)
        && let Some(status) = end()
    {
        let mut packet = Vec::new();
        frame::encode(format!("W{status:02x}").as_bytes(), &mut packet);
        gdb.write_all(&packet)?;
        // It may acknowledge that. If it was not waiting for a stop, it learns by the end of file that nobody answers any more.
        return gdb.shutdown(Shutdown::Write);
    }
    gdb.shutdown(Shutdown::Both)
}

/// Where the answer is, with the acknowledgement of the question.
fn answer(bytes: &[u8]) -> Option<Range<usize>> {
    let start = find(bytes, ANSWER)?;
    let end = start + find(&bytes[start..], b"#")? + 3;
    let acknowledged = start > 0 && bytes[start - 1] == b'+';
    (end <= bytes.len()).then_some(start - usize::from(acknowledged)..end)
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// What GDB gets from a stub that says this in one piece. If the stub stays, it answers the question; else it closes the connection.
    fn told(says: &'static str, stays: bool) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stub");
        let listener = UnixListener::bind(&path).unwrap();
        let (mut gdb, relayed) = UnixStream::pair().unwrap();
        let stub = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(says.as_bytes()).unwrap();
            let mut question = [0; 6];
            if stays {
                stream.read_exact(&mut question).unwrap();
                stream.write_all(b"+$QC01#f5$OK#9a").unwrap();
                // Until GDB leaves.
                stream.read_to_end(&mut Vec::new()).unwrap();
            }
        });
        let relaying = thread::spawn(move || relay(relayed, &Endpoint::Unix(path), || Some(3)).unwrap());
        let mut said = Vec::new();
        if stays {
            while !said.ends_with(b"$OK#9a") {
                let mut byte = [0];
                gdb.read_exact(&mut byte).unwrap();
                said.extend(byte);
            }
        } else {
            relaying.join().unwrap();
        }
        drop(stub);
        if stays {
            gdb.shutdown(Shutdown::Write).unwrap();
        }
        // Else GDB must not have to leave first: it may await a reply.
        gdb.set_read_timeout(Some(KEPT)).unwrap();
        gdb.read_to_end(&mut said).unwrap();
        String::from_utf8(said).unwrap()
    }

    #[test]
    fn a_stop_before_the_end_is_not_told_but_what_came_before_it_is() {
        assert_eq!(told("+$T05thread:01;#07", false), "+$W03#ba");
        assert_eq!(told("+", false), "+$W03#ba");
    }

    /// What the stub gets after a stop by this signal and the next command, if GDB interrupts in between.
    fn after_interrupt(stop: &'static str, command: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stub");
        let listener = UnixListener::bind(&path).unwrap();
        let (mut gdb, relayed) = UnixStream::pair().unwrap();
        let relaying = thread::spawn(move || relay(relayed, &Endpoint::Unix(path), || None).unwrap());
        let (mut stub, _) = listener.accept().unwrap();
        gdb.write_all(&[INTERRUPT]).unwrap();
        stub.read_exact(&mut [0]).unwrap();
        stub.write_all(stop.as_bytes()).unwrap();
        stub.read_exact(&mut [0; 6]).unwrap();
        stub.write_all(b"+$QC01#f5").unwrap();
        gdb.read_exact(&mut vec![0; stop.len()]).unwrap();
        gdb.write_all(command.as_bytes()).unwrap();
        gdb.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        stub.read_to_end(&mut rest).unwrap();
        drop(stub);
        relaying.join().unwrap();
        rest
    }

    #[test]
    fn an_interrupt_of_a_machine_that_stands_holds_for_the_next_run_unless_it_has_stopped_for_it() {
        for goes_on in ["$vCont;c:1#c1", "$c#63", "+$vCont;c#a8"] {
            assert_eq!(after_interrupt("$T05thread:01;#07", goes_on), [goes_on.as_bytes(), &[INTERRUPT]].concat());
            assert_eq!(after_interrupt("$T02thread:01;#04", goes_on), goes_on.as_bytes());
        }
        assert_eq!(after_interrupt("$T05thread:01;#07", "$vCont;s:1#d1"), b"$vCont;s:1#d1");
    }

    #[test]
    fn a_stop_of_a_machine_that_goes_on_is_told_without_the_question() {
        assert_eq!(told("+$T05thread:01;#07", true), "+$T05thread:01;#07$OK#9a");
    }
}
