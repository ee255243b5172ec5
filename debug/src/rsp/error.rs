//! What can go wrong between us and a stub. It does not know what was being attempted beyond the command's name.

use std::io;
use std::time::Duration;

/// Each says who failed (`from`), on what, and what to try where there is something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens there, or not to us.
    #[error("cannot connect to {to}: {cause}; start a stub there first")]
    Connect {
        /// The address as the user wrote it.
        to: String,
        cause: io::Error,
    },

    /// The operating system reports an error on the connection.
    #[error("the connection to {from} failed while awaiting {awaited}: {cause}")]
    Io { from: String, awaited: String, cause: io::Error },

    /// End of file where a reply was due.
    #[error("{from} closed the connection while we awaited {awaited}")]
    Closed { from: String, awaited: String },

    /// The deadline passed.
    #[error(
        "no answer from {from} within {} ms while awaiting {awaited}; is it a GDB stub, and does no other debugger hold it?",
        after.as_millis()
    )]
    Timeout { from: String, awaited: String, after: Duration },

    /// Bytes that are no packet, or whose checksum was wrong every time.
    #[error("{from} sent what is not the GDB remote protocol, instead of {awaited}: {what}")]
    Garbled { from: String, awaited: String, what: String },

    /// A packet, or its expansion, longer than anything we asked for.
    #[error("{from} sent more than {limit} bytes in one packet instead of {awaited}")]
    TooLong { from: String, awaited: String, limit: usize },

    /// `E nn`.
    #[error("{from} answered {command} with error {code:#04x}")]
    Refused { from: String, command: String, code: u8 },

    /// The empty reply.
    #[error("{from} does not support {command}")]
    Unsupported { from: String, command: String },

    /// A well-formed packet that does not answer the command: too short a memory reply, too.
    #[error("{from} answered {command} with {reply}: expected {expected}")]
    Unexpected { from: String, command: String, reply: String, expected: String },
}

/// At most 40 bytes of what was received, printable, for an error message.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    let shown = &bytes[..bytes.len().min(SHOWN)];
    let dots = if bytes.len() > SHOWN { "…" } else { "" };
    format!("\"{}\"{dots} ({} bytes)", shown.escape_ascii(), bytes.len())
}
