//! The progress of a slow monitor command. It does not know the command.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The progress of a command, as text for the client. The command sets it and the heartbeat sends it.
#[derive(Clone, Default)]
pub struct Progress(Arc<Mutex<String>>);

impl Progress {
    /// Sets the text.
    pub fn tell(&self, words: impl FnOnce() -> String) {
        *self.words() = words();
    }

    /// Removes the text.
    pub fn forget(&self) {
        self.words().clear();
    }

    fn words(&self) -> MutexGuard<'_, String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Console output with the text, or without any (GDB manual, section "Stop Reply Packets", packet `O`).
    pub(super) fn packet(&self) -> Vec<u8> {
        let mut body = String::from("O");
        for byte in self.words().bytes() {
            // Writing to a String cannot fail.
            let _ = write!(body, "{byte:02x}");
        }
        let sum = body.bytes().fold(0_u8, u8::wrapping_add);
        format!("${body}#{sum:02x}").into_bytes()
    }
}
