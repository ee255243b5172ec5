//! A stop at a panic function, and at the place to which one returns that is none. It does not judge.

use super::super::BootRun;
use super::super::panic::{self, Panicked};
use super::{Mark, Passed};
use crate::machine::{Address, Error, Registers};

impl BootRun<'_> {
    pub(super) fn panics(&mut self, registers: &Registers) -> Result<Passed, Error> {
        let pc = Address(registers.pc);
        let backtrace = self.backtrace(registers);
        let name = self.image.function(pc).map(|(name, _)| name).unwrap_or_default();
        let handling = self.hart.unreturned().next_back().map(|exception| exception.trap);
        self.panicked = Some(Panicked { name, backtrace, handling });
        self.marks.remove(self.machine, Mark::Panic)?;
        self.marks.panic = pc;
        let back = registers.ra();
        // A call of a function that does not return may be the last instruction of its caller. Another function follows then.
        if self.image.is_code(back) && self.same_function(back - 1, back) {
            self.marks.sp_at_panic = registers.sp().0;
            self.marks.insert(self.machine, back, Mark::PanicReturn)?;
        }
        Ok(Passed::Stepped)
    }

    /// A function with a panic function's name returned: it is none. The others may be called yet.
    pub(super) fn panic_returned(&mut self) -> Result<(), Error> {
        self.panicked = None;
        self.marks.remove(self.machine, Mark::PanicReturn)?;
        self.marks.no_panics.push(self.marks.panic);
        for place in panic::functions(self.image) {
            if !self.marks.no_panics.contains(&place) {
                self.marks.insert(self.machine, place, Mark::Panic)?;
            }
        }
        Ok(())
    }
}
