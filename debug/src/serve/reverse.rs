//! gdbstub's `ReverseStep` and `ReverseCont`: what the machine is to undo next. It does not do it: motion does.

use std::convert::Infallible;

use gdbstub::target::ext::base::reverse_exec::{ReverseCont, ReverseStep};

use super::motion::Action;
use super::target::Served;

impl ReverseStep<()> for Served {
    fn reverse_step(&mut self, (): ()) -> Result<(), Infallible> {
        self.begin(Action::ReverseStep);
        Ok(())
    }
}

impl ReverseCont<()> for Served {
    fn reverse_cont(&mut self) -> Result<(), Infallible> {
        self.begin(Action::ReverseContinue);
        Ok(())
    }
}
