//! Errors of the connection to a stub. It does not know the purpose of the commands.

use std::io;
use std::time::Duration;

/// Each says who failed (`from`), at which command, and what to try if that is known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No program listens there, or it refuses the connection.
    #[error("cannot connect to {to}: {cause}; try: start a stub there first")]
    Connect {
        /// The address as the user wrote it.
        to: String,
        /// The operating system's error.
        cause: io::Error,
    },

    /// The operating system reports an error on the connection.
    #[error("the connection to {from} failed while awaiting {awaited}: {cause}")]
    Io {
        /// The name of the stub.
        from: String,
        /// The reply that was awaited.
        awaited: String,
        /// The operating system's error.
        cause: io::Error,
    },

    /// The stub closed the connection instead of replying.
    #[error("{from} closed the connection while we awaited {awaited}")]
    Closed {
        /// The name of the stub.
        from: String,
        /// The reply that was awaited.
        awaited: String,
    },

    /// The deadline passed.
    #[error(
        "no reply from {from} within {} ms while awaiting {awaited}; is it a GDB stub? is another debugger connected?",
        after.as_millis()
    )]
    Timeout {
        /// The name of the stub.
        from: String,
        /// The reply that was awaited.
        awaited: String,
        /// The time waited.
        after: Duration,
    },

    /// The bytes are not packets, or their checksum was wrong every time.
    #[error("{from} did not send the GDB remote protocol instead of {awaited}: {what}")]
    Garbled {
        /// The name of the stub.
        from: String,
        /// The reply that was awaited.
        awaited: String,
        /// What is wrong with the bytes.
        what: String,
    },

    /// A packet that is longer than any reply that we request, perhaps only when expanded.
    #[error("{from} sent more than {limit} bytes in one packet instead of {awaited}")]
    TooLong {
        /// The name of the stub.
        from: String,
        /// The reply that was awaited.
        awaited: String,
        /// The limit, in bytes.
        limit: usize,
    },

    /// The reply `E nn`.
    #[error("{from} replied to {command} with error {code:#04x}")]
    Refused {
        /// The name of the stub.
        from: String,
        /// The command.
        command: String,
        /// The stub's error number.
        code: u8,
    },

    /// The empty reply.
    #[error("{from} does not support {command}")]
    Unsupported {
        /// The name of the stub.
        from: String,
        /// The command.
        command: String,
    },

    /// A well-formed packet that does not fit the command, for example a short reply to a memory read.
    #[error("{from} replied to {command} with {reply}: expected {expected}")]
    Unexpected {
        /// The name of the stub.
        from: String,
        /// The command.
        command: String,
        /// The start of the reply.
        reply: String,
        /// What was expected.
        expected: String,
    },
}

/// The first 40 bytes of a reply in printable form, for an error message.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    let shown = &bytes[..bytes.len().min(SHOWN)];
    let dots = if bytes.len() > SHOWN { "…" } else { "" };
    format!("\"{}\"{dots} ({} bytes)", shown.escape_ascii(), bytes.len())
}
