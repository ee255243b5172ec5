//! The finding of check `stack`, in words.

use super::{Approach, NAME, Setting, sp_of};
use crate::checks::boot_run::BootRun;
use crate::checks::boot_run::layout::overlap;
use crate::checks::finding::{Finding, Status};
use crate::checks::image::stack_alignment;
use crate::image::{Symbol, is_stack_name};
use crate::machine::{Address, Error, Registers};

/// The largest frame that one `addi` can make (RISC-V unprivileged manual, "Integer Computational Instructions").
const LARGEST_FRAME: u64 = 2048;

/// What uses sp.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Store,
    Load,
    Call,
    /// A jump out of the function that set sp.
    Jump,
}

impl Use {
    fn words(self) -> &'static str {
        match self {
            Use::Store => "a store",
            Use::Load => "a load",
            Use::Call => "a call",
            Use::Jump => "a jump to another function",
        }
    }
}

/// What is wrong with an sp, and what to do about it.
struct Wrong {
    what: String,
    advice: String,
}

impl Approach {
    /// Judges sp at its first use.
    pub(super) fn judge(&self, run: &BootRun<'_>, registers: &Registers, deed: Use) -> Finding {
        let sp = sp_of(registers);
        let mut finding = self.finding(run, registers);
        let Some(setting) = &self.setting else {
            finding.summary = format!("{} before sp was set: it is the firmware's, {}", deed.words(), self.entry_sp);
            finding.found = format!("sp = {sp}");
            return finding;
        };
        finding.set("instructions", setting.instructions);
        match self.explain(run, setting, sp, deed) {
            Ok(summary) => {
                finding.status = Status::Pass;
                finding.summary = summary;
            }
            Err(Wrong { what, advice }) => {
                finding.summary = format!("{}, and {what}", deed.words());
                finding.advice = Some(advice);
            }
        }
        finding
    }

    /// Why this sp is right (`Ok`) or wrong (`Err`).
    fn explain(&self, run: &BootRun<'_>, setting: &Setting, sp: Address, deed: Use) -> Result<String, Wrong> {
        let stack = &run.layout.stack;
        let name = &run.layout.names.stack_top;
        let at = run.image.canonical(sp);
        let base = run.image.canonical(setting.value);
        let instructions = setting.instructions;
        let origin = self.origins.of_sp();
        if at == stack.end {
            return Ok(format!("sp = {sp} = {name} after {instructions} instructions"));
        }
        if origin.of_unset_gp {
            return Err(Wrong {
                what: format!(
                    "sp is {sp}, computed from gp, which nobody has set: the linker relaxed `la sp, {name}` to an addition to gp"
                ),
                advice: "set gp first, `la gp, __global_pointer$` between `.option norelax` and `.option pop`".into(),
            });
        }
        let alignment = stack_alignment(run.image);
        if !sp.0.is_multiple_of(alignment) {
            return Err(Wrong {
                what: format!(
                    "sp was set to {}, which is not {alignment}-aligned",
                    difference(sp, at, stack.end, name)
                ),
                advice: format!("set sp to a multiple of {alignment}: the calling convention relies on it"),
            });
        }
        let inside = stack.start <= at && at <= stack.end;
        if origin.of_hart && (inside || run.image.stack_around(at).is_some()) {
            let (anchor, distance) = if at.0 - stack.start.0.min(at.0) <= stack.end.0.saturating_sub(at.0) {
                (format!("{} + ", run.layout.stack_bottom_name), at.0.wrapping_sub(stack.start.0))
            } else {
                (format!("{name} - "), stack.end.0.wrapping_sub(at.0))
            };
            return Ok(format!(
                "sp = {sp} = {anchor}{distance}, computed from the hart's number: the slot of this hart"
            ));
        }
        let is_frame = base == stack.end && inside && base.0 - at.0 == setting.lowered;
        let made_here =
            matches!(deed, Use::Store | Use::Load) || setting.by_numbers && setting.lowered <= LARGEST_FRAME;
        if is_frame && made_here {
            let lowered = setting.lowered;
            return Ok(format!(
                "sp = {sp}, a frame of {lowered} bytes below {name}, after {instructions} instructions"
            ));
        }
        let mut wrong = format!("sp was set to {}", difference(sp, at, stack.end, name));
        if at == stack.start {
            wrong =
                format!("{wrong}: it is {}, the low end, and a stack grows downwards", run.layout.stack_bottom_name);
        }
        Err(Wrong { what: wrong, advice: format!("set sp to {name} right before") })
    }

    /// The boot ended, and nothing used sp.
    pub(super) fn unused(&mut self, run: &mut BootRun<'_>) -> Result<Finding, Error> {
        if let Some(held) = self.held.take() {
            return Ok(held);
        }
        let registers = run.machine.registers()?;
        let mut finding = self.finding(run, &registers);
        finding.status = Status::Pass;
        finding.summary = match &self.setting {
            Some(_) if run.image.canonical(sp_of(&registers)) == run.layout.stack.end => {
                format!("sp = {} = {}, and nothing used it", sp_of(&registers), run.layout.names.stack_top)
            }
            Some(_) => format!("sp = {}, and nothing used it", sp_of(&registers)),
            None => "sp was never set, and nothing used it".into(),
        };
        Ok(finding)
    }

    fn finding(&self, run: &BootRun<'_>, registers: &Registers) -> Finding {
        let mut finding = Finding::new(NAME);
        let (top, name) = (run.layout.stack.end, &run.layout.names.stack_top);
        let sp = sp_of(registers);
        let alignment = stack_alignment(run.image);
        finding.expected =
            format!("sp = {top} = {name}, {alignment}-aligned, when a store, a load or a call first uses it");
        finding.found = format!("sp = {sp}");
        finding.location = Some(run.place(Address(registers.pc)));
        finding.set("sp", sp);
        finding
    }
}

/// The failure for a stack without reserved memory, which grows over variables.
pub(super) fn look_for_variables(run: &BootRun<'_>, finding: &mut Finding) {
    let (stack, top) = (&run.layout.stack, &run.layout.names.stack_top);
    let is_variable = |symbol: &Symbol| {
        let shares_name = top.contains(&symbol.name) || symbol.name.contains(top.as_str());
        symbol.size > 0 && !is_stack_name(&symbol.name) && !shares_name && !run.image.is_code(symbol.address)
    };
    let inside = |symbol: &Symbol| overlap(&(symbol.address..symbol.address + symbol.size), stack);
    // If the stack is an object with several names, one of them may be a stack's.
    let is_stack = |symbol: &Symbol| {
        let same_place = |other: &Symbol| other.address == symbol.address && is_stack_name(&other.name);
        run.image.symbols().any(|other| same_place(&other))
    };
    let mut variables = run.image.symbols().rev().filter(|symbol| is_variable(symbol) && inside(symbol));
    let Some(variable) = variables.find(|symbol| !is_stack(symbol)) else { return };
    if finding.status == Status::Pass {
        finding.status = Status::Fail;
        finding.summary = format!(
            "no room is reserved for the stack: {}, a variable of {} bytes, is below {top}, and the stack overwrites it",
            variable.name, variable.size
        );
        finding.advice = Some(format!("reserve room right below {top} in the linker script, `. += 64K;`"));
        finding.found = format!("{} at {} to {}", variable.name, variable.address, variable.address + variable.size);
    }
}

/// Describes sp relative to the stack's top; `at` is its linked address.
fn difference(sp: Address, at: Address, top: Address, name: &str) -> String {
    const NEAR: u64 = 1 << 30;
    match (at.0.checked_sub(top.0), top.0.checked_sub(at.0)) {
        (Some(above @ 1..NEAR), _) => format!("{sp}, {above} bytes above {name}"),
        (_, Some(below @ 1..NEAR)) => format!("{sp}, {below} bytes below {name}"),
        _ => format!("{sp}, not {name} ({top})"),
    }
}
