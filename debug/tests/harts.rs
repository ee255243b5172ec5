//! Machines with several harts: all run, and the walk follows the one that boots, whichever the firmware draws, on QEMU and under schedules of
//! the embedded machine.

use std::time::Duration;

use debug::checks::{self, Finding, Layout, Names, Options, Status};
use debug::{Embedded, Image, Qemu, embedded};
use testkit::kernels;
use testkit::processes::Family;

const TIMEOUT: Duration = Duration::from_secs(100);
const HARTS: u32 = 4;
/// How often the firmware draws.
const DRAWS: usize = 6;

/// What the walk finds on QEMU with [`HARTS`] harts.
fn walk(kernel: &str, boot_hart: Option<u64>, timeout: Duration) -> Vec<Finding> {
    let kernel = kernels::build(kernel);
    let image = Image::open(&kernel).unwrap();
    let layout = Layout::of(&image, Names::default()).unwrap();
    let mut qemu = Qemu::start_with_harts(&kernel, HARTS, 2 * TIMEOUT).unwrap();
    let family = Family::with_qemu(qemu.guardian());
    let options = Options { timeout, boot_hart, ..Options::default() };
    let findings = checks::check(qemu.machine(), &image, &layout, options).unwrap();
    drop(qemu);
    family.assert_gone();
    findings
}

/// The same on the embedded machine.
fn walk_embedded(kernel: &str, boot_hart: Option<u64>, schedule: u64) -> Vec<Finding> {
    let image = Image::open(&kernels::build(kernel)).unwrap();
    let layout = Layout::of(&image, Names::default()).unwrap();
    let machine = embedded::Options { harts: HARTS as usize, schedule, boot_hart, ..embedded::Options::default() };
    let mut machine = Embedded::load(&image, &machine).unwrap();
    let options = Options { timeout: TIMEOUT, boot_hart, ..Options::default() };
    checks::check(&mut machine, &image, &layout, options).unwrap()
}

#[track_caller]
fn assert_passes(findings: &[Finding]) {
    assert!(findings.iter().all(|finding| finding.status == Status::Pass), "{findings:#?}");
    let handoff = &findings[1];
    let hart = handoff.data["hart"].count().unwrap();
    assert!(hart < HARTS.into() && handoff.data["harts"] == u64::from(HARTS), "{handoff:#?}");
    assert!(handoff.summary.contains(&format!("hart {hart} of {HARTS}")), "{}", handoff.summary);
}

#[test]
fn a_kernel_that_leaves_the_others_parked_passes() {
    (0..DRAWS).for_each(|_| assert_passes(&walk("good", None, TIMEOUT)));
}

#[test]
fn a_kernel_that_starts_the_others_is_followed_on_its_boot_hart() {
    (0..DRAWS).for_each(|_| assert_passes(&walk("starts-harts", None, TIMEOUT)));
}

#[test]
fn a_broken_kernel_fails_its_check_on_whatever_hart() {
    let findings = walk("load-from-0", None, TIMEOUT);
    let failed: Vec<_> = findings.iter().filter(|finding| finding.status == Status::Fail).collect();
    assert!(matches!(failed[..], [trap] if trap.name == "trap"), "{findings:#?}");
}

/// OpenSBI would draw lots.
#[test]
fn the_hart_that_is_asked_for_boots() {
    for kernel in ["good", "starts-harts"] {
        for hart in 0..u64::from(HARTS) {
            let findings = walk(kernel, Some(hart), TIMEOUT);
            assert_passes(&findings);
            assert_eq!(findings[1].data["hart"], hart);
        }
    }
}

#[test]
fn both_pass_under_every_schedule_of_the_embedded_machine() {
    for kernel in ["good", "starts-harts"] {
        let harts: Vec<u64> = (0..30)
            .map(|schedule| {
                let findings = walk_embedded(kernel, None, schedule);
                assert_passes(&findings);
                findings[1].data["hart"].count().unwrap()
            })
            .collect();
        assert!((0..u64::from(HARTS)).all(|hart| harts.contains(&hart)), "{harts:?}");
        let findings = walk_embedded(kernel, Some(3), 0);
        assert_passes(&findings);
        assert_eq!(findings[1].data["hart"], 3);
    }
}

#[test]
fn a_broken_kernel_fails_its_check_under_every_schedule() {
    for schedule in 0..10 {
        let findings = walk_embedded("load-from-0", None, schedule);
        let failed: Vec<_> = findings.iter().filter(|finding| finding.status == Status::Fail).collect();
        assert!(matches!(failed[..], [trap] if trap.name == "trap"), "schedule {schedule}: {findings:#?}");
    }
}

#[test]
fn a_hart_that_does_not_exist_never_arrives() {
    let handoff = &walk("good", Some(9), Duration::from_secs(2))[1];
    assert_eq!(handoff.status, Status::Fail);
    assert!(handoff.summary.contains("hart 9 never reached boot"), "{}", handoff.summary);
}
