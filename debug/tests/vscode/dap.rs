//! A client of the Debug Adapter Protocol (microsoft.github.io/debug-adapter-protocol) over an adapter's standard streams. It
//! knows messages, not what debugging is.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long an adapter may take to answer, or to say that what it started has happened.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Adapter {
    child: Child,
    stdin: Option<ChildStdin>,
    incoming: Receiver<Value>,
    waiting: VecDeque<Value>,
    sequence: u64,
    transcript: Transcript,
}

/// What was said, for whoever has to find out why a test failed.
#[derive(Clone, Default)]
struct Transcript(Arc<Mutex<String>>);

impl Adapter {
    pub fn start(mut command: Command) -> Adapter {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let transcript = Transcript::default();
        let stderr = child.stderr.take().expect("it is a pipe");
        thread::spawn({
            let transcript = transcript.clone();
            move || {
                BufReader::new(stderr).lines().map_while(Result::ok).for_each(|line| transcript.add("stderr", &line))
            }
        });
        let stdout = child.stdout.take().expect("it is a pipe");
        let incoming = receive(stdout, transcript.clone());
        let stdin = child.stdin.take();
        Adapter { child, stdin, incoming, waiting: VecDeque::new(), sequence: 0, transcript }
    }

    /// Sends a request, for `response` to await.
    pub fn send(&mut self, command: &str, arguments: Value) -> u64 {
        self.sequence += 1;
        let request = json!({"seq": self.sequence, "type": "request", "command": command, "arguments": arguments});
        self.write(&request);
        self.sequence
    }

    #[track_caller]
    pub fn request(&mut self, command: &str, arguments: Value) -> Value {
        let request = self.send(command, arguments);
        self.response(request).unwrap_or_else(|error| panic!("{command}: {error}\n{}", self.transcript.text()))
    }

    /// The body of the response to a request; its message where it failed.
    #[track_caller]
    pub fn response(&mut self, request: u64) -> Result<Value, String> {
        let wanted = |message: &Value| message["type"] == "response" && message["request_seq"] == request;
        let mut response = self.take(&format!("the response to request {request}"), wanted);
        if response["success"] == true { Ok(response["body"].take()) } else { Err(response["message"].to_string()) }
    }

    /// The body of the next event with that name, whether it has come already or not.
    #[track_caller]
    pub fn event(&mut self, name: &str) -> Value {
        let wanted = |message: &Value| message["type"] == "event" && message["event"] == name;
        self.take(&format!("the event {name:?}"), wanted)["body"].take()
    }

    /// Whether an event with that name has come that nobody has taken yet.
    pub fn has_event(&mut self, name: &str) -> bool {
        while let Ok(message) = self.incoming.try_recv() {
            self.keep(message);
        }
        self.waiting.iter().any(|message| message["type"] == "event" && message["event"] == name)
    }

    #[track_caller]
    fn take(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(found) = self.waiting.iter().position(&wanted) {
            return self.waiting.remove(found).expect("it was found there");
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.incoming.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(message) if wanted(&message) => return message,
                Ok(message) => self.keep(message),
                Err(RecvTimeoutError::Disconnected) => self.fail(&format!("the adapter ended before {what}")),
                Err(RecvTimeoutError::Timeout) => self.fail(&format!("{what} did not come within {PATIENCE:?}")),
            }
        }
    }

    /// Keeps a message until somebody asks for it. A request is refused: no adapter needs what it may ask of VS Code, a terminal for
    /// the program or a session for a child.
    fn keep(&mut self, message: Value) {
        if message["type"] != "request" {
            self.waiting.push_back(message);
            return;
        }
        let (seq, command) = (&message["seq"], &message["command"]);
        self.sequence += 1;
        let response = json!({"seq": self.sequence, "type": "response", "request_seq": seq, "command": command,
                              "success": false, "message": "not in this test"});
        self.write(&response);
    }

    fn write(&mut self, message: &Value) {
        let text = message.to_string();
        self.transcript.add("->", &text);
        let stdin = self.stdin.as_mut().expect("it is open until the end");
        let written = write!(stdin, "Content-Length: {}\r\n\r\n{text}", text.len()).and_then(|()| stdin.flush());
        written.unwrap_or_else(|error| panic!("the adapter does not listen: {error}\n{}", self.transcript.text()));
    }

    /// Fails the test, with all that was said.
    #[track_caller]
    pub fn fail(&self, why: &str) -> ! {
        panic!("{why}\n{}", self.transcript.text())
    }

    /// What VS Code does once an adapter has answered the last request: it closes the streams, and ends what is left of it.
    pub fn end(mut self) {
        drop(self.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(1);
        while self.child.try_wait().expect("it is our child").is_none() {
            if Instant::now() > deadline {
                self.child.kill().expect("it is our child");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Transcript {
    fn add(&self, who: &str, what: &str) {
        *self.0.lock().expect("nobody panics with it") += &format!("{who} {what}\n");
    }

    fn text(&self) -> String {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

/// The messages that come: a header, an empty line, and as many bytes of JSON as the header says.
fn receive(stream: impl Read + Send + 'static, transcript: Transcript) -> Receiver<Value> {
    let (sender, incoming) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        while let Some(message) = read_message(&mut reader) {
            transcript.add("<-", &message.to_string());
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    incoming
}

fn read_message(reader: &mut impl BufRead) -> Option<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", value)) => length = value.parse().ok(),
            Some(_) => {}
            None if line.trim_end().is_empty() => break,
            None => panic!("an adapter's header line has no colon: {line:?}"),
        }
    }
    let mut bytes = vec![0; length.expect("each message says its length")];
    reader.read_exact(&mut bytes).ok()?;
    Some(serde_json::from_slice(&bytes).expect("messages are JSON"))
}
