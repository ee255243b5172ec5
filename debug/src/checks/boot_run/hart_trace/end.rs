//! The end of a boot that the trace of its hart proves.

use super::super::event::BootEnd;
use super::HartTrace;

/// A kernel idles if it returned to its `wfi` after this many interrupts ...
pub const PERIODS: u64 = 16;
/// ... for this time, in ticks of 100 ns (2 s) ...
pub const LONG_ENOUGH: u64 = 20_000_000;
/// ... or for this many instructions.
pub const BUSY_ENOUGH: u64 = 5_000_000;
/// Where `wfi` jumps to the next tick, it is watched on while that costs little: for so many instructions ...
const CHEAP: u64 = 2_000_000;
/// ... or this time (60 s). A tick may count up to something.
const LONG: u64 = 30 * LONG_ENOUGH;
/// A loop that changes no state is watched for so long, in ticks (3 s), and for no more than so many instructions, its own among them.
pub const SPINS_LONG_ENOUGH: u64 = 30_000_000;
pub const SPINS_ENOUGH: u64 = 100_000_000;
/// A kernel whose stack sinks with each interrupt is watched until that overflows, or for so many instructions.
const SINKS: u64 = 20_000_000;
/// A kernel waits for input if it asked this often ...
const POLLS: u64 = 1000;
/// ... in this many instructions (200 ms) and printed nothing.
const QUIET: u64 = 20_000_000;

impl HartTrace {
    /// The end of the boot that the trace proves, on a machine that counts every instruction (`icount`).
    pub fn end(&self) -> Option<BootEnd> {
        if self.stuck.is_some() {
            return Some(BootEnd::Stuck);
        }
        if self.storm.is_some() {
            return Some(BootEnd::Storm);
        }
        if let Some(at) = self.stopped {
            return Some(BootEnd::HartStopped { at });
        }
        if self.waits.times >= PERIODS && !self.trapped_since_it_waited() && self.has_waited_long() {
            return Some(BootEnd::Ticking { period: self.waits.period(), spins: false });
        }
        if self.polls.times >= POLLS && self.polls.instructions() >= QUIET {
            return Some(BootEnd::Polls { at: self.polled_at });
        }
        // A text that is awaited may come later.
        if self.stops_at_prints || self.live.iter().any(|live| live.exception.is_some()) {
            None
        } else {
            self.life.end()
        }
    }

    fn has_waited_long(&self) -> bool {
        let (ticks, instructions) = (self.waits.ticks(), self.waits.instructions());
        let long = ticks >= LONG_ENOUGH && (ticks >= LONG || instructions >= CHEAP);
        (long || instructions >= BUSY_ENOUGH) && (self.sinking.each().is_none() || instructions >= SINKS)
    }

    /// Whether it reads the time while it asks for input: it may ask until a point in time only.
    pub fn asks_for_limited_time(&self) -> bool {
        self.polls.times >= POLLS && self.clock_read.is_some_and(|read| read > self.polls.first)
    }

    /// Whether the hart handles an exception that came after its last `wfi`: the handler may yet return.
    fn trapped_since_it_waited(&self) -> bool {
        self.live.iter().any(|live| live.exception.is_some() && live.trap.icount > self.waits.last)
    }

    pub fn has_come_to_an_end(&self) -> bool {
        self.end().is_some()
    }
}
