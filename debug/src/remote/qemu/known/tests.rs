//! Unit tests of what explains a difference.

use super::*;
use crate::machine::quirk::{Case, GuestValues, Outcome, TrapValues, explain};
use crate::riscv::cause::{ILLEGAL_INSTRUCTION, LOAD_ACCESS, LOAD_PAGE};
use crate::riscv::status::hstatus::{GVA, SPV};
use crate::riscv::status::sstatus::{FS, SD};

/// A trap at `pc` with this stval.
fn trapped(pc: u64, value: u64) -> Outcome {
    Outcome { trap: Some(TrapValues { cause: ILLEGAL_INSTRUCTION, pc, value }), ..Outcome::default() }
}

/// Whether the table explains all that differs.
fn is_known(version: Version, mut case: Case) -> bool {
    !explain(&of(version), &mut case).is_empty() && case.machine == case.manual
}

/// Ubuntu 24.04's 8.2 has what came after 7.2, and what was there until 10.0.
#[test]
fn a_version_that_was_not_tested_may_have_what_its_neighbours_have() {
    for (version, neighbours) in [(Version::new(8, 2), [OLD, TEN]), (Version::new(10, 2), [TEN, ELEVEN])] {
        let assumed: Vec<&str> = of(version).iter().map(|quirk| quirk.what).collect();
        for quirk in neighbours.into_iter().flat_map(of) {
            assert!(assumed.contains(&quirk.what), "{version}: {}", quirk.what);
        }
    }
}

#[test]
fn the_second_pages_number_in_sepc_is_known_from_10_on() {
    const WFI: u32 = 0x1050_0073;
    let known_by = |version: Version, manual, machine| is_known(version, Case { instruction: WFI, machine, manual });
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
    let known_by = |version, instruction, machine, manual| is_known(version, Case { instruction, machine, manual });
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
    let known = |machine, manual| is_known(TEN, Case { instruction: ADDI, machine, manual });
    assert!(known(status(1 << 32), status(2 << 32)));
    assert!(!known(status(1 << 32 | 2), status(2 << 32)));
    assert!(!known(Outcome { sstatus: 1 << 32, ..trapped(0x8020_0000, 0) }, status(2 << 32)));
}

/// A load of a guest that no memory answers: what QEMU 10's firmware passes on of it lacks GVA and tells another instruction, and QEMU
/// leaves vsstatus.SD clear.
#[test]
fn a_guests_trap_may_meet_several_and_nothing_else() {
    const LD: u32 = 0x0000_3303;
    let trap = Some(TrapValues { cause: LOAD_ACCESS, pc: 0x8020_0000, value: 8 });
    let guest = GuestValues { hstatus: SPV | GVA, htinst: 0x3301, vsstatus: FS | SD, ..GuestValues::default() };
    let manual = Outcome { trap, guest, ..Outcome::default() };
    let machine = |guest| Outcome { guest, ..manual };
    let case = |machine| Case { instruction: LD, machine, manual };
    let seen = GuestValues { hstatus: SPV, htinst: 0x0020_2023, vsstatus: FS, ..guest };
    assert!(is_known(TEN, case(machine(seen))));
    let mut several = case(machine(seen));
    assert_eq!(explain(&of(TEN), &mut several).len(), 2, "each of them is told");
    for other in [
        GuestValues { htval: 2, ..seen },
        GuestValues { hstatus: 0, ..seen },
        GuestValues { told: trap, ..seen },
        GuestValues { vsstatus: FS | SD | 2, ..guest },
    ] {
        assert!(!is_known(TEN, case(machine(other))), "{other:?}");
    }
    // A page fault is the supervisor's own, whose htinst is 0 or right.
    let page_fault = trap.map(|trap| TrapValues { cause: LOAD_PAGE, ..trap });
    let manual = Outcome { trap: page_fault, ..manual };
    let case = |guest| Case { instruction: LD, machine: Outcome { guest, ..manual }, manual };
    assert!(is_known(TEN, case(GuestValues { htinst: 0, ..guest })));
    assert!(!is_known(TEN, case(GuestValues { htinst: 0x0020_2023, ..guest })));
}
