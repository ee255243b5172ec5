//! The finding of check `stack`, in words.

use super::{Approach, NAME, Setting, sp_of};
use crate::checks::boot_run::BootRun;
use crate::checks::boot_run::layout::{Layout, overlap};
use crate::checks::finding::{Finding, Status};
use crate::checks::image::stack_alignment;
use crate::image::{Image, Symbol, is_stack_name};
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
        match self.explain(run.image, run.layout, setting, sp, deed) {
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
    fn explain(
        &self,
        image: &Image,
        layout: &Layout,
        setting: &Setting,
        sp: Address,
        deed: Use,
    ) -> Result<String, Wrong> {
        let stack = &layout.stack;
        let name = &layout.names.stack_top;
        let at = image.canonical(sp);
        let base = image.canonical(setting.value);
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
        let alignment = stack_alignment(image);
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
        let around = if inside { None } else { image.stack_around(at) };
        // At the low end there is no room for a frame, whatever chose it.
        if origin.of_hart && at != stack.start && (inside || around.is_some()) {
            let slot = around.map_or_else(|| nearer_end(layout, at), |stack| format!(", in {stack}"));
            return Ok(format!("sp = {sp}{slot}, computed from the hart's number: the slot of this hart"));
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
            wrong = format!("{wrong}: it is {}, the low end, and a stack grows downwards", layout.stack_bottom_name);
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

/// A place in the stack, from the end that is nearer.
fn nearer_end(layout: &Layout, at: Address) -> String {
    let (above, below) = (at.0 - layout.stack.start.0, layout.stack.end.0 - at.0);
    match above <= below {
        true => format!(" = {} + {above}", layout.stack_bottom_name),
        false => format!(" = {} - {below}", layout.names.stack_top),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::origin::Origins;
    use super::*;
    use crate::checks::Names;
    use crate::image::fixture::{BASE, Elf};
    use crate::riscv::{Computation, Operands, Register};

    /// The stack of [`Elf::default`] ends here, and begins at __bss_end.
    const TOP: u64 = BASE + 0x4000;
    const BOTTOM: u64 = BASE + 0x2000;

    /// What is said of an sp that was set to `value`, then lowered by numbers to `sp`. `from`: a register that it was computed from.
    fn judged_from(from: Option<u8>, value: u64, sp: u64, deed: Use) -> Result<String, String> {
        let lowered = value.saturating_sub(sp);
        let setting = Setting { value: Address(value), instructions: 2, incomplete: false, lowered, by_numbers: true };
        explained(from, setting, sp, deed)
    }

    fn explained(from: Option<u8>, setting: Setting, sp: u64, deed: Use) -> Result<String, String> {
        let image = Image::parse(Path::new("kernel"), Elf::default().bytes()).unwrap();
        let layout = Layout::of(&image, Names::default()).unwrap();
        assert_eq!(layout.stack, Address(BOTTOM)..Address(TOP));
        let mut origins = Origins::at_entry();
        let computation = Computation::AddOrSubtract;
        origins.execute(&Operands { destination: Register::SP, sources: [from.unwrap_or(0), 0], computation });
        let (entry_sp, executed) = (Address(0), 0);
        let approach =
            Approach { entry_sp, origins, setting: None, held: None, executed, function: None, called: false };
        approach.explain(&image, &layout, &setting, Address(sp), deed).map_err(|wrong| wrong.what)
    }

    fn judged(value: u64, sp: u64, deed: Use) -> Result<String, String> {
        judged_from(None, value, sp, deed)
    }

    /// The text of the failure.
    fn fault(judged: Result<String, String>) -> String {
        judged.expect_err("it is wrong")
    }

    #[test]
    fn the_top_is_right_whatever_uses_it() {
        for deed in [Use::Store, Use::Load, Use::Call, Use::Jump] {
            assert_eq!(judged(TOP, TOP, deed).unwrap(), "sp = 0x80204000 = __stack_top after 2 instructions");
        }
        assert!(judged_from(Some(3), TOP, TOP, Use::Call).is_ok(), "even if it was computed from the firmware's gp");
    }

    #[test]
    fn a_frame_below_the_top_is_right_where_it_is_made() {
        for deed in [Use::Store, Use::Load, Use::Call] {
            assert!(judged(TOP, TOP - 64, deed).unwrap().contains("a frame of 64 bytes below __stack_top"));
        }
        let large = TOP - LARGEST_FRAME - 16;
        assert!(judged(TOP, large, Use::Store).is_ok(), "it is used as a frame");
        assert!(fault(judged(TOP, large, Use::Call)).contains("2064 bytes below __stack_top"), "one `addi` makes none");
        let computed = |deed| {
            let value = Address(TOP);
            let setting = Setting { value, instructions: 2, incomplete: false, lowered: 64, by_numbers: false };
            explained(None, setting, TOP - 64, deed)
        };
        assert!(computed(Use::Call).is_err() && computed(Use::Load).is_ok());
    }

    #[test]
    fn a_frame_must_begin_at_the_top_and_lie_in_the_stack() {
        assert!(fault(judged(TOP - 64, TOP - 64, Use::Store)).contains("64 bytes below"), "it was set too low");
        assert!(judged(TOP - 64, TOP - 128, Use::Store).is_err(), "so is the frame below it");
        assert!(fault(judged(TOP, BOTTOM - 16, Use::Store)).contains("8208 bytes below"));
        assert!(fault(judged(TOP + 32, TOP + 32, Use::Call)).contains("32 bytes above __stack_top"));
        assert!(fault(judged(BOTTOM, BOTTOM, Use::Call)).contains("the low end, and a stack grows downwards"));
        assert!(fault(judged(0, 0, Use::Call)).contains("0x0, not __stack_top"), "it is nowhere near");
    }

    #[test]
    fn an_sp_that_is_not_aligned_is_wrong_even_in_a_slot() {
        assert!(fault(judged(TOP, TOP - 8, Use::Store)).contains("not 16-aligned"));
        assert!(fault(judged_from(Some(Register::A0), TOP - 8, TOP - 8, Use::Call)).contains("not 16-aligned"));
    }

    #[test]
    fn a_slot_of_the_stack_is_the_hart_s_if_its_number_chose_it() {
        let of_hart = |sp| judged_from(Some(Register::A0), sp, sp, Use::Call);
        assert!(of_hart(TOP - 0x400).unwrap().contains("__stack_top - 1024, computed from the hart's number"));
        assert!(of_hart(BOTTOM + 0x400).unwrap().contains("__bss_end + 1024, computed"), "counted from the nearer end");
        assert!(of_hart(TOP + 0x400).is_err() && of_hart(BOTTOM - 0x400).is_err(), "outside of the stack");
        assert!(judged(TOP - 0x400, TOP - 0x400, Use::Call).is_err(), "the number had no part in it");
    }

    #[test]
    fn an_sp_computed_from_a_gp_that_nobody_set_is_told_as_that() {
        let fault = fault(judged_from(Some(3), 0xe00, 0xe00, Use::Call));
        assert!(fault.contains("computed from gp, which nobody has set"), "{fault}");
    }
}
