//! A run's traps and interrupts, summed up by kind and by time: a kernel may take millions. It does not know what they mean.

use super::moment::{COLUMNS, Mark};
use crate::machine::TakenTrap;
use crate::riscv::cause;

/// How many are kept one by one, and how many kinds.
const MOST: usize = 200;
const MOST_KINDS: usize = 64;

/// Interrupts or calls of one cause, or other exceptions of one cause at one instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The cause as the register has it.
    cause: u64,
    /// The first one.
    pub first: Mark,
    /// How many.
    pub count: u64,
}

/// All traps of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traps {
    /// How many.
    pub count: u64,
    /// The first ones, one by one.
    pub first: Vec<Mark>,
    /// In the order in which they came; not more than some dozens.
    pub kinds: Vec<Kind>,
    /// How many by column of time.
    pub columns: Vec<u64>,
}

impl Traps {
    /// Counts one, in this column of time.
    pub fn take(&mut self, trap: &TakenTrap, column: usize) {
        self.count += 1;
        self.columns.resize(COLUMNS, 0);
        self.columns[column] += 1;
        let anywhere = cause::is_interrupt(trap.cause)
            || matches!(trap.cause, cause::USER_CALL | cause::SUPERVISOR_CALL | cause::GUEST_CALL);
        let is_same = |kind: &&mut Kind| kind.cause == trap.cause && (anywhere || kind.first.pc == trap.pc);
        let known = self.kinds.iter_mut().find(is_same);
        if let Some(kind) = known {
            kind.count += 1;
        } else if self.kinds.len() < MOST_KINDS {
            self.kinds.push(Kind { cause: trap.cause, first: mark(trap), count: 1 });
        }
        if self.first.len() < MOST {
            self.first.push(mark(trap));
        }
    }

    /// A mark for each kind, at the first one.
    pub fn marks(&self) -> impl Iterator<Item = Mark> {
        self.kinds.iter().map(|kind| {
            let what = match kind.count {
                1 => kind.first.what.clone(),
                count => format!("{}, the first of {count}", kind.first.what),
            };
            Mark { what, ..kind.first.clone() }
        })
    }
}

fn mark(trap: &TakenTrap) -> Mark {
    Mark { icount: trap.icount, what: cause::cause(trap.cause).to_string(), pc: trap.pc, is_trap: true }
}
