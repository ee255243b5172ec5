//! Unit tests of what explains a difference.

use super::*;
use crate::machine::quirk::{Outcome, TrapValues};
use crate::riscv::cause::ILLEGAL_INSTRUCTION;

/// A trap at `pc` with this stval.
fn trapped(pc: u64, value: u64) -> Outcome {
    Outcome { trap: Some(TrapValues { cause: ILLEGAL_INSTRUCTION, pc, value }), ..Outcome::default() }
}

#[test]
fn the_second_pages_number_in_sepc_is_known_from_10_on() {
    const WFI: u32 = 0x1050_0073;
    let known_by = |version: Version, manual: Outcome, machine: Outcome| {
        explanation(&of(version), &Case { instruction: WFI, machine, manual }).is_some()
    };
    let manual = trapped(0x8020_0ffe, 0);
    assert!(known_by(TEN, manual, trapped(0x8020_1ffe, 0)));
    assert!(!known_by(OLD, manual, trapped(0x8020_1ffe, 0)));
    // Not together with anything else, nor for another place, nor for an instruction on one page.
    assert!(!known_by(TEN, manual, trapped(0x8020_1ffe, 4)));
    assert!(!known_by(TEN, manual, trapped(0x8020_2ffe, 0)));
    assert!(!known_by(TEN, trapped(0x8020_0ffc, 0), trapped(0x8020_1ffc, 0)));
}

#[test]
fn what_a_word_stored_in_a_reserved_doubleword_returns_is_known() {
    const SC_W: u32 = 0x1872_a32f;
    const SC_D: u32 = SC_W | 1 << 12;
    let returned = |result| Outcome { result: Some(result), ..Outcome::default() };
    let known_by = |version, instruction, machine, manual| {
        explanation(&of(version), &Case { instruction, machine, manual }).is_some()
    };
    for version in [OLD, TEN, ELEVEN] {
        assert!(known_by(version, SC_W, returned(1), returned(0)));
        assert!(!known_by(version, SC_D, returned(1), returned(0)));
        assert!(!known_by(version, SC_W, returned(0), returned(1)));
        let with_more = Outcome { sstatus: 2, ..returned(1) };
        assert!(!known_by(version, SC_W, with_more, returned(0)), "not together with anything else");
    }
}

#[test]
fn another_width_of_user_mode_is_known_by_itself() {
    const ADDI: u32 = 0x13;
    let status = |sstatus| Outcome { sstatus, ..Outcome::default() };
    let known = |machine, manual| explanation(&of(TEN), &Case { instruction: ADDI, machine, manual }).is_some();
    assert!(known(status(1 << 32), status(2 << 32)));
    assert!(!known(status(1 << 32 | 2), status(2 << 32)));
    assert!(!known(Outcome { sstatus: 1 << 32, ..trapped(0x8020_0000, 0) }, status(2 << 32)));
}
