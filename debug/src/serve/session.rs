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
use super::motion::SliceResult;
use super::target::GdbTarget;
use super::typing::Typing;
use super::wire::{Incoming, Others, Wire};
use super::{ServeEvent, wire};

/// The largest packet, in bytes. One holds the 4 KiB of memory that GDB reads at once, in hexadecimal.
const PACKET_SIZE: usize = 0x4000;

/// How a client's connection ended.
#[derive(Debug)]
pub enum Disconnect {
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

type Stub<'a> = GdbStubStateMachine<'a, GdbTarget, Wire>;
type StubError = GdbStubError<std::convert::Infallible, io::Error>;

/// Serves the client until it leaves, whatever it sends.
pub fn run(
    wire: Wire,
    target: &mut GdbTarget,
    ending: BorrowedFd<'_>,
    typing: &mut Option<Typing>,
    tell: &mut dyn FnMut(ServeEvent<'_>),
) -> Disconnect {
    match converse(wire, target, ending, typing, tell) {
        Ok(left) => left,
        Err(error) if error.is_connection_error() => {
            let kind = error.into_connection_error().map(|(error, _)| error.kind());
            match kind {
                Some(io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    Disconnect::Broken("it did not read our answers".into())
                }
                _ => Disconnect::Vanished,
            }
        }
        // The stub's own words are for those who develop it.
        Err(_) => {
            Disconnect::Broken("it broke the protocol: what it sent is no packet, or none that fits there".into())
        }
    }
}

fn converse(
    wire: Wire,
    target: &mut GdbTarget,
    ending: BorrowedFd<'_>,
    typing: &mut Option<Typing>,
    tell: &mut dyn FnMut(ServeEvent<'_>),
) -> Result<Disconnect, StubError> {
    if target.watch_client(&wire, ending).is_err() {
        return Ok(Disconnect::Vanished);
    }
    let stub = GdbStubBuilder::new(wire).packet_buffer_size(PACKET_SIZE).build();
    let mut stub: Stub<'_> = stub.expect("only a buffer of ours could be too small").run_state_machine(target)?;
    let mut running = false;
    let mut framing = Framing::default();
    loop {
        let others = Others { ending, typing: typing.as_ref().and_then(Typing::descriptor) };
        stub = match stub {
            GdbStubStateMachine::Idle(mut inner) => match inner.borrow_conn().next(others, None) {
                // To gdbstub it would be the end of the session.
                Ok(Incoming::Byte(byte)) if framing.is_nack(byte) => inner.into(),
                Ok(Incoming::Byte(byte)) => {
                    running = false;
                    inner.incoming_data(target, byte)?
                }
                Ok(Incoming::Ending) => return Ok(Disconnect::Ended),
                Ok(Incoming::Nothing) => inner.into(),
                Ok(Incoming::Typed) if super::pass_on(typing, target, tell) => return Ok(Disconnect::Ended),
                Ok(Incoming::Typed) => inner.into(),
                Ok(Incoming::End) | Err(_) => return Ok(Disconnect::Vanished),
            },
            GdbStubStateMachine::Running(mut inner) => {
                let limit = if target.is_waiting() { None } else { Some(Duration::ZERO) };
                running = true;
                match inner.borrow_conn().next(others, limit) {
                    Ok(Incoming::Byte(byte)) if framing.is_nack(byte) => inner.into(),
                    Ok(Incoming::Byte(byte)) => inner.incoming_data(target, byte)?,
                    Ok(Incoming::Ending) => return Ok(Disconnect::Ended),
                    Ok(Incoming::Typed) if super::pass_on(typing, target, tell) => return Ok(Disconnect::Ended),
                    Ok(Incoming::Typed) => inner.into(),
                    Ok(Incoming::End) | Err(_) => return Ok(Disconnect::Vanished),
                    Ok(Incoming::Nothing) => {
                        let progress = target.go_on();
                        show_console(target, tell);
                        match progress {
                            SliceResult::Going => inner.into(),
                            SliceResult::Stopped { reason, words } => {
                                say(inner.borrow_conn(), &words);
                                inner.report_stop(target, reason)?
                            }
                        }
                    }
                }
            }
            // Who stands still already has nothing to be interrupted in.
            GdbStubStateMachine::CtrlCInterrupt(inner) => {
                let reason: Option<SingleThreadStopReason<u64>> =
                    running.then_some(SingleThreadStopReason::Signal(Signal::SIGINT));
                inner.interrupt_handled(target, reason)?
            }
            GdbStubStateMachine::Disconnected(mut inner) => {
                let _ = inner.borrow_conn().flush();
                return Ok(match inner.get_reason() {
                    DisconnectReason::Kill => Disconnect::Killed,
                    _ => Disconnect::Detached,
                });
            }
        };
    }
}

fn show_console(target: &mut GdbTarget, tell: &mut dyn FnMut(ServeEvent<'_>)) {
    let printed = target.printed();
    if !printed.is_empty() {
        tell(ServeEvent::Console(&printed));
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
