//! Serves the embedded machine to GDB through gdbstub, one client at a time. This is the only room that knows gdbstub's server side.
//!
//! It does not judge kernels, except in the monitor command that runs the checks. The machine is outside of the stub, so a client
//! can at most end its own connection.

mod arch;
mod base;
mod breakpoints;
mod description;
mod framing;
mod harts;
mod listener;
mod lobby;
mod monitor;
mod motion;
mod progress;
mod resume;
mod rom;
mod session;
mod target;
mod typing;
mod wire;
mod wishes;

use std::os::fd::AsFd;
use std::path::PathBuf;

use crate::embedded::TooMuch;

pub use listener::Listener;
pub use session::Disconnect;
pub use target::GdbTarget;
pub use typing::Typing;

use lobby::{Arrival, Lobby};
use typing::Typed;
use wire::Others;

/// Why clients cannot connect.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another program listens at this address.
    #[error("{0} is in use; try: end the program that listens there")]
    InUse(String),

    /// The path exists and is not a socket.
    #[error("{} exists and is not a socket", .0.display())]
    NotASocket(PathBuf),

    /// Listening failed.
    #[error("cannot listen on {at}: {cause}")]
    Listen {
        /// The address.
        at: String,
        /// The operating system's error.
        cause: std::io::Error,
    },

    /// Accepting a client failed.
    #[error("the listening socket failed: {0}; try: start again")]
    Accept(std::io::Error),

    /// The kernel's file cannot be used.
    #[error(transparent)]
    Image(#[from] crate::image::Error),

    /// The kernel cannot be loaded.
    #[error(transparent)]
    Kernel(#[from] crate::embedded::Error),

    /// The current folder does not exist.
    #[error("the current folder cannot be found: {0}; try: start in a folder that exists")]
    Folder(std::io::Error),
}

/// What happens while clients are served.
#[derive(Debug)]
pub enum ServeEvent<'a> {
    /// The client's connection ended.
    Disconnected(&'a Disconnect),
    /// The kernel printed these bytes.
    Console(&'a [u8]),
    /// What was typed last did not reach the kernel.
    NotTyped(TooMuch),
}

/// Serves one client after the other, each from its first byte on, until one kills the machine, `ending` becomes readable, or who types
/// says so; what is typed reaches the kernel at the moment at which the machine stands.
///
/// # Errors
/// [`Error::Accept`]. A client's errors are reported as [`ServeEvent::Disconnected`].
pub fn serve(
    listener: &Listener,
    target: &mut GdbTarget,
    ending: impl AsFd,
    mut typing: Option<Typing>,
    tell: &mut dyn FnMut(ServeEvent<'_>),
) -> Result<(), Error> {
    let mut lobby = Lobby::default();
    loop {
        let others = Others { ending: ending.as_fd(), typing: typing.as_ref().and_then(Typing::descriptor) };
        let wire = match lobby.next(listener, others)? {
            Arrival::Ending => return Ok(()),
            Arrival::Typed if pass_on(&mut typing, target, tell) => return Ok(()),
            Arrival::Typed => continue,
            Arrival::Client(wire) => wire,
        };
        let left = session::run(wire, target, ending.as_fd(), &mut typing, tell);
        target.forget_client();
        tell(ServeEvent::Disconnected(&left));
        if matches!(left, Disconnect::Killed | Disconnect::Ended) {
            return Ok(());
        }
    }
}

/// Gives the kernel what was typed; true where the server is to end.
fn pass_on(typing: &mut Option<Typing>, target: &mut GdbTarget, tell: &mut dyn FnMut(ServeEvent<'_>)) -> bool {
    match typing.as_mut().map(Typing::take) {
        Some(Typed::Leave) => return true,
        Some(Typed::Bytes(bytes)) => {
            if let Err(too_much) = target.type_in(&bytes) {
                tell(ServeEvent::NotTyped(too_much));
                // Once: what a file has behind it is not typed either.
                typing.take_if(|typing| typing.is_a_file());
            }
        }
        None => {}
    }
    false
}
