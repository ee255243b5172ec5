//! Serves one client: passes its bytes to the stub, and runs the machine in slices between them.
//!
//! It does not know the packets or the machine.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use gdbstub::conn::Connection;
use gdbstub::stub::state_machine::GdbStubStateMachine;
use gdbstub::stub::{DisconnectReason, GdbStubBuilder, GdbStubError, MultiThreadStopReason};

use super::framing::Framing;
use super::motion::SliceResult;
use super::target::GdbTarget;
use super::typing::Typing;
use super::wire::{Incoming, Others, Wire};
use super::{ServeEvent, wire};

/// The largest packet, in bytes. GDB reads 4 KiB of memory at once, in hexadecimal.
const PACKET_SIZE: usize = 0x4000;

/// How long an interrupt of a machine that stands is kept for its next run, for GDB does not send it again. At a breakpoint with a
/// condition the machine stands most of the time. It is longer than a condition takes, and shorter than a person's next command.
const KEPT: Duration = Duration::from_millis(200);

/// How long a client that leaves may take to acknowledge the last reply.
const FAREWELL: Duration = Duration::from_millis(500);

/// How a client's connection ended.
#[derive(Debug)]
pub enum Disconnect {
    /// It detached. The machine stays as it is.
    Detached,
    /// It killed the machine.
    Killed,
    /// Its connection closed.
    Vanished,
    /// It broke the protocol, or did not read our replies; with the reason.
    Broken(String),
    /// The server was told to end.
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
                    Disconnect::Broken("it did not read our replies".into())
                }
                _ => Disconnect::Vanished,
            }
        }
        // The stub's own messages are for its developers.
        Err(_) => Disconnect::Broken(
            "it broke the protocol: it sent invalid data, or a packet that is not allowed now".into(),
        ),
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
    let mut interrupted: Option<Instant> = None;
    let mut framing = Framing::default();
    loop {
        let others = Others { ending, typing: typing.as_ref().and_then(Typing::descriptor) };
        stub = match stub {
            GdbStubStateMachine::Idle(mut inner) => match inner.borrow_conn().next(others, None) {
                // gdbstub would end the session.
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
                    Ok(Incoming::Nothing)
                        if target.continues() && interrupted.take().is_some_and(|at| at.elapsed() < KEPT) =>
                    {
                        let reason = target.interrupted();
                        inner.report_stop(target, reason)?
                    }
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
            GdbStubStateMachine::CtrlCInterrupt(inner) => {
                let reason: Option<MultiThreadStopReason<u64>> = running.then(|| target.interrupted());
                interrupted = (!running).then(Instant::now);
                inner.interrupt_handled(target, reason)?
            }
            GdbStubStateMachine::Disconnected(mut inner) => {
                // It acknowledges the last reply, and takes a connection that is closed by then for an error.
                let _ = inner.borrow_conn().next(others, Some(FAREWELL));
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

/// Prints text in GDB's console, above the stop that it explains (packet `O`).
fn say(wire: &mut wire::Wire, words: &str) {
    if words.is_empty() {
        return;
    }
    let mut body = String::from("O");
    words.bytes().chain([b'\n']).for_each(|byte| body.push_str(&format!("{byte:02x}")));
    let sum = body.bytes().fold(0_u8, u8::wrapping_add);
    // If the client has gone, sending the stop reply finds out.
    let _ = wire.write_all(format!("${body}#{sum:02x}").as_bytes());
}
