//! Two machines in lockstep: QEMU and the embedded one do the same on kernels of every kind, and one that lies is found out.

use std::time::Duration;

use debug::checks::lockstep::lockstep;
use debug::checks::{Fact, Finding, Layout, Names, Status};
use debug::machine::{Access, Error, Machine, Register, Stop, Watchpoint, csr};
use debug::remote::qemu::{Version, known};
use debug::{Address, Embedded, Image, Qemu, embedded};
use testkit::kernels;
use testkit::liar::Liar;
use testkit::processes::Family;

const TIMEOUT: Duration = Duration::from_secs(100);

fn embedded(kernel: &str) -> Embedded {
    Embedded::open(&kernels::build(kernel), &embedded::Options::default()).unwrap()
}

fn compare(kernel: &str, machines: [&mut dyn Machine; 2], timeout: Duration) -> Finding {
    let image = Image::open(&kernels::build(kernel)).unwrap();
    let layout = Layout::of(&image, Names::default()).unwrap();
    lockstep(machines, &image, &layout, timeout).unwrap()
}

fn with_qemu(kernel: &str) -> Finding {
    let mut qemu = Qemu::start(&kernels::build(kernel), 2 * TIMEOUT).unwrap();
    let family = Family::with_qemu(qemu.guardian());
    let finding = compare(kernel, [qemu.machine(), &mut embedded(kernel)], TIMEOUT);
    drop(qemu);
    family.assert_gone();
    finding
}

/// Inserting twice is inserting once, and removing what is not there is no error, on either machine.
#[test]
fn breakpoints_and_watchpoints_are_set_or_not() {
    let kernel = kernels::build("good");
    let image = Image::open(&kernel).unwrap();
    let entry = image.require_entry("boot").unwrap().address;
    let bss = image.require("__bss").unwrap().address;
    let watchpoint = Watchpoint { address: bss, length: 8, access: Access::Write };
    let mut qemu = Qemu::start(&kernel, 2 * TIMEOUT).unwrap();
    for machine in [qemu.machine(), &mut embedded("good")] as [&mut dyn Machine; 2] {
        let name = machine.name().to_owned();
        let resume = |machine: &mut dyn Machine| machine.resume(Duration::from_secs(2)).unwrap();
        if Address(machine.registers().unwrap().pc) != entry {
            machine.insert_breakpoint(entry).unwrap();
            assert_eq!(machine.resume(TIMEOUT).unwrap(), Stop::Breakpoint, "{name}");
        }
        machine.remove_watchpoint(watchpoint).unwrap();
        machine.remove_breakpoint(bss).unwrap();
        machine.insert_watchpoint(watchpoint).unwrap();
        machine.insert_watchpoint(watchpoint).unwrap();
        assert_eq!(resume(machine), Stop::Watchpoint { address: bss }, "{name}");
        machine.remove_watchpoint(watchpoint).unwrap();
        machine.remove_watchpoint(watchpoint).unwrap();
        assert_eq!(resume(machine), Stop::Interrupted, "{name}");
        let nothing = machine.insert_watchpoint(Watchpoint { length: 0, ..watchpoint });
        assert!(matches!(nothing, Err(Error::Refused { .. })), "{name}: {nothing:?}");
    }
}

#[test]
fn both_do_the_same_however_a_kernel_ends() {
    for (kernel, end) in [
        ("good-release", "up to a wfi"),
        ("loop-two", "up to a loop that changes no state"),
        ("power-off", "up to the machine's end"),
        ("load-from-0", "up to a trap without a handler (load access fault)"),
        ("illegal-instruction", "up to a trap without a handler (illegal instruction)"),
        ("own-trap-handler", "up to a wfi"),
        ("reserves", "up to a wfi"),
        ("enters-guest", "up to a wfi"),
    ] {
        let finding = with_qemu(kernel);
        assert_eq!(finding.status, Status::Pass, "{kernel}: {finding:#?}");
        assert!(finding.summary.ends_with(end), "{kernel}: {finding:#?}");
        assert!(finding.data["instructions"].count() > Some(1000), "{kernel}: {finding:#?}");
        assert!(finding.data["stores"].count() >= Some(512), "{kernel}: {finding:#?}");
    }
}

/// Time and the firmware's inside are the machine's own; what came of them is told.
#[test]
fn what_may_differ_is_told() {
    let finding = with_qemu("asks-firmware");
    assert_eq!(finding.status, Status::Pass, "{finding:#?}");
    assert_eq!(finding.data["firmware_calls"], 2);
    assert_eq!(finding.data["counters_read"], 3);
    let copied = finding.data["copied_at_entry"].list();
    assert!(copied.iter().any(|what| *what == "the device tree"), "{finding:#?}");
    assert!(finding.found.contains("reads of counters that were copied: 3"), "{finding:#?}");
}

/// QEMU's firmware in its version, and the embedded one in its, may say what they like of themselves.
#[test]
fn what_the_firmware_says_of_itself_differs_from_qemu_to_qemu() {
    let finding = with_qemu("asks-which-firmware");
    assert_eq!(finding.status, Status::Pass, "{finding:#?}");
    assert!(finding.data["firmware_calls"].count() >= Some(8), "{finding:#?}");
}

const BASE: u64 = 0x10;
const DEBUG_CONSOLE: u64 = 0x4442_434e;
const NOT_SUPPORTED: u64 = -2_i64 as u64;

#[test]
fn what_the_firmware_says_of_itself_is_copied_and_told() {
    let mut reference = Liar::at_calls(embedded("asks-which-firmware"), BASE, |machine| {
        let answer = machine.read_register(Register::Gpr(11)).unwrap();
        machine.write_register(Register::Gpr(11), answer ^ 1).unwrap();
    });
    let finding = compare("asks-which-firmware", [&mut reference, &mut embedded("asks-which-firmware")], TIMEOUT);
    assert_eq!(finding.status, Status::Pass, "{finding:#?}");
    let copied = format!("{:?}", finding.data["firmware_answers_copied"]);
    for what in ["the SBI's version", "whether it has extension DBCN (0x4442434e)", "the hart's maker and model"] {
        assert!(copied.contains(what) && finding.found.contains(what), "{finding:#?}");
    }
}

/// A firmware without the extension, and one with it, in either order.
#[test]
fn what_only_one_firmware_has_is_copied_and_told() {
    let deaf = || {
        Liar::at_calls(embedded("prints-unasked"), DEBUG_CONSOLE, |machine| {
            machine.write_register(Register::Gpr(10), NOT_SUPPORTED).unwrap();
        })
    };
    let call = "extension DBCN (0x4442434e), function 2";
    for (order, who) in [(false, "only the second supports"), (true, "only the first supports")] {
        let (mut deaf, mut hearing) = (deaf(), embedded("prints-unasked"));
        let machines: [&mut dyn Machine; 2] = if order { [&mut hearing, &mut deaf] } else { [&mut deaf, &mut hearing] };
        let finding = compare("prints-unasked", machines, TIMEOUT);
        assert_eq!(finding.status, Status::Pass, "{finding:#?}");
        assert_eq!(finding.data["firmware_answers_copied"].list()[0], format!("{call}, which {who}").as_str());
        assert!(finding.found.contains(call), "{finding:#?}");
    }
}

/// Another error than that the call is not supported is one that both could give.
#[test]
fn what_a_call_did_otherwise_is_named() {
    let mut wrong = Liar::at_calls(embedded("prints-unasked"), DEBUG_CONSOLE, |machine| {
        machine.write_register(Register::Gpr(10), -3_i64 as u64).unwrap();
    });
    let finding = compare("prints-unasked", [&mut wrong, &mut embedded("prints-unasked")], TIMEOUT);
    assert_eq!(finding.status, Status::Fail, "{finding:#?}");
    assert!(finding.summary.starts_with("`ecall`: the machines differ after"), "{finding:#?}");
    assert!(
        finding.summary.ends_with("a0; the firmware was called: extension DBCN (0x4442434e), function 2"),
        "{finding:#?}"
    );
    assert_eq!((&*finding.expected, &*finding.found), ("embedded: a0 = 0xfffffffffffffffd", "embedded: a0 = 0x0"));
}

/// All that S-mode may not rely on: each is given to the second machine, or is not compared.
#[test]
fn what_the_firmware_leaves_is_copied_and_told() {
    let mut reference = embedded("good-release");
    let entry = Image::open(&kernels::build("good-release")).unwrap().require("boot").unwrap().address;
    assert_eq!(Address(reference.registers().unwrap().pc), entry);
    for (register, value) in [
        (Register::Gpr(2), 0x8004_0000),
        (Register::Fpr(3), 5),
        (Register::Csr(0x140), 7),
        (Register::Csr(0x106), 2),
        (csr::STIMECMP, 0),
        (csr::SIE, 2),
    ] {
        reference.write_register(register, value).unwrap();
    }
    let mut reference = Liar::showing(reference, Register::Csr(0x302), 0xf4_b509);
    let finding = compare("good-release", [&mut reference, &mut embedded("good-release")], TIMEOUT);
    assert_eq!(finding.status, Status::Pass, "{finding:#?}");
    let copied = format!("{:?}", finding.data["copied_at_entry"]);
    for name in ["sp", "ft3", "sscratch", "scounteren", "stimecmp", "sie", "medeleg"] {
        assert!(copied.contains(&format!("\"{name}\"")) && finding.found.contains(name), "{name}: {finding:#?}");
    }
}

/// A fault of QEMU's that its table knows, and the same from a machine that has no such table.
#[test]
fn a_known_fault_is_told_and_fails_no_kernel() {
    let told = |version: Option<Version>| {
        // QEMU 10 leaves the address of `ebreak` in stval.
        let mut reference = Liar::at_ebreak(embedded("own-trap-handler"), |machine| {
            let pc = machine.read_register(csr::SEPC).unwrap();
            machine.write_register(csr::STVAL, pc).unwrap();
        });
        reference.quirks = version.map(known::of).unwrap_or_default();
        compare("own-trap-handler", [&mut reference, &mut embedded("own-trap-handler")], TIMEOUT)
    };
    let finding = told(Some(Version::new(10, 0)));
    assert_eq!(finding.status, Status::Pass, "{finding:#?}");
    let known = finding.data["known_faults"].list()[0].text().unwrap();
    assert!(known.starts_with("embedded says stval 0x8020"), "{known}");
    assert!(known.contains("the manual 0x0: ebreak leaves its address in stval (privileged manual, "), "{known}");
    assert!(finding.found.contains(known), "{finding:#?}");
    for version in [None, Some(Version::new(7, 2))] {
        let finding = told(version);
        assert_eq!(finding.status, Status::Fail, "{finding:#?}");
        assert!(finding.summary.starts_with("`ebreak`: ") && finding.summary.ends_with(": stval"), "{finding:#?}");
    }
}

/// All of the table, on the QEMU that is there: a fault that it no longer has must end in the table.
#[test]
fn the_table_of_known_faults_is_right_for_this_qemu() {
    let kernel = kernels::build("meets-known-faults");
    // Cache blocks are in the table, and not every QEMU has them.
    let (mut qemu, cpu) = match Qemu::start_with_cpu(&kernel, "rv64,svnapot=on,zicbom=on,zicboz=on", 2 * TIMEOUT) {
        Ok(qemu) => (qemu, "rv64,svnapot=on,zicbom=on,zicboz=on"),
        Err(_) => {
            let qemu = Qemu::start_with_cpu(&kernel, "rv64,svnapot=on", 2 * TIMEOUT);
            (qemu.unwrap(), "rv64,svnapot=on,zicbom=off,zicboz=off")
        }
    };
    let options = embedded::Options { cpu: cpu.parse().unwrap(), ..embedded::Options::default() };
    let version = qemu.machine().qemu_version().unwrap().unwrap();
    let machines: [&mut dyn Machine; 2] = [qemu.machine(), &mut Embedded::open(&kernel, &options).unwrap()];
    let finding = compare("meets-known-faults", machines, TIMEOUT);
    assert_eq!(finding.status, Status::Pass, "{finding:#?}");
    assert!(finding.summary.ends_with("up to a wfi"), "{finding:#?}");
    let met: Vec<&str> = finding.data["known_faults"].list().iter().map(|fault| fault.text().unwrap()).collect();
    println!("QEMU {version}:\n{}", met.join("\n"));
    // Generated programs meet the others.
    let beyond = [known::of_guests_traps(version), known::of_machine_mode(version), known::rare(version)].concat();
    let missed: Vec<_> = known::of(version)
        .into_iter()
        .filter(|quirk| !beyond.iter().any(|other| other.what == quirk.what))
        .filter(|quirk| !met.iter().any(|met| met.contains(quirk.what)))
        .collect();
    assert!(missed.is_empty() || !known::TESTED.contains(&version), "QEMU {version} does not have these: {missed:#?}");
}

/// Each on QEMU as it is: with time, interrupts, and memory that its stub cannot read.
#[test]
fn time_and_interrupts_are_qemus() {
    for (kernel, number, least) in [
        ("polls-timer", "pending_interrupts_read", 1),
        ("timer-interrupts", "interrupts", 3),
        ("stores-to-code", "stores", 512),
    ] {
        let finding = with_qemu(kernel);
        assert_eq!(finding.status, Status::Pass, "{kernel}: {finding:#?}");
        assert!(finding.summary.ends_with("up to a wfi"), "{kernel}: {finding:#?}");
        assert!(finding.data[number].count() >= Some(least), "{kernel}: {finding:#?}");
    }
}

/// How far a lie lies from the entry: within the clear.
const FAR: u64 = 200;

fn found_out(after: u64, lie: fn(&mut Embedded)) -> Finding {
    let mut liar = Liar::after(embedded("good-release"), after, lie);
    if after == 0 {
        lie(&mut liar.machine);
    }
    let finding = compare("good-release", [&mut embedded("good-release"), &mut liar], TIMEOUT);
    assert_eq!(finding.status, Status::Fail, "{finding:#?}");
    finding
}

#[test]
fn the_first_wrong_register_is_found_with_both_values() {
    let finding = found_out(FAR, |machine| machine.write_register(Register::Gpr(28), 77).unwrap());
    assert!(finding.summary.ends_with("`: the machines differ after 200 instructions: t3"), "{finding:#?}");
    assert_eq!(finding.found, "embedded: t3 = 0x4d");
    assert_eq!(finding.data["instructions"], FAR);
    let Fact::Record(difference) = &finding.data["differences"].list()[0] else { panic!("{finding:#?}") };
    assert_eq!(difference["register"], "t3");
    assert_eq!(difference["values"].list()[1], Fact::Register(77));
    assert!(finding.location.unwrap().line.unwrap().file.starts_with("kernel/src/"));
}

#[test]
fn registers_of_every_kind_are_compared() {
    type Lie = fn(&mut Embedded);
    let lies: [(Lie, &str); 4] = [
        (|machine| machine.write_register(Register::Pc, 0x8020_0000).unwrap(), ": pc"),
        (|machine| machine.write_register(Register::Fpr(10), 1).unwrap(), ": fa0"),
        (|machine| machine.write_register(csr::SEPC, 8).unwrap(), ": sepc"),
        (|machine| machine.write_register(Register::Priv, 0).unwrap(), ": priv"),
    ];
    for (lie, name) in lies {
        let finding = found_out(FAR, lie);
        assert!(finding.summary.ends_with(name), "{name}: {finding:#?}");
    }
}

#[test]
fn a_wrong_store_is_found_where_it_is_made() {
    // Bytes that were just cleared: one of the loop's three instructions is the store.
    let findings = [150, 151, 152].map(|after| {
        found_out(after, |machine| {
            let bss = Image::open(&kernels::build("good-release")).unwrap().require("__bss").unwrap().address;
            machine.write_memory(bss, &[1; 408]).unwrap();
        })
    });
    let at_once = |finding: &&Finding| finding.summary.contains("`: the stores differ after ");
    let finding = findings.iter().find(at_once).unwrap_or_else(|| panic!("{findings:#?}"));
    assert_eq!(findings.iter().filter(at_once).count(), 1, "{findings:#?}");
    assert!(finding.expected.ends_with("holds 0000000000000000"), "{finding:#?}");
    assert!(finding.found.ends_with("holds 0101010101010101"), "{finding:#?}");
}

#[test]
fn memory_that_no_store_shows_is_compared_in_the_end() {
    let finding = found_out(FAR, |machine| machine.write_memory(Address(0x8020_0000), &[9]).unwrap());
    assert!(finding.summary.starts_with("memory differs at the end, from 0x80200000 <boot>"), "{finding:#?}");
}

#[test]
fn a_wrong_hand_over_is_found() {
    let finding = found_out(0, |machine| machine.write_register(csr::SSTATUS, 2).unwrap());
    assert!(finding.summary.starts_with("the machines differ at boot"), "{finding:#?}");
    assert!(finding.found.contains("sstatus = "), "{finding:#?}");
}

#[test]
fn a_machine_that_stops_otherwise_is_found() {
    // An instruction that traps, on one of them.
    let finding = found_out(FAR, |machine| {
        let pc = machine.registers().unwrap().pc;
        machine.write_memory(Address(pc), &[0; 2]).unwrap();
    });
    assert!(finding.summary.contains("`: only embedded trapped after 201 instructions"), "{finding:#?}");
}

#[test]
fn time_that_is_up_is_no_failure() {
    let mut machines = [embedded("counts-for-ever"), embedded("counts-for-ever")];
    let [one, other] = &mut machines;
    let finding = compare("counts-for-ever", [one, other], Duration::from_millis(300));
    assert_eq!(finding.status, Status::Pass);
    let instructions = finding.data["instructions"].count().unwrap();
    assert!(instructions > 100, "{finding:#?}");
    let text = format!("the same for {instructions} instructions, until the time limit; try: a longer time limit");
    assert_eq!(finding.summary, text);
}

/// QEMU is followed while it runs: stepping it came to 2,000 instructions a second.
#[test]
fn time_that_is_up_is_no_failure_on_qemu_either() {
    let mut qemu = Qemu::start(&kernels::build("counts-for-ever"), 2 * TIMEOUT).unwrap();
    let family = Family::with_qemu(qemu.guardian());
    let machines: [&mut dyn Machine; 2] = [qemu.machine(), &mut embedded("counts-for-ever")];
    let finding = compare("counts-for-ever", machines, Duration::from_secs(3));
    drop(qemu);
    family.assert_gone();
    assert_eq!(finding.status, Status::Pass, "{finding:#?}");
    assert!(finding.summary.starts_with("the same for "), "{finding:#?}");
    println!("{:?} instructions in 3 s", finding.data["instructions"]);
}
