//! A moment of the run: registers, instruction, backtrace; and why the machine stands where it is. It does not say it in words.

use super::Interrupted;
use crate::embedded::{Embedded, GoesOn};
use crate::image::{Image, Place};
use crate::machine::{Address, Fault, InstructionBytes, Machine, Register, Registers, TakenTrap};

/// What there is at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Instructions executed before it.
    pub icount: u64,
    /// The general registers and pc.
    pub registers: Registers,
    /// S-mode, U-mode, or a guest's VS-mode or VU-mode.
    pub privilege: &'static str,
    /// The instruction at pc, which comes next; `None` where it cannot be read.
    pub instruction: Option<InstructionBytes>,
    /// The functions that the hart is in, the innermost first.
    pub backtrace: Vec<Place>,
}

/// Why the hart is where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It cannot go on.
    Fault {
        /// Why.
        fault: Fault,
        /// The instruction; `None` where it cannot be read.
        instruction: Option<InstructionBytes>,
        /// The functions that it is in, the innermost first.
        backtrace: Vec<Place>,
    },
    /// The last trap.
    Trap(TakenTrap),
    /// There was no trap.
    Nothing,
}

/// The moment after `icount` instructions, which is now or before; `None` where the history does not go there.
pub fn at(machine: &mut Embedded, image: &Image, icount: u64) -> Option<Moment> {
    machine.at_moment(icount, |machine| {
        let registers = machine.general_registers();
        let is_user = machine.read_register(Register::Priv).is_ok_and(|mode| mode == 0);
        let privilege = match (machine.is_in_guest(), is_user) {
            (false, false) => "S-mode",
            (false, true) => "U-mode",
            (true, false) => "VS-mode",
            (true, true) => "VU-mode",
        };
        let instruction = instruction(machine, Address(registers.pc));
        Moment { icount, privilege, instruction, backtrace: backtrace(machine, image), registers }
    })
}

/// The fault that stopped the machine, else the last trap before now.
///
/// # Errors
/// [`Interrupted`] where `goes_on` says no.
pub fn why(machine: &mut Embedded, image: &Image, goes_on: &mut GoesOn<'_>) -> Result<Why, Interrupted> {
    if let Some(fault) = machine.fault() {
        let pc = Address(machine.general_registers().pc);
        let instruction = instruction(machine, pc);
        return Ok(Why::Fault { fault, instruction, backtrace: backtrace(machine, image) });
    }
    Ok(super::last_traps(machine, 1, goes_on)?.pop().map_or(Why::Nothing, Why::Trap))
}

fn instruction(machine: &Embedded, pc: Address) -> Option<InstructionBytes> {
    let mut bytes = [0; 4];
    let length = [4, 2].into_iter().find(|length| machine.peek(pc, &mut bytes[..*length]))?;
    InstructionBytes::new(&bytes[..length])
}

fn backtrace(machine: &Embedded, image: &Image) -> Vec<Place> {
    image.backtrace(&machine.general_registers(), &mut |address, bytes| machine.peek(address, bytes))
}
