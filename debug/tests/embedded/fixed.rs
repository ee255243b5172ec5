//! Defects that the comparison with QEMU found, each as the case that showed it.

use debug::Machine;
use debug::machine::Register;

use crate::assembler::*;
use crate::kernel::*;

const FCSR: u16 = 0x003;
const SCAUSE: u16 = 0x142;
const STVAL: u16 = 0x143;
const INEXACT: u64 = 1;
const UNDERFLOW: u64 = 2;
const OVERFLOW: u64 = 4;

/// The result of a floating-point instruction on f1, f2 and f3 in f0, and fflags.
fn compute(instruction: u32, operands: [u64; 3]) -> (u64, u64) {
    let mut machine = boot(&[instruction, STAY]);
    for (register, operand) in (1..).zip(operands) {
        machine.write_register(Register::Fpr(register), operand).unwrap();
    }
    machine.step(1, LIMIT).unwrap();
    (machine.read_register(Register::Fpr(0)).unwrap(), csr(&mut machine, FCSR))
}

const LARGEST: u64 = 0x7fef_ffff_ffff_ffff;
const SMALLEST_NORMAL: u64 = 1 << 52;
const NEGATIVE: u64 = 1 << 63;

#[test]
fn overflow_is_raised_where_rounding_leads_back_to_the_largest_number() {
    const TOWARD_ZERO: u32 = 1;
    const UP: u32 = 3;
    let multiply = |mode| register_form(OP_FLOAT, 2 << 2 | 1, mode, 0, 1, 2);
    assert_eq!(compute(multiply(TOWARD_ZERO), [LARGEST, LARGEST, 0]), (LARGEST, OVERFLOW | INEXACT));
    assert_eq!(compute(multiply(UP), [LARGEST | NEGATIVE, LARGEST, 0]), (LARGEST | NEGATIVE, OVERFLOW | INEXACT));
    // The largest number itself, rounded to from below the limit, is no overflow.
    let add = register_form(OP_FLOAT, 1, TOWARD_ZERO, 0, 1, 2);
    assert_eq!(compute(add, [LARGEST, 1, 0]), (LARGEST, INEXACT));
}

#[test]
fn tininess_is_detected_after_rounding_with_full_precision() {
    const NEAREST: u32 = 0;
    let multiply = register_form(OP_FLOAT, 2 << 2 | 1, NEAREST, 0, 1, 2);
    let below_one = 0x3fef_ffff_ffff_ffff;
    // (1 - 2^-53) * 2^-1022 lies half-way between two subnormals' distance of the smallest normal number, and is tiny.
    assert_eq!(compute(multiply, [SMALLEST_NORMAL, below_one, 0]), (SMALLEST_NORMAL, UNDERFLOW | INEXACT));
    // (1 + 2^-52) * (1 - 2^-53) * 2^-1022 is not.
    let result = compute(multiply, [SMALLEST_NORMAL + 1, below_one, 0]);
    assert_eq!(result, (SMALLEST_NORMAL, INEXACT));
}

#[test]
fn a_fused_product_of_zero_and_infinity_is_invalid_beside_a_quiet_nan() {
    let multiply_add = register_form(0x43, 3 << 2 | 1, 0, 0, 1, 2);
    let (quiet_nan, infinity) = (0x7ff8_0000_0000_0000, 0x7ff0_0000_0000_0000);
    assert_eq!(compute(multiply_add, [0, infinity, quiet_nan]), (quiet_nan, 16));
}

#[test]
fn a_breakpoint_instruction_leaves_stval_zero() {
    let mut machine = boot(&[addi(0, 0, 0), EBREAK]);
    assert_eq!(signal(resume(&mut machine)), Some(5));
    assert_eq!((csr(&mut machine, SCAUSE), csr(&mut machine, STVAL)), (3, 0));
}

#[test]
fn atomics_that_fail_are_stores() {
    let amoadd = register_form(AMO, 0, 2, 5, 8, 5);
    let sc = register_form(AMO, 3 << 2, 2, 5, 8, 5);
    let lr = register_form(AMO, 2 << 2, 2, 5, 8, 0);
    for (instruction, address, cause) in
        [(amoadd, DATA + 1, 6), (amoadd, 0x40, 7), (sc, DATA + 2, 6), (lr, DATA + 2, 4), (lr, 0x40, 5)]
    {
        let mut machine = boot(&[li(8, address), vec![instruction]].concat());
        assert_eq!(signal(resume(&mut machine)), Some(11));
        assert_eq!((csr(&mut machine, SCAUSE), csr(&mut machine, STVAL)), (cause, address), "{instruction:#x}");
    }
}

/// It was kept, and a `sc` much later looked at memory, or succeeded.
#[test]
fn a_trap_and_a_call_end_a_reservation() {
    let lr = register_form(AMO, 2 << 2, 3, 5, 8, 0);
    let sc = register_form(AMO, 3 << 2, 3, 6, 8, 5);
    let call = [addi(17, 0, 2), lr, ECALL, sc];
    // The sc, five instructions on from the auipc, is the handler, or where to return to.
    let behind = |csr, last| [0x0000_0497, addi(9, 9, 20), csrw(csr, 9), lr, last, sc];
    let (trap, sret) = (behind(0x105, EBREAK), behind(0x141, SRET));
    let from_supervisor = [li(10, 1 << 8), vec![csrs(0x100, 10)]].concat();
    let sret = [&from_supervisor[..], &sret].concat();
    for (code, failed) in [(&[lr, sc][..], 0), (&call, 1), (&trap, 1), (&sret, 1)] {
        let mut machine = boot(&[&li(8, DATA), code, &[STAY]].concat());
        machine.step(40, LIMIT).unwrap();
        assert_eq!(x(&mut machine, 6), failed);
    }
}

#[test]
fn a_load_over_the_end_of_ram_fails_with_the_address_of_the_part_that_failed() {
    let end = 0x8800_0000;
    let mut machine = boot(&[li(8, end - 4), vec![ld(5, 8, 0)]].concat());
    assert_eq!(signal(resume(&mut machine)), Some(11));
    assert_eq!((csr(&mut machine, SCAUSE), csr(&mut machine, STVAL)), (5, end));
}

#[test]
fn an_interrupt_to_harts_that_do_not_exist_is_noticed_by_their_base() {
    const IPI: u64 = 0x73_5049;
    for (mask, base, error) in [(1, 0, 0), (0xff, 0, 0), (0, 1, -3), (0, u64::MAX, 0)] {
        let code = [li(17, IPI), li(16, 0), li(10, mask), li(11, base), vec![ECALL, EBREAK]].concat();
        let mut machine = boot(&code);
        resume(&mut machine);
        assert_eq!(x(&mut machine, 10) as i64, error, "{mask:#x} {base:#x}");
        assert_eq!(csr(&mut machine, 0x144) & 2 != 0, error == 0);
    }
}

#[test]
fn the_firmware_leaves_boxed_zeros_in_the_floating_point_registers() {
    let mut machine = boot(&[STAY]);
    assert_eq!(machine.read_register(Register::Fpr(31)).unwrap(), 0xffff_ffff_0000_0000);
}

/// What a kernel reads from the UART's registers 1 to 7 after these writes.
fn uart(writes: &[(i32, i32)]) -> [u64; 7] {
    let mut code = li(8, 0x1000_0000);
    for (register, value) in writes {
        code.extend([addi(9, 0, *value), store_form(STORE, 0, 8, 9, *register)]);
    }
    code.extend((1..8).map(|register| immediate_form(LOAD, 4, 20 + register as u32, 8, register)));
    code.push(EBREAK);
    let mut machine = boot(&code);
    assert_eq!(signal(resume(&mut machine)), Some(5));
    std::array::from_fn(|index| x(&mut machine, 21 + index))
}

#[test]
fn the_firmware_leaves_the_uart_as_it_used_it() {
    assert_eq!(uart(&[]), [0, 0xc1, 3, 0, 0x60, 0xb0, 0]);
}

#[test]
fn the_uart_tells_of_its_transmitter_and_loops_back() {
    const TRANSMITTED: i32 = 2;
    const LOOPBACK: i32 = 0x10;
    assert_eq!(uart(&[(1, TRANSMITTED)])[1], 0xc2);
    // Of two bytes sent to itself without FIFOs one is lost; ready and carrier are what is said to the modem.
    let registers = uart(&[(2, 0), (4, LOOPBACK | 9), (0, 1), (0, 2)]);
    assert_eq!((registers[1], registers[4], registers[5]), (1, 0x63, 0xa0));
}

/// QEMU takes them apart, and does what each part does.
#[test]
fn a_misaligned_access_to_a_device_is_an_access_fault() {
    let half = immediate_form(LOAD, 1, 5, 8, 5);
    let word = store_form(STORE, 2, 8, 5, 2);
    for (device, instruction, cause, offset) in
        [(0x1000_0000, half, 5, 5), (0x1000_0000, word, 7, 2), (0x10_0000, word, 7, 2)]
    {
        let mut machine = boot(&[li(8, device), vec![instruction]].concat());
        assert_eq!(signal(resume(&mut machine)), Some(11));
        assert_eq!((csr(&mut machine, SCAUSE), csr(&mut machine, STVAL)), (cause, device + offset));
    }
}
