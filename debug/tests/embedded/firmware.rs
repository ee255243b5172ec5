//! The SBI, the console and the device tree, as a kernel meets them.

use debug::embedded::Ended;
use debug::machine::Stop;
use debug::{Address, Machine};

use crate::assembler::*;
use crate::kernel::*;

/// Calls function `function` of `extension` with these arguments.
fn call(extension: u64, function: u64, arguments: &[u64]) -> Vec<u32> {
    let mut code = [li(17, extension), li(16, function)].concat();
    for (register, argument) in (10..).zip(arguments) {
        code.extend(li(register, *argument));
    }
    code.push(ECALL);
    code
}

/// a0 and a1 after the call.
fn answer(extension: u64, function: u64, arguments: &[u64]) -> (i64, u64) {
    let mut machine = boot(&[call(extension, function, arguments), vec![EBREAK]].concat());
    assert_eq!(signal(resume(&mut machine)), Some(5));
    (x(&mut machine, 10) as i64, x(&mut machine, 11))
}

const BASE: u64 = 0x10;
const HART_STATE: u64 = 0x48_534d;
const DEBUG_CONSOLE: u64 = 0x4442_434e;

#[test]
fn the_base_extension_tells_what_there_is() {
    assert_eq!(answer(BASE, 0, &[]), (0, 2 << 24));
    assert_eq!(answer(BASE, 3, &[DEBUG_CONSOLE]), (0, 1));
    assert_eq!(answer(BASE, 3, &[0x0bad_0bad]), (0, 0));
    assert_eq!(answer(0x0bad_0bad, 0, &[5, 6]), (-2, 0));
}

#[test]
fn the_only_hart_is_started_and_no_other_is_there() {
    assert_eq!(answer(HART_STATE, 0, &[0, ENTRY, 0]), (-6, 0));
    assert_eq!(answer(HART_STATE, 0, &[1, ENTRY, 0]), (-3, 0));
    assert_eq!(answer(HART_STATE, 2, &[0]), (0, 0));
    assert_eq!(answer(HART_STATE, 2, &[1]), (-3, 0));
}

#[test]
fn a_stopped_hart_stands_for_ever() {
    let mut machine = boot(&[call(HART_STATE, 1, &[]), vec![STAY]].concat());
    assert_eq!(resume(&mut machine), Stop::Interrupted);
    assert_eq!(machine.step(1, LIMIT).unwrap(), (0, Stop::Interrupted));
}

#[test]
fn a_reset_ends_the_machine() {
    const SYSTEM_RESET: u64 = 0x5352_5354;
    assert_eq!(answer(SYSTEM_RESET, 0, &[9, 0]), (-3, 0));
    for (code, reset) in
        [(call(SYSTEM_RESET, 0, &[0, 0]), false), (call(SYSTEM_RESET, 0, &[1, 1]), true), (call(8, 0, &[]), false)]
    {
        let mut machine = boot(&code);
        assert_eq!(resume(&mut machine), Stop::Exited { status: Some(0) });
        assert_eq!(machine.ended(), Some(Ended { status: 0, reset }));
        assert_eq!(pc(&mut machine), at(code.len()));
    }
}

#[test]
fn all_ways_to_print_reach_the_console() {
    let text = DATA;
    let uart = [li(8, 0x1000_0000), vec![addi(9, 0, 'u' as i32), store_form(STORE, 0, 8, 9, 0)]].concat();
    let code = [
        call(1, 0, &['l'.into()]),
        call(DEBUG_CONSOLE, 2, &['d'.into()]),
        call(DEBUG_CONSOLE, 0, &[5, text, 0]),
        uart,
        vec![EBREAK],
    ];
    let mut machine = boot(&code.concat());
    machine.write_memory(Address(text), b"hello").unwrap();
    resume(&mut machine);
    assert_eq!(machine.console(), b"ldhellou");
    // Before the last store it has not been printed, and it is not printed twice.
    machine.reverse_step(1, LIMIT);
    assert_eq!(machine.console(), b"ldhello");
    resume(&mut machine);
    assert_eq!(machine.console(), b"ldhellou");
}

#[test]
fn the_console_of_the_firmware_refuses_memory_that_is_not_the_kernels() {
    for (address, high) in [(0x8000_0000, 0), (0x8800_0000 - 4, 0), (DATA, 1), (0, 0)] {
        assert_eq!(answer(DEBUG_CONSOLE, 0, &[8, address, high]), (-3, 0), "{address:#x}");
        assert_eq!(answer(DEBUG_CONSOLE, 1, &[8, address, high]), (-3, 0), "{address:#x}");
    }
}

#[test]
fn typed_input_is_read_where_it_was_typed() {
    // Counts in x5 while polling the UART for a character, which ends in x6.
    let mut code = li(8, 0x1000_0000);
    let start = code.len();
    code.extend([
        addi(5, 5, 1),
        immediate_form(LOAD, 4, 7, 8, 5),
        immediate_form(OP_IMMEDIATE, 7, 7, 7, 1),
        branch_form(0, 7, 0, -12),
        immediate_form(LOAD, 4, 6, 8, 0),
        EBREAK,
    ]);
    let mut machine = boot(&code);
    machine.step(start as u64 + 400, LIMIT).unwrap();
    machine.input(b"x").unwrap();
    resume(&mut machine);
    let first = (x(&mut machine, 5), x(&mut machine, 6), machine.icount());
    assert_eq!(first.1, u64::from(b'x'));
    machine.goto(0, LIMIT);
    resume(&mut machine);
    assert_eq!((x(&mut machine, 5), x(&mut machine, 6), machine.icount()), first);
}

/// Reads by all three ways in turn, for ever, and keeps in x20 what it has read; counts rounds in x21.
fn reader() -> Vec<u32> {
    let keep = |register| {
        [
            immediate_form(OP_IMMEDIATE, 1, 22, 20, 5),
            register_form(OP, 0, 4, 20, 20, 22),
            register_form(OP, 0, 4, 20, 20, register),
        ]
    };
    let mut code = li(8, 0x1000_0000);
    let start = code.len();
    code.push(addi(21, 21, 1));
    code.push(immediate_form(LOAD, 4, 5, 8, 5));
    code.push(immediate_form(LOAD, 4, 6, 8, 0));
    code.extend(keep(5).into_iter().chain(keep(6)));
    code.extend(call(2, 0, &[]));
    code.extend(keep(10));
    code.extend(call(DEBUG_CONSOLE, 1, &[3, DATA, 0]));
    code.extend(keep(11));
    code.extend(li(9, DATA));
    code.push(ld(7, 9, 0));
    code.extend(keep(7));
    code.push(jump_form(0, -4 * (code.len() - start) as i32));
    code
}

#[test]
fn what_was_typed_is_read_again_at_the_same_instructions() {
    let texts = ["ls\r", "", "a longer line than the rest, which takes some rounds to be read\r", "x"];
    let mut machine = boot(&reader());
    let mut moments = Vec::new();
    for text in texts {
        for _ in 0..3 {
            machine.step(40_000, LIMIT).unwrap();
            moments.push((machine.icount(), x(&mut machine, 20), word(&mut machine, DATA)));
        }
        machine.input(text.as_bytes()).unwrap();
    }
    machine.step(40_000, LIMIT).unwrap();
    let end = (machine.icount(), x(&mut machine, 20), word(&mut machine, DATA));
    for moment in moments.iter().rev().chain(&moments).chain([&end]) {
        machine.goto(moment.0, LIMIT);
        assert_eq!((machine.icount(), x(&mut machine, 20), word(&mut machine, DATA)), *moment);
    }
    // The same in one go, from the first instruction; and otherwise where nothing was typed.
    machine.goto(0, LIMIT);
    machine.step(end.0, LIMIT).unwrap();
    assert_eq!(x(&mut machine, 20), end.1);
    let mut silent = boot(&reader());
    silent.step(end.0, LIMIT).unwrap();
    assert_ne!(x(&mut silent, 20), end.1);
    // What is typed in the past makes another future.
    machine.goto(moments[4].0, LIMIT);
    machine.input(b"y").unwrap();
    machine.step(end.0 - machine.icount(), LIMIT).unwrap();
    assert_ne!(x(&mut machine, 20), end.1);
}

#[test]
fn the_device_tree_is_where_a1_says() {
    let mut machine = boot(&[STAY]);
    let address = x(&mut machine, 11);
    assert_eq!((x(&mut machine, 10), address), (0, 0x87e0_0000));
    assert_eq!(word(&mut machine, address) as u32, 0xd00d_feed_u32.swap_bytes());
}
