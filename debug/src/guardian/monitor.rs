//! QEMU's machine protocol (QMP): only the commands that wait until QEMU is ready and run the machine.
//! A crate for the whole protocol would bring hundreds of types for these two commands.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;

/// A connection to QEMU's monitor. QEMU inherited the other end, so no path is needed.
pub struct Monitor {
    replies: BufReader<UnixStream>,
}

impl Monitor {
    pub fn new(socket: UnixStream) -> Monitor {
        Monitor { replies: BufReader::new(socket) }
    }

    /// Waits until QEMU replies. It does when the machine exists, the kernel is loaded and the stub listens.
    ///
    /// # Errors
    /// If QEMU ends before.
    pub fn await_ready(&mut self) -> io::Result<()> {
        // The greeting comes first, perhaps before the machine exists.
        self.reply("QMP")?;
        self.execute("qmp_capabilities")
    }

    /// Runs the machine.
    ///
    /// # Errors
    /// If QEMU ends before.
    pub fn run(&mut self) -> io::Result<()> {
        self.execute("cont")
    }

    /// Reads QEMU's events until it ends.
    pub fn follow(mut self) {
        while self.message().is_ok() {}
    }

    fn execute(&mut self, command: &str) -> io::Result<()> {
        writeln!(self.replies.get_mut(), "{{\"execute\": \"{command}\"}}")?;
        self.reply("return")
    }

    /// Waits for the message with this member, and skips events.
    fn reply(&mut self, member: &str) -> io::Result<()> {
        loop {
            let message = self.message()?;
            if message.get(member).is_some() {
                return Ok(());
            }
            if let Some(error) = message.get("error") {
                return Err(io::Error::other(error.to_string()));
            }
        }
    }

    fn message(&mut self) -> io::Result<Value> {
        let mut line = String::new();
        match self.replies.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => serde_json::from_str(&line).map_err(io::Error::other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_qemu_answers_and_not_when_it_greets() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"{\"QMP\": {}}\r\n{\"event\": \"RESUME\"}\r\n{\"return\": {}}\r\n").unwrap();
        Monitor::new(ours).await_ready().unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"{\"QMP\": {}}\r\n").unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(Monitor::new(ours).await_ready().is_err());
    }

    #[test]
    fn an_error_is_not_an_answer() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"{\"error\": {\"class\": \"GenericError\"}}\r\n").unwrap();
        assert!(Monitor::new(ours).run().unwrap_err().to_string().contains("GenericError"));
    }
}
