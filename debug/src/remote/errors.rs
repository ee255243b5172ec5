//! Converts errors of the protocol into errors of a machine.

use crate::machine::Error;
use crate::rsp;

impl From<rsp::Error> for Error {
    fn from(error: rsp::Error) -> Error {
        match error {
            rsp::Error::Timeout { from, awaited, after } => {
                let advice = "is it a GDB stub? is another debugger connected?".into();
                Error::Timeout { awaited, from, after, advice }
            }
            rsp::Error::Closed { from, awaited } => {
                Error::Gone { who: from, how: format!("it closed the connection while we awaited {awaited}") }
            }
            rsp::Error::Refused { from, command, code } => {
                Error::Refused { what: command, by: from, reason: format!("error {code:#04x}") }
            }
            rsp::Error::Unsupported { from, command } => Error::Unsupported { what: command, by: from },
            other => Error::Connection(Box::new(other)),
        }
    }
}
