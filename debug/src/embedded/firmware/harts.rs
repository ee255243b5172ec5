//! The SBI calls about harts: starting and stopping them, interrupts to them, fences on them.
//!
//! Source: RISC-V SBI specification 2.0, chapters "IPI Extension", "RFENCE Extension" and "Hart State Management Extension"; OpenSBI,
//! lib/sbi/sbi_hsm.c. It does not know whose turn it is.

use super::answer::Answer;
use super::entry::hand_over;
use crate::embedded::board::Board;
use crate::embedded::bus::map;
use crate::embedded::hart::state::{Hart, Lifecycle, sstatus};
use crate::machine::{Address, HartEvent};
use crate::riscv::Register;
use crate::riscv::sbi::{ALREADY_AVAILABLE, INVALID_ADDRESS, INVALID_PARAMETER, NOT_SUPPORTED};

/// The harts that a mask of harts from hart `base` on names: a bit for each by its place. A base of -1 means all. `None` if the base is too
/// large. Bits for absent harts are ignored, as in OpenSBI.
fn named(board: &Board, mask: u64, base: u64) -> Option<u32> {
    let harts = board.all_harts();
    let is_named = |hart: &&&Hart| {
        let bit = hart.id.checked_sub(base).and_then(|bit| u32::try_from(bit).ok());
        base == hart.xlen.most() || bit.and_then(|bit| mask.checked_shr(bit)).is_some_and(|mask| mask & 1 != 0)
    };
    let exists = base == board.hart.xlen.most() || harts.iter().any(|hart| hart.id >= base);
    exists.then(|| harts.iter().filter(is_named).fold(0, |named, hart| named | 1 << hart.number))
}

/// Sends an interrupt to those of the named harts that are not stopped.
pub(super) fn send_interrupt(board: &mut Board, mask: u64, base: u64) -> Answer {
    let Some(named) = named(board, mask, base) else { return Answer::Error(INVALID_PARAMETER) };
    let interrupt = |hart: &mut Hart| {
        hart.software_interrupt |= named >> hart.number & 1 != 0 && hart.lifecycle != Lifecycle::Stopped;
    };
    interrupt(&mut board.hart);
    board.harts.others_mut().for_each(interrupt);
    order(board, named);
    Answer::Value(0)
}

/// What the calling hart has done comes before what the named ones do.
fn order(board: &mut Board, named: u32) {
    let (count, icount) = (board.harts.count(), board.icount);
    if let Some(races) = &mut board.memory.races {
        (0..count).filter(|number| named >> number & 1 != 0).for_each(|then| races.order_after_selected(then, icount));
    }
}

pub(super) fn remote_fence(board: &mut Board, mask: u64, base: u64) -> Answer {
    let Some(named) = named(board, mask, base) else { return Answer::Error(INVALID_PARAMETER) };
    let is_named = |number: &usize| named >> number & 1 != 0;
    if is_named(&board.hart.number) {
        board.flush_translations();
    }
    (0..board.harts.count()).filter(is_named).for_each(|number| board.harts.flush_other(number));
    order(board, named);
    // It returns when all have made theirs.
    let (here, icount) = (board.hart.number, board.icount);
    if let Some(races) = &mut board.memory.races {
        (0..board.harts.count()).filter(is_named).for_each(|number| races.order(number, here, icount));
    }
    Answer::Value(0)
}

/// Hart State Management.
pub(super) fn hart_state(board: &mut Board, function: u64, arguments: [u64; 6], resume_at: &mut u64) -> Answer {
    const RETENTIVE: u64 = 0;
    const NON_RETENTIVE: u64 = 1 << 31;
    match (function, arguments[0]) {
        (0, id) => start(board, id, arguments[1], arguments[2]),
        (1, _) => {
            board.hart.sie = 0;
            board.hart.lifecycle = Lifecycle::Stopped;
            board.wait(board.hart.pc);
            board.memory.note(HartEvent::Stopped { icount: board.icount, pc: Address(board.hart.pc) });
            Answer::Value(0)
        }
        (2, id) => status(board, id),
        (3, RETENTIVE) => {
            board.hart.lifecycle = Lifecycle::Suspended;
            board.wait(board.hart.pc);
            Answer::Value(0)
        }
        (3, NON_RETENTIVE) => {
            board.hart.lifecycle = Lifecycle::Suspended;
            board.wait(board.hart.pc);
            board.hart.satp = 0;
            board.hart.sstatus &= !sstatus::SIE;
            board.hart.set_x(Register::A0, board.hart.id);
            board.hart.set_x(Register::A1, arguments[2]);
            board.refresh_context();
            *resume_at = arguments[1];
            Answer::Value(0)
        }
        (3, _) => Answer::Error(INVALID_PARAMETER),
        _ => Answer::Error(NOT_SUPPORTED),
    }
}

/// Starts a hart at a physical address: in S-mode, a0 = its id, a1 = the argument, interrupts off, satp 0, traps leading there too.
fn start(board: &mut Board, id: u64, address: u64, argument: u64) -> Answer {
    let (isa, conditions) = (board.hart.isa(), board.conditions);
    let all = board.all_harts();
    let Some(lifecycle) = all.iter().find(|hart| hart.id == id).map(|hart| hart.lifecycle) else {
        return Answer::Error(INVALID_PARAMETER);
    };
    if map::is_firmware(address) {
        return Answer::Error(INVALID_ADDRESS);
    }
    match lifecycle {
        Lifecycle::Started => return Answer::Error(ALREADY_AVAILABLE),
        Lifecycle::Suspended => return Answer::Error(INVALID_PARAMETER),
        Lifecycle::Stopped => {}
    }
    let Some(number) = board.harts.others().find(|hart| hart.id == id).map(|hart| hart.number) else {
        return Answer::Error(INVALID_PARAMETER);
    };
    for hart in board.harts.others_mut().filter(|hart| hart.number == number) {
        // The firmware leaves these as they were.
        let (scause, sepc, stval) = (hart.scause, hart.sepc, hart.stval);
        *hart = hand_over(address, argument, id, isa, &conditions);
        (hart.number, hart.scause, hart.sepc, hart.stval) = (number, scause, sepc, stval);
    }
    board.harts.flush_other(number);
    order(board, 1 << number);
    board.memory.follow_races();
    Answer::Value(0)
}

fn status(board: &mut Board, id: u64) -> Answer {
    const STARTED: u64 = 0;
    const STOPPED: u64 = 1;
    const SUSPENDED: u64 = 4;
    let asked = board.all_harts().iter().find(|hart| hart.id == id).map(|hart| (hart.number, hart.lifecycle));
    let Some((number, lifecycle)) = asked else { return Answer::Error(INVALID_PARAMETER) };
    if lifecycle == Lifecycle::Started {
        return Answer::Value(STARTED);
    }
    // One that says so has done what it did before.
    let (here, icount) = (board.hart.number, board.icount);
    if let Some(races) = &mut board.memory.races {
        races.order(number, here, icount);
    }
    Answer::Value(if lifecycle == Lifecycle::Stopped { STOPPED } else { SUSPENDED })
}
