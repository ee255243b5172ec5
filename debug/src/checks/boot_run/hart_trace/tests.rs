use super::super::event::BootEnd;
use super::*;

const TIMER: u64 = 1 << 63 | 5;

/// A trap after `icount` instructions.
fn trap(icount: u64, cause: u64, from_user: bool) -> HartEvent {
    HartEvent::Trap(taken(icount, cause, from_user))
}

pub fn taken(icount: u64, cause: u64, from_user: bool) -> TakenTrap {
    let (pc, sp, handler) = (Address(0x8020_0000), Address(0x8030_0000), Address(0x8020_1000));
    TakenTrap {
        icount,
        pc,
        cause,
        value: 0,
        from_user,
        sp,
        sscratch: 0,
        handler,
        instruction: None,
        from_guest: false,
        by_guest: false,
        guest_physical: None,
        overdue: 0,
    }
}

fn back(icount: u64, to_user: bool) -> HartEvent {
    HartEvent::TrapReturn { icount, to: Address(0x8020_0000), sp: Address(0), to_user }
}

/// The trace after these events, `rounds` times, each round so many instructions after the one before.
fn after(rounds: u64, length: u64, events: &[HartEvent]) -> HartTrace {
    let mut trace = HartTrace { counts_instructions: true, ..HartTrace::default() };
    for round in 0..rounds {
        for event in events {
            let later = round * length;
            trace.event(&match *event {
                HartEvent::Trap(trap) => HartEvent::Trap(TakenTrap { icount: trap.icount + later, ..trap }),
                HartEvent::TrapReturn { icount, to, sp, to_user } => {
                    HartEvent::TrapReturn { icount: icount + later, to, sp, to_user }
                }
                HartEvent::Wait { icount, pc, time, waits } => {
                    HartEvent::Wait { icount: icount + later, pc, time: time + later * LONG_ENOUGH, waits }
                }
                other => other,
            });
        }
    }
    trace
}

#[test]
fn interrupts_right_after_each_other_are_a_storm() {
    let storm = after(3 * STORM, 20, &[trap(1, TIMER, false), back(20, false)]);
    assert_eq!(storm.end(), Some(BootEnd::Storm));
    let tick = after(3 * STORM, 24, &[trap(1, TIMER, false), back(20, false)]);
    assert_eq!(tick.end(), None, "four instructions in between");
}

#[test]
fn ticks_that_catch_up_are_no_storm() {
    let overdue_by_less = |less: u64| {
        let mut trace = HartTrace { counts_instructions: true, ..HartTrace::default() };
        for tick in 0..2 * STORM {
            let mut trap = taken(20 * tick, TIMER, false);
            trap.overdue = (2 * STORM - tick) * less;
            trace.event(&HartEvent::Trap(trap));
            trace.event(&back(20 * tick + 19, false));
        }
        trace.end()
    };
    assert_eq!(overdue_by_less(100), None);
    assert_eq!(overdue_by_less(0), Some(BootEnd::Storm), "the timer is set into the past");
}

#[test]
fn a_handler_that_is_interrupted_again_and_again_is_a_storm() {
    assert_eq!(after(2 * STORM, 5, &[trap(1, TIMER, false)]).end(), Some(BootEnd::Storm));
}

#[test]
fn a_trap_that_was_used_as_a_jump_makes_no_storm_of_the_interrupts_after_it() {
    let mut trace = HartTrace::default();
    trace.event(&trap(0, 12, false));
    for round in 1..3 * STORM {
        trace.event(&trap(1000 * round, TIMER, false));
        trace.event(&back(1000 * round + 20, false));
    }
    assert_eq!(trace.end(), None);
}

/// The timer is due while the kernel handles a call, and interrupts right behind the return.
#[test]
fn a_program_that_makes_calls_goes_on_between_interrupts() {
    let mut events = vec![];
    for call in 0..10 {
        events.extend([trap(22 * call + 2, USER_CALL, true), back(22 * call + 20, true)]);
    }
    events.extend([trap(221, TIMER, true), back(240, true)]);
    assert_eq!(after(3 * STORM, 240, &events).end(), None);
}

#[test]
fn a_call_that_is_done_and_made_again_does_not_wait() {
    let to = |to| HartEvent::TrapReturn { icount: 20, to: Address(to), sp: Address(0), to_user: true };
    let stuck = |to_pc, done: &[HartEvent]| {
        let mut trace = HartTrace::default();
        for round in 0..2 * DONE_AGAIN {
            let mut events = vec![trap(1, USER_CALL, true)];
            events.extend(done);
            events.push(to(to_pc));
            for event in events {
                trace.event(&match event {
                    HartEvent::Trap(trap) => HartEvent::Trap(TakenTrap { icount: 20 * round + 1, ..trap }),
                    HartEvent::TrapReturn { to, sp, to_user, .. } => {
                        HartEvent::TrapReturn { icount: 20 * round + 20, to, sp, to_user }
                    }
                    _ => HartEvent::Printed { icount: 20 * round + 10 },
                });
            }
        }
        trace.stuck.is_some()
    };
    let printed = [HartEvent::Printed { icount: 0 }];
    assert!(stuck(0x8020_0000, &printed));
    assert!(!stuck(0x8020_0000, &[]), "it waits for something");
    assert!(!stuck(0x8020_0004, &printed), "it goes on, and calls again");
}

/// The end is asked for at any instruction, in a handler too.
#[test]
fn a_handler_that_may_yet_return_does_not_rest() {
    let wait = |icount| HartEvent::Wait { icount, time: icount * LONG_ENOUGH, waits: true, pc: Address(0x8020_0000) };
    let tick = [wait(1), trap(2, TIMER, false), back(9, false)];
    let resting = |events: &[HartEvent]| {
        let mut trace = after(PERIODS, 30, &tick);
        events.iter().for_each(|event| trace.event(event));
        trace.end().is_some()
    };
    let (fault, later) = (trap(30 * PERIODS, 2, false), 30 * PERIODS + 5);
    assert!(resting(&[]));
    assert!(!resting(&[fault]));
    assert!(resting(&[fault, back(later, false)]));
    assert!(resting(&[fault, wait(later)]), "a handler that waits itself");
}

/// Two threads that are switched at each trap: one faults whenever it is its turn, and a timer interrupts the other.
pub fn thread_that_faults() -> HartTrace {
    let to_other = HartEvent::TrapReturn { icount: 2, to: Address(0x8020_0800), sp: Address(0), to_user: false };
    after(16, 30, &[trap(1, 5, false), to_other, trap(20, TIMER, false), back(30, false)])
}

#[test]
fn a_thread_that_faults_at_each_turn_is_stuck() {
    let trace = thread_that_faults();
    let Some(Stuck::SameInstruction(fault)) = trace.stuck else { panic!("{:?}", trace.stuck) };
    assert_eq!((fault.cause, trace.end()), (5, Some(BootEnd::Stuck)));
}

/// The first floating-point instruction of each turn traps, and the handler turns the unit on and returns to it.
#[test]
fn an_instruction_that_is_executed_after_its_trap_is_not_stuck() {
    let turn = [trap(1, 2, false), back(2, false), trap(10, USER_CALL, true), back(30, false)];
    assert_eq!(after(64, 30, &turn).end(), None);
}
