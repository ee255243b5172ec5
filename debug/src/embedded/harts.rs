//! The harts of a board beside the selected one: parked, each with what it knows of memory and code. It does not know what they execute.

use crate::embedded::bus::memory;
use crate::embedded::hart::code;
use crate::embedded::hart::state::Hart;
use crate::embedded::schedule::Schedule;

/// A hart that is not selected.
pub struct Parked {
    /// Its registers are large: harts change places without being copied.
    pub hart: Box<Hart>,
    pub(super) memory: memory::View,
    pub(super) code: code::View,
    /// The instructions that it executed.
    pub(super) executed: u64,
}

/// What a machine has beside the selected hart.
pub struct Harts {
    /// In no order.
    pub(super) parked: Vec<Parked>,
    pub(super) schedule: Schedule,
    /// The schedule before the last choice, and when that was: a hart that stopped before it executed anything has not begun its turn.
    pub(super) before: Option<(u64, Schedule)>,
    /// The hart that is followed: only it stops at breakpoints, and only what it does is recorded.
    pub(super) followed: Option<usize>,
    /// At so many instructions of the followed hart a run ends.
    pub(super) own_end: u64,
    /// A hart that does not stop at the breakpoint where it stands.
    pub(super) passing: Option<usize>,
}

/// The harts in a checkpoint.
pub struct State {
    pub(super) selected: Hart,
    pub(super) parked: Vec<(Hart, u64)>,
    pub(super) schedule: Schedule,
}

impl State {
    /// Its memory in bytes, beyond its own size.
    pub fn bytes(&self) -> usize {
        self.parked.len() * size_of::<(Hart, u64)>()
    }
}

impl Harts {
    /// Others beside the one that is selected, and whose turn is first.
    pub fn new(others: Vec<Hart>, schedule: Schedule) -> Harts {
        let park = |hart: Hart| Parked {
            memory: memory::View::of(&hart),
            code: code::View::default(),
            hart: Box::new(hart),
            executed: 0,
        };
        Harts {
            parked: others.into_iter().map(park).collect(),
            schedule,
            before: None,
            followed: None,
            own_end: u64::MAX,
            passing: None,
        }
    }

    pub fn count(&self) -> usize {
        self.parked.len() + 1
    }

    pub fn is_one(&self) -> bool {
        self.parked.is_empty()
    }

    /// Those that are not selected, in no order.
    pub fn others(&self) -> impl Iterator<Item = &Hart> {
        self.parked.iter().map(|parked| &*parked.hart)
    }

    pub fn others_mut(&mut self) -> impl Iterator<Item = &mut Hart> {
        self.parked.iter_mut().map(|parked| &mut *parked.hart)
    }

    /// Has a parked hart forget what addresses lead to.
    pub fn flush_other(&mut self, number: usize) {
        for parked in self.parked.iter_mut().filter(|parked| parked.hart.number == number) {
            parked.memory.forget();
            parked.code.forget();
        }
    }
}
