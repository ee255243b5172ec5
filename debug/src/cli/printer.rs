//! Output in a thread of its own: a reader that does not read holds up nobody. It does not know what is printed.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many bytes wait for a reader. Of more the oldest are left out, unless what prints waits for [room](Printer::has_room_within).
const MOST: usize = 4 << 20;
/// How many are written at once.
const CHUNK: usize = 4096;
/// How long the end waits for a reader that takes nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is printed reaches a stream in order, as fast as that takes it. Where the reader is too far behind, a line tells it how much it missed.
/// Dropping this waits for the reader, as long as that reads.
pub struct Printer(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<u8>,
    /// How many bytes would be before those that wait.
    left_out: usize,
    writes: bool,
    /// The stream takes no more.
    closed: bool,
    /// Why not; told once.
    error: Option<io::Error>,
}

impl Printer {
    pub fn start(stream: impl Write + Send + 'static) -> Printer {
        let queue = Arc::new(Queue::default());
        let printed = Arc::clone(&queue);
        thread::spawn(move || printed.write_to(stream));
        Printer(queue)
    }

    /// Prints these bytes, now or later.
    pub fn print(&self, bytes: &[u8]) {
        let mut state = self.0.lock();
        if !state.closed {
            state.waiting.extend(bytes);
            let over = state.waiting.len().saturating_sub(MOST);
            state.waiting.drain(..over);
            state.left_out += over;
            self.0.changed.notify_all();
        }
    }

    /// Waits, at most so long, until the reader is near enough that nothing printed now would be left out.
    ///
    /// # Errors
    /// The stream takes no more.
    pub fn has_room_within(&self, limit: Duration) -> io::Result<bool> {
        self.await_within(limit, |state| state.waiting.len() < MOST)
    }

    /// Waits, at most so long, until all that was printed is written.
    ///
    /// # Errors
    /// The stream takes no more.
    pub fn has_written_within(&self, limit: Duration) -> io::Result<bool> {
        self.await_within(limit, |state| !state.writes && state.waiting.is_empty())
    }

    fn await_within(&self, limit: Duration, is_so: impl Fn(&State) -> bool) -> io::Result<bool> {
        let goes_on = |state: &mut State| !state.closed && !is_so(state);
        let waited = self.0.changed.wait_timeout_while(self.0.lock(), limit, goes_on);
        let (mut state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(state.error.take().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into()));
        }
        Ok(!waited.timed_out())
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        while state.writes || !state.waiting.is_empty() {
            let waited = self.0.changed.wait_timeout(state, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            if waited.1.timed_out() {
                return;
            }
            state = waited.0;
        }
        state.closed = true;
        self.0.changed.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes all that is printed, until the stream is closed.
    fn write_to(&self, mut stream: impl Write) {
        let mut state = self.lock();
        while !state.closed {
            if state.waiting.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let mut chunk = match std::mem::take(&mut state.left_out) {
                0 => Vec::new(),
                bytes => format!("\n[debug: {bytes} bytes are left out, which nobody read in time]\n").into_bytes(),
            };
            let count = state.waiting.len().min(CHUNK);
            chunk.extend(state.waiting.drain(..count));
            state.writes = true;
            drop(state);
            let written = stream.write_all(&chunk).and_then(|()| stream.flush());
            state = self.lock();
            state.writes = false;
            if let Err(error) = written {
                (state.closed, state.waiting, state.error) = (true, VecDeque::new(), Some(error));
            }
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::*;

    #[test]
    fn what_nobody_reads_is_left_out_from_the_oldest_and_told() {
        let (mut reader, writer) = io::pipe().expect("there are pipes");
        let printer = Printer::start(writer);
        let lines: Vec<String> = (0..2 * MOST / 16).map(|number| format!("{number:015}\n")).collect();
        lines.iter().for_each(|line| printer.print(line.as_bytes()));
        let reading = thread::spawn(move || {
            let mut read = String::new();
            reader.read_to_string(&mut read).map(|_| read)
        });
        drop(printer);
        let read = reading.join().expect("it ends").expect("it is text");
        let (oldest, rest) = read.split_once("\n[debug: ").expect("it is told");
        let (told, latest) = rest.split_once(" bytes are left out, which nobody read in time]\n").expect("it is told");
        let all = lines.concat();
        assert!(all.starts_with(oldest) && all.ends_with(latest), "it begins and ends as what was printed");
        assert_eq!(oldest.len() + told.parse::<usize>().expect("a number") + latest.len(), all.len());
        assert_eq!(latest.len(), MOST);
    }

    #[test]
    fn what_waits_for_room_loses_nothing_and_learns_that_the_reader_is_gone() {
        let (mut reader, writer) = io::pipe().expect("there are pipes");
        let printer = Printer::start(writer);
        // The pipe takes some of it, each time for another chunk, until it is full.
        let fills_up = (0..64).any(|_| {
            printer.print(&[b'.'; MOST]);
            !printer.has_room_within(Duration::ZERO).expect("the reader is there")
        });
        assert!(fills_up, "nobody reads");
        assert!(!printer.has_written_within(Duration::ZERO).expect("the reader is there"));
        let mut read = vec![0; MOST];
        reader.read_exact(&mut read).expect("so much is printed");
        assert!(printer.has_room_within(PATIENCE).expect("the reader is there"));
        printer.print(&[b'.'; MOST / 2]);
        drop(reader);
        assert!(printer.has_written_within(PATIENCE).is_err() && printer.has_room_within(PATIENCE).is_err());
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader_that_reads_nothing_and_a_closed_one_costs_nothing() {
        let (reader, writer) = io::pipe().expect("there are pipes");
        let printer = Printer::start(writer);
        printer.print(&[b'.'; MOST]);
        drop(printer);
        drop(reader);
        let (reader, writer) = io::pipe().expect("there are pipes");
        drop(reader);
        let printer = Printer::start(writer);
        (0..100).for_each(|_| printer.print(&[b'.'; CHUNK]));
        drop(printer);
    }
}
