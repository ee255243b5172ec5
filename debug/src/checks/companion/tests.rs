//! How two ends of a boot are compared.

use std::path::Path;

use super::*;
use crate::checks::Names;
use crate::checks::boot_run::event::PowerOff;
use crate::checks::boot_run::hart_trace::Storm;
use crate::checks::boot_run::hart_trace::tests::{taken, thread_that_faults};
use crate::image::fixture::Elf;
use crate::machine::{Address, TakenTrap};

const TICKING: BootEnd = BootEnd::Ticking { period: None, spins: false };

fn finding(name: &'static str, status: Status, summary: &str) -> Finding {
    Finding { status, summary: summary.into(), ..Finding::new(name) }
}

/// The findings of trap and idle on the machine itself, after a companion that ended in `seen` with these.
fn judged(
    seen: (BootEnd, [Finding; 2]),
    end: BootEnd,
    own: [Finding; 2],
    interrupted: Option<Address>,
) -> [Finding; 2] {
    judged_with(HartTrace::default(), &HartTrace::default(), seen, end, own, interrupted)
}

/// The same with what was seen of traps, on the companion and on the machine itself.
fn judged_with(
    hart: HartTrace,
    own_hart: &HartTrace,
    (its_end, findings): (BootEnd, [Finding; 2]),
    end: BootEnd,
    mut own: [Finding; 2],
    interrupted: Option<Address>,
) -> [Finding; 2] {
    let image = Image::parse(Path::new("kernel"), Elf::default().bytes()).unwrap();
    let mut memory = MemoryFacts::new(&image, &Layout::of(&image, Names::default()).unwrap());
    memory.is_whole = true;
    let name = "embedded".into();
    let is_certain = its_end == BootEnd::Damaged;
    let companion = Companion {
        findings: findings.to_vec(),
        memory: Some(memory),
        end: Some(its_end),
        hart,
        took: Duration::from_secs(1),
        name,
        alike: true,
    };
    let failed = findings.iter().any(|finding| finding.status == Status::Fail);
    assert_eq!(!companion.at_least().is_zero(), failed && !companion.is_late() && !is_certain);
    companion.judge_end(&mut own, Some(&end), interrupted.map(|pc| image.place(pc)).as_ref(), own_hart);
    own
}

fn late() -> [Finding; 2] {
    [finding(trap::NAME, Status::Pass, "none"), finding(idle::NAME, Status::Fail, "still running")]
}

#[test]
fn where_time_is_up_the_companion_s_trap_counts() {
    let trapped =
        [finding(trap::NAME, Status::Fail, "a fault"), finding(idle::NAME, Status::NotRun, "the kernel trapped")];
    let [trap, idle] = judged((BootEnd::Stuck, trapped), BootEnd::Deadline, late(), None);
    assert_eq!((trap.status, &*trap.summary), (Status::Fail, "a fault"));
    assert!(trap.found.contains("as seen on embedded; here: still running"), "{}", trap.found);
    assert_eq!(idle.status, Status::NotRun);
}

#[test]
fn where_time_is_up_in_another_function_it_is() {
    let ticks = |place: u64| {
        let image = Image::parse(Path::new("kernel"), Elf::default().bytes()).unwrap();
        let mut idle = finding(idle::NAME, Status::Pass, "ticks");
        idle.location = Some(image.place(Address(place)));
        (TICKING, [finding(trap::NAME, Status::Pass, "none"), idle])
    };
    let base = crate::image::fixture::BASE;
    let status = |interrupted| judged(ticks(base + 0x14), BootEnd::Deadline, late(), interrupted)[1].status;
    assert_eq!(status(Some(Address(base + 0x18))), Status::Pass, "the same function");
    assert_eq!(status(Some(Address(base + 0x44))), Status::Fail, "another");
    assert_eq!(status(None), Status::Fail, "no interrupts came");
}

#[test]
fn what_fails_after_the_machine_itself_was_watched_counts() {
    let status = |seconds: u64| {
        let failed = [finding(trap::NAME, Status::Pass, "none"), finding(idle::NAME, Status::Fail, "it panicked")];
        let own = [finding(trap::NAME, Status::Pass, "none"), finding(idle::NAME, Status::Pass, "ticks")];
        let mut hart = HartTrace::default();
        hart.waits.last_time = seconds * 10_000_000;
        judged_with(hart, &HartTrace::default(), (BootEnd::Wfi, failed), TICKING, own, None)[1].status
    };
    assert_eq!(status(10), Status::Fail);
    assert_eq!(status(1), Status::Pass, "it was watched for longer");
}

#[test]
fn what_a_handler_damages_counts_however_it_ended_there() {
    let damaged = [
        finding(trap::NAME, Status::Fail, "s1 is another"),
        finding(idle::NAME, Status::NotRun, "a handler damaged it"),
    ];
    for end in [TICKING, BootEnd::Wfi, BootEnd::Deadline, BootEnd::Trap] {
        let own = [finding(trap::NAME, Status::Pass, "none"), finding(idle::NAME, Status::Pass, "rests")];
        let [trap, idle] = judged((BootEnd::Damaged, damaged.clone()), end, own, None);
        assert_eq!((trap.status, idle.status), (Status::Fail, Status::NotRun));
    }
}

#[test]
fn a_guest_s_storm_counts_where_the_kernel_only_seems_to_rest() {
    let status = |by_guest, end| {
        let stormy = [finding(trap::NAME, Status::Pass, "none"), finding(idle::NAME, Status::Fail, "a storm")];
        let own = [finding(trap::NAME, Status::Pass, "none"), finding(idle::NAME, Status::Pass, "rests")];
        let mut hart = HartTrace::default();
        hart.storm = Some(Storm {
            trap: TakenTrap { by_guest, ..taken(9, 1 << 63 | 5, false) },
            interrupts: 256,
            instructions: 0,
        });
        judged_with(hart, &HartTrace::default(), (BootEnd::Storm, stormy), end, own, None)[1].status
    };
    assert_eq!(status(true, BootEnd::Wfi), Status::Fail);
    assert_eq!(status(false, BootEnd::Wfi), Status::Pass, "there it would have been seen");
    assert_eq!(status(true, BootEnd::PowerOff(PowerOff::Success)), Status::Pass, "it went on");
}

#[test]
fn where_time_is_up_in_the_function_that_polls_it_waits_for_input() {
    let image = Image::parse(Path::new("kernel"), Elf::default().bytes()).unwrap();
    let base = crate::image::fixture::BASE;
    let at = |place: u64, status| {
        let mut idle = finding(idle::NAME, status, "polls or runs");
        idle.location = Some(image.place(Address(place)));
        [finding(trap::NAME, Status::Pass, "none"), idle]
    };
    let status = |place| {
        let seen = (BootEnd::Polls { at: Some(Address(base + 0x14)) }, at(base + 0x14, Status::Pass));
        judged(seen, BootEnd::Deadline, at(place, Status::Fail), None)[1].status
    };
    assert_eq!(status(base + 0x18), Status::Pass);
    assert_eq!(status(base + 0x44), Status::Fail, "another function");
}

#[test]
fn a_loop_with_the_trap_that_repeats_for_ever_counts_as_that() {
    let status = |own_hart: &HartTrace| {
        let own = [finding(trap::NAME, Status::Pass, "handled"), finding(idle::NAME, Status::Pass, "loops")];
        let trapped =
            [finding(trap::NAME, Status::Fail, "for ever"), finding(idle::NAME, Status::NotRun, "it trapped")];
        let end = BootEnd::Loop { instructions: 33 };
        judged_with(thread_that_faults(), own_hart, (BootEnd::Stuck, trapped), end, own, None)[0].status
    };
    assert_eq!(status(&thread_that_faults()), Status::Fail);
    assert_eq!(status(&HartTrace::default()), Status::Pass, "it never trapped there");
}

#[test]
fn two_ends_are_told_and_the_machine_s_own_counts() {
    let trapped =
        [finding(trap::NAME, Status::Fail, "a fault"), finding(idle::NAME, Status::NotRun, "the kernel trapped")];
    let own = [finding(trap::NAME, Status::Pass, "none"), finding(idle::NAME, Status::Pass, "waits")];
    let [trap, idle] = judged((BootEnd::Trap, trapped), BootEnd::Wfi, own, None);
    assert_eq!((trap.status, idle.status), (Status::Pass, Status::Pass));
    assert_eq!(trap.summary, "none; on embedded it ended differently: a fault");
}

#[test]
fn a_panic_about_a_trap_that_was_missed_is_told_with_the_trap() {
    let panicked = |summary: &str| {
        let mut idle = finding(idle::NAME, Status::Fail, summary);
        idle.set("panic_function", "panic");
        idle
    };
    let seen = [finding(trap::NAME, Status::Fail, "a fault"), panicked("it panicked")];
    let own = [finding(trap::NAME, Status::Pass, "none"), panicked("it panicked")];
    let [trap, _] = judged((BootEnd::Wfi, seen), BootEnd::Wfi, own, None);
    assert_eq!((trap.status, &*trap.summary), (Status::Fail, "a fault"));
}

#[test]
fn an_instruction_that_traps_for_ever_counts_where_not_all_traps_were_seen() {
    let status = |has_gaps| {
        let own = [finding(trap::NAME, Status::Pass, "handled"), finding(idle::NAME, Status::Pass, "waits")];
        let trapped =
            [finding(trap::NAME, Status::Fail, "for ever"), finding(idle::NAME, Status::NotRun, "it trapped")];
        let mut own_hart = HartTrace::default();
        own_hart.has_gaps = has_gaps;
        judged_with(thread_that_faults(), &own_hart, (BootEnd::Stuck, trapped), BootEnd::Wfi, own, None)[0].status
    };
    assert_eq!(status(true), Status::Fail);
    assert_eq!(status(false), Status::Pass, "all was seen, and it went on");
}

#[test]
fn an_instruction_that_traps_for_ever_has_not_a_handler_that_never_returns() {
    let summary = |has_gaps, instruction| {
        let trapped = |summary, instruction| {
            let mut trap = finding(trap::NAME, Status::Fail, summary);
            trap.set("sepc", Address(instruction));
            [trap, finding(idle::NAME, Status::NotRun, "it trapped")]
        };
        let (seen, own) = (trapped("for ever", 0x80), trapped("never returned", instruction));
        let mut own_hart = HartTrace::default();
        own_hart.has_gaps = has_gaps;
        let [trap, _] = judged_with(thread_that_faults(), &own_hart, (BootEnd::Stuck, seen), BootEnd::Wfi, own, None);
        trap.summary
    };
    assert_eq!(summary(true, 0x80), "for ever");
    assert_eq!(summary(true, 0x90), "never returned", "another instruction");
    assert_eq!(summary(false, 0x80), "never returned", "all was seen");
}

#[test]
fn what_was_seen_to_be_executed_between_its_traps_does_not_trap_for_ever() {
    let status = |stuck| {
        let own = [finding(trap::NAME, Status::Fail, "for ever"), finding(idle::NAME, Status::NotRun, "it trapped")];
        let ticks = [finding(trap::NAME, Status::Pass, "handled"), finding(idle::NAME, Status::Pass, "ticks")];
        let mut hart = thread_that_faults();
        hart.stuck = hart.stuck.filter(|_| stuck);
        judged_with(hart, &thread_that_faults(), (TICKING, ticks), BootEnd::Stuck, own, None)[0].status
    };
    assert_eq!((status(false), status(true)), (Status::Pass, Status::Fail));
}
