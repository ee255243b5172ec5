//! Unit tests of what explains a difference.

use super::*;

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
