//! The machine that the other one is judged by: followed while it runs where it can be, else stepped. What it did comes as one
//! state after each instruction. It does not judge.

use std::time::{Duration, Instant};

use super::firmware;
use super::state::{ComparedRegisters, Difference, Executed, State};
use crate::checks::boot_run::layout::Layout;
use crate::image::Image;
use crate::machine::{Address, Error, Machine, Register, Stop, Traced, csr};
use crate::riscv::cause::{handler, is_interrupt};
use crate::riscv::status::sstatus::SIE;
use crate::riscv::status::{MACHINE_MODE, USER_MODE};
use crate::riscv::{self, Effect, Target};

/// How long the next moment is waited for before the deadline is looked at.
const PIECE: Duration = Duration::from_millis(100);

pub struct Reference<'a> {
    pub machine: &'a mut dyn Machine,
    /// It is followed while it runs, up to one of these at the latest.
    breakpoints: Option<Vec<Address>>,
    is_running: bool,
    is_stopping: bool,
}

/// Where an instruction has brought it.
pub enum Reached {
    State(State),
    /// It was stopped to be compared in full, and stands where the instruction begins.
    Standing,
    /// The same, and something differs that it does not write down while it runs.
    Differing(Vec<Difference>),
    /// It has gone to its handler before the instruction, which was not executed.
    Interrupted(State),
    Stopped(Stop),
    TimeOver,
}

impl<'a> Reference<'a> {
    pub fn new(machine: &'a mut dyn Machine) -> Reference<'a> {
        Reference { machine, breakpoints: None, is_running: false, is_stopping: false }
    }

    /// Gets it ready to be followed, where it can be. It will stop where a kernel comes to rest, so that it does not run on from there.
    pub fn prepare(&mut self, compared: &ComparedRegisters, layout: &Layout, image: &Image) -> Result<(), Error> {
        let Some(traceable) = self.machine.traceable() else { return Ok(()) };
        match traceable.prepare_trace(compared.registers()) {
            Err(Error::Unsupported { .. }) => return Ok(()),
            prepared => prepared?,
        }
        let known: Vec<Address> = image.symbols().map(|symbol| symbol.address).collect();
        let resting_places =
            image.code().flat_map(|(start, code)| riscv::resting_places(image.xlen(), start, code, &known));
        let mut breakpoints: Vec<Address> = resting_places.collect();
        breakpoints.push(layout.entry);
        for place in &breakpoints {
            self.machine.insert_breakpoint(*place)?;
        }
        self.breakpoints = Some(breakpoints);
        Ok(())
    }

    /// Whether it runs while it is compared.
    pub fn follows(&self) -> bool {
        self.breakpoints.is_some()
    }

    /// Whether it may be ahead of the other machine now.
    pub fn is_running(&self) -> bool {
        self.is_running
    }

    pub fn name(&self) -> &str {
        self.machine.name()
    }

    /// From here on it goes no further than it has come: [`Reference::advance`] catches up with it.
    pub fn stop(&mut self) -> Result<(), Error> {
        if self.is_running
            && !self.is_stopping
            && let Some(traceable) = self.machine.traceable()
        {
            self.is_stopping = true;
            traceable.stop_trace()?;
        }
        Ok(())
    }

    /// Executes one instruction; as the firmware's are left out, calls of it are one.
    pub fn advance(
        &mut self,
        compared: &ComparedRegisters,
        executed: &Executed<'_>,
        deadline: Instant,
    ) -> Result<Reached, Error> {
        if !self.follows() {
            let Executed { before, bytes, .. } = *executed;
            let (stop, state) = firmware::step(self.machine, compared, before, bytes, deadline)?;
            return Ok(if stop == Stop::Stepped { Reached::State(state) } else { Reached::Stopped(stop) });
        }
        loop {
            let state = match self.next_traced()? {
                Traced::Moment(moment) => State::from(*moment),
                Traced::Nothing if Instant::now() < deadline => continue,
                Traced::Nothing if self.is_stopping => return Ok(Reached::TimeOver),
                Traced::Nothing => {
                    self.stop()?;
                    continue;
                }
                Traced::Stopped(stop) => {
                    self.is_running = false;
                    match self.stopped(compared, executed, stop, deadline)? {
                        Some(reached) => return Ok(reached),
                        None => continue,
                    }
                }
            };
            // Written down once more: something came between it and its execution.
            if compared.differences(&state, executed.before).is_empty() && !stays(executed.effect) {
                continue;
            }
            return Ok(reached(compared, executed.before, state));
        }
    }

    fn next_traced(&mut self) -> Result<Traced, Error> {
        let is_running = self.is_running;
        let Some(traceable) = self.machine.traceable() else { return Ok(Traced::Nothing) };
        if !is_running {
            traceable.start_trace()?;
        }
        let traced = traceable.next_traced(PIECE);
        self.is_running = true;
        traced
    }

    /// What it shows where it has stopped; None where that is in the firmware, which it then leaves.
    fn stopped(
        &mut self,
        compared: &ComparedRegisters,
        executed: &Executed<'_>,
        stop: Stop,
        deadline: Instant,
    ) -> Result<Option<Reached>, Error> {
        self.is_stopping = false;
        if let Stop::Exited { .. } = stop {
            return Ok(Some(Reached::Stopped(stop)));
        }
        let state = compared.read(self.machine)?;
        if compared.value(&state, Register::Priv) == Some(MACHINE_MODE) {
            return Ok((Instant::now() >= deadline).then_some(Reached::TimeOver));
        }
        let before = executed.before;
        let differences = compared.differences(&state, before);
        Ok(Some(if differences.is_empty() && !stays(executed.effect) {
            Reached::Standing
        } else if state.general == before.general && !stays(executed.effect) && !goes_to_handler(compared, &state) {
            Reached::Differing(differences)
        } else {
            reached(compared, before, state)
        }))
    }

    /// Stops it for good, in whatever it does after the kernel has come to rest; whether it stands where it was compared last.
    pub fn settle(&mut self, compared: &ComparedRegisters, last: &State) -> Result<bool, Error> {
        let mut stands = true;
        self.stop()?;
        while self.is_running {
            match self.next_traced()? {
                Traced::Moment(moment) => stands &= compared.differences(&State::from(*moment), last).is_empty(),
                Traced::Stopped(_) | Traced::Nothing => self.is_running = false,
            }
        }
        self.is_stopping = false;
        Ok(stands)
    }
}

fn reached(compared: &ComparedRegisters, before: &State, state: State) -> Reached {
    let is_before = compared.value(&state, csr::SEPC) == Some(before.general.pc);
    let unchanged = state.general.x == before.general.x;
    if is_before && unchanged && goes_to_handler(compared, &state) && can_be_interrupted(compared, before) {
        Reached::Interrupted(state)
    } else {
        Reached::State(state)
    }
}

/// Whether the state is one that an interrupt leaves.
fn goes_to_handler(compared: &ComparedRegisters, state: &State) -> bool {
    let value = |register| compared.value(state, register).unwrap_or(0);
    let cause = value(csr::SCAUSE);
    is_interrupt(cause) && state.general.pc == handler(value(csr::STVEC), cause)
}

/// Whether the supervisor's interrupts are taken in this state.
pub fn can_be_interrupted(compared: &ComparedRegisters, state: &State) -> bool {
    let user = compared.value(state, Register::Priv) == Some(USER_MODE);
    let enabled = compared.value(state, csr::SSTATUS).is_none_or(|status| status & SIE != 0);
    (user || enabled) && compared.value(state, csr::SIE).is_none_or(|sie| sie != 0)
}

/// Whether the instruction leads to itself.
fn stays(effect: Effect) -> bool {
    matches!(effect, Effect::Jump(Target::Relative(0)) | Effect::Branch { offset: 0 })
}
