//! The checks, on QEMU and on the embedded machine: each broken kernel fails its own check and no other, each good one
//! passes, none leaves a process. What is `pub fn` here is a test of both machines; `on_each!` makes two of it.

use std::path::Path;
use std::time::Duration;

use debug::checks::{self, ClearProgress, Finding, Layout, Names, Options, Status};
use debug::machine::{Machine, Register, Stop, csr};
use debug::{Embedded, Image, Qemu, embedded};
use testkit::kernels;
use testkit::processes::Family;

/// For kernels that come to an end: far more than they need.
const TIMEOUT: Duration = Duration::from_secs(100);

/// The machine that a test is about.
#[derive(Clone, Copy, PartialEq)]
enum On {
    Qemu,
    Embedded,
}

impl On {
    /// Starts a kernel, changes the machine as `prepare` does, checks it, and sees that nothing is left.
    fn walk_prepared(
        self,
        kernel: &Path,
        names: Names,
        timeout: Duration,
        step: Option<&mut dyn FnMut(ClearProgress)>,
        prepare: impl FnOnce(&mut dyn Machine, &Layout),
    ) -> Vec<Finding> {
        let image = Image::open(kernel).unwrap();
        let layout = Layout::of(&image, names).unwrap();
        let check = |machine: &mut dyn Machine| {
            prepare(machine, &layout);
            checks::check(machine, &image, &layout, Options { timeout, step, ..Options::default() }).unwrap()
        };
        let findings = match self {
            On::Embedded => check(&mut Embedded::open(kernel, &embedded::Options::default()).unwrap()),
            On::Qemu => {
                let mut qemu = Qemu::start(kernel, 2 * TIMEOUT).unwrap();
                let family = Family::with_qemu(qemu.guardian());
                let findings = check(qemu.machine());
                drop(qemu);
                family.assert_gone();
                findings
            }
        };
        assert_eq!(findings.iter().map(|finding| finding.name).collect::<Vec<_>>(), checks::NAMES);
        findings
    }

    fn walk(self, kernel: &str) -> Vec<Finding> {
        self.walk_prepared(&kernels::build(kernel), Names::default(), TIMEOUT, None, |_, _| {})
    }

    /// Sees every check pass.
    fn passes(self, kernel: &str) -> Vec<Finding> {
        let findings = self.walk(kernel);
        assert!(findings.iter().all(|finding| finding.status == Status::Pass), "{findings:#?}");
        findings
    }

    /// Sees `check` fail, and no other; its words hold `words`.
    fn fails(self, kernel: &str, check: &str, words: &str) -> Finding {
        only_failure(&self.walk(kernel), check, words)
    }
}

macro_rules! on_each {
    ($($test:ident)*) => {
        mod on_qemu {
            $(#[test] fn $test() { super::$test(super::On::Qemu) })*
        }
        mod on_embedded {
            $(#[test] fn $test() { super::$test(super::On::Embedded) })*
        }
    };
}

fn finding<'a>(findings: &'a [Finding], name: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.name == name).unwrap()
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

on_each! {
    our_kernel_boots_in_dev_and_in_release
    a_boot_that_is_not_first_is_the_image_s_fault
    symbols_in_the_wrong_order_are_the_image_s_fault
    a_bad_handoff_is_told
    a_wrong_sp_is_the_stack_s_fault
    a_wrong_clear_is_the_bss_s_fault
    traps_are_told_in_words
    a_panic_is_shown_with_its_message_and_place
    a_kernel_that_does_not_rest_is_told_when_time_is_up
    a_stack_overflow_is_the_margin_s_fault
    power_off_is_an_end_like_any_other
    loops_that_change_nothing_are_rest
    every_way_to_clear_is_followed
    a_deep_stack_is_measured
    other_names_are_followed
    stepping_counts_the_instructions_of_the_clear
    stepping_finds_the_same_faults
}

fn our_kernel_boots_in_dev_and_in_release(on: On) {
    for kernel in ["good", "good-release"] {
        let findings = on.passes(kernel);
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

fn a_boot_that_is_not_first_is_the_image_s_fault(on: On) {
    let finding = on.fails("boot-not-first", "image", "the image begins at 0x80200000");
    assert!(finding.found.contains("<first>"));
}

fn symbols_in_the_wrong_order_are_the_image_s_fault(on: On) {
    let names = Names { bss_start: Some("__stack_top".into()), ..Names::default() };
    let findings = on.walk_prepared(&kernels::build("good"), names, TIMEOUT, None, |_, _| {});
    only_failure(&findings, "image", "__stack_top at ");
}

/// The firmware is not the kernel's to break: the hart is changed at the entry instead.
fn a_bad_handoff_is_told(on: On) {
    type Change = fn(&mut dyn Machine);
    let changes: [(Change, &str); 4] = [
        (|machine| machine.write_register(Register::Gpr(10), 7).unwrap(), "a0 is 0x7"),
        (|machine| machine.write_register(Register::Gpr(11), 0x8020_0000).unwrap(), "not a device tree's 0xd00dfeed"),
        (|machine| machine.write_register(csr::SIE, 0x20).unwrap(), "interrupts are enabled: sie is 0x20"),
        (|machine| machine.write_register(csr::SSTATUS, 2).unwrap(), "interrupts are on"),
    ];
    for (change, words) in changes {
        let findings = on.walk_prepared(&kernels::build("good"), Names::default(), TIMEOUT, None, |machine, layout| {
            machine.insert_breakpoint(layout.entry).unwrap();
            if machine.registers().unwrap().pc != layout.entry.0 {
                machine.resume(TIMEOUT).unwrap();
            }
            change(machine);
        });
        only_failure(&findings, "handoff", words);
    }
}

fn a_wrong_sp_is_the_stack_s_fault(on: On) {
    on.fails("sp-off-by-16", "stack", "16 bytes below __stack_top");
    on.fails("sp-never-set", "stack", "before sp was set");
    on.fails("call-before-sp", "stack", "a call before sp was set");
    let finding = on.fails("store-before-sp", "stack", "a store before sp was set");
    assert_eq!(place(&finding).0, "boot");
}

fn a_wrong_clear_is_the_bss_s_fault(on: On) {
    let finding = on.fails("bss-last-8-not-cleared", "bss", "leaves out 8 bytes");
    assert_eq!(finding.data["not_cleared_bytes"], 8);
    for (kernel, words) in
        [("bss-one-doubleword-too-long", "8 bytes after __bss_end"), ("bss-starts-too-early", "8 bytes before __bss")]
    {
        let finding = on.fails(kernel, "bss", words);
        assert_eq!(place(&finding).0, "variant::clear_doublewords");
        assert_eq!(finding.backtrace.last().unwrap().symbol.as_ref().unwrap().0, "variant::main");
    }
    let finding = on.fails("endless-loop-in-clear", "bss", "variant::clear never ends: 4088 bytes are not cleared");
    // Some of its instructions have no line: the function is what is certain.
    assert!(["variant::clear", "variant::bss_end"].contains(&&*place(&finding).0), "{:?}", finding.location);
}

fn traps_are_told_in_words(on: On) {
    let null = on.fails("load-from-0", "trap", "load access fault: `ld a0, 0(zero)`, address 0x0");
    assert_eq!(place(&null).0, "variant::after_clear");
    assert_eq!(null.backtrace.last().unwrap().symbol.as_ref().unwrap().0, "variant::main");
    on.fails("illegal-instruction", "trap", "illegal instruction");
    let handled = on.passes("own-trap-handler");
    let summary = &finding(&handled, "trap").summary;
    assert!(summary.starts_with("breakpoint at ") && summary.contains("its handler resumed at"), "{summary}");
    let hidden = on.passes("hidden-trap");
    assert_eq!(finding(&hidden, "trap").data["exceptions"], 1, "its handler sets scause back");
    let findings = on.walk("traps-for-ever");
    only_failure(&findings, "trap", "illegal instruction");
    assert_eq!(finding_status(&findings, "bss"), Status::NotRun);
}

fn finding_status(findings: &[Finding], name: &str) -> Status {
    finding(findings, name).status
}

fn a_panic_is_shown_with_its_message_and_place(on: On) {
    let finding = on.fails("panic", "idle", "the page table at 0x80201008 is not aligned to 4096 bytes");
    assert!(finding.data["panic_location"].text().unwrap().contains("variants.rs:"));
    let findings = on.walk("panic-before-clear");
    only_failure(&findings, "idle", "too early: .bss is not clear");
    assert_eq!(finding_status(&findings, "bss"), Status::NotRun);
}

fn a_kernel_that_does_not_rest_is_told_when_time_is_up(on: On) {
    let kernel = kernels::build("counts-for-ever");
    let (findings, limit) = match on {
        On::Qemu => {
            let timeout = Duration::from_secs(5);
            (on.walk_prepared(&kernel, Names::default(), timeout, None, |_, _| {}), "time limit")
        }
        On::Embedded => (within(&kernel, TIMEOUT, Some(20_000_000)).0, "limit of 20000000 instructions"),
    };
    only_failure(&findings, "idle", &format!("still running when the {limit} was reached"));
    on.fails("reboot", "idle", "resets the machine");
}

fn a_stack_overflow_is_the_margin_s_fault(on: On) {
    let finding = on.fails("stack-overflow", "margin", "the stack overflows");
    assert_eq!(place(&finding).0, "variant::descend");
    assert_eq!(finding.backtrace.len(), 64, "a recursion goes on");
    // Where it traps, the hart is elsewhere already.
    let finding = on.fails("stack-overflow-below-memory", "margin", "the stack overflows");
    assert_eq!(place(&finding).0, "variant::after_clear");
    let functions: Vec<_> =
        finding.backtrace.iter().filter_map(|place| Some(place.symbol.as_ref()?.0.as_str())).collect();
    assert!(functions.ends_with(&["variant::after_clear", "variant::main"]), "{functions:?}");
}

fn power_off_is_an_end_like_any_other(on: On) {
    for kernel in ["power-off", "power-off-legacy"] {
        let findings = on.passes(kernel);
        let idle = finding(&findings, "idle");
        assert_eq!(idle.summary, "powers off");
        assert_eq!(place(idle).0, "variant::call_firmware");
    }
    // The finisher may be anywhere in a page table, and other memory where it is without one.
    for kernel in ["power-off-mapped", "power-off-mapped-late"] {
        let findings = on.passes(kernel);
        let idle = finding(&findings, "idle");
        assert_eq!((idle.summary.as_str(), place(idle).0.as_str()), ("powers off", "variant::store_word"));
    }
    assert_eq!(finding(&on.passes("ram-at-the-finishers-address"), "idle").summary, "waits for interrupts (wfi)");
    // Right behind a store that was watched, too.
    let findings = on.walk("power-off-in-clear");
    only_failure(
        &findings,
        "bss",
        "clear_doublewords does not end its work: it powers off while 4088 bytes are not cleared",
    );
    assert_eq!(finding(&findings, "idle").summary, "powers off");
}

fn loops_that_change_nothing_are_rest(on: On) {
    assert_eq!(finding(&on.passes("loop-idle"), "idle").summary, "jumps to itself for ever");
    assert_eq!(
        finding(&on.passes("loop-two"), "idle").summary,
        "infinite loop of 3 instructions that changes no state"
    );
}

fn every_way_to_clear_is_followed(on: On) {
    for (kernel, by) in [
        ("clear-by-bytes", "variant::clear"),
        ("clear-downwards", "variant::clear"),
        ("clear-with-memset", "memset"),
        ("large-bss", "variant::clear_doublewords"),
    ] {
        let findings = on.passes(kernel);
        let bss = finding(&findings, "bss");
        assert!(bss.data["cleared_by"].text().unwrap().ends_with(by), "{bss:#?}");
    }
    assert_eq!(finding(&on.passes("empty-bss"), "bss").summary, "empty: nothing to clear");
}

fn a_deep_stack_is_measured(on: On) {
    let deepest = finding(&on.passes("deep-stack"), "margin").data["deepest_bytes"].count().unwrap();
    assert!((300 << 10..310 << 10).contains(&deepest), "{deepest}");
}

fn other_names_are_followed(on: On) {
    let given = |text: &str| Some(text.to_owned());
    let names = Names {
        entry: given("_start"),
        stack_top: given("boot_stack_top"),
        stack_bottom: None,
        bss_start: given("sbss"),
        bss_end: given("ebss"),
    };
    let offsets = Names {
        entry: given("0x80200000"),
        stack_top: given("boot_stack_top+0"),
        stack_bottom: given("boot_stack_top-0x100000"),
        bss_start: given("sbss+0"),
        bss_end: given("ebss"),
    };
    for names in [names, offsets, Names::default()] {
        let findings = on.walk_prepared(&kernels::build("renamed"), names, TIMEOUT, None, |_, _| {});
        assert!(findings.iter().all(|finding| finding.status == Status::Pass), "{findings:#?}");
        assert_eq!(finding(&findings, "margin").data["stack_bytes"], 1 << 20);
    }
}

fn stepping_counts_the_instructions_of_the_clear(on: On) {
    let mut last = ClearProgress::default();
    let mut keep = |progress| last = progress;
    let findings =
        on.walk_prepared(&kernels::build("good-release"), Names::default(), TIMEOUT, Some(&mut keep), |_, _| {});
    assert!(findings.iter().all(|finding| finding.status == Status::Pass), "{findings:#?}");
    // 512 doublewords, three instructions each, from the first store to the last.
    assert_eq!(finding(&findings, "bss").data["instructions"], 511 * 3 + 1);
    assert_eq!(last.total, 4096);
    assert!(last.instructions > 0 && last.cleared > 0);
}

fn stepping_finds_the_same_faults(on: On) {
    for (kernel, check) in
        [("bss-last-8-not-cleared", "bss"), ("bss-starts-too-early", "bss"), ("bss-one-doubleword-too-long", "bss")]
    {
        let findings =
            on.walk_prepared(&kernels::build(kernel), Names::default(), TIMEOUT, Some(&mut |_| {}), |_, _| {});
        only_failure(&findings, check, "");
    }
    let kernel = kernels::build("endless-loop-in-clear");
    let timeout = Duration::from_secs(5);
    let findings = on.walk_prepared(&kernel, Names::default(), timeout, Some(&mut |_| {}), |_, _| {});
    only_failure(&findings, "bss", "never ends");
}

/// What a machine that counts its instructions says of a kernel, and how many it has executed.
fn within(kernel: &Path, timeout: Duration, instructions: Option<u64>) -> (Vec<Finding>, u64) {
    let image = Image::open(kernel).unwrap();
    let layout = Layout::of(&image, Names::default()).unwrap();
    let mut machine = Embedded::open(kernel, &embedded::Options::default()).unwrap();
    let options = Options { timeout, instructions, ..Options::default() };
    let mut findings = checks::check(&mut machine, &image, &layout, options).unwrap();
    // The host's time.
    findings.iter_mut().for_each(|finding| finding.data.set("clear_us", 0_u64));
    (findings, machine.icount())
}

#[test]
fn a_boot_ends_at_the_very_instruction_that_is_its_limit() {
    let kernel = kernels::build("counts-for-ever");
    for limit in [0, 1, 2, 1023, 1025, 10_000, 3_000_000] {
        let (findings, executed) = within(&kernel, TIMEOUT, Some(limit));
        assert_eq!(executed, limit);
        let (again, _) = within(&kernel, TIMEOUT, Some(limit));
        assert_eq!(format!("{findings:?}"), format!("{again:?}"));
        let s = if limit == 1 { "" } else { "s" };
        let words = format!("the limit of {limit} instruction{s} was reached");
        let failed = findings.iter().find(|finding| finding.status == Status::Fail).unwrap();
        assert!(failed.found.contains(&words), "{failed:#?}");
        assert!(failed.advice.as_ref().unwrap().contains("a larger number of instructions"), "{failed:#?}");
    }
    let findings = within(&kernel, TIMEOUT, Some(3_000_000)).0;
    assert_eq!(only_failure(&findings, "idle", "").data["instructions"], 3_000_000_u64);
}

#[test]
fn a_limit_that_is_not_reached_changes_nothing() {
    let kernel = kernels::build("good");
    let without = within(&kernel, TIMEOUT, None);
    assert!(without.0.iter().all(|finding| finding.status == Status::Pass), "{:#?}", without.0);
    for limit in [without.1 + 1, u64::MAX] {
        assert_eq!(format!("{:?}", within(&kernel, TIMEOUT, Some(limit))), format!("{without:?}"));
    }
    let cut = within(&kernel, TIMEOUT, Some(without.1 / 2));
    assert_eq!(cut.1, without.1 / 2);
    assert!(cut.0.iter().any(|finding| finding.status == Status::Fail), "{:#?}", cut.0);
}

#[test]
fn a_machine_that_counts_is_interrupted_at_the_very_instruction() {
    let mut machine = Embedded::open(&kernels::build("counts-for-ever"), &embedded::Options::default()).unwrap();
    let machine: &mut dyn Machine = &mut machine;
    machine.interrupt_at(10);
    assert_eq!(machine.step(4, TIMEOUT).unwrap(), (4, Stop::Stepped));
    assert_eq!(machine.step(20, TIMEOUT).unwrap(), (6, Stop::Interrupted));
    assert_eq!(machine.step(1, TIMEOUT).unwrap(), (0, Stop::Interrupted));
    assert_eq!((machine.resume(TIMEOUT).unwrap(), machine.executed()), (Stop::Interrupted, Some(10)));
    machine.interrupt_at(1_000_000);
    assert_eq!((machine.resume(TIMEOUT).unwrap(), machine.executed()), (Stop::Interrupted, Some(1_000_000)));
    machine.interrupt_at(u64::MAX);
    assert_eq!(machine.step(1, TIMEOUT).unwrap(), (1, Stop::Stepped));
}

/// A machine that is far too slow ends the boot by the clock, and says so.
#[test]
fn a_multiple_of_the_time_ends_a_boot_that_has_instructions_left() {
    let kernel = kernels::build("counts-for-ever");
    let (findings, _) = within(&kernel, Duration::from_millis(20), Some(u64::MAX));
    let idle = only_failure(&findings, "idle", "still running when 4 times the time limit was over, after ");
    assert!(idle.advice.is_some_and(|advice| advice.starts_with("a longer time limit, or look")));
}

/// What only a machine that shows every store and trap can tell; on others these kernels pass.
#[test]
fn a_machine_that_shows_everything_finds_what_others_cannot() {
    let finding = On::Embedded.fails("clear-strays", "bss", "a store beside BSS: 4104 bytes after __bss_end");
    assert_eq!(place(&finding).0, "variant::zero");
    let finding = On::Embedded.fails("stack-overflow-far", "margin", "the stack overflows");
    assert_eq!(place(&finding).0, "variant::after_clear");
    for kernel in ["clear-strays", "stack-overflow-far"] {
        On::Qemu.passes(kernel);
    }
}

#[test]
fn every_store_of_the_clear_is_counted() {
    let findings = On::Embedded.passes("good-release");
    let bss = finding(&findings, "bss");
    assert!(bss.summary.contains("with 512 stores in 1534 instructions, each byte once"), "{bss:#?}");
    assert_eq!((&bss.data["least_writes"], &bss.data["most_writes"]), (&1_u64.into(), &1_u64.into()));
    let cleared_at = bss.data["cleared_at"].list();
    assert!(cleared_at.len() == 1 && cleared_at[0].text().unwrap().contains("kernel/src/bss.rs"), "{bss:#?}");

    let findings = On::Embedded.passes("clear-by-bytes");
    assert_eq!(finding(&findings, "bss").data["stores"], finding(&findings, "bss").data["bss_bytes"]);
    let margin = finding(&On::Embedded.passes("deep-stack"), "margin").clone();
    assert!(margin.summary.ends_with("in variant::descend"), "{margin:#?}");
}

#[test]
fn a_machine_in_mid_boot_gives_no_verdict() {
    let kernel = kernels::build("good");
    let image = Image::open(&kernel).unwrap();
    let layout = Layout::of(&image, Names::default()).unwrap();
    let mut qemu = Qemu::start(&kernel, TIMEOUT).unwrap();
    qemu.resume(Duration::from_millis(500)).unwrap(); // it idles by now
    let error =
        checks::check(qemu.machine(), &image, &layout, Options { timeout: TIMEOUT, ..Options::default() }).unwrap_err();
    assert!(matches!(&error, checks::Error::NotAtReset { .. }), "{error}");
}
