//! Several harts behind one stub: which of them the [`Remote`] shows, and which it follows. It does not know why.

use std::time::Duration;

use super::{BREAKPOINT_BYTES, Remote};

use crate::machine::{Address, Error, Machine, Stop};
use crate::riscv::{self, Effect, Xlen};
use crate::rsp::{Client, StopReply, Thread};

/// How long an instruction of a hart that is not followed may take before the hart counts as waiting in a `wfi`.
const OTHERS_PATIENCE: Duration = Duration::from_millis(20);

/// The harts of a stub, as it names them. With one hart nothing is ever selected: it costs no round trip.
#[derive(Default)]
pub struct Harts {
    all: Vec<Thread>,
    /// The one whose registers are shown: the last that stopped.
    shown: Option<Thread>,
    /// The one that [`Machine::follow`] chose.
    followed: Option<Thread>,
}

impl Harts {
    /// Asks the stub which there are.
    pub fn of(client: &mut Client) -> Result<Harts, crate::rsp::Error> {
        let all = client.threads()?;
        let mut harts = Harts { all, shown: None, followed: None };
        if let [first, _, ..] = harts.all[..] {
            harts.select(client, first)?;
        }
        Ok(harts)
    }

    /// At least one.
    pub fn count(&self) -> usize {
        self.all.len().max(1)
    }

    /// Shows this hart.
    fn select(&mut self, client: &mut Client, hart: Thread) -> Result<(), crate::rsp::Error> {
        if self.all.len() > 1 && self.shown != Some(hart) {
            client.select(hart)?;
            self.shown = Some(hart);
        }
        Ok(())
    }

    /// After a stop, shows the hart that it is about; where it is about none, the one that was shown or is followed.
    ///
    /// QEMU selects by itself whichever hart it names in its stop reply, so that is undone.
    pub fn stopped(&mut self, client: &mut Client, by: Option<Thread>) -> Result<(), crate::rsp::Error> {
        match by.or(self.followed).or(self.shown) {
            Some(hart) => {
                self.shown = None;
                self.select(client, hart)
            }
            None => Ok(()),
        }
    }

    pub fn shown(&self) -> Option<Thread> {
        self.shown
    }

    pub fn followed(&self) -> Option<Thread> {
        self.followed
    }

    pub fn follow(&mut self) {
        self.followed = self.shown;
    }

    /// Whether a hart is followed, and another is shown.
    pub fn strayed(&self) -> bool {
        self.followed.is_some() && self.followed != self.shown
    }
}

impl Remote {
    /// Leaves another hart that stopped behind the instruction where it did, and shows the followed one again. True where
    /// there was one.
    pub(super) fn pass_by(&mut self) -> Result<bool, Error> {
        if !self.harts.strayed() {
            return Ok(false);
        }
        // A `wfi` that nothing ends is interrupted, and goes on with all the others.
        self.step_over(OTHERS_PATIENCE)?;
        let followed = self.harts.followed();
        self.harts.stopped(&mut self.client, followed)?;
        Ok(true)
    }

    /// The reply without a watchpoint that was none.
    ///
    /// Where two harts hit watchpoints at once, QEMU tells of one. It tells of the other at that hart's next stop, whatever it
    /// is, and by then the watchpoint may have been removed, and another be in its place in QEMU's memory.
    pub(super) fn without_stale_watchpoint(&mut self, reply: StopReply) -> Result<StopReply, Error> {
        let StopReply::Signal { number, watch: Some(_), thread } = reply else { return Ok(reply) };
        if self.harts.count() == 1 {
            return Ok(reply);
        }
        let mut instruction = [0; 4];
        let pc = Address(self.registers()?.pc);
        let readable = self.read_memory(pc, &mut instruction).is_ok();
        let accesses = riscv::decode(Xlen::Rv64, &instruction).is_none_or(|decoded| {
            matches!(
                decoded.effect(),
                Effect::Load { .. } | Effect::Store { .. } | Effect::Atomic { .. } | Effect::Other
            )
        });
        Ok(if readable && !accesses { StopReply::Signal { number, watch: None, thread } } else { reply })
    }

    /// Executes the instruction at pc of the hart that is shown, past whatever breakpoint or watchpoint would stop it.
    pub(super) fn step_over(&mut self, limit: Duration) -> Result<Stop, Error> {
        let here = Address(self.registers()?.pc);
        let stopped_here = self.breakpoints.contains(&here);
        if stopped_here {
            self.client.remove_breakpoint(here.0, BREAKPOINT_BYTES)?;
        }
        // A watched access that was not told yet is not made unseen: an interrupt may come right before it.
        let caught = self.caught;
        if caught {
            self.each_watchpoint(Client::remove_watchpoint)?;
        }
        let stepped = self.client.step(self.harts.shown(), limit);
        let stop = self.stop(stepped, Stop::Stepped)?;
        if matches!(stop, Stop::Exited { .. }) {
            return Ok(stop);
        }
        if stopped_here {
            self.client.insert_breakpoint(here.0, BREAKPOINT_BYTES)?;
        }
        if caught {
            self.each_watchpoint(Client::insert_watchpoint)?;
        }
        Ok(stop)
    }
}
