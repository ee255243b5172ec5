//! What the present client has set and wants: breakpoints, watchpoints, a motion. It does not know how the machine moves.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use gdbstub::common::Tid;
use gdbstub::stub::MultiThreadStopReason;
use gdbstub::target::ext::breakpoints::WatchKind;

use crate::embedded::World;
use crate::machine::{Access, Address, Watchpoint};

/// How long the machine moves before the client is polled.
pub const SLICE: Duration = Duration::from_millis(10);

/// The client's breakpoints and watchpoints. Setting one twice, or removing an absent one, has no effect, as the protocol requires.
#[derive(Default)]
pub struct Set {
    pub software: BTreeSet<u64>,
    pub hardware: BTreeSet<u64>,
    pub watchpoints: Vec<Watchpoint>,
    /// Addresses that no page table maps are physical ones.
    pub physical: bool,
    /// Whose instructions the breakpoints stop.
    pub world: World,
}

impl Set {
    /// Whether a breakpoint is set there, for any world.
    pub fn breaks_at(&self, address: u64) -> bool {
        self.software.contains(&address) || self.hardware.contains(&address)
    }

    /// The stop reason for a breakpoint at pc.
    pub fn breakpoint_reason(&self, pc: u64, thread: Tid) -> MultiThreadStopReason<u64> {
        if self.software.contains(&pc) {
            MultiThreadStopReason::SwBreak(thread)
        } else {
            MultiThreadStopReason::HwBreak(thread)
        }
    }

    /// The stop reason for an access to `address`.
    pub fn watchpoint_reason(&self, address: Address, thread: Tid) -> MultiThreadStopReason<u64> {
        let watches = |watchpoint: &&Watchpoint| address.0.wrapping_sub(watchpoint.address.0) < watchpoint.length;
        let access = self.watchpoints.iter().find(watches).map_or(Access::ReadOrWrite, |watchpoint| watchpoint.access);
        let kind = match access {
            Access::Write => WatchKind::Write,
            Access::Read => WatchKind::Read,
            Access::ReadOrWrite => WatchKind::ReadWrite,
        };
        MultiThreadStopReason::Watch { tid: thread, kind, addr: address.0 }
    }
}

/// The client's command to move the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ResumeAction {
    #[default]
    Continue,
    Step,
    /// Step until pc is outside of the range.
    StepOutOf(Range<u64>),
    ReverseStep,
    ReverseContinue,
}

/// What the machine is doing.
#[derive(Clone, Debug)]
pub struct Motion {
    pub action: ResumeAction,
    /// The hart that is stepped.
    pub hart: usize,
    /// The harts that the client has named, a bit for each.
    pub named: u32,
    /// Only those are to move.
    pub locked: bool,
    /// Waiting in a `wfi` that nothing will end.
    pub waiting: bool,
    /// The length of a slice back in time. It must be enough to reach a checkpoint.
    pub patience: Duration,
}

impl Default for Motion {
    fn default() -> Motion {
        let action = ResumeAction::default();
        Motion { action, hart: 0, named: 0, locked: false, waiting: false, patience: SLICE }
    }
}
