//! One client, from its first byte to its last: bytes into the stub, and the machine goes on in slices between them.
//!
//! It does not know what packets say, nor what the machine does.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use gdbstub::common::Signal;
use gdbstub::conn::Connection;
use gdbstub::stub::state_machine::GdbStubStateMachine;
use gdbstub::stub::{DisconnectReason, GdbStubBuilder, GdbStubError, SingleThreadStopReason};

use super::framing::Framing;
use super::motion::Progress;
use super::target::Served;
use super::wire::{Incoming, Wire};
use super::{Event, wire};

/// The largest packet, in bytes. One holds the 4 KiB of memory that GDB reads at once, in hexadecimal.
const PACKET_SIZE: usize = 0x4000;

/// How a client's connection ended.
#[derive(Debug)]
pub enum Left {
    /// It said that it leaves: the machine stays as it is.
    Detached,
    /// It asked for the machine's end.
    Killed,
    /// It was gone without a word.
    Vanished,
    /// It sent what is no packet, or did not read our answers.
    Broken(String),
    /// We are to end.
    Ended,
}

type Stub<'a> = GdbStubStateMachine<'a, Served, Wire>;
type StubError = GdbStubError<std::convert::Infallible, io::Error>;

/// Serves the client until it leaves, whatever it sends.
pub fn run(wire: Wire, served: &mut Served, ending: BorrowedFd<'_>, tell: &mut dyn FnMut(Event<'_>)) -> Left {
    match converse(wire, served, ending, tell) {
        Ok(left) => left,
        Err(error) if error.is_connection_error() => {
            let kind = error.into_connection_error().map(|(error, _)| error.kind());
            match kind {
                Some(io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    Left::Broken("it did not read our answers".into())
                }
                _ => Left::Vanished,
            }
        }
        Err(error) => Left::Broken(format!("it broke the protocol: {error}")),
    }
}

fn converse(
    wire: Wire,
    served: &mut Served,
    ending: BorrowedFd<'_>,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Left, StubError> {
    if served.watch_client(&wire, ending).is_err() {
        return Ok(Left::Vanished);
    }
    let stub = GdbStubBuilder::new(wire).packet_buffer_size(PACKET_SIZE).build();
    let mut stub: Stub<'_> = stub.expect("only a buffer of ours could be too small").run_state_machine(served)?;
    let mut running = false;
    let mut framing = Framing::default();
    loop {
        stub = match stub {
            GdbStubStateMachine::Idle(mut inner) => match inner.borrow_conn().next(ending, None) {
                // To gdbstub it would be the end of the session.
                Ok(Incoming::Byte(byte)) if framing.is_impatience(byte) => inner.into(),
                Ok(Incoming::Byte(byte)) => {
                    running = false;
                    inner.incoming_data(served, byte)?
                }
                Ok(Incoming::Ending) => return Ok(Left::Ended),
                Ok(Incoming::Nothing) => inner.into(),
                Ok(Incoming::End) | Err(_) => return Ok(Left::Vanished),
            },
            GdbStubStateMachine::Running(mut inner) => {
                let limit = if served.is_waiting() { None } else { Some(Duration::ZERO) };
                running = true;
                match inner.borrow_conn().next(ending, limit) {
                    Ok(Incoming::Byte(byte)) if framing.is_impatience(byte) => inner.into(),
                    Ok(Incoming::Byte(byte)) => inner.incoming_data(served, byte)?,
                    Ok(Incoming::Ending) => return Ok(Left::Ended),
                    Ok(Incoming::End) | Err(_) => return Ok(Left::Vanished),
                    Ok(Incoming::Nothing) => {
                        let progress = served.go_on();
                        show_console(served, tell);
                        match progress {
                            Progress::Going => inner.into(),
                            Progress::Stopped { reason, words } => {
                                say(inner.borrow_conn(), &words);
                                inner.report_stop(served, reason)?
                            }
                        }
                    }
                }
            }
            // Who stands still already has nothing to be interrupted in.
            GdbStubStateMachine::CtrlCInterrupt(inner) => {
                let reason: Option<SingleThreadStopReason<u64>> =
                    running.then_some(SingleThreadStopReason::Signal(Signal::SIGINT));
                inner.interrupt_handled(served, reason)?
            }
            GdbStubStateMachine::Disconnected(mut inner) => {
                let _ = inner.borrow_conn().flush();
                return Ok(match inner.get_reason() {
                    DisconnectReason::Kill => Left::Killed,
                    _ => Left::Detached,
                });
            }
        };
    }
}

fn show_console(served: &mut Served, tell: &mut dyn FnMut(Event<'_>)) {
    let printed = served.printed();
    if !printed.is_empty() {
        tell(Event::Console(&printed));
    }
}

/// Shows text in GDB's own console, where it appears above the stop that it explains (packet `O`).
fn say(wire: &mut wire::Wire, words: &str) {
    if words.is_empty() {
        return;
    }
    let mut body = String::from("O");
    words.bytes().chain([b'\n']).for_each(|byte| body.push_str(&format!("{byte:02x}")));
    let sum = body.bytes().fold(0_u8, u8::wrapping_add);
    // Where the client is gone, the stop that follows finds out.
    let _ = wire.write_all(format!("${body}#{sum:02x}").as_bytes());
}
