//! Whether the handler of an interrupt ended as a function does: by `ret`, not by `sret`. Then interrupts stay off. It does not judge the code
//! that the hart went to.

use crate::checks::boot_run::departures::Departure;
use crate::checks::boot_run::event::BootEnd;
use crate::checks::boot_run::{BootRun, machine_mode};
use crate::checks::fact::Fact;
use crate::checks::finding::Finding;
use crate::machine::{Error, csr};
use crate::riscv::cause::{cause, is_interrupt};
use crate::riscv::status::sstatus::SIE;

/// The end of the last handler, if that was an interrupt's, by `ret`, and interrupts were not let in again before the kernel came to rest.
pub fn by_ret(run: &mut BootRun<'_>, end: &BootEnd) -> Result<Option<Departure>, Error> {
    use BootEnd::{HartStopped, Loop, Polls, Spins, Unchanging, Wfi};
    let rests = matches!(end, Wfi | Loop { .. } | Spins(_) | Unchanging { .. } | Polls { .. } | HartStopped { .. });
    let ended = run.hart.ended_by_ret.filter(|departure| is_interrupt(departure.trap.cause));
    let Some(departure) = ended.filter(|_| rests && run.panicked.is_none()) else { return Ok(None) };
    let are_off = run.csr(csr::SSTATUS)?.is_some_and(|sstatus| sstatus & SIE == 0);
    Ok(Some(departure).filter(|_| are_off))
}

/// Writes it into a finding.
pub fn explain(run: &BootRun<'_>, finding: &mut Finding, departure: &Departure) {
    let Departure { trap, by, to, .. } = departure;
    let handler = run.place(trap.handler);
    let in_machine_mode = machine_mode::starts_there(run.image, run.layout.entry);
    let (sret, mode) = if in_machine_mode { ("mret", "machine") } else { ("sret", "supervisor") };
    finding.summary = format!(
        "the handler of the {}, {handler}, ended by ret, not {sret}: it went to {}, where ra of the interrupted code led, and interrupts stayed off",
        cause(trap.cause),
        run.place(*to)
    );
    finding.found = format!("`ret` at {}; the interrupt came at {}", run.place(*by), run.place(trap.pc));
    finding.location = Some(handler);
    finding.advice = Some(format!(
        "give the handler __attribute__((interrupt(\"{mode}\"))) in C, or an entry in assembler that saves the registers, calls it, loads them and \
         ends by {sret}"
    ));
    finding.set("scause", Fact::Register(trap.cause));
    finding.set("sepc", trap.pc);
    finding.set("returned_to", *to);
}
