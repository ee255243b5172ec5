//! QEMU's machine protocol (QMP): only what waits until QEMU is ready, runs the machine, and asks QEMU's monitor for people.
//! A crate for the whole protocol would bring hundreds of types for these commands.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// A connection to QEMU's monitor.
pub struct Monitor {
    replies: BufReader<UnixStream>,
    /// The part of a message that came before time was up.
    partial: Vec<u8>,
    /// The number of the latest command.
    latest: u64,
}

impl Monitor {
    /// Over one end of a pair of sockets. QEMU inherited the other, so no path is needed.
    pub fn new(socket: UnixStream) -> Monitor {
        Monitor { replies: BufReader::new(socket), partial: Vec::new(), latest: 0 }
    }

    /// Connects to a monitor that QEMU has at this socket. Each of its replies may take as long as `patience`.
    ///
    /// # Errors
    /// If nobody listens there, or what answers is no monitor.
    pub fn connect(socket: &Path, patience: Duration) -> io::Result<Monitor> {
        let socket = UnixStream::connect(socket)?;
        socket.set_read_timeout(Some(patience))?;
        let mut monitor = Monitor::new(socket);
        monitor.await_ready()?;
        Ok(monitor)
    }

    /// Waits until QEMU replies. It does when the machine exists, the kernel is loaded and the stub listens.
    ///
    /// # Errors
    /// If QEMU ends before.
    pub fn await_ready(&mut self) -> io::Result<()> {
        // The greeting comes first, perhaps before the machine exists.
        while self.message()?.get("QMP").is_none() {}
        self.execute("qmp_capabilities", json!({})).map(drop)
    }

    /// Runs the machine.
    ///
    /// # Errors
    /// If QEMU ends before.
    pub fn run(&mut self) -> io::Result<()> {
        self.execute("cont", json!({})).map(drop)
    }

    /// What QEMU's monitor for people says to a command.
    ///
    /// # Errors
    /// If QEMU ends before it has answered, and [`io::ErrorKind::WouldBlock`] if it does not answer in time.
    pub fn ask(&mut self, command: &str) -> io::Result<String> {
        let said = self.execute("human-monitor-command", json!({ "command-line": command }))?;
        Ok(said.as_str().unwrap_or_default().to_owned())
    }

    /// As [`Monitor::ask`], with another time limit from now on.
    ///
    /// # Errors
    /// Those of [`Monitor::ask`].
    pub fn ask_within(&mut self, command: &str, patience: Duration) -> io::Result<String> {
        // None at all is an error of the call.
        self.replies.get_ref().set_read_timeout(Some(patience.max(Duration::from_millis(1))))?;
        self.ask(command)
    }

    /// Reads QEMU's events until it ends.
    pub fn follow(mut self) {
        while self.message().is_ok() {}
    }

    /// Runs a command, and returns what its reply has. Events and replies to earlier commands are skipped.
    fn execute(&mut self, command: &str, arguments: Value) -> io::Result<Value> {
        self.latest += 1;
        let request = json!({ "execute": command, "arguments": arguments, "id": self.latest });
        writeln!(self.replies.get_mut(), "{request}")?;
        loop {
            let message = self.message()?;
            if message.get("id").and_then(Value::as_u64) != Some(self.latest) {
                continue;
            }
            match (message.get("return"), message.get("error")) {
                (Some(value), _) => return Ok(value.clone()),
                (None, Some(error)) => return Err(io::Error::other(error.to_string())),
                (None, None) => {}
            }
        }
    }

    fn message(&mut self) -> io::Result<Value> {
        self.replies.read_until(b'\n', &mut self.partial)?;
        match std::mem::take(&mut self.partial) {
            line if line.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            line => serde_json::from_slice(&line).map_err(io::Error::other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_qemu_answers_and_not_when_it_greets() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"{\"QMP\": {}}\r\n{\"event\": \"RESUME\"}\r\n{\"return\": {}, \"id\": 1}\r\n").unwrap();
        Monitor::new(ours).await_ready().unwrap();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"{\"QMP\": {}}\r\n").unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(Monitor::new(ours).await_ready().is_err());
    }

    #[test]
    fn an_error_is_not_an_answer() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(b"{\"error\": {\"class\": \"GenericError\"}, \"id\": 1}\r\n").unwrap();
        assert!(Monitor::new(ours).run().unwrap_err().to_string().contains("GenericError"));
    }

    /// As where QEMU is busy.
    #[test]
    fn an_answer_that_comes_late_is_not_taken_for_the_next() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut monitor = Monitor::new(ours);
        let late = monitor.ask_within("info replay", Duration::from_millis(1)).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::WouldBlock);
        theirs.write_all(b"{\"return\": \"late\", \"id\": 1}\r\n{\"return\": \"the next\", \"id\": 2}\r\n").unwrap();
        assert_eq!(monitor.ask("info status").unwrap(), "the next");
    }

    #[test]
    fn a_message_that_comes_in_parts_is_whole() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut monitor = Monitor::new(ours);
        theirs.write_all(b"{\"return\": \"la").unwrap();
        assert!(monitor.ask_within("info replay", Duration::from_millis(1)).is_err());
        theirs.write_all(b"te\", \"id\": 1}\r\n{\"return\": \"the next\", \"id\": 2}\r\n").unwrap();
        assert_eq!(monitor.ask("info status").unwrap(), "the next");
    }
}
