//! From reset to the kernel's entry: what the firmware does before any check looks. It does not judge.

use std::time::Instant;

use super::event::with_status;
use super::layout::Layout;
use crate::checks::Error;
use crate::checks::handoff::NoArrival;
use crate::image::Image;
use crate::machine::{self, Address, Machine, Stop};

/// Runs from reset until a hart is at the kernel's entry, that of this number where there is one, and follows it; what came
/// instead, where the kernel has begun otherwise.
///
/// # Errors
/// [`Error::NotAtReset`]; [`Error::NotHandedOver`] where the time was over before the kernel began; those of the machine.
pub fn arrive(
    machine: &mut dyn Machine,
    image: &Image,
    layout: &Layout,
    boot_hart: Option<u64>,
    deadline: Instant,
) -> Result<Result<(), NoArrival>, Error> {
    let in_image = |pc| image.segments().iter().any(|segment| segment.contains(image.linked(pc)));
    let entry = layout.entry;
    let pc = Address(machine.registers()?.pc);
    if pc != entry && in_image(pc) {
        return Err(Error::NotAtReset { machine: machine.name().into(), place: Box::new(image.place(pc)) });
    }
    machine.insert_breakpoint(entry)?;
    // A kernel that traps for ever is mostly seen in the firmware. Its lowest address, where firmware jumps, shows that it began.
    let lowest = image.segments().iter().map(|segment| segment.physical).min().map(|lowest| image.linked(lowest));
    let mut door = lowest.filter(|door| *door != entry);
    if let Some(door) = door {
        machine.insert_breakpoint(door)?;
    }
    let mut begun = false;
    let mut missing = NoArrival { boot_hart, others: Vec::new(), pc };
    while missing.pc != entry || missing.is_another(machine)? {
        let stop = machine.resume(deadline.saturating_duration_since(Instant::now()))?;
        if let Stop::Exited { status } = stop {
            let how = format!("it ended before the kernel's entry{}", with_status(status));
            return Err(machine::Error::Gone { who: machine.name().into(), how }.into());
        }
        missing.pc = Address(machine.registers()?.pc);
        if let Some(opened) = door.take_if(|door| *door == missing.pc) {
            machine.remove_breakpoint(opened)?;
            begun = true;
        } else if missing.pc != entry {
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
