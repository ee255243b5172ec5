//! Setting and removing breakpoints and watchpoints. It does not keep which are set.

use super::client::Client;
use super::error::Error;

/// What a watchpoint waits for: the digit after `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchKind {
    Write = 2,
    Read = 3,
    Access = 4,
}

impl Client {
    /// A breakpoint on an instruction of `kind` bytes (2 or 4).
    pub fn insert_breakpoint(&mut self, address: u64, kind: u8) -> Result<(), Error> {
        self.expect_ok(format!("Z0,{address:x},{kind}").as_bytes(), "Z0 (insert a breakpoint)")
    }

    /// Undoes [`Client::insert_breakpoint`].
    pub fn remove_breakpoint(&mut self, address: u64, kind: u8) -> Result<(), Error> {
        self.expect_ok(format!("z0,{address:x},{kind}").as_bytes(), "z0 (remove a breakpoint)")
    }

    /// A watchpoint on `length` bytes from `address`.
    pub fn insert_watchpoint(&mut self, kind: WatchKind, address: u64, length: u64) -> Result<(), Error> {
        let command = format!("Z{},{address:x},{length:x}", kind as u8);
        self.expect_ok(command.as_bytes(), &format!("Z{} (insert a watchpoint)", kind as u8))
    }

    /// Undoes [`Client::insert_watchpoint`].
    pub fn remove_watchpoint(&mut self, kind: WatchKind, address: u64, length: u64) -> Result<(), Error> {
        let command = format!("z{},{address:x},{length:x}", kind as u8);
        self.expect_ok(command.as_bytes(), &format!("z{} (remove a watchpoint)", kind as u8))
    }
}
