//! Proves that a kernel is in an infinite loop: pc, registers, CSRs and memory are the same again, and nothing was read that changes
//! by itself. It does not judge whether that is good.
//!
//! A loop that reads time or pending interrupts proves nothing. A loop that asks for input is recognised as polling.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::awaited::Awaited;
use super::deeds::{Deed, Deeds, Passage, Way};
use super::event::{BootEnd, BootEvent, Spin};
use super::hart_trace::Stuck;
use super::limit::LAST_LOOK;
use super::spin::{self, Decider, Followed};
use super::{BootRun, PATIENCE, firmware, woken};
use crate::machine::{Address, Error, InstructionBytes, Register, Registers, Stop, TakenTrap, csr};
use crate::riscv::cause::is_interrupt;
use crate::riscv::{Effect, board};

/// The longest loop that is recognised, in instructions: a scheduler's round over a table of processes.
const LONGEST: u64 = LAST_LOOK;
/// After so many instructions a loop that reads the time or asks for input is known.
const SHORT: u64 = 1024;
/// The time limit for a search.
const LIMIT: Duration = Duration::from_millis(400);
/// A kernel that asks this often for input in one search is polling.
const POLLS: u32 = 3;
/// An instruction that traps this often in one search and is returned to traps for ever.
const RETRIES: u32 = 3;
/// A loop with this many rounds that changes only values computed from time waits for a point in time.
const ROUNDS: u32 = 8;
/// The time limit for each call to the firmware.
const FIRMWARE: Duration = Duration::from_millis(200);
/// The CSRs that belong to a hart's state.
const STATE: [Register; 7] = [csr::SSTATUS, csr::SIE, csr::STVEC, csr::SEPC, csr::SCAUSE, csr::SSCRATCH, csr::SATP];

/// Searches for a loop on a machine that was interrupted; `None` if the kernel is not in a loop.
pub fn find(run: &mut BootRun<'_>) -> Result<Option<BootEvent>, Error> {
    if run.in_firmware()?
        && let Some(event) = leave_firmware(run)?
    {
        return Ok(event.0);
    }
    let mut start = run.machine.registers()?;
    if waits(run, &start)? {
        return rest(run, BootEnd::Wfi, None, None);
    }
    start = run.machine.registers()?;
    if let Some(event) = arrive(run, &mut start)? {
        return Ok(event.0);
    }
    let (mut before, mut depth, mut skipped) = (state(run)?, run.hart.depth(), 0);
    let begun = Instant::now();
    let (mut registers, mut deeds, mut code) = (start.clone(), Deeds::default(), HashMap::new());
    for number in 1..=LONGEST {
        let instructions = number - skipped;
        let pc = Address(registers.pc);
        let calls = match deeds.note(run, &registers, &mut code)? {
            Deed::Leaves => return Ok(None),
            Deed::Calls => true,
            Deed::Nothing => false,
        };
        let effect = code.get(&pc.0).map(|known| known.effect);
        let is_wfi = effect == Some(Effect::Wfi) && !run.wfi_may_trap()?;
        let falls_through = is_wfi && run.awaited()?.pending;
        // A stub that steps the hart keeps interrupts back, and would not come behind a `wfi` that waits.
        if is_wfi && !falls_through && run.trace.is_none() {
            return rest(run, BootEnd::Wfi, None, None);
        }
        match if falls_through { pass_wfi(run)? } else { run.step(1, PATIENCE)? } {
            (_, Stop::Stepped) => {}
            (_, Stop::Interrupted) if run.is_over() => return Ok(None),
            (0, Stop::Interrupted) if run.trace.is_some() || effect == Some(Effect::Wfi) => {
                return rest(run, BootEnd::Wfi, None, None);
            }
            (_, Stop::Interrupted) => return Ok(None),
            // Mostly a watched store.
            (_, stop) => return run.event(stop),
        }
        if calls
            && run.in_firmware()?
            && let Some(event) = return_from(run, &[pc + 4])?
        {
            return Ok(event.0);
        }
        registers = run.machine.registers()?;
        if run.trace.is_none() && is_firmware(Address(registers.pc)) && run.in_firmware()? {
            // The firmware takes this trap first. It returns, or passes the trap on to the kernel's handler.
            let handler = run.csr(csr::STVEC)?.map_or(pc, |stvec| Address(stvec & !3));
            if let Some(over) = return_from(run, &[handler, pc, pc + 2, pc + 4])? {
                return Ok(over.0);
            }
            registers = run.machine.registers()?;
        }
        if leaves_by_trap(effect, pc, &registers) {
            let way = Way::Into(pc, taken(run, pc, &registers)?);
            deeds.passages.push(Passage { number: instructions, way });
            deeds.trapped_unseen |= run.trace.is_none() && run.misses_trap(Address(registers.pc))?;
        } else if effect == Some(Effect::TrapReturn) {
            let way = Way::OutTo(Address(registers.pc));
            deeds.passages.push(Passage { number: instructions, way });
            // Behind it they are let in as before the trap, and always in U-mode.
            deeds.look_at_interrupts(run)?;
        }
        if let Some(event) = arrive(run, &mut registers)? {
            return Ok(event.0);
        }
        if run.hart.depth() < depth {
            // It began in a handler. A round from here on does not end within it.
            (start, deeds) = (registers.clone(), Deeds::default());
            (before, depth, skipped) = (state(run)?, run.hart.depth(), number);
            continue;
        }
        if let Some(trap) = trapped(run, &start, pc, &registers)? {
            deeds.trapped = Some(trap);
        } else if pc.0 == start.pc {
            deeds.retries = 0;
        }
        if registers == start
            && let Some(trap) = deeds.trapped.take()
        {
            deeds.retries += 1;
            if deeds.retries >= RETRIES && !deeds.awaits(run)? {
                run.hart.stuck = Some(for_ever(run, trap));
                return Ok(Some(BootEvent::End(BootEnd::Stuck)));
            }
        }
        deeds.rounds += u32::from(registers.pc == start.pc);
        // A handler that traps to itself is not a loop.
        let has_returned = if deeds.trapped_unseen { deeds.has_returned() } else { run.hart.depth() == depth };
        // Between two ticks of the clock a loop that waits for a point in time changes nothing.
        let is_round = registers == start && has_returned && !deeds.reads_clock;
        if is_round && state_is(run, &before)? && deeds.left_memory_alone(run)? {
            if let Some(trap) = deeds.retried(instructions)
                && !deeds.awaits(run)?
            {
                run.hart.stuck = Some(for_ever(run, trap));
                return Ok(Some(BootEvent::End(BootEnd::Stuck)));
            }
            return deeds.judge(run, Some(BootEnd::Loop { instructions }));
        }
        // Each round reads another time, or asks for input again: more of them tell nothing new.
        let is_known = (deeds.reads_clock || deeds.polls >= POLLS) && deeds.rounds >= ROUNDS;
        // Where instructions count, their number is limit enough.
        let is_late = run.trace.is_none() && run.machine.has_passed(begun + LIMIT);
        let was_known = run.hart.life.waits.times > 0;
        if is_known && (instructions >= SHORT || was_known) || is_late {
            break;
        }
    }
    if deeds.polls == 0
        && let Some(Over(event)) = polls_where_it_did(run)?
    {
        return Ok(event);
    }
    deeds.judge(run, None)
}

/// A kernel may do so much between two polls that a search sees none. The run waits for the next one where a companion polled.
fn polls_where_it_did(run: &mut BootRun<'_>) -> Result<Option<Over>, Error> {
    let Some(at) = run.seen_end.as_ref().and_then(BootEnd::polls_at) else { return Ok(None) };
    Ok(Some(Over(match firmware::come_to(run, at)? {
        firmware::Coming::There => run.polls(Some(at), false).map(BootEvent::End),
        // That no poll was seen proves nothing: it may have been slow.
        firmware::Coming::Late => None,
        firmware::Coming::Stopped(event) => Some(event),
    })))
}

/// A step that reaches a breakpoint does not stop there, so the run is told. `Some` if the search is over. The hart may be behind that
/// instruction now.
fn arrive(run: &mut BootRun<'_>, registers: &mut Registers) -> Result<Option<Over>, Error> {
    let pc = Address(registers.pc);
    if !run.awaits_arrival(pc) {
        return Ok(None);
    }
    if let Some(end) = run.arrival()? {
        return Ok(Some(Over(Some(BootEvent::End(end)))));
    }
    *registers = run.machine.registers()?;
    // Writes to stvec were executed there. If the hart is further away, the run waited for an interrupt's handler.
    let is_near = registers.pc.wrapping_sub(pc.0) <= 16;
    Ok((!is_near || run.has_pending()).then_some(Over(None)))
}

/// How an instruction traps for ever. A handler whose first instruction traps to itself returns to nothing.
fn for_ever(run: &BootRun<'_>, trap: TakenTrap) -> Stuck {
    if trap.pc != trap.handler {
        return Stuck::SameInstruction(trap);
    }
    let outer = run.hart.unreturned().map(|exception| exception.trap).find(|outer| outer.pc != trap.pc);
    Stuck::WithinHandler { first: outer.unwrap_or(trap), fault: trap }
}

/// The hart's state without x0 to x31 and pc, as far as the machine shows it.
pub fn state(run: &mut BootRun<'_>) -> Result<Option<Vec<u64>>, Error> {
    super::optional(run.machine.read_registers(&STATE))
}

fn state_is(run: &mut BootRun<'_>, before: &Option<Vec<u64>>) -> Result<bool, Error> {
    Ok(before.is_none() || state(run)? == *before)
}

/// The end of a kernel that idles as `end` says. It ends at once if no interrupt can come; `let_in`: what its loop lets in at times.
/// `decider`: what decides whether the loop is left. If nothing else can change that, the kernel does not idle, it hangs. A lock that
/// is waited for is not released by the timer's handler; that of an input may set a flag that is swapped. A register is what it was
/// when a handler returns.
fn rest(
    run: &mut BootRun<'_>,
    end: BootEnd,
    let_in: Option<Awaited>,
    decider: Option<Decider>,
) -> Result<Option<BootEvent>, Error> {
    let awaited = let_in.map_or_else(|| run.awaited(), Ok)?;
    let open = if end == BootEnd::Wfi { awaited.wakes } else { awaited.interrupts };
    let word = if let Some(Decider::Word(word, way_out)) = decider { Some((word, way_out)) } else { None };
    let others = word.is_some() && (!run.machine.others_wait() || spin::has_started_device(run));
    if let Some((word, way_out)) = word.filter(|_| others) {
        run.waits_for_others(word.address, way_out)?;
    }
    let mut end = if open || others { run.rests_with_interrupts(end, open)? } else { Some(end) };
    let mut is_passed_on = false;
    if end.is_none()
        && let Some(turns) = run.all_take_turns()?
    {
        is_passed_on = word.is_some_and(|(word, _)| turns.changes.contains(&word.address));
        end = Some(turns.end);
    }
    // QEMU does not tell whether a timer is set; a companion has seen it.
    let seen = match (&run.seen_end, word) {
        (Some(BootEnd::Spins(seen)), Some((word, _))) if seen.address == word.address => Some(*seen),
        _ => None,
    };
    let comes = |word: &Spin| awaited.external || awaited.wakes && !word.is_lock && seen.is_none();
    let may_change = |word: &Spin| awaited.lets_in && comes(word);
    let Some(end) = end else { return Ok(None) };
    let end = match decider {
        _ if is_passed_on => end,
        Some(Decider::Word(word, _)) if !may_change(&word) => {
            let timer_years = seen.map_or_else(|| run.years_to_timer(), |seen| Ok(seen.timer_years))?;
            BootEnd::Spins(Spin { timer_years, ..word })
        }
        Some(Decider::Register(register, at)) => BootEnd::Unchanging { register, at },
        _ => end,
    };
    Ok(Some(BootEvent::End(end)))
}

/// Whether the hart is in a `wfi`: pc of an interrupted hart is at it or behind it. An observed machine is stepped to find out.
fn waits(run: &mut BootRun<'_>, registers: &Registers) -> Result<bool, Error> {
    if run.trace.is_some() {
        return Ok(false);
    }
    let pc = Address(registers.pc);
    let at = matches!(run.effect(pc), Ok(Effect::Wfi)) || matches!(run.effect(pc - 4), Ok(Effect::Wfi));
    Ok(at && !run.awaited()?.pending && run.waits_in_wfi()?)
}

/// Executes a `wfi` that does not wait because an enabled interrupt is pending: it does nothing. QEMU's stub holds interrupts back
/// while it steps, and would stay at the `wfi`.
fn pass_wfi(run: &mut BootRun<'_>) -> Result<(u64, Stop), Error> {
    if run.trace.is_some() {
        return run.step(1, PATIENCE).map(|(executed, stop)| match stop {
            Stop::Interrupted if executed > 0 => (executed, Stop::Stepped),
            stop => (executed, stop),
        });
    }
    let pc = run.machine.read_register(Register::Pc)?;
    run.machine.write_register(Register::Pc, pc + spin::WFI_LENGTH)?;
    Ok((1, Stop::Stepped))
}

/// Why a search for a loop cannot continue.
struct Over(Option<BootEvent>);

/// Runs until the firmware returns from a call; `Some` if it does not.
fn leave_firmware(run: &mut BootRun<'_>) -> Result<Option<Over>, Error> {
    let Some(call) = run.csr(csr::MEPC)?.map(Address) else {
        return Ok(Some(Over(Some(BootEvent::End(BootEnd::Firmware)))));
    };
    return_from(run, &[call, call + 4])
}

/// Runs until the hart is at one of these addresses, where the firmware returns.
fn return_from(run: &mut BootRun<'_>, places: &[Address]) -> Result<Option<Over>, Error> {
    let stop = firmware::run_to(run, places, FIRMWARE)?;
    if stop == Stop::Breakpoint {
        let pc = Address(run.machine.registers()?.pc);
        let goes_on = places.contains(&pc) && pc != run.layout.entry;
        return if goes_on { Ok(None) } else { Ok(Some(Over(run.event(stop)?))) };
    }
    if stop != Stop::Interrupted || !run.in_firmware()? {
        return Ok(Some(Over(if stop == Stop::Interrupted { None } else { run.event(stop)? })));
    }
    Ok(Some(Over(run.firmware_keeps_the_hart()?.map(BootEvent::End))))
}

impl Deeds {
    /// Whether something from outside can change what it does: a call may be made again and again until there is a key, or a point in
    /// time is over.
    fn awaits(&self, run: &mut BootRun<'_>) -> Result<bool, Error> {
        Ok(self.polls > 0 || self.reads_clock || run.awaited()?.wakes)
    }

    /// The end of the boot that these effects prove: after a whole round (`repeated`), or after a while.
    fn judge(&self, run: &mut BootRun<'_>, repeated: Option<BootEnd>) -> Result<Option<BootEvent>, Error> {
        // A loop that reads a device and the time waits for the device for a limited time.
        let polls = self.polls > 0 && (self.asks || !self.reads_clock) && (repeated.is_some() || self.polls >= POLLS);
        match repeated {
            // Only a device, a key or an interrupt can change what it does.
            Some(_) if polls && !self.reads_clock && (!self.asks || run.trace.is_some() && run.dialogue.is_over()) => {
                rest(run, BootEnd::Polls { at: self.polled_at }, self.let_in, None)
            }
            _ if polls => Ok(run.polls(self.polled_at, self.reads_clock).map(BootEvent::End)),
            Some(BootEnd::Loop { instructions }) if !self.reads_clock => {
                // A round with traps and calls is more than a wait.
                let followed = match self.passages.is_empty() && !self.calls {
                    true => spin::follow(run, instructions)?,
                    false => Followed::Stays(None),
                };
                let Followed::Stays(decider) = followed else { return Ok(None) };
                let may_change = match decider {
                    // An idle loop looks for work, and waits where there is none.
                    Some(Decider::Word(word, way_out)) => {
                        spin::receives(run, word.address)? || self.waits && woken::comes_back(run, way_out)?
                    }
                    _ => false,
                };
                rest(run, BootEnd::Loop { instructions }, self.let_in, decider.filter(|_| !may_change))
            }
            _ => {
                run.does_not_poll();
                // The loop waits for a point in time. A machine that counts time by instructions can jump there.
                if self.reads_clock && self.rounds >= ROUNDS && self.left_all_but_stack_alone(run)? {
                    run.skip_time();
                }
                Ok(None)
            }
        }
    }
}

/// Where the firmware's code is.
fn is_firmware(pc: Address) -> bool {
    (board::RAM_BASE..board::FIRMWARE_END).contains(&pc.0)
}

/// Whether the instruction at `pc`, of this effect, trapped: the hart is neither behind it nor where it leads.
fn leaves_by_trap(effect: Option<Effect>, pc: Address, now: &Registers) -> bool {
    let leads_elsewhere = |effect: &Effect| {
        matches!(
            effect,
            Effect::Jump(_) | Effect::Branch { .. } | Effect::Call(_) | Effect::Return | Effect::TrapReturn
        )
    };
    let stays = effect.is_some_and(|effect| !leads_elsewhere(&effect));
    stays && ![2, 4].iter().any(|length| pc.0.wrapping_add(*length) == now.pc)
}

/// The trap of a search's first instruction, if it trapped. The hart is in its handler now.
fn trapped(
    run: &mut BootRun<'_>,
    start: &Registers,
    executed: Address,
    now: &Registers,
) -> Result<Option<TakenTrap>, Error> {
    if run.trace.is_some() || executed.0 != start.pc || now.x != start.x {
        return Ok(None);
    }
    taken(run, executed, now)
}

/// The exception that the instruction at `executed` raised, if the hart is at its handler now.
fn taken(run: &mut BootRun<'_>, executed: Address, now: &Registers) -> Result<Option<TakenTrap>, Error> {
    let Some(stvec) = run.csr(csr::STVEC)? else { return Ok(None) };
    let handler = run.machine.linked(Address(stvec & !3))?;
    let (Some(cause), Some(value)) = (run.csr(csr::SCAUSE)?, run.csr(csr::STVAL)?) else { return Ok(None) };
    if now.pc != handler.0
        || is_interrupt(cause)
        || matches!(run.effect(executed)?, Effect::Jump(_) | Effect::Branch { .. })
    {
        return Ok(None);
    }
    let instruction = run.instruction(executed).ok().and_then(|bytes| InstructionBytes::new(&bytes));
    let sscratch = run.csr(csr::SSCRATCH)?.unwrap_or(0);
    let (sp, from_user) = (now.sp(), false);
    Ok(Some(TakenTrap {
        icount: 0,
        pc: executed,
        cause,
        value,
        from_user,
        from_guest: false,
        by_guest: false,
        guest_physical: None,
        overdue: 0,
        sp,
        sscratch,
        handler,
        instruction,
    }))
}
