//! Describes in words what the handler of an interrupt did to the code that it interrupted. It does not judge.

use crate::checks::boot_run::BootRun;
use crate::checks::boot_run::damage::{Damage, Harm};
use crate::checks::fact::Fact;
use crate::checks::finding::Finding;
use crate::machine::{Address, Register};
use crate::riscv;
use crate::riscv::cause::cause;

/// Writes the damage into a finding.
pub fn explain(run: &BootRun<'_>, finding: &mut Finding, damage: &Damage) {
    let Damage { interrupt, harm } = damage;
    let (interrupted, handler) = (run.place(interrupt.pc), run.place(interrupt.handler));
    let what = format!("the handler of the {}, {handler},", cause(interrupt.cause));
    match harm {
        Harm::Register { register, was, is, used_at } => {
            finding.summary = format!(
                "{what} came back to {interrupted} with {register} = {is:#x}, which was {was:#x}, and {} uses it at {}",
                function(run, *used_at),
                run.place(*used_at)
            );
            finding.found = format!("{register} was {was:#x} at the interrupt, and {is:#x} behind its handler");
            finding.advice = Some(match register {
                Register::Gpr(Register::SP) => {
                    "let the handler give back as many bytes of the stack as it took, before it returns".into()
                }
                Register::Fpr(_) => format!(
                    "save {register} in the handler and load it again, as each floating-point register that it changes, or build what the \
                     handler calls without floating point"
                ),
                _ => format!(
                    "save {register} in the handler and load it again before it returns: the code that it interrupts may use every register"
                ),
            });
            finding.set("register", register.to_string());
            finding.set("register_was", Fact::Register(*was));
            finding.set("register_is", Fact::Register(*is));
            finding.set("used_at", *used_at);
        }
        Harm::Skipped { instruction, to } => {
            let text = riscv::disassemble(run.image.xlen(), interrupt.pc, instruction.as_slice());
            finding.summary = format!(
                "{what} came at {interrupted} and returned to {}: it skips `{text}`, which was not executed yet",
                run.place(*to)
            );
            finding.found = format!("sepc was {} at the interrupt, and {to} at the return", interrupt.pc);
            finding.advice = Some(
                "add 4 to sepc only for exceptions like ecall: sepc of an interrupt (the top bit of scause is 1) is the instruction to go on \
                 with"
                    .into(),
            );
            finding.set("returned_to", *to);
        }
    }
    finding.location = Some(handler);
    finding.set("scause", Fact::Register(interrupt.cause));
    finding.set("sepc", interrupt.pc);
}

fn function(run: &BootRun<'_>, at: Address) -> String {
    run.image.function(at).map_or_else(|| "the code".into(), |(name, _)| name)
}
