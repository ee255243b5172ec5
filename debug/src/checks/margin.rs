//! Check `margin`: did the stack stay above its bottom, and how deep did it go?

use super::boot_run::BootRun;
use super::boot_run::event::StackOverflow;
use super::boot_run::layout::{bytes, overlap};
use super::fact::Fact;
use super::finding::{Finding, Status};
use crate::image::{Symbol, demangled};
use crate::machine::{Address, Error, csr};

pub const NAME: &str = "margin";

/// The finding at the end of a boot: how much of the stack was used.
pub fn check(run: &mut BootRun<'_>) -> Result<Finding, Error> {
    let mut finding = new(run);
    let size = bytes(&run.layout.stack);
    let seen = run.trace.as_ref().map(|trace| trace.memory.stacks.deepest());
    let deepest = match seen {
        Some(moved) => moved.map_or(0, |moved| bytes(&(moved.new..run.layout.stack.end))),
        None => run.stack_use.deepest(run.machine)?,
    };
    if let Some(moved) = seen.flatten() {
        finding.location = Some(run.place(moved.pc));
    }
    finding.found = format!("{deepest} bytes used of {size}");
    finding.set("deepest_bytes", deepest);
    finding.set("stack_bytes", size);
    // If all poison is gone, the stack was full or it overflowed. Only an observed sp tells which.
    if deepest < size || run.trace.is_some() {
        finding.status = Status::Pass;
        let function = finding.location.as_ref().and_then(|place| place.symbol.as_ref());
        let by = function.map_or(String::new(), |(name, _)| format!(", in {name}"));
        finding.summary = format!("the stack's deepest use is {deepest} of {size} bytes{by}");
    } else {
        finding.summary = format!("the stack was used down to its last byte, all {size} bytes, and perhaps beyond");
    }
    Ok(finding)
}

/// Lets the finding hold only if so many bytes of the stack remained unused.
pub fn require(finding: &mut Finding, wanted: u64) {
    let count = |name| match finding.data.get(name) {
        Some(Fact::Count(count)) => Some(*count),
        _ => None,
    };
    let (deepest, size) = (count("deepest_bytes"), count("stack_bytes"));
    let (Some(deepest), Some(size), Status::Pass) = (deepest, size, finding.status) else { return };
    let unused = size.saturating_sub(deepest);
    if unused < wanted {
        finding.status = Status::Fail;
        finding.expected = format!("at least {wanted} bytes of the stack unused");
        finding.summary = format!("{unused} of the stack's {size} bytes remain unused, and {wanted} are asked for");
        finding.advice = Some("a larger stack".into());
        finding.set("min_margin_bytes", wanted);
    }
}

/// The overflow that caused a trap: sp is below the stack, in memory without an object of the kernel.
///
/// On a machine that is not observed, a frame larger than the watched range is not noticed when it is made.
pub fn outside(run: &mut BootRun<'_>) -> Result<Option<StackOverflow>, Error> {
    const FARTHEST: u64 = 64 << 20;
    let registers = run.machine.registers()?;
    let sp = run.image.canonical(registers.sp());
    let stack = run.layout.stack.clone();
    let below = stack.start.0.checked_sub(sp.0).is_some_and(|bytes| (1..FARTHEST).contains(&bytes));
    let named = |symbol: &Symbol| symbol.address < sp && sp.0 - symbol.address.0 <= symbol.size;
    let is_other =
        run.image.stack_around(sp).is_some() || !run.image.is_code(sp) && run.image.symbols().any(|it| named(&it));
    if run.sees_all_stores() || !below || is_other {
        return Ok(None);
    }
    let (pc, bottom_name) = (Address(registers.pc), run.layout.stack_bottom_name.clone());
    let pc = run.csr(csr::SEPC)?.map_or(pc, Address);
    Ok(Some(StackOverflow { pc, sp, frame: None, stack, bottom_name, stored: None }))
}

/// The finding for a stack overflow; the hart is at the instruction.
pub fn overflowed(run: &mut BootRun<'_>, overflow: &StackOverflow) -> Result<Finding, Error> {
    let mut finding = new(run);
    let bottom = &overflow.bottom_name;
    let place = run.place(run.image.canonical(overflow.pc));
    let function = place.symbol.as_ref().map_or_else(|| overflow.pc.to_string(), |(name, _)| name.clone());
    let below = bytes(&(run.image.canonical(overflow.sp)..overflow.stack.start));
    let fits = match (overflow.frame, &overflow.stored) {
        (Some(frame), _) => {
            format!("sp is {below} bytes below {bottom}: a frame of {frame} bytes in {function} does not fit")
        }
        (None, Some(stored)) => {
            format!("a store {} bytes below {bottom}, in {function}", bytes(&(stored.start..overflow.stack.start)))
        }
        (None, None) => format!("sp is {below} bytes below {bottom}, in {function}"),
    };
    let leak = run.hart.sinking.each();
    let left = leak.map_or(String::new(), |each| format!("; each interrupt left {each} bytes on the stack"));
    let victims = victims(run, overflow);
    let over = if victims.is_empty() { String::new() } else { format!(", over {}", victims.join(", ")) };
    let size = bytes(&overflow.stack);
    let from_low_end = overflow.frame.is_some_and(|frame| below == frame) && overflow.stack != run.layout.stack;
    let (low_end, advice) = match overflow.stack == run.layout.stack {
        _ if leak.is_some() => (String::new(), "let the handler give back as much of the stack as it takes".into()),
        _ if from_low_end => (
            format!("; sp was set to the low end of {bottom}, and a stack grows downwards"),
            format!("set sp to {bottom} + {size}"),
        ),
        true => (String::new(), format!("reserve more than {size} bytes for the stack, or make the frames smaller")),
        false => (String::new(), format!("make the stack above {bottom} larger than {size} bytes")),
    };
    finding.expected = format!("no frame below {} = {bottom}", overflow.stack.start);
    finding.summary = format!("the stack overflows: {fits}{left}{over}{low_end}");
    finding.advice = Some(advice);
    finding.found = format!("sp = {}", overflow.sp);
    if let Some(stored) = &overflow.stored {
        finding.found = format!("{}, storing to {}", finding.found, run.place(stored.start));
    }
    finding.location = Some(place);
    finding.set("sp", overflow.sp);
    finding.set("below_bytes", below);
    finding.set("stack_bytes", bytes(&overflow.stack));
    let mut registers = run.machine.registers()?;
    if registers.sp() == overflow.sp {
        // After a trap the hart is in a handler, which has not touched its other registers.
        if !run.same_function(Address(registers.pc), overflow.pc) {
            registers.pc = overflow.pc.0;
        }
        finding.backtrace = run.backtrace(&registers);
    }
    Ok(finding)
}

/// The objects below the stack that the frame overlaps, the nearest first.
fn victims(run: &BootRun<'_>, overflow: &StackOverflow) -> Vec<String> {
    const MOST: usize = 3;
    let below = run.image.canonical(overflow.sp)..overflow.stack.start;
    let hit = run
        .image
        .symbols()
        .rev()
        .filter(|symbol| symbol.size > 0 && overlap(&(symbol.address..symbol.address + symbol.size), &below));
    hit.map(|symbol| demangled(&symbol.name)).take(MOST).collect()
}

fn new(run: &BootRun<'_>) -> Finding {
    let mut finding = Finding::new(NAME);
    let bottom = run.layout.stack.start;
    finding.expected = format!("no frame below {bottom} = {}", run.layout.stack_bottom_name);
    finding
}
