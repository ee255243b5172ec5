//! Runs the firmware, from reset to the kernel's entry. It does not judge.

use std::time::Duration;

use super::event::with_status;
use super::layout::Layout;
use super::limit::Limit;
use super::machine_mode;
use crate::checks::Error;
use crate::checks::handoff::NoArrival;
use crate::image::Image;
use crate::machine::{self, Address, Machine, Stop};

/// Runs from reset until a hart reaches the kernel's entry, and follows that hart. `boot_hart` names the hart that is
/// to boot; if it is `None`, any hart will do after a firmware, which chooses one, and hart 0 without one, where all begin at the entry. If the kernel
/// starts in another way, returns what happened instead.
///
/// # Errors
/// [`Error::NotAtReset`]; [`Error::NotHandedOver`] if time was up before the kernel started; errors of the machine.
pub fn arrive(
    machine: &mut dyn Machine,
    image: &Image,
    layout: &Layout,
    boot_hart: Option<u64>,
    limit: &Limit,
) -> Result<Result<(), NoArrival>, Error> {
    let in_image = |pc| image.segments().iter().any(|segment| segment.contains(image.linked(pc)));
    let entry = layout.entry;
    let pc = Address(machine.registers()?.pc);
    if pc != entry && in_image(pc) {
        return Err(Error::NotAtReset { machine: machine.name().into(), place: Box::new(image.place(pc)) });
    }
    machine.insert_breakpoint(entry)?;
    // A kernel that traps for ever is mostly found in the firmware. Reaching its lowest address proves that it started.
    let lowest = image.segments().iter().map(|segment| segment.physical).min().map(|lowest| image.linked(lowest));
    let mut door = lowest.filter(|door| *door != entry);
    if let Some(door) = door {
        machine.insert_breakpoint(door)?;
    }
    let mut begun = false;
    let all_come = machine.harts() > 1 && machine_mode::starts_there(image, entry);
    if let Some(hart) = boot_hart.filter(|_| machine.harts() > 1 && !all_come) {
        machine.boot_on(hart)?;
    }
    let boot_hart = boot_hart.or(all_come.then_some(0));
    let mut missing = NoArrival { boot_hart, others: Vec::new(), pc };
    while missing.pc != entry || missing.is_another(machine)? {
        let left = limit.allow(machine, Duration::MAX);
        let stop = machine.resume(left)?;
        if let Stop::Exited { status } = stop {
            let how = format!("the machine ended before the kernel's entry{}", with_status(status));
            return Err(machine::Error::Gone { who: machine.name().into(), how }.into());
        }
        missing.pc = Address(machine.registers()?.pc);
        if let Some(opened) = door.take_if(|door| *door == missing.pc) {
            machine.remove_breakpoint(opened)?;
            begun = true;
        } else if missing.pc != entry || limit.reached(machine).is_some() && missing.is_another(machine)? {
            begun |= in_image(missing.pc) || !missing.others.is_empty() || stop != Stop::Interrupted;
            if begun {
                return Ok(Err(missing));
            }
            let place = Box::new(image.place(missing.pc));
            return Err(Error::NotHandedOver { machine: machine.name().into(), place });
        }
    }
    if let Some(door) = door {
        machine.remove_breakpoint(door)?;
    }
    machine.follow();
    Ok(Ok(()))
}
