//! Check `idle`: does the kernel idle or power off, without a panic?

mod pending;

use std::time::Duration;

use super::boot_run::BootRun;
use super::boot_run::event::{BootEnd, PowerOff, Spin, with_status};
use super::boot_run::limit::Reached;
use super::boot_run::{panic, spin};
use super::console;
use super::fact::Fact;
use super::finding::{Finding, Status};
use crate::machine::{Address, Error, Registers, csr};
use crate::riscv::cause::{a_cause, cause, is_interrupt};
use crate::riscv::status::sstatus;
use crate::riscv::{Xlen, board};
use crate::setting::Setting;

pub const NAME: &str = "idle";

/// Ticks of the `time` CSR in a millisecond, on QEMU's `virt` board.
const TICKS_PER_MS: f64 = 10_000.0;

/// The finding for a kernel that ended in `end`, which is not a trap.
pub fn check(run: &mut BootRun<'_>, end: &BootEnd) -> Result<Finding, Error> {
    let mut finding = Finding::new(NAME);
    finding.expected = "a wfi, a loop that changes no state, polling for input, or power-off; no panic".into();
    if let BootEnd::Exited { status } = end {
        finding.summary = format!("powers off{}", with_status(*status));
        finding.found = finding.summary.clone();
        if status.is_none_or(|status| status == 0) {
            finding.status = Status::Pass;
            console::judge(run, &mut finding);
        }
        return Ok(finding);
    }
    let registers = run.machine.registers()?;
    let in_firmware = run.in_firmware()?;
    let place = match run.csr(csr::MEPC)?.map(Address) {
        // The kernel only made the call.
        Some(call) if in_firmware && run.image.is_code(call) => run.place(call),
        _ => run.place(waits_at(run, end).unwrap_or(Address(registers.pc))),
    };
    if !in_firmware && waits_at(run, end).is_none() {
        finding.backtrace = run.backtrace(&registers);
    }
    finding.location = Some(place);
    describe_end(run, &mut finding, end, &registers)?;
    let at = finding.location.as_ref().map(|place| place.address).filter(|_| finding.status == Status::Fail);
    if let Some(overwritten) = at.map(|at| run.overwritten_near(at)).transpose()?.flatten() {
        finding.summary = format!("{}; {overwritten}", finding.summary);
    }
    finding.found = finding.summary.clone();
    look_for_panic(run, &mut finding)?;
    if finding.status == Status::Pass || matches!(end, BootEnd::Deadline) {
        console::judge(run, &mut finding);
    }
    if finding.status == Status::Pass {
        finding.backtrace.clear();
    }
    Ok(finding)
}

/// Where a kernel waits whose hart is in a handler now.
fn waits_at(run: &BootRun<'_>, end: &BootEnd) -> Option<Address> {
    let waits = matches!(end, BootEnd::Ticking { spins: false, .. }) && run.hart.handling().is_some();
    run.rests_at.or(run.hart.waited_at.filter(|_| waits))
}

fn describe_end(
    run: &mut BootRun<'_>,
    finding: &mut Finding,
    end: &BootEnd,
    registers: &Registers,
) -> Result<(), Error> {
    let (status, summary) = match end {
        BootEnd::PowerOff(power_off) => power_off_in_words(finding, *power_off),
        BootEnd::Reset => (Status::Fail, "it resets the machine instead of idling".into()),
        BootEnd::Wfi => {
            let years = run.years_to_timer()?.map_or(String::new(), |years| format!("; {}", timer_set(years)));
            (Status::Pass, format!("waits for interrupts (wfi){years}"))
        }
        BootEnd::Ticking { period, spins } => (Status::Pass, ticking(run, finding, *period, *spins)),
        BootEnd::Loop { instructions: 1 } => (Status::Pass, "jumps to itself for ever".into()),
        BootEnd::Loop { instructions } => {
            (Status::Pass, format!("infinite loop of {instructions} instructions that changes no state"))
        }
        BootEnd::Beats { at } => {
            finding.location = Some(run.place(*at));
            (
                Status::Pass,
                "a heartbeat: it waits for a point in time (it reads time) and does something, again and again".into(),
            )
        }
        BootEnd::Runs { programs: true } => {
            (Status::Pass, "its ticks come to programs in U-mode that never wait".into())
        }
        BootEnd::Runs { programs: false } => (Status::Pass, "its ticks switch between tasks that never wait".into()),
        BootEnd::Spins(word) => (Status::Fail, spins(run, finding, word)?),
        BootEnd::Unchanging { register, at } => {
            finding.location = Some(run.place(*at));
            finding.advice = Some(
                "let each round read memory: volatile or an atomic in C, an atomic or read_volatile in Rust; a loop that is to idle needs no condition"
                    .into(),
            );
            (
                Status::Fail,
                format!(
                    "waits for ever for a value in {register}: the loop loads nothing into it, so nothing can change it"
                ),
            )
        }
        BootEnd::Polls { at } => {
            if let Some(at) = at {
                finding.location = Some(run.place(*at));
            }
            (Status::Pass, "polls for input, and prints nothing more".into())
        }
        BootEnd::Expected { line } => (Status::Pass, format!("printed what was expected: {line}")),
        BootEnd::Forbidden { line } => (Status::Fail, format!("printed forbidden text: {line}")),
        BootEnd::HartStopped { at } => {
            finding.location = Some(run.place(*at));
            (Status::Pass, "stops its hart (SBI hart_stop)".into())
        }
        BootEnd::Storm => (Status::Fail, storm(run, finding)),
        BootEnd::Firmware => {
            finding.advice = Some("look at the SBI call: the firmware did not return from it".into());
            (Status::Fail, "stuck in firmware".into())
        }
        _ => {
            let reached = run.reached().unwrap_or(Reached::Time);
            let larger = run.limit.larger(reached);
            finding.advice = Some(format!(
                "{larger}, or look at where it is: {}, then GDB; if it is meant to run for ever, let it say so: {}",
                Setting::Serve,
                Setting::Expect
            ));
            if run.prints {
                finding.advice =
                    Some(format!("if it is meant to run for ever, say what it is to print: {}", Setting::Expect));
            }
            if let Reached::Instructions(executed) | Reached::Patience(_, executed) = reached {
                finding.set("instructions", executed);
            }
            let mut does = handling(run);
            if run.prints {
                does.push_str(", and it printed more and more");
            }
            if let Some(word) = run.word_of_another().map(|word| run.place(word)) {
                finding.advice = Some(format!("look for who is to change {word}, and why that never ran"));
                does = format!("{does}: it waits for the word at {word}, which no other hart has changed");
            } else if let Some(polls) = pending::polled(run, finding, Address(registers.pc))? {
                does = format!("{does}: {polls}");
            }
            (Status::Fail, format!("still running when {reached}{does}"))
        }
    };
    finding.status = status;
    finding.summary = match run.followed_instead()? {
        Some(hart) => format!("hart {} stopped itself, and hart {hart} {summary}", run.at_entry.a0()),
        None => summary,
    };
    if !matches!(end, BootEnd::PowerOff(_) | BootEnd::Reset | BootEnd::Expected { .. } | BootEnd::Forbidden { .. }) {
        let others = run.other_harts_do()?;
        finding.summary.push_str(&others.words);
        if let Some((hart, storm)) = others.storm {
            finding.status = Status::Fail;
            finding.location = Some(run.place(storm.pc));
            finding.advice = Some(acknowledge(run, storm.handler));
            finding.summary.push_str(&format!(
                "; an interrupt storm on {hart}: {} before {} again and again, and that instruction was never executed",
                a_cause(storm.cause),
                run.place(storm.pc)
            ));
        }
        if others.panicked {
            finding.status = Status::Fail;
            if let Some(said) = console::said_at_failure(run) {
                finding.summary.push_str(&format!("; it said: {said}"));
            }
        }
    }
    finding.set("pc", Address(registers.pc));
    Ok(())
}

/// A kernel that waits for a word which nothing can change.
fn spins(run: &mut BootRun<'_>, finding: &mut Finding, word: &Spin) -> Result<String, Error> {
    finding.location = Some(run.place(word.pc));
    finding.set("spins_on", word.address);
    let place = run.place(word.address);
    if spin::is_empty_slot(run, word.address)? {
        finding.advice = Some("give up after a few looks, or give the machine the device that the kernel needs".into());
        return Ok(format!("looks again and again for a virtio device at {place}, and there is none"));
    }
    let register = run.device_at(word.address)?;
    if register.is_some_and(board::is_software_interrupt) {
        finding.advice = Some(
            "look for who is to set it: the word of each hart is its number times 4 behind the CLINT's start".into(),
        );
        return Ok(format!(
            "waits for ever for the word of its software interrupt at {place}, which no other hart sets"
        ));
    }
    if register.is_some() {
        finding.advice =
            Some("give the wait a time limit, and compare the register and its bit with the device's manual".into());
        return Ok(format!("waits for ever for the device register at {place}, which neither input nor time changes"));
    }
    let mut bytes = vec![0; word.bytes.into()];
    let held = run.machine.read_memory(word.address, &mut bytes);
    let holds = held.map_or(String::new(), |()| format!(", which holds {:#x}", Xlen::Rv64.read(&bytes)));
    let sie = run.csr(csr::SIE)?.unwrap_or(0);
    // Where interrupts are let in, the hart is in no handler, whatever was seen.
    let lets_in = run.csr(csr::SSTATUS)?.is_some_and(|status| status & sstatus::SIE != 0);
    let handling = run.hart.handling().filter(|_| !lets_in).copied();
    let why = match handling {
        Some(trap) => format!("it is in the handler of {}, where interrupts are off", a_cause(trap.cause)),
        None if run.awaited()?.lets_in && word.is_lock => "no interrupt's handler releases it".into(),
        None if run.awaited()?.lets_in => match word.timer_years {
            Some(years) => format!("no enabled interrupt comes, since {}", timer_set(years)),
            None => "no enabled interrupt can come, since no timer is set".into(),
        },
        None if sie != 0 => "interrupts are off (sstatus.SIE is 0)".into(),
        None => "no interrupt is enabled (sie is 0)".into(),
    };
    let alone = if run.machine.harts() > 1 { "no other hart changes it" } else { "there is no other hart" };
    finding.advice = Some(if word.is_lock {
        format!(
            "look for who holds the lock: {}, then in GDB: watch -l *(int *){}, reverse-continue",
            Setting::Serve,
            word.address
        )
    } else if handling.is_none() && word.timer_years.is_some() {
        match run.image.xlen() {
            Xlen::Rv32 => {
                "give set_timer the upper half of the time in a1 (SBI, \"Timer Extension\": it has 64 bits)".into()
            }
            Xlen::Rv64 => "set the timer to a value of time and so many ticks (SBI, \"Timer Extension\")".into(),
        }
    } else if handling.is_none() && sie != 0 && run.awaited()?.lets_in {
        "look at what set_timer returns (SBI, \"Timer Extension\"), and whether it was called".into()
    } else if handling.is_none() && sie != 0 {
        "let interrupts in before the wait: csrsi sstatus, 2".into()
    } else {
        format!("look for who is to change {place}, and why that never ran")
    });
    let what = if word.is_lock { "the lock" } else { "the word" };
    Ok(format!("waits for ever for {what} at {place}{holds}: {why}, and {alone}"))
}

fn timer_set(years: u64) -> String {
    format!("the timer is set to a point in time in {years} years")
}

fn power_off_in_words(finding: &mut Finding, power_off: PowerOff) -> (Status, String) {
    match power_off {
        PowerOff::Success => {
            finding.set("exit_status", 0_u64);
            (Status::Pass, "powers off".into())
        }
        PowerOff::Failure(status) => {
            finding.set("exit_status", status);
            (Status::Fail, format!("powers off with a failure, exit status {status} (test finisher, 0x3333)"))
        }
        PowerOff::HostCall(status) => {
            finding.set("exit_status", status);
            let ends = format!("powers off (semihosting exit, status {status})");
            if status == 0 { (Status::Pass, ends) } else { (Status::Fail, format!("{ends}, a failure")) }
        }
        PowerOff::Reason(reason) => {
            finding.set("reset_reason", reason);
            (Status::Fail, format!("powers off because of a system failure (SBI system reset, reason {reason})"))
        }
    }
}

fn ticking(run: &BootRun<'_>, finding: &mut Finding, period: Option<u64>, spins: bool) -> String {
    let what = if spins { "loops and changes no state" } else { "waits for interrupts" };
    let interrupt = run.hart.last_interrupt.map_or("interrupt", |trap| cause(trap.cause));
    finding.set("interrupts", run.hart.interrupts);
    match period {
        Some(period) => {
            finding.set("period_us", Duration::from_micros(period / 10));
            let (all, of_guest) = (run.hart.interrupts, run.hart.guest_interrupts);
            // All of them were counted together.
            let every = |of: u64| rounded(period as f64 * all as f64 / of as f64 / TICKS_PER_MS);
            match all.saturating_sub(of_guest) {
                own if own > 0 && of_guest > 0 => {
                    finding.set("guest_interrupts", of_guest);
                    format!("{what}, ticking every {} ms, and its guest every {} ms", every(own), every(of_guest))
                }
                _ if of_guest > 0 => format!("{what}, its guest ticking every {} ms", every(of_guest)),
                _ => format!("{what}, ticking every {} ms", every(all)),
            }
        }
        None if run.hart.interrupts == 0 => {
            format!("{what}, again and again: a pending interrupt ends the wait, and none is taken")
        }
        None => format!("{what}, ticking ({} times a {interrupt} until it was looked at)", run.hart.interrupts),
    }
}

/// Rounds to two significant digits.
fn rounded(number: f64) -> String {
    if number >= 10.0 {
        format!("{number:.0}")
    } else {
        format!("{number:.2}").trim_end_matches('0').trim_end_matches('.').into()
    }
}

fn storm(run: &BootRun<'_>, finding: &mut Finding) -> String {
    let Some(storm) = run.hart.storm else { return String::new() };
    finding.location = Some(run.place(storm.trap.pc));
    finding.advice = Some(acknowledge(run, storm.trap.handler));
    finding.set("interrupts", storm.interrupts);
    finding.set("scause", Fact::Register(storm.trap.cause));
    let between = match run.trace {
        Some(_) => format!("{} instructions in between", storm.instructions),
        None => "that instruction was never executed".into(),
    };
    format!(
        "an interrupt storm: {} interrupts, {} before {} again and again, and {between}",
        storm.interrupts,
        a_cause(storm.trap.cause),
        run.place(storm.trap.pc)
    )
}

fn acknowledge(run: &BootRun<'_>, handler: Address) -> String {
    let handler = run.place(handler);
    format!(
        "acknowledge the interrupt in the handler at {handler}: set the timer again, clear the bit in sip, or mask it in sie"
    )
}

/// The end of a sentence about a kernel that is in a handler when time is up.
fn handling(run: &BootRun<'_>) -> String {
    let trap = run.hart.handling().filter(|_| !run.hart.has_gaps);
    trap.map_or(String::new(), |trap| format!(", handling {}", a_cause(trap.cause)))
}

/// Fails a kernel that idles in its panic handler, or has been in it.
fn look_for_panic(run: &mut BootRun<'_>, finding: &mut Finding) -> Result<(), Error> {
    let powers_off = finding.summary.starts_with("powers off");
    if let Some(panic) = panic::recorded(run)? {
        finding.status = Status::Fail;
        finding.summary = format!("it panicked at {}: {}", panic.location, panic.message);
        finding.found = finding.summary.clone();
        finding.set("panic_message", panic.message);
        finding.set("panic_location", panic.location);
        return Ok(());
    }
    if let Some(panicked) = run.panicked.clone() {
        finding.status = Status::Fail;
        let caller = panicked.caller().map_or(String::new(), |caller| format!(", called at {caller}"));
        let then = if powers_off { "powers off" } else { "stops there" };
        let interrupt = run.hart.handling().filter(|trap| is_interrupt(trap.cause));
        let handling = interrupt.map_or(String::new(), |trap| format!(", while it handled {}", a_cause(trap.cause)));
        let said = console::said_at_failure(run).map_or(String::new(), |said| format!("; it said: {said}"));
        finding.summary = format!("it panicked, and {then}: {}{caller}{handling}{said}", panicked.name);
        finding.found = format!("{}; {}", finding.found, finding.summary);
        finding.location = panicked.caller().cloned().or(finding.location.take());
        finding.backtrace = panicked.backtrace;
        finding.set("panic_function", panicked.name);
        return Ok(());
    }
    let in_path = if powers_off { finding.location.as_ref().map(std::slice::from_ref) } else { None };
    if let Some(handler) = panic::handler(in_path.unwrap_or(&finding.backtrace)) {
        let said = console::said_at_failure(run).map_or(String::new(), |said| format!("; it said: {said}"));
        let how = if powers_off { "powers off" } else { "idles" };
        finding.summary = format!("it {how} in its panic handler, {handler}{said}");
        finding.found = finding.summary.clone();
        finding.status = Status::Fail;
    }
    Ok(())
}
