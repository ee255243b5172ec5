//! gdbstub's `SingleThreadResume`, single and range steps, `ReverseStep` and `ReverseCont`: records the client's command. It does
//! not move the machine; motion does.

use std::convert::Infallible;

use gdbstub::common::Signal;
use gdbstub::target::ext::base::reverse_exec::{ReverseCont, ReverseContOps, ReverseStep, ReverseStepOps};
use gdbstub::target::ext::base::singlethread::{
    SingleThreadRangeStepping, SingleThreadRangeSteppingOps, SingleThreadResume, SingleThreadSingleStep,
    SingleThreadSingleStepOps,
};

use super::target::GdbTarget;
use super::wishes::ResumeAction;

/// A signal that GDB passes on has no effect on a hart. If there was a fault, it happens again.
impl SingleThreadResume for GdbTarget {
    fn resume(&mut self, _signal: Option<Signal>) -> Result<(), Infallible> {
        self.begin(ResumeAction::Continue);
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<SingleThreadSingleStepOps<'_, Self>> {
        Some(self)
    }

    fn support_range_step(&mut self) -> Option<SingleThreadRangeSteppingOps<'_, Self>> {
        Some(self)
    }

    fn support_reverse_step(&mut self) -> Option<ReverseStepOps<'_, (), Self>> {
        Some(self)
    }

    fn support_reverse_cont(&mut self) -> Option<ReverseContOps<'_, (), Self>> {
        Some(self)
    }
}

impl SingleThreadSingleStep for GdbTarget {
    fn step(&mut self, _signal: Option<Signal>) -> Result<(), Infallible> {
        self.begin(ResumeAction::Step);
        Ok(())
    }
}

impl SingleThreadRangeStepping for GdbTarget {
    fn resume_range_step(&mut self, start: u64, end: u64) -> Result<(), Infallible> {
        self.begin(ResumeAction::StepOutOf(start..end));
        Ok(())
    }
}

impl ReverseStep<()> for GdbTarget {
    fn reverse_step(&mut self, (): ()) -> Result<(), Infallible> {
        self.begin(ResumeAction::ReverseStep);
        Ok(())
    }
}

impl ReverseCont<()> for GdbTarget {
    fn reverse_cont(&mut self) -> Result<(), Infallible> {
        self.begin(ResumeAction::ReverseContinue);
        Ok(())
    }
}
