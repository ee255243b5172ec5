//! The checks on real QEMU: each broken kernel fails its own check and no other, each good one passes, none leaves a process.

mod kernels;
mod processes;

use std::path::Path;
use std::time::Duration;

use debug::checks::{self, Finding, Layout, Names, Options, Progress, Status};
use debug::machine::{Machine, Register, csr};
use debug::{Image, Qemu};
use processes::Family;

/// For kernels that come to an end: far more than they need.
const TIMEOUT: Duration = Duration::from_secs(100);

/// Starts a kernel, changes the machine as `prepare` does, checks it, and sees that nothing is left.
fn walk_prepared(
    kernel: &Path,
    names: Names,
    timeout: Duration,
    step: Option<&mut dyn FnMut(Progress)>,
    prepare: impl FnOnce(&mut Qemu, &Layout),
) -> Vec<Finding> {
    let image = Image::open(kernel).unwrap();
    let layout = Layout::of(&image, names).unwrap();
    let mut qemu = Qemu::start(kernel, 2 * TIMEOUT).unwrap();
    let family = Family::with_qemu(qemu.guardian());
    prepare(&mut qemu, &layout);
    let findings = checks::check(&mut *qemu, &image, &layout, Options { timeout, step }).unwrap();
    drop(qemu);
    family.assert_gone();
    assert_eq!(findings.iter().map(|finding| finding.name).collect::<Vec<_>>(), checks::NAMES);
    findings
}

fn walk(kernel: &str) -> Vec<Finding> {
    walk_prepared(&kernels::build(kernel), Names::default(), TIMEOUT, None, |_, _| {})
}

fn finding<'a>(findings: &'a [Finding], name: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.name == name).unwrap()
}

/// Sees every check pass.
fn passes(kernel: &str) -> Vec<Finding> {
    let findings = walk(kernel);
    assert!(findings.iter().all(|finding| finding.status == Status::Pass), "{findings:#?}");
    findings
}

/// Sees `check` fail, and no other; its words hold `words`.
fn fails(kernel: &str, check: &str, words: &str) -> Finding {
    let findings = walk(kernel);
    only_failure(&findings, check, words)
}

fn only_failure(findings: &[Finding], check: &str, words: &str) -> Finding {
    let failed: Vec<&str> =
        findings.iter().filter(|finding| finding.status == Status::Fail).map(|finding| finding.name).collect();
    assert_eq!(failed, [check], "{findings:#?}");
    let finding = finding(findings, check);
    assert!(finding.summary.contains(words), "{finding:#?}");
    assert!(!finding.expected.is_empty() && !finding.found.is_empty() && finding.location.is_some(), "{finding:#?}");
    finding.clone()
}

/// The function and the file of what a finding is about.
fn place(finding: &Finding) -> (String, String) {
    let place = finding.location.as_ref().unwrap();
    let symbol = place.symbol.as_ref().map(|(name, _)| name.clone()).unwrap_or_default();
    (symbol, place.line.as_ref().map(|line| line.file.clone()).unwrap_or_default())
}

#[test]
fn our_kernel_boots_in_dev_and_in_release() {
    for kernel in ["good", "good-release"] {
        let findings = passes(kernel);
        let bss = finding(&findings, "bss");
        assert_eq!(bss.data["bss_bytes"], 4096);
        assert_eq!(bss.data["cleared_by"], "hypervisor::bss::clear");
        assert_eq!(bss.data["guard_bytes"], 32);
        assert_eq!(place(bss).1, "kernel/src/bss.rs");
        assert_eq!(finding(&findings, "stack").data["instructions"], 2);
        assert_eq!(finding(&findings, "margin").data["stack_bytes"], 1 << 20);
        assert_eq!(finding(&findings, "idle").summary, "waits for interrupts (wfi)");
    }
}

#[test]
fn a_boot_that_is_not_first_is_the_image_s_fault() {
    let finding = fails("boot-not-first", "image", "the image begins at 0x80200000");
    assert!(finding.found.contains("<first>"));
}

#[test]
fn symbols_in_the_wrong_order_are_the_image_s_fault() {
    let names = Names { bss_start: "__stack_top".into(), ..Names::default() };
    let findings = walk_prepared(&kernels::build("good"), names, TIMEOUT, None, |_, _| {});
    only_failure(&findings, "image", "__stack_top at ");
}

/// The firmware is not the kernel's to break: the hart is changed at the entry instead.
#[test]
fn a_bad_handoff_is_told() {
    type Change = fn(&mut Qemu);
    let changes: [(Change, &str); 4] = [
        (|qemu| qemu.write_register(Register::Gpr(10), 7).unwrap(), "a0 is 0x7"),
        (|qemu| qemu.write_register(Register::Gpr(11), 0x8020_0000).unwrap(), "not a device tree's 0xd00dfeed"),
        (|qemu| qemu.write_register(csr::SIE, 0x20).unwrap(), "interrupts are enabled: sie is 0x20"),
        (|qemu| qemu.write_register(csr::SSTATUS, 2).unwrap(), "interrupts are on"),
    ];
    for (change, words) in changes {
        let findings = walk_prepared(&kernels::build("good"), Names::default(), TIMEOUT, None, |qemu, layout| {
            qemu.insert_breakpoint(layout.entry).unwrap();
            qemu.resume(TIMEOUT).unwrap();
            change(qemu);
        });
        only_failure(&findings, "handoff", words);
    }
}

#[test]
fn a_wrong_sp_is_the_stack_s_fault() {
    fails("sp-off-by-16", "stack", "16 bytes below __stack_top");
    fails("sp-never-set", "stack", "before sp was set");
    fails("call-before-sp", "stack", "a call before sp was set");
    let finding = fails("store-before-sp", "stack", "a store before sp was set");
    assert_eq!(place(&finding).0, "boot");
}

#[test]
fn a_wrong_clear_is_the_bss_s_fault() {
    let finding = fails("bss-last-8-not-cleared", "bss", "leaves out 8 bytes");
    assert_eq!(finding.data["not_cleared_bytes"], 8);
    for (kernel, words) in
        [("bss-one-doubleword-too-long", "8 bytes after __bss_end"), ("bss-starts-too-early", "8 bytes before __bss")]
    {
        let finding = fails(kernel, "bss", words);
        assert_eq!(place(&finding).0, "variant::clear_doublewords");
        assert_eq!(finding.backtrace.last().unwrap().symbol.as_ref().unwrap().0, "variant::main");
    }
    let finding = fails("endless-loop-in-clear", "bss", "variant::clear never ends: 4088 bytes are not cleared");
    assert!(place(&finding).1.ends_with("variants.rs"));
}

#[test]
fn traps_are_told_in_words() {
    let finding = fails("load-from-0", "trap", "load access fault: `ld a0, 0(zero)`, address 0x0");
    assert_eq!(place(&finding).0, "variant::after_clear");
    assert_eq!(finding.backtrace.last().unwrap().symbol.as_ref().unwrap().0, "variant::main");
    fails("illegal-instruction", "trap", "illegal instruction");
    fails("own-trap-handler", "trap", "breakpoint");
    let findings = walk("traps-for-ever");
    only_failure(&findings, "trap", "illegal instruction");
    assert_eq!(finding_status(&findings, "bss"), Status::NotRun);
}

fn finding_status(findings: &[Finding], name: &str) -> Status {
    finding(findings, name).status
}

#[test]
fn a_panic_is_shown_with_its_message_and_place() {
    let finding = fails("panic", "idle", "the page table at 0x80201008 is not aligned to 4096 bytes");
    assert!(finding.data["panic_location"].as_str().unwrap().contains("variants.rs:"));
    let findings = walk("panic-before-clear");
    only_failure(&findings, "idle", "too early: .bss is not clear");
    assert_eq!(finding_status(&findings, "bss"), Status::NotRun);
}

#[test]
fn a_kernel_that_does_not_rest_is_told_when_time_is_up() {
    let kernel = kernels::build("counts-for-ever");
    let findings = walk_prepared(&kernel, Names::default(), Duration::from_secs(5), None, |_, _| {});
    only_failure(&findings, "idle", "still runs when time is up");
    fails("reboot", "idle", "resets the machine");
}

#[test]
fn a_stack_overflow_is_the_margin_s_fault() {
    let finding = fails("stack-overflow", "margin", "the stack overflows");
    assert_eq!(place(&finding).0, "variant::descend");
    assert_eq!(finding.backtrace.len(), 64, "a recursion goes on");
}

#[test]
fn power_off_is_an_end_like_any_other() {
    for kernel in ["power-off", "power-off-legacy"] {
        let findings = passes(kernel);
        let idle = finding(&findings, "idle");
        assert_eq!(idle.summary, "powers off");
        assert_eq!(place(idle).0, "variant::call_firmware");
    }
}

#[test]
fn loops_that_change_nothing_are_rest() {
    assert_eq!(finding(&passes("loop-idle"), "idle").summary, "jumps to itself for ever");
    assert_eq!(finding(&passes("loop-two"), "idle").summary, "goes round in 3 instructions that change nothing");
}

#[test]
fn every_way_to_clear_is_followed() {
    for (kernel, by) in [
        ("clear-by-bytes", "variant::clear"),
        ("clear-downwards", "variant::clear"),
        ("clear-with-memset", "memset"),
        ("large-bss", "variant::clear_doublewords"),
    ] {
        let findings = passes(kernel);
        let bss = finding(&findings, "bss");
        assert!(bss.data["cleared_by"].as_str().unwrap().ends_with(by), "{bss:#?}");
    }
    assert_eq!(finding(&passes("empty-bss"), "bss").summary, "empty: nothing to clear");
}

#[test]
fn a_deep_stack_is_measured() {
    let deepest = finding(&passes("deep-stack"), "margin").data["deepest_bytes"].as_u64().unwrap();
    assert!((300 << 10..310 << 10).contains(&deepest), "{deepest}");
}

#[test]
fn other_names_are_followed() {
    let names = Names {
        entry: "_start".into(),
        stack_top: "boot_stack_top".into(),
        stack_bottom: None,
        bss_start: "sbss".into(),
        bss_end: "ebss".into(),
    };
    let findings = walk_prepared(&kernels::build("renamed"), names, TIMEOUT, None, |_, _| {});
    assert!(findings.iter().all(|finding| finding.status == Status::Pass), "{findings:#?}");
    assert_eq!(finding(&findings, "margin").data["stack_bytes"], 1 << 20);
}

#[test]
fn stepping_counts_the_instructions_of_the_clear() {
    let mut last = Progress::default();
    let mut keep = |progress| last = progress;
    let findings =
        walk_prepared(&kernels::build("good-release"), Names::default(), TIMEOUT, Some(&mut keep), |_, _| {});
    assert!(findings.iter().all(|finding| finding.status == Status::Pass), "{findings:#?}");
    // 512 doublewords, three instructions each, of which the first store came before the count and nothing after the last.
    assert_eq!(finding(&findings, "bss").data["instructions"], 511 * 3 - 1);
    assert_eq!(last.total, 4096);
    assert!(last.instructions > 0 && last.cleared > 0);
}

#[test]
fn stepping_finds_the_same_faults() {
    for (kernel, check) in
        [("bss-last-8-not-cleared", "bss"), ("bss-starts-too-early", "bss"), ("bss-one-doubleword-too-long", "bss")]
    {
        let findings = walk_prepared(&kernels::build(kernel), Names::default(), TIMEOUT, Some(&mut |_| {}), |_, _| {});
        only_failure(&findings, check, "");
    }
    let kernel = kernels::build("endless-loop-in-clear");
    let timeout = Duration::from_secs(5);
    let findings = walk_prepared(&kernel, Names::default(), timeout, Some(&mut |_| {}), |_, _| {});
    only_failure(&findings, "bss", "never ends");
}

#[test]
fn a_machine_in_mid_boot_gives_no_verdict() {
    let kernel = kernels::build("good");
    let image = Image::open(&kernel).unwrap();
    let layout = Layout::of(&image, Names::default()).unwrap();
    let mut qemu = Qemu::start(&kernel, TIMEOUT).unwrap();
    qemu.resume(Duration::from_millis(500)).unwrap(); // it idles by now
    let error = checks::check(&mut *qemu, &image, &layout, Options { timeout: TIMEOUT, step: None }).unwrap_err();
    assert!(matches!(&error, checks::Error::NotAtReset { .. }), "{error}");
}
