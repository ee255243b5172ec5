//! Stops: breakpoints, watchpoints, faults, waiting, the end.

use std::time::{Duration, Instant};

use debug::embedded::Options;
use debug::machine::{Access, Fault, Register, Stop, Watchpoint};
use debug::{Address, Machine};

use crate::assembler::*;
use crate::kernel::*;

const SCAUSE: u16 = 0x142;
const SEPC: u16 = 0x141;
const STVAL: u16 = 0x143;

#[test]
fn a_breakpoint_stops_before_its_instruction_and_not_again() {
    let mut machine = boot(&[addi(5, 5, 1), addi(5, 5, 1), jump_form(0, -8)]);
    machine.insert_breakpoint(at(1)).unwrap();
    assert_eq!(resume(&mut machine), Stop::Breakpoint);
    assert_eq!((pc(&mut machine), x(&mut machine, 5), machine.icount()), (at(1), 1, 1));
    assert_eq!(resume(&mut machine), Stop::Breakpoint);
    assert_eq!((pc(&mut machine), x(&mut machine, 5), machine.icount()), (at(1), 3, 4));
    machine.remove_breakpoint(at(1)).unwrap();
    assert_eq!(machine.resume(Duration::from_millis(5)).unwrap(), Stop::Interrupted);
}

#[test]
fn steps_do_not_look_at_breakpoints() {
    let mut machine = boot(&[addi(5, 0, 1), addi(5, 0, 2), STAY]);
    machine.insert_breakpoint(at(1)).unwrap();
    assert_eq!(machine.step(2, LIMIT).unwrap(), (2, Stop::Stepped));
}

#[test]
fn a_watchpoint_stops_before_the_access_and_lets_it_pass_then() {
    let mut code = li(8, DATA);
    let first = code.len();
    code.extend([sd(8, 8, 0), store_form(STORE, 0, 8, 8, 5), ld(5, 8, 0), STAY]);
    let mut machine = boot(&code);
    let watchpoint = Watchpoint { address: Address(DATA + 5), length: 1, access: Access::Write };
    machine.insert_watchpoint(watchpoint).unwrap();
    assert_eq!(resume(&mut machine), Stop::Watchpoint { address: Address(DATA + 5) });
    assert_eq!((pc(&mut machine), word(&mut machine, DATA)), (at(first), 0));
    assert_eq!(machine.step(5, LIMIT).unwrap(), (1, Stop::Watchpoint { address: Address(DATA + 5) }));
    assert_eq!((pc(&mut machine), word(&mut machine, DATA)), (at(first + 1), DATA));
    machine.remove_watchpoint(watchpoint).unwrap();
    machine.insert_watchpoint(Watchpoint { access: Access::Read, ..watchpoint }).unwrap();
    assert_eq!(resume(&mut machine), Stop::Watchpoint { address: Address(DATA + 5) });
    assert_eq!(pc(&mut machine), at(first + 2));
    machine.insert_watchpoint(watchpoint).unwrap();
    machine.insert_watchpoint(watchpoint).unwrap();
    machine.remove_watchpoint(watchpoint).unwrap();
    machine.remove_watchpoint(watchpoint).unwrap();
}

#[test]
fn a_step_that_came_to_a_watched_access_does_not_pass_it() {
    let mut code = li(8, DATA);
    let store = code.len();
    code.extend([sd(8, 8, 0), STAY]);
    let mut machine = boot(&code);
    let stop = Stop::Watchpoint { address: Address(DATA) };
    machine.insert_watchpoint(Watchpoint { address: Address(DATA), length: 1, access: Access::Write }).unwrap();
    machine.step(store as u64, LIMIT).unwrap();
    assert_eq!(machine.step(1, LIMIT).unwrap(), (0, stop));
    assert_eq!((pc(&mut machine), word(&mut machine, DATA)), (at(store), 0));
    assert_eq!(machine.step(1, LIMIT).unwrap(), (1, Stop::Stepped));
    machine.reverse_step(1, LIMIT);
    assert_eq!(resume(&mut machine), stop);
    assert_eq!(machine.step(1, LIMIT).unwrap(), (1, Stop::Stepped));
}

#[test]
fn a_watchpoint_on_a_page_that_was_stored_to_before_is_seen() {
    let code = [li(8, DATA), vec![sd(8, 8, 0), addi(0, 0, 0), sd(8, 8, 8), STAY]].concat();
    let mut machine = boot(&code);
    machine.step(code.len() as u64 - 3, LIMIT).unwrap();
    machine
        .insert_watchpoint(Watchpoint { address: Address(DATA + 8), length: 8, access: Access::ReadOrWrite })
        .unwrap();
    assert_eq!(resume(&mut machine), Stop::Watchpoint { address: Address(DATA + 8) });
}

#[test]
fn a_trap_that_nobody_takes_stops_at_the_instruction() {
    let cases = [
        (vec![ld(5, 0, 0)], 11, 5, 0),
        (vec![sd(5, 0, 16)], 11, 7, 16),
        (vec![EBREAK], 5, 3, 0),
        (vec![0xffff_ffff], 4, 2, 0xffff_ffff),
        (vec![immediate_form(JALR, 0, 0, 0, 0x40)], 11, 1, 0x40),
    ];
    for (code, number, cause, value) in cases {
        let mut machine = boot(&code);
        assert_eq!(signal(resume(&mut machine)), Some(number), "{code:x?}");
        assert_eq!((csr(&mut machine, SCAUSE), csr(&mut machine, STVAL)), (cause, value), "{code:x?}");
        let at = pc(&mut machine).0;
        assert_eq!(csr(&mut machine, SEPC), at);
        assert!(matches!(machine.fault(), Some(Fault::Trap { pc, .. }) if pc.0 == at));
        // Nothing has changed: it happens again, and going on elsewhere forgets it.
        assert_eq!(signal(resume(&mut machine)), Some(number));
        machine.write_register(Register::Pc, ENTRY).unwrap();
        assert!(machine.fault().is_none());
        assert_eq!(csr(&mut machine, SCAUSE), 0);
    }
}

/// vsetvli zero, zero, e8, m1, ta, ma.
const VECTOR: u32 = 0x0c00_7057;

/// A machine that is to have vectors, which it has not.
fn with_vectors() -> Options {
    Options { cpu: "rv64,v=on".parse().unwrap(), ..Options::default() }
}

#[test]
fn what_the_machine_does_not_have_is_named() {
    let flash = [li(8, 0x2000_0000), vec![ld(5, 8, 0)]].concat();
    for (code, what) in [(flash, "flash"), (vec![VECTOR], "vectors")] {
        let mut machine = boot_with(&code, &with_vectors());
        assert!(matches!(resume(&mut machine), Stop::Fault(_)));
        let words = machine.fault().expect("it says why").to_string();
        assert!(words.contains(what) && words.contains("QEMU"), "{words}");
    }
}

/// What QEMU's hart has neither is a trap, which tells the instruction: vectors, CSRs of M-mode, where no device is.
#[test]
fn what_no_machine_has_is_a_trap_that_tells_of_it() {
    let nowhere = [li(8, 0x5000_0000_0000), vec![ld(5, 8, 0)]].concat();
    for (code, words) in [
        (vec![VECTOR], format!("illegal instruction (stval {VECTOR:#x}) at {ENTRY:#x}, and stvec is still")),
        (vec![csrr(5, 0x300)], format!("illegal instruction (stval {:#x}) at {ENTRY:#x}", csrr(5, 0x300))),
        (nowhere.clone(), format!("load access fault (stval 0x500000000000) at {}", at(nowhere.len() - 1))),
    ] {
        let mut machine = boot(&code);
        assert!(matches!(resume(&mut machine), Stop::Fault(_)));
        let told = machine.fault().expect("it says why").to_string();
        assert!(told.starts_with(&words), "{told}");
    }
}

#[test]
fn a_missing_thing_is_told_with_the_instruction_that_asked_for_it() {
    let mut machine = boot_with(&[addi(5, 0, 0), VECTOR], &with_vectors());
    resume(&mut machine);
    let told = machine.fault().expect("it says why").to_string();
    assert!(told.starts_with(&format!("the instruction {VECTOR:#010x} at {}", at(1))), "{told}");
    // A handler changes nothing: the kernel does not hear of it.
    let mut machine = boot_with(&[li(5, ENTRY + 0x100), vec![csrw(0x105, 5), VECTOR]].concat(), &with_vectors());
    assert_eq!(signal(resume(&mut machine)), Some(4));
    assert!(machine.fault().is_some_and(|fault| fault.is_missing()));
}

#[test]
fn wfi_that_nothing_ends_is_an_interruption_after_it() {
    let mut machine = boot(&[WFI, addi(5, 0, 1), STAY]);
    assert_eq!(resume(&mut machine), Stop::Interrupted);
    assert_eq!((pc(&mut machine), machine.icount()), (at(1), 1));
    assert_eq!(machine.step(1, LIMIT).unwrap(), (0, Stop::Interrupted));
    let mut machine = boot(&[WFI]);
    assert_eq!(machine.step(1, LIMIT).unwrap(), (1, Stop::Interrupted));
}

#[test]
fn wfi_sleeps_until_the_timer_and_the_handler_runs() {
    const STIE: i32 = 0x20;
    let mut code = vec![AUIPC | 5 << 7, addi(5, 5, 0), csrw(0x105, 5)];
    code.extend([addi(6, 0, 100), csrw(0x14d, 6), addi(6, 0, STIE), csrs(0x104, 6)]);
    code.extend([csr_set_immediate(0x100, 2), WFI, addi(20, 20, 1), STAY]);
    let handler = code.len();
    code[1] = addi(5, 5, 4 * handler as i32);
    code.extend([csrr(8, 0x142), csrr(9, 0xc01), STAY]);
    let mut machine = boot(&code);
    machine.insert_breakpoint(at(handler)).unwrap();
    assert_eq!(resume(&mut machine), Stop::Breakpoint);
    // Nine instructions, then the interrupt.
    assert_eq!((machine.icount(), csr(&mut machine, 0xc01)), (10, 100));
    machine.step(2, LIMIT).unwrap();
    assert_eq!((x(&mut machine, 8), x(&mut machine, 9), x(&mut machine, 20)), (1 << 63 | 5, 100, 0));
    assert_eq!(csr(&mut machine, SEPC), at(9).0);
}

fn csr_set_immediate(csr: u32, number: u32) -> u32 {
    csr << 20 | number << 15 | 6 << 12 | SYSTEM
}

#[test]
fn the_timer_interrupts_a_loop_at_its_very_instruction() {
    let mut code = vec![AUIPC | 5 << 7, addi(5, 5, 4 * 9), csrw(0x105, 5)];
    code.extend([
        addi(6, 0, 1000),
        csrw(0x14d, 6),
        addi(6, 0, 0x20),
        csrs(0x104, 6),
        csr_set_immediate(0x100, 2),
        STAY,
    ]);
    code.push(STAY);
    let mut machine = boot(&code);
    machine.insert_breakpoint(at(9)).unwrap();
    assert_eq!(resume(&mut machine), Stop::Breakpoint);
    // Time 1000 is after 10000 instructions; taking the interrupt is one more.
    assert_eq!(machine.icount(), 10_001);
}

#[test]
fn the_limit_is_kept() {
    let mut machine = boot(&[STAY]);
    let begun = Instant::now();
    assert_eq!(machine.resume(Duration::from_millis(30)).unwrap(), Stop::Interrupted);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(machine.icount() > 10_000);
    assert_eq!(machine.step(u64::MAX, Duration::from_millis(30)).unwrap().1, Stop::Interrupted);
}

#[test]
fn the_test_finisher_ends_the_machine() {
    for (word, status) in [(0x5555, 0), (0x3333 | 7 << 16, 7)] {
        let code = [li(8, 0x10_0000), li(9, word), vec![store_form(STORE, 2, 8, 9, 0), STAY]].concat();
        let mut machine = boot(&code);
        assert_eq!(resume(&mut machine), Stop::Exited { status: Some(status) });
        assert_eq!(resume(&mut machine), Stop::Exited { status: Some(status) });
        // Back from the end, which can be reached again.
        assert_eq!(machine.reverse_step(2, LIMIT), (2, Stop::Stepped));
        assert_eq!(resume(&mut machine), Stop::Exited { status: Some(status) });
    }
}

#[test]
fn memory_is_read_and_written_through_the_translation_or_not_at_all() {
    let mut machine = boot(&[STAY]);
    let end = Address(0x8000_0000 + (128 << 20));
    machine.write_memory(end - 4, &[1, 2, 3, 4]).unwrap();
    assert!(machine.write_memory(end - 4, &[5; 8]).is_err());
    assert_eq!(word(&mut machine, end.0 - 8), 0x0403_0201 << 32);
    assert!(machine.read_memory(Address(u64::MAX), &mut [0; 2]).is_err());
    assert!(machine.read_memory(Address(0), &mut []).is_ok());
}

#[test]
fn code_written_by_a_debugger_is_executed() {
    let mut machine = boot(&[addi(5, 5, 1), jump_form(0, -4)]);
    machine.step(10, LIMIT).unwrap();
    machine.write_memory(at(0), &addi(5, 0, 77).to_le_bytes()).unwrap();
    machine.step(1, LIMIT).unwrap();
    assert_eq!(x(&mut machine, 5), 77);
}
