//! What a kernel waits for in a `wfi`. It may return at any time (RISC-V privileged manual, "Wait for Interrupt"): where the hart would then
//! only come back to it, a word decides whether the loop is left, and nothing that can still come changes that word, it hangs. It does
//! not judge.
//!
//! A loop that the hart comes back to from its way out, as a scheduler's idle loop, is no such wait.

use std::collections::{BTreeSet, HashMap};

use super::deeds::{Deed, Deeds, Known};
use super::event::{BootEnd, Spin};
use super::spin::{self, Decider, Followed};
use super::{BootRun, PATIENCE};
use crate::image::Place;
use crate::machine::{Address, Error, Register, Registers, Stop, csr};
use crate::riscv::{self, Effect, Target};

/// The longest loop around a `wfi` that is followed, in instructions.
const LONGEST: u64 = 1024;
/// How many instructions of a function are looked at.
const MOST: usize = 4096;

/// The end of a kernel that waits in a `wfi`: it spins on a word, where nothing can change it. QEMU's stub cannot step a hart that waits;
/// there it is where a companion saw it wait so.
pub fn confirm(run: &mut BootRun<'_>, end: BootEnd) -> Result<BootEnd, Error> {
    let awaited = run.awaited()?;
    let observed = run.trace.is_some();
    let may_come = awaited.external || awaited.wakes && observed;
    if may_come || run.machine.harts() > 1 || spin::has_started_device(run) {
        return Ok(end);
    }
    let before = run.machine.registers()?;
    // A hart that waits may show the instruction behind.
    let mut shown = [before.pc, before.pc.wrapping_sub(4)].map(Address).into_iter();
    let Some(wfi) = shown.find(|pc| matches!(run.effect(*pc), Ok(Effect::Wfi))) else { return Ok(end) };
    if !observed {
        let seen = run.seen_end.clone().filter(|seen| matches!(seen, BootEnd::Spins(word) if word.wfi == Some(wfi)));
        return Ok(seen.unwrap_or(end));
    }
    let word = leave_as_it_was(run, &before, |run, deeds| decider(run, wfi, deeds))?;
    let timer_years = run.years_to_timer()?;
    Ok(word.map_or(end, |word| BootEnd::Spins(Spin { timer_years, wfi: Some(wfi), ..word })))
}

/// Does something to the hart, and gives it its registers and memory back.
fn leave_as_it_was<T>(
    run: &mut BootRun<'_>,
    before: &Registers,
    act: impl FnOnce(&mut BootRun<'_>, &mut Deeds) -> Result<T, Error>,
) -> Result<T, Error> {
    // Where the kernel is in M-mode, the view shows mstatus there.
    let had = run.machine.read_register(csr::SSTATUS).ok();
    let mut deeds = Deeds::default();
    let result = act(run, &mut deeds);
    for (address, bytes) in &deeds.before {
        let mut now = vec![0; bytes.len()];
        run.machine.read_memory(*address, &mut now)?;
        if now != *bytes {
            run.machine.write_memory(*address, bytes)?;
        }
    }
    if let Some(had) = had
        && run.machine.read_register(csr::SSTATUS)? != had
    {
        run.machine.write_register(csr::SSTATUS, had)?;
    }
    let now = run.machine.registers()?;
    for number in (1..32).filter(|number| now.x[usize::from(*number)] != before.x[usize::from(*number)]) {
        run.machine.write_register(Register::Gpr(number), before.x[usize::from(number)])?;
    }
    if now.pc != before.pc {
        run.machine.write_register(Register::Pc, before.pc)?;
    }
    result
}

/// The word that decides whether the loop around the `wfi` is left for ever.
fn decider(run: &mut BootRun<'_>, wfi: Address, deeds: &mut Deeds) -> Result<Option<Spin>, Error> {
    let mut code = HashMap::new();
    // The first round may leave other registers than there were.
    let Some(_) = round(run, wfi, deeds, &mut code)? else { return Ok(None) };
    let first = run.machine.registers()?;
    let Some(instructions) = round(run, wfi, deeds, &mut code)? else { return Ok(None) };
    if run.machine.registers()? != first || !deeds.left_memory_alone(run)? || deeds.reads_clock || deeds.polls > 0 {
        return Ok(None);
    }
    let Followed::Stays(Some(Decider::Word(word, way_out))) = spin::follow(run, instructions)? else {
        return Ok(None);
    };
    let changes = spin::receives(run, word.address)? || run.device_at(word.address)?.is_some();
    Ok(if changes || comes_back(run, way_out)? { None } else { Some(word) })
}

/// Executes what is behind the `wfi` up to it: how many instructions that are with it. `None` where it is more than a loop.
fn round(
    run: &mut BootRun<'_>,
    wfi: Address,
    deeds: &mut Deeds,
    code: &mut HashMap<u64, Known>,
) -> Result<Option<u64>, Error> {
    spin::pass(run, wfi)?;
    for number in 1..LONGEST {
        let registers = run.machine.registers()?;
        let pc = Address(registers.pc);
        if pc == wfi {
            return Ok(Some(number));
        }
        if run.awaits_arrival(pc) || !matches!(deeds.note(run, &registers, code)?, Deed::Nothing) {
            return Ok(None);
        }
        match run.effect(pc)? {
            Effect::Wfi => spin::pass(run, pc)?,
            Effect::TrapReturn | Effect::Ecall => return Ok(None),
            _ if run.step(1, PATIENCE)?.1 != Stop::Stepped => return Ok(None),
            _ => {}
        }
    }
    Ok(None)
}

/// Whether the hart, which is in a loop, may come back to where it is from the loop's way out: by jumps, or through its callers. It
/// does where that is not known.
pub fn comes_back(run: &mut BootRun<'_>, way_out: Address) -> Result<bool, Error> {
    let registers = run.machine.registers()?;
    let frames: Vec<Place> = run.backtrace(&registers).into_iter().filter(|place| !place.inlined).collect();
    let within = |index: usize, frame: &Place| if index == 0 { frame.address } else { frame.address - 1 };
    let level = frames.iter().enumerate().position(|(index, frame)| run.same_function(way_out, within(index, frame)));
    let Some(level) = level else { return Ok(true) };
    let mut from = way_out;
    for (index, frame) in frames.iter().enumerate().skip(level) {
        match explore(run, from, frame.address, index > 0)? {
            Explored::ComesBack => return Ok(true),
            Explored::Stays => return Ok(false),
            Explored::Returns => {}
        }
        match frames.get(index + 1) {
            Some(caller) => from = caller.address,
            None => return Ok(true),
        }
    }
    Ok(true)
}

enum Explored {
    /// To the target, or perhaps.
    ComesBack,
    /// The function returns, and does not come to the target before.
    Returns,
    Stays,
}

/// Where a function's code leads from here; calls return. `is_call`: the target is the instruction behind a call, and that is what counts.
fn explore(run: &mut BootRun<'_>, from: Address, target: Address, is_call: bool) -> Result<Explored, Error> {
    let (mut seen, mut ahead, mut returns) = (BTreeSet::new(), vec![from], false);
    while let Some(pc) = ahead.pop() {
        if !seen.insert(pc) {
            continue;
        }
        if !is_call && pc == target || seen.len() > MOST {
            return Ok(Explored::ComesBack);
        }
        let Ok(bytes) = run.instruction(pc) else { continue };
        let Some(operation) = riscv::decode(run.image.xlen(), &bytes) else { continue };
        let behind = pc + u64::from(operation.length);
        let at = |offset: i64| Address(pc.0.wrapping_add_signed(offset));
        match operation.effect() {
            Effect::Call(_) if is_call && behind == target => return Ok(Explored::ComesBack),
            Effect::Jump(Target::Relative(offset)) if run.same_function(from, at(offset)) => ahead.push(at(offset)),
            // Another function's return is this one's.
            Effect::Jump(Target::Relative(_)) | Effect::Return => returns = true,
            Effect::Jump(Target::Register { .. }) => return Ok(Explored::ComesBack),
            Effect::Branch { offset } => ahead.extend([behind, at(offset)]),
            Effect::TrapReturn => {}
            _ if run.same_function(from, behind) => ahead.push(behind),
            _ => {}
        }
    }
    Ok(if returns { Explored::Returns } else { Explored::Stays })
}
