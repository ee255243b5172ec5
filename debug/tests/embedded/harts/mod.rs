//! Several harts: what they do together is what QEMU's do, follows from the schedule's seed, and can be undone.

mod program;
mod together;

use debug::embedded::{Firmware, Options};
use debug::machine::{MOST_HARTS, Register, Stop};
use debug::recording::{Recording, Run};
use debug::{Address, Embedded, Machine};

use crate::assembler::*;
use crate::kernel::*;
use program::Code;

const HARTS: usize = 4;

fn options(schedule: u64) -> Options {
    Options { harts: HARTS, schedule, ..Options::default() }
}

/// The counters of a program in which each hart counts in different ways.
fn counting() -> Code {
    let mut code = Code::new();
    code.start_others(HARTS, "worker");
    code.put([addi(18, 0, 1)]);
    code.jump("both");
    code.label("worker");
    code.put([addi(18, 0, 0)]);
    code.label("both");
    code.li(8, DATA);
    code.li(9, program::ROUNDS);
    code.label("round");
    // By one instruction; by lr and sc; under a lock; by a load and a store.
    code.put([addi(5, 0, 1), amo(ADD, 0, 8, 5), addi(6, 8, 0x40)]);
    code.label("again");
    code.put([amo(LOAD_RESERVED, 7, 6, 0), addi(7, 7, 1), amo(STORE_CONDITIONAL, 28, 6, 7)]);
    code.branch(NOT_EQUAL, 28, 0, "again");
    code.put([addi(6, 8, 0x80)]);
    code.label("taken");
    code.put([amo(SWAP, 7, 6, 5)]);
    code.branch(NOT_EQUAL, 7, 0, "taken");
    code.put([ld(7, 8, 0xc0), addi(7, 7, 1), sd(7, 8, 0xc0), amo(SWAP, 0, 6, 0)]);
    code.put([ld(7, 8, 0x100), addi(7, 7, 1), sd(7, 8, 0x100)]);
    code.put([addi(9, 9, -1)]);
    code.branch(NOT_EQUAL, 9, 0, "round");
    code.put([addi(6, 8, 0x140), amo(ADD, 0, 6, 5)]);
    code.branch(NOT_EQUAL, 18, 0, "wait");
    code.call(program::HART_STATE, 1, &[]);
    code.label("wait");
    code.put([addi(29, 0, HARTS as i32), ld(7, 8, 0x140)]);
    code.branch(NOT_EQUAL, 7, 29, "wait");
    code.label("done");
    code.put([STAY]);
    code
}

/// What the harts counted: the last in a way in which counts may be lost.
fn counts(machine: &mut Embedded) -> [u64; 4] {
    [0, 0x40, 0xc0, 0x100].map(|offset| word(machine, DATA + offset))
}

fn run_to_done(code: &Code, options: &Options) -> Embedded {
    let mut machine = boot_with(&code.words(ENTRY), options);
    machine.insert_breakpoint(Address(code.address(ENTRY, "done"))).unwrap();
    assert_eq!(resume(&mut machine), Stop::Breakpoint);
    machine
}

#[test]
fn harts_count_together_under_every_schedule() {
    let (code, all) = (counting(), program::ROUNDS * HARTS as u64);
    let mut lost = 0;
    for schedule in 0..40 {
        let [by_one, reserved, locked, plain] = counts(&mut run_to_done(&code, &options(schedule)));
        assert_eq!([by_one, reserved, locked], [all; 3], "schedule {schedule}");
        assert!(plain <= all);
        lost += u64::from(plain < all);
    }
    assert!(lost >= 10, "a schedule hardly ever comes between a load and a store: {lost} of 40");
}

#[test]
fn the_same_seed_is_the_same_run_and_going_back_is_exact() {
    let code = counting();
    for schedule in [0, 1, 2, 17] {
        let mut machine = run_to_done(&code, &options(schedule));
        let (end, last) = (machine.icount(), machine.digest());
        let mut other = run_to_done(&code, &options(schedule));
        assert_eq!((other.icount(), other.digest()), (end, last), "schedule {schedule}");
        let moments: Vec<u64> = (1..12).map(|part| end * part / 12).collect();
        let back: Vec<_> = moments.iter().rev().map(|moment| digest_at(&mut machine, *moment)).collect();
        // A machine that goes there from the start, in one go and instruction by instruction.
        let mut fresh = boot_with(&code.words(ENTRY), &options(schedule));
        let forward: Vec<_> = moments.iter().map(|moment| digest_at(&mut fresh, *moment)).collect();
        assert!(forward.iter().eq(back.iter().rev()), "schedule {schedule}");
        let mut slow = boot_with(&code.words(ENTRY), &Options { history_mib: 0, ..options(schedule) });
        for (moment, digest) in moments.iter().take(2).zip(&forward) {
            while slow.icount() < *moment {
                slow.step(1, LIMIT).unwrap();
            }
            assert_eq!(slow.digest(), *digest, "schedule {schedule}, step by step to {moment}");
        }
        assert_eq!(digest_at(&mut machine, end), last);
    }
}

fn digest_at(machine: &mut Embedded, moment: u64) -> debug::embedded::Digest {
    assert_eq!(machine.goto(moment, LIMIT), Stop::Stepped);
    machine.digest()
}

#[test]
fn seeds_draw_the_hart_that_boots_and_the_caller_may_choose() {
    let id = |options: &Options| x(&mut boot_with(&[STAY], options), 10);
    assert_eq!(id(&options(0)), 0);
    let drawn: Vec<u64> = (1..30).map(|seed| id(&options(seed))).collect();
    assert!((0..HARTS as u64).all(|hart| drawn.contains(&hart)), "{drawn:?}");
    for hart in 0..HARTS as u64 {
        assert_eq!(id(&Options { boot_hart: Some(hart), ..options(5) }), hart);
    }
    let image = || crate::elf::image(crate::elf::build(&[(ENTRY, vec![0x6f, 0, 0, 0])]));
    for wrong in [
        Options { boot_hart: Some(HARTS as u64), ..options(0) },
        Options { harts: 0, ..options(0) },
        Options { harts: MOST_HARTS + 1, ..options(0) },
    ] {
        assert!(Embedded::load(&image(), &wrong).is_err(), "{wrong:?}");
    }
}

/// The other hart stores what was there before, which a comparison of values would not notice.
#[test]
fn another_hart_s_store_ends_a_reservation() {
    let mut code = Code::new();
    code.li(8, DATA);
    code.start_others(2, "worker");
    code.put([amo(LOAD_RESERVED, 5, 8, 0), sd(8, 8, 8)]);
    code.label("wait");
    code.put([ld(6, 8, 16)]);
    code.branch(EQUAL, 6, 0, "wait");
    code.put([amo(STORE_CONDITIONAL, 7, 8, 0)]);
    code.label("done");
    code.put([STAY]);
    code.label("worker");
    code.li(8, DATA);
    code.label("reserves");
    code.put([ld(6, 8, 8)]);
    code.branch(EQUAL, 6, 0, "reserves");
    code.put([sd(0, 8, 0), sd(8, 8, 16), WFI]);
    for schedule in 0..10 {
        let mut machine = run_to_done(&code, &Options { harts: 2, ..options(schedule) });
        assert_eq!(x(&mut machine, 7), 1, "schedule {schedule}");
    }
}

#[test]
fn one_that_is_followed_is_stepped_alone_and_shown_again() {
    let code = counting();
    let mut machine = boot_with(&code.words(ENTRY), &Options { boot_hart: Some(2), ..options(3) });
    assert_eq!((machine.harts(), machine.selected()), (HARTS, 2));
    machine.follow();
    let (mut steps, mut others) = (0, 0);
    while steps < 20_000 {
        let before = machine.icount();
        assert_eq!(machine.step(100, LIMIT).unwrap(), (100, Stop::Stepped));
        assert_eq!(machine.selected(), 2);
        steps += 100;
        others += machine.icount() - before - 100;
    }
    assert!(others > 1000, "the others executed {others} instructions meanwhile");
    let of_2 = machine.registers().unwrap();
    let shown: Vec<_> = (0..HARTS)
        .map(|index| (machine.show_other(Some(index)).unwrap(), machine.read_register(Register::Csr(0xf14)).unwrap()))
        .collect();
    assert_eq!(shown, [(true, 0), (true, 1), (true, 3), (false, 3)]);
    assert!(machine.show_other(None).unwrap());
    assert_eq!(machine.registers().unwrap(), of_2);
}

#[test]
fn a_run_of_several_harts_can_be_recorded_with_changes_to_each() {
    let code = counting();
    let bytes = code.words(ENTRY).iter().flat_map(|word| word.to_le_bytes()).collect();
    let image = crate::elf::image(crate::elf::build(&[(ENTRY, bytes)]));
    let options = Options { boot_hart: Some(1), ..options(11) };
    let mut machine = Embedded::load(&image, &options).unwrap();
    machine.goto(40_000, LIMIT);
    for hart in [3, 0] {
        assert!(machine.select(hart));
        machine.write_register(Register::Gpr(30), 100 + hart as u64).unwrap();
        machine.write_memory(Address(DATA + 0x200), &[hart as u8; 8]).unwrap();
    }
    assert!(!machine.select(HARTS));
    machine.goto(60_000, LIMIT);
    let run = Run { image: &image, load_address: None, options: &options, purpose: serde_json::Value::Null };
    let recording = Recording::of(run, &mut machine).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let kept = recording.options(folder.path()).unwrap();
    assert_eq!((kept.harts, kept.schedule, kept.boot_hart), (HARTS, 11, Some(1)));
    let mut again = Embedded::load(&image, &kept).unwrap();
    recording.play(&mut again).unwrap();
    again.select(3);
    assert_eq!(x(&mut again, 30), 103);
    // Another schedule is another run.
    let mut other = Embedded::load(&image, &Options { schedule: 12, ..kept }).unwrap();
    assert!(recording.play(&mut other).is_err());
}

#[test]
fn a_machine_whose_harts_all_wait_for_ever_stands_still() {
    let mut code = Code::new();
    code.start_others(HARTS, "worker");
    code.label("worker");
    code.put([WFI, STAY]);
    let mut machine = boot_with(&code.words(ENTRY), &options(0));
    // wfi with nothing enabled: all four.
    assert_eq!(resume(&mut machine), Stop::Interrupted);
    assert!(machine.waits_for_ever());
    let firmware = Options { firmware: Firmware::None, ..options(0) };
    let mut machine =
        Embedded::load(&crate::elf::image(crate::elf::build(&[(0x8000_0000, vec![0x73, 0, 0x50, 0x10])])), &firmware)
            .unwrap();
    assert_eq!(resume(&mut machine), Stop::Interrupted);
    assert!(machine.waits_for_ever());
}

/// A debugger holds harts: the others take turns as before, and it belongs to the past and to a recording.
#[test]
fn harts_that_are_held_stand_still_and_going_back_is_exact() {
    let mut code = Code::new();
    code.start_others(HARTS, "worker");
    code.label("worker");
    code.li(8, DATA);
    code.put([addi(5, 0, 1), amo(ADD, 6, 8, 5), jump_form(0, -4)]);
    let bytes = code.words(ENTRY).iter().flat_map(|word| word.to_le_bytes()).collect();
    let image = crate::elf::image(crate::elf::build(&[(ENTRY, bytes)]));
    for schedule in [0, 3] {
        let options = options(schedule);
        let mut machine = Embedded::load(&image, &options).unwrap();
        assert!(!machine.hold(0b1111) && !machine.hold(0b10000), "nobody would be left, or is there");
        let mut points = Vec::new();
        for (moment, held) in [(30_000, 0b1011), (40_000, 0b0110), (50_000, 0), (60_000, 0b0001)] {
            machine.goto(moment, LIMIT);
            let before = executed(&mut machine);
            assert!(machine.hold(held));
            machine.goto(moment + 5_000, LIMIT);
            let after = executed(&mut machine);
            for hart in 0..HARTS {
                let is_free = held >> hart & 1 == 0;
                // Other schedules starve harts for a while.
                let is_right = if is_free && schedule == 0 {
                    after[hart] > before[hart]
                } else {
                    is_free || after[hart] == before[hart]
                };
                assert!(is_right, "schedule {schedule}, {held:#b}: {before:?} to {after:?}");
            }
            points.push((moment + 5_000, machine.digest()));
        }
        for (moment, digest) in points.iter().rev().chain(&points) {
            assert_eq!(digest_at(&mut machine, *moment), *digest, "schedule {schedule}, at {moment}");
        }
        let run = Run { image: &image, load_address: None, options: &options, purpose: serde_json::Value::Null };
        let recording = Recording::of(run, &mut machine).unwrap();
        let mut again = Embedded::load(&image, &options).unwrap();
        recording.play(&mut again).unwrap();
        assert_eq!((again.digest(), executed(&mut again)), (machine.digest(), executed(&mut machine)));
    }
}

/// How many instructions each hart has executed.
fn executed(machine: &mut Embedded) -> [u64; HARTS] {
    let shown = machine.selected();
    let all = std::array::from_fn(|hart| {
        machine.select(hart);
        machine.read_register(Register::Csr(0xc02)).unwrap()
    });
    machine.select(shown);
    all
}
