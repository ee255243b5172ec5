//! gdbstub's multi-thread traits, for machines with several harts: hart N is GDB's thread N + 1. A hart is selected for each request, and what
//! one hart can do is asked of that. It does not move the machine; motion does.
//!
//! Harts execute in the order of the schedule: a step of one is over when that hart has made it, and the others go on until then. So a
//! client changes nothing of the run, and can go back over it. Where it wants one to move alone (`set scheduler-locking`), the others are held, which
//! is a change from outside.

use std::convert::Infallible;

use gdbstub::common::{Signal, Tid};
use gdbstub::target::ext::base::multithread::{
    MultiThreadBase, MultiThreadRangeStepping, MultiThreadRangeSteppingOps, MultiThreadResume, MultiThreadResumeOps,
    MultiThreadSchedulerLocking, MultiThreadSchedulerLockingOps, MultiThreadSingleStep, MultiThreadSingleStepOps,
};
use gdbstub::target::ext::base::reverse_exec::{ReverseCont, ReverseContOps, ReverseStep, ReverseStepOps};
use gdbstub::target::ext::base::single_register_access::{SingleRegisterAccess, SingleRegisterAccessOps};
use gdbstub::target::ext::base::singlethread::SingleThreadBase;
use gdbstub::target::ext::thread_extra_info::{ThreadExtraInfo, ThreadExtraInfoOps};
use gdbstub::target::{TargetError, TargetResult};

use super::arch::{WireRegister, WireRegisters};
use super::target::GdbTarget;
use super::wishes::ResumeAction;
use crate::machine::Machine;

/// ESRCH: there is no such hart.
const NO_HART: u8 = 3;

/// GDB's number of a hart: 0 means any thread.
pub(super) fn thread(hart: usize) -> Tid {
    Tid::MIN.saturating_add(hart)
}

impl GdbTarget {
    fn select(&mut self, thread: Tid) -> TargetResult<(), Self> {
        let exists = self.machine.select(thread.get() - 1);
        if exists { Ok(()) } else { Err(TargetError::Errno(NO_HART)) }
    }

    /// The thread of the hart that is shown.
    pub(super) fn thread(&self) -> Tid {
        thread(self.machine.selected())
    }

    fn begin_on(&mut self, thread: Tid, action: ResumeAction) {
        self.machine.select(thread.get() - 1);
        let named = self.motion.named;
        self.begin(action);
        self.motion.named = named;
        self.name(thread);
    }

    /// The client wants this hart to move, whatever others do.
    fn name(&mut self, thread: Tid) {
        self.motion.named |= u32::try_from(thread.get() - 1).ok().and_then(|hart| 1_u32.checked_shl(hart)).unwrap_or(0);
    }
}

impl MultiThreadBase for GdbTarget {
    fn read_registers(&mut self, registers: &mut WireRegisters, thread: Tid) -> TargetResult<(), Self> {
        self.select(thread)?;
        SingleThreadBase::read_registers(self, registers)
    }

    fn write_registers(&mut self, registers: &WireRegisters, thread: Tid) -> TargetResult<(), Self> {
        self.select(thread)?;
        SingleThreadBase::write_registers(self, registers)
    }

    fn support_single_register_access(&mut self) -> Option<SingleRegisterAccessOps<'_, Tid, Self>> {
        Some(self)
    }

    fn read_addrs(&mut self, start: u64, bytes: &mut [u8], thread: Tid) -> TargetResult<usize, Self> {
        self.select(thread)?;
        SingleThreadBase::read_addrs(self, start, bytes)
    }

    fn write_addrs(&mut self, start: u64, bytes: &[u8], thread: Tid) -> TargetResult<(), Self> {
        self.select(thread)?;
        SingleThreadBase::write_addrs(self, start, bytes)
    }

    fn list_active_threads(&mut self, is_active: &mut dyn FnMut(Tid)) -> Result<(), Infallible> {
        (0..self.machine.harts()).map(thread).for_each(is_active);
        Ok(())
    }

    fn support_resume(&mut self) -> Option<MultiThreadResumeOps<'_, Self>> {
        Some(self)
    }

    fn support_thread_extra_info(&mut self) -> Option<ThreadExtraInfoOps<'_, Self>> {
        Some(self)
    }
}

/// What `info threads` says of a hart.
impl ThreadExtraInfo for GdbTarget {
    fn thread_extra_info(&self, thread: Tid, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let words = format!("hart {}", thread.get() - 1);
        let length = words.len().min(buffer.len());
        buffer[..length].copy_from_slice(&words.as_bytes()[..length]);
        Ok(length)
    }
}

impl SingleRegisterAccess<Tid> for GdbTarget {
    fn read_register(&mut self, thread: Tid, id: WireRegister, buffer: &mut [u8]) -> TargetResult<usize, Self> {
        self.select(thread)?;
        SingleRegisterAccess::<()>::read_register(self, (), id, buffer)
    }

    fn write_register(&mut self, thread: Tid, id: WireRegister, bytes: &[u8]) -> TargetResult<(), Self> {
        self.select(thread)?;
        SingleRegisterAccess::<()>::write_register(self, (), id, bytes)
    }
}

/// All harts go on, unless one is stepped: then they do until it has made its step. A lock holds those that are not named.
impl MultiThreadResume for GdbTarget {
    fn resume(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn clear_resume_actions(&mut self) -> Result<(), Infallible> {
        self.begin(ResumeAction::Continue);
        Ok(())
    }

    fn set_resume_action_continue(&mut self, thread: Tid, _: Option<Signal>) -> Result<(), Infallible> {
        self.name(thread);
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<MultiThreadSingleStepOps<'_, Self>> {
        Some(self)
    }

    fn support_range_step(&mut self) -> Option<MultiThreadRangeSteppingOps<'_, Self>> {
        Some(self)
    }

    fn support_reverse_step(&mut self) -> Option<ReverseStepOps<'_, Tid, Self>> {
        Some(self)
    }

    fn support_reverse_cont(&mut self) -> Option<ReverseContOps<'_, Tid, Self>> {
        Some(self)
    }

    fn support_scheduler_locking(&mut self) -> Option<MultiThreadSchedulerLockingOps<'_, Self>> {
        Some(self)
    }
}

impl MultiThreadSingleStep for GdbTarget {
    fn set_resume_action_step(&mut self, thread: Tid, _: Option<Signal>) -> Result<(), Infallible> {
        self.begin_on(thread, ResumeAction::Step);
        Ok(())
    }
}

impl MultiThreadRangeStepping for GdbTarget {
    fn set_resume_action_range_step(&mut self, thread: Tid, start: u64, end: u64) -> Result<(), Infallible> {
        self.begin_on(thread, ResumeAction::StepOutOf(start..end));
        Ok(())
    }
}

/// Only the harts that were named are to move.
impl MultiThreadSchedulerLocking for GdbTarget {
    fn set_resume_action_scheduler_lock(&mut self) -> Result<(), Infallible> {
        self.motion.locked = true;
        Ok(())
    }
}

impl ReverseStep<Tid> for GdbTarget {
    fn reverse_step(&mut self, thread: Tid) -> Result<(), Infallible> {
        self.begin_on(thread, ResumeAction::ReverseStep);
        Ok(())
    }
}

impl ReverseCont<Tid> for GdbTarget {
    fn reverse_cont(&mut self) -> Result<(), Infallible> {
        self.begin(ResumeAction::ReverseContinue);
        Ok(())
    }
}
