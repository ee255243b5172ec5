//! A kernel on the embedded machine, typed to and listened to.

use std::time::{Duration, Instant};

use debug::embedded::{Device, Devices, Drive, Options};
use debug::machine::{Machine, Stop};
use debug::{Embedded, Image};

/// How long a computer that is busy with other tests may take for all of a session.
const PATIENCE: Duration = Duration::from_secs(600);
const SLICE: Duration = Duration::from_millis(20);

pub struct Session {
    pub machine: Embedded,
    /// What was printed and not yet expected.
    unread: String,
    deadline: Instant,
}

impl Session {
    pub fn start(image: &Image, options: Options) -> Session {
        let machine = Embedded::load(image, &options).unwrap_or_else(|error| panic!("{error}"));
        Session { machine, unread: String::new(), deadline: Instant::now() + PATIENCE }
    }

    /// Runs until the kernel has said this since what was last expected; what came before it.
    pub fn expect(&mut self, words: &str) -> String {
        loop {
            if let Some(at) = self.unread.find(words) {
                let before = self.unread[..at].to_owned();
                self.unread.drain(..at + words.len());
                return before;
            }
            let stop = self.machine.resume(SLICE).unwrap();
            self.listen();
            let said = self.unread.contains(words);
            assert!(said || stop == Stop::Interrupted, "{stop:?} before it said {words:?}; it said: {}", self.unread);
            assert!(
                said || Instant::now() < self.deadline,
                "{PATIENCE:?} are over before {words:?}, but: {}",
                self.unread
            );
        }
    }

    /// Types this and Enter, as soon as the kernel has said `prompt`.
    pub fn answer(&mut self, prompt: &str, line: &str) -> String {
        let before = self.expect(prompt);
        self.enter(line);
        before
    }

    /// Types this and Enter at once.
    pub fn enter(&mut self, line: &str) {
        self.machine.input(format!("{line}\r").as_bytes()).unwrap();
        // In the past this made another future: from here on counts what that one prints.
        self.listen();
    }

    /// Runs until the machine is off; its exit status.
    pub fn power_off(&mut self) -> Option<u8> {
        while Instant::now() < self.deadline {
            match self.machine.resume(SLICE).unwrap() {
                Stop::Interrupted => self.listen(),
                Stop::Exited { status } => return status,
                stop => panic!("{stop:?} before it was off; it said: {}", self.unread),
            }
        }
        panic!("{PATIENCE:?} are over before it was off; it said: {}", self.unread);
    }

    /// Goes to a moment of the past, where something else can be typed.
    pub fn go_back(&mut self, icount: u64) {
        assert_eq!(self.machine.goto(icount, PATIENCE), Stop::Stepped);
        self.unread.clear();
    }

    fn listen(&mut self) {
        let bytes = self.machine.new_console_output();
        self.unread += &String::from_utf8_lossy(&bytes);
    }
}

/// The usual machine, with a file as its disk.
pub fn with_disk(file: &std::path::Path) -> Options {
    let virtio = vec![Device::Block(Drive::new(file))];
    Options { devices: Devices { virtio, ..Devices::default() }, ..Options::default() }
}
