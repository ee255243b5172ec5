//! gdbstub's `ReverseStep` and `ReverseCont`: what the machine is to undo next. It does not do it: motion does.

use std::convert::Infallible;

use gdbstub::target::ext::base::reverse_exec::{ReverseCont, ReverseStep};

use super::motion::ResumeAction;
use super::target::GdbTarget;

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
