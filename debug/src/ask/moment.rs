//! A moment of the run: registers, instruction, backtrace; and why the machine stands where it is. It does not say it in words.

use super::Interrupted;
use super::page::{self, Page};
use crate::embedded::{Embedded, GoesOn};
use crate::image::{Image, Place};
use crate::machine::{Address, Fault, InstructionBytes, Machine, Register, Registers, TakenTrap};
use crate::riscv::cause;

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
        /// Of a page fault: the way through the page tables.
        page: Option<FaultingPage>,
    },
    /// The last trap.
    Trap {
        /// What was trapped, and by whom.
        trap: TakenTrap,
        /// Of a page fault: the way through the page tables, as they were then.
        page: Option<FaultingPage>,
    },
    /// There was no trap.
    Nothing,
}

/// The page that a page fault is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultingPage {
    /// How the hart came to it.
    pub page: Page,
    /// The cause's number.
    pub code: u64,
    /// The access was made in U-mode.
    pub from_user: bool,
}

/// The moment after `icount` instructions, which were executed already; `None` where the history does not go there.
pub fn at(machine: &mut Embedded, image: &Image, icount: u64) -> Option<Moment> {
    machine.at_moment(icount, |machine| {
        let registers = machine.general_registers();
        let privilege = match (machine.is_in_guest(), is_user(machine)) {
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
        let from_user = is_user(machine);
        let page = match fault {
            Fault::Trap { cause, value, .. } => faulting_page(machine, cause, value, machine.is_in_guest(), from_user),
            _ => None,
        };
        return Ok(Why::Fault { fault, instruction, backtrace: backtrace(machine, image), page });
    }
    let Some(trap) = super::last_traps(machine, 1, goes_on)?.pop() else { return Ok(Why::Nothing) };
    // A hypervisor may load and store as its guest does.
    let of_guest = trap.from_guest || trap.guest_physical.is_some();
    let page = machine
        .at_moment(trap.icount, |machine| faulting_page(machine, trap.cause, trap.value, of_guest, trap.from_user));
    Ok(Why::Trap { page: page.flatten(), trap })
}

/// The way to `value` through the page tables of the present, if this cause is a page fault.
fn faulting_page(
    machine: &mut Embedded,
    cause: u64,
    value: u64,
    of_guest: bool,
    from_user: bool,
) -> Option<FaultingPage> {
    if cause::is_interrupt(cause) || !cause::is_page(cause) {
        return None;
    }
    let walk = if of_guest { page::page_of_guest } else { page::page };
    Some(FaultingPage { page: walk(machine, Address(value)), code: cause, from_user })
}

fn is_user(machine: &mut Embedded) -> bool {
    machine.read_register(Register::Priv).is_ok_and(|mode| mode == 0)
}

fn instruction(machine: &Embedded, pc: Address) -> Option<InstructionBytes> {
    let mut bytes = [0; 4];
    let length = [4, 2].into_iter().find(|length| machine.peek(pc, &mut bytes[..*length]))?;
    InstructionBytes::new(&bytes[..length])
}

fn backtrace(machine: &Embedded, image: &Image) -> Vec<Place> {
    // A guest's frames say nothing to who has the hypervisor's symbols alone.
    let image = if machine.is_in_guest() { image.guest().unwrap_or(image) } else { image };
    image.backtrace(&machine.general_registers(), &mut |address, bytes| machine.peek(address, bytes))
}
