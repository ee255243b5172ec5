//! Several harts behind one stub: which hart the [`Remote`] shows, and which it follows. It does not know why.

use std::time::Duration;

use super::{BREAKPOINT_BYTES, Remote, STEP_PATIENCE};

use crate::machine::{Address, Error, Machine, Stop, csr};
use crate::riscv::{self, Effect, board};
use crate::rsp::{Client, StopReply, Thread};

/// If a step takes longer than this where there are several harts, the hart is assumed to wait in a `wfi`.
const OTHERS_PATIENCE: Duration = Duration::from_millis(20);

/// The harts of a stub, by its names. With one hart none is ever selected, which saves round trips.
#[derive(Default)]
pub struct Harts {
    all: Vec<Thread>,
    /// The hart whose registers are shown: the last that stopped.
    shown: Option<Thread>,
    /// The hart that [`Machine::follow`] chose.
    followed: Option<Thread>,
    /// The hart that [`Machine::boot_on`] chose: the others do not run.
    alone: Option<Thread>,
}

impl Harts {
    /// Asks the stub for its harts.
    pub fn of(client: &mut Client) -> Result<Harts, crate::rsp::Error> {
        let all = client.threads()?;
        let mut harts = Harts { all, ..Harts::default() };
        if let [first, _, ..] = harts.all[..] {
            harts.select(client, first)?;
        }
        Ok(harts)
    }

    /// The number of harts, at least 1.
    pub fn count(&self) -> usize {
        self.all.len().max(1)
    }

    /// Selects the hart to show.
    fn select(&mut self, client: &mut Client, hart: Thread) -> Result<(), crate::rsp::Error> {
        if self.all.len() > 1 && self.shown != Some(hart) {
            client.select(hart)?;
            self.shown = Some(hart);
        }
        Ok(())
    }

    /// After a stop, shows the hart that stopped. If the stub does not tell it, shows the followed hart, or the one as before.
    ///
    /// QEMU selects the hart that it names in its stop reply, so the selection must be restored.
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

    pub fn alone(&self) -> Option<Thread> {
        self.alone
    }

    pub fn follow(&mut self) {
        self.followed = self.shown;
        self.alone = None;
    }

    /// Does what [`crate::machine::Machine::show_other`] promises.
    pub fn show_other(&mut self, client: &mut Client, index: Option<usize>) -> Result<bool, crate::rsp::Error> {
        let others = self.all.iter().filter(|hart| Some(**hart) != self.followed);
        let hart = index.map_or(self.followed, |index| others.copied().nth(index));
        hart.map(|hart| self.select(client, hart)).transpose().map(|shown| shown.is_some())
    }

    /// Whether the shown hart is not the followed one.
    pub fn strayed(&self) -> bool {
        self.followed.is_some() && self.followed != self.shown
    }
}

impl Remote {
    /// Does what [`Machine::boot_on`] promises, behind QEMU's stub: writes the hart into the "preferred boot HART" of the words that
    /// QEMU's reset ROM has for OpenSBI, which else draws lots (OpenSBI, docs/firmware/fw_dynamic.md).
    pub(super) fn run_alone(&mut self, id: u64) -> Result<bool, Error> {
        const MAGIC: u64 = 0x4942_534f;
        /// It is the sixth word, since version 2.
        const PREFERRED: usize = 5;
        let bytes = self.xlen.bytes();
        let mut rom = [0; 0x100];
        if !self.is_qemu || self.read_memory(Address(board::ROM), &mut rom).is_err() {
            return Ok(false);
        }
        let is_magic = |word: &[u8]| word[..bytes] == MAGIC.to_le_bytes()[..bytes];
        let Some(index) = rom.chunks_exact(bytes).position(is_magic) else { return Ok(false) };
        for hart in self.harts.all.clone() {
            self.harts.select(&mut self.client, hart)?;
            if self.read_register(csr::MHARTID)? == id {
                let at = Address(board::ROM) + ((index + PREFERRED) * bytes) as u64;
                self.write_memory(at, &id.to_le_bytes()[..bytes])?;
                self.harts.alone = Some(hart);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How long a step of the shown hart may take, and whether others go on meanwhile if it waits in a `wfi`: a step stops them.
    pub(super) fn patience(&self) -> (Duration, bool) {
        if self.harts.count() > 1 { (OTHERS_PATIENCE, true) } else { (STEP_PATIENCE, false) }
    }

    /// If another hart stopped, steps it over its instruction and shows the followed hart again. Returns whether it did so.
    pub(super) fn pass_by(&mut self) -> Result<bool, Error> {
        if !self.harts.strayed() {
            return Ok(false);
        }
        // A `wfi` that nothing ends is interrupted, and continues with the other harts.
        self.step_over(OTHERS_PATIENCE)?;
        let followed = self.harts.followed();
        self.harts.stopped(&mut self.client, followed)?;
        Ok(true)
    }

    /// Removes an outdated watchpoint from a stop reply.
    ///
    /// If two harts hit watchpoints at once, QEMU reports one. It reports the other at that hart's next stop of any kind. By then the
    /// watchpoint may have been removed, and QEMU may have reused its memory for another one.
    pub(super) fn without_stale_watchpoint(&mut self, reply: StopReply) -> Result<StopReply, Error> {
        let StopReply::Signal { number, watch: Some(_), thread } = reply else { return Ok(reply) };
        if self.harts.count() == 1 {
            return Ok(reply);
        }
        let mut instruction = [0; 4];
        let pc = Address(self.registers()?.pc);
        let readable = self.read_memory(pc, &mut instruction).is_ok();
        let accesses = riscv::decode(self.xlen, &instruction).is_none_or(|decoded| {
            matches!(
                decoded.effect(),
                Effect::Load { .. } | Effect::Store { .. } | Effect::Atomic { .. } | Effect::Other
            )
        });
        Ok(if readable && !accesses { StopReply::Signal { number, watch: None, thread } } else { reply })
    }

    /// Steps the shown hart over the instruction at pc, ignoring breakpoints and watchpoints there.
    pub(super) fn step_over(&mut self, limit: Duration) -> Result<Stop, Error> {
        let here = Address(self.registers()?.pc);
        let stopped_here = self.breakpoints.contains(&here);
        if stopped_here {
            self.client.remove_breakpoint(here.0, BREAKPOINT_BYTES)?;
        }
        // Do not make a watched access that was not reported yet: an interrupt may have come right before it.
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
