//! How long a boot may run: by the clock, and on a machine that counts its instructions by their number. It does not judge.
//!
//! A machine that counts does the same at the same count in every run. Its spans of time are counted too: where a boot is looked at, and
//! where it ends, does not depend on how busy the host is. Time alone ends a boot or a span there only after a multiple of it.

use std::fmt;
use std::time::{Duration, Instant};

use crate::machine::Machine;
use crate::setting::Setting;

/// What a microsecond of a time limit allows: about what an optimised build executes while it is observed, on an idle computer.
const LIMIT_PER_MICROSECOND: u64 = 300;
/// What a microsecond between two looks allows: fewer, so that a build without optimisation comes to them too.
const SPAN_PER_MICROSECOND: u64 = 20;
/// Where instructions decide, the clock ends a boot or a span only after so many times its limit: the host is too slow or too busy.
const PATIENCE: u32 = 4;
/// A kernel is looked at once more so many instructions before the limit: a search for a loop needs no more.
pub const LAST_LOOK: u64 = 1 << 14;

/// The limits of a boot.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    begun: Instant,
    time: Duration,
    patience: u32,
    /// How many instructions may be executed, counted from reset; `None` if only time counts.
    instructions: Option<u64>,
    /// The number was given, and not computed from the time limit.
    is_given: bool,
}

/// The limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// This number of instructions.
    Instructions(u64),
    Time,
    /// So many times the time limit, on a machine that has executed so many instructions: fewer than their limit.
    Patience(u32, u64),
}

impl Limit {
    /// From now on. Without a number of instructions it is that of `time` in a machine's own time.
    pub fn new(time: Duration, instructions: Option<u64>) -> Limit {
        let number = instructions.unwrap_or(instructions_in(time));
        let is_given = instructions.is_some();
        Limit { begun: Instant::now(), time, patience: PATIENCE, instructions: Some(number), is_given }
    }

    /// From now on, and whatever the machine counts.
    pub fn of_time(time: Duration) -> Limit {
        Limit { instructions: None, ..Limit::new(time, None) }
    }

    /// Where instructions decide, the clock ends the boot after so many times its limit.
    pub fn with_patience(self, patience: u32) -> Limit {
        Limit { patience, ..self }
    }

    /// Which limit the machine has reached. What the clock says is asked from the machine, which tells a run that is done again what it
    /// told the first.
    pub fn reached(&self, machine: &mut dyn Machine) -> Option<Reached> {
        let counted = self.counted(machine);
        match counted {
            Some((executed, limit)) if executed >= limit => Some(Reached::Instructions(limit)),
            Some((executed, _)) if self.is_late(machine) => Some(Reached::Patience(self.patience, executed)),
            None if self.is_late(machine) => Some(Reached::Time),
            _ => None,
        }
    }

    /// What makes the limit that was reached larger.
    pub fn larger(&self, reached: Reached) -> String {
        let (timeout, instructions) = (Setting::Timeout, Setting::Instructions);
        match reached {
            Reached::Instructions(_) if self.is_given => format!("a larger {instructions}"),
            Reached::Instructions(_) => format!("a longer {timeout}, or a larger {instructions}"),
            Reached::Time | Reached::Patience(..) => format!("a longer {timeout}"),
        }
    }

    /// The time until the clock ends the boot.
    fn left(&self, machine: &dyn Machine) -> Duration {
        self.allowed(machine).saturating_sub(self.begun.elapsed())
    }

    /// Whether the clock ends the boot. A time that is too long for the clock is never over.
    fn is_late(&self, machine: &mut dyn Machine) -> bool {
        self.begun.checked_add(self.allowed(machine)).is_some_and(|end| machine.has_passed(end))
    }

    /// How long the clock lets the boot run.
    fn allowed(&self, machine: &dyn Machine) -> Duration {
        let times = self.counted(machine).map_or(1, |_| self.patience);
        self.time.saturating_mul(times)
    }

    /// Prepares a run or steps of at most `span`. A machine that counts will stop after so many instructions, and at the last look
    /// before the limit and the limit itself. Returns the time limit of the call.
    pub fn allow(&self, machine: &mut dyn Machine, span: Duration) -> Duration {
        let Some((executed, limit)) = self.counted(machine) else {
            machine.interrupt_at(u64::MAX);
            return span.min(self.left(machine));
        };
        let look = limit.saturating_sub(LAST_LOOK);
        let last = if executed < look { look } else { limit };
        machine.interrupt_at(executed.saturating_add(instructions(span)).min(last));
        // A slow or busy host comes to its looks, too.
        self.left(machine).min(span.saturating_mul(self.patience))
    }

    /// The number of executed instructions and their limit, where they decide.
    fn counted(&self, machine: &dyn Machine) -> Option<(u64, u64)> {
        machine.executed().zip(self.instructions)
    }
}

/// The end of a sentence.
impl fmt::Display for Reached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |number: u64| if number == 1 { "" } else { "s" };
        match *self {
            Reached::Instructions(limit) => {
                write!(formatter, "the limit of {limit} instruction{} was reached", plural(limit))
            }
            Reached::Time => formatter.write_str("the time limit was reached"),
            Reached::Patience(times, executed) => {
                let s = plural(executed);
                write!(formatter, "{times} times the time limit was over, after {executed} instruction{s}")
            }
        }
    }
}

/// How many instructions a time limit allows on a machine that counts them: 300 million for each second.
fn instructions_in(time: Duration) -> u64 {
    count(time, LIMIT_PER_MICROSECOND)
}

/// The time limit that allows so many instructions on a machine that counts them.
pub fn time_for(instructions: u64) -> Duration {
    Duration::from_micros(instructions.div_ceil(LIMIT_PER_MICROSECOND))
}

/// How many instructions a span of time is on a machine that counts them.
pub fn instructions(span: Duration) -> u64 {
    count(span, SPAN_PER_MICROSECOND)
}

fn count(span: Duration, per_microsecond: u64) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX).saturating_mul(per_microsecond)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::{Embedded, Options};

    #[test]
    fn time_is_counted_in_instructions_up_to_the_largest_number() {
        assert_eq!(instructions_in(Duration::from_secs(10)), 3_000_000_000);
        assert_eq!(instructions_in(Duration::from_nanos(1)), 0);
        assert_eq!(time_for(3_000_000_000), Duration::from_secs(10));
        assert_eq!(time_for(1), Duration::from_micros(1));
        assert_eq!(instructions_in(Duration::MAX), u64::MAX);
    }

    #[test]
    fn what_makes_a_limit_larger_is_what_made_it() {
        let second = Duration::from_secs(1);
        let [computed, given] =
            [None, Some(5)].map(|number| Limit::new(second, number).larger(Reached::Instructions(5)));
        assert_eq!(computed, "a longer time limit, or a larger number of instructions");
        assert_eq!(given, "a larger number of instructions");
        assert_eq!(Limit::new(second, Some(5)).larger(Reached::Time), "a longer time limit");
    }

    /// The time limit was over long ago.
    #[test]
    fn time_alone_ends_a_boot_that_is_counted_only_after_its_multiple() {
        let mut machine = Embedded::load(&crate::image::neutral_image(crate::riscv::Xlen::Rv64), &Options::default())
            .expect("it fits");
        let hour = Duration::from_secs(3600);
        let Some(begun) = Instant::now().checked_sub(hour) else { return };
        let limit = |time: Duration| Limit { begun, ..Limit::new(time, Some(1)) };
        assert_eq!(limit(hour / 2).reached(&mut machine), None);
        assert_eq!(limit(hour / 4).reached(&mut machine), Some(Reached::Patience(PATIENCE, 0)));
        assert_eq!(limit(hour / 2).with_patience(2).reached(&mut machine), Some(Reached::Patience(2, 0)));
        assert_eq!(
            Limit { instructions: Some(0), ..limit(hour) }.reached(&mut machine),
            Some(Reached::Instructions(0))
        );
        assert_eq!(Limit { instructions: None, ..limit(hour / 2) }.reached(&mut machine), Some(Reached::Time));
    }
}
