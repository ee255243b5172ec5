//! QEMU's machine protocol (QMP), as much of it as tells that QEMU is ready and lets the machine run.
//! A crate for all of it would bring hundreds of types for the two commands that are needed here.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;

/// QEMU's end of it was given to QEMU when it was started: there is no path to connect to.
pub struct Monitor {
    replies: BufReader<UnixStream>,
}

impl Monitor {
    pub fn new(socket: UnixStream) -> Monitor {
        Monitor { replies: BufReader::new(socket) }
    }

    /// Waits until QEMU answers: it does so when the machine is made, the kernel loaded and the stub listening.
    ///
    /// # Errors
    /// Where QEMU ends before.
    pub fn await_ready(&mut self) -> io::Result<()> {
        // The greeting comes first, and may come before the machine is made.
        self.reply("QMP")?;
        self.execute("qmp_capabilities")
    }

    /// Lets the machine run.
    ///
    /// # Errors
    /// Where QEMU ends before.
    pub fn run(&mut self) -> io::Result<()> {
        self.execute("cont")
    }

    /// Reads what QEMU reports until it ends.
    pub fn follow(mut self) {
        while self.message().is_ok() {}
    }

    fn execute(&mut self, command: &str) -> io::Result<()> {
        writeln!(self.replies.get_mut(), "{{\"execute\": \"{command}\"}}")?;
        self.reply("return")
    }

    /// Waits for the message with that member; events come between.
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
