//! Two machines in lockstep: QEMU and the embedded one do the same on kernels of every kind, and one that lies is found out.

mod kernels;
mod processes;

use std::time::Duration;

use debug::checks::lockstep::lockstep;
use debug::checks::{Finding, Layout, Names, Status};
use debug::machine::{Error, Machine, Register, Registers, Stop, Watchpoint, csr};
use debug::{Address, Embedded, Image, Qemu, embedded};
use processes::Family;

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
    let finding = compare(kernel, [&mut *qemu, &mut embedded(kernel)], TIMEOUT);
    drop(qemu);
    family.assert_gone();
    finding
}

#[test]
fn both_do_the_same_however_a_kernel_ends() {
    for (kernel, end) in [
        ("good-release", "up to a wfi"),
        ("loop-two", "up to a loop that changes nothing"),
        ("power-off", "up to the machine's end"),
        ("load-from-0", "up to a trap that nobody takes (load access fault)"),
        ("illegal-instruction", "up to a trap that nobody takes (illegal instruction)"),
        ("own-trap-handler", "up to a wfi"),
        ("reserves", "up to a wfi"),
    ] {
        let finding = with_qemu(kernel);
        assert_eq!(finding.status, Status::Pass, "{kernel}: {finding:#?}");
        assert!(finding.summary.ends_with(end), "{kernel}: {finding:#?}");
        assert!(finding.data["instructions"].as_u64() > Some(1000), "{kernel}: {finding:#?}");
        assert!(finding.data["stores"].as_u64() >= Some(512), "{kernel}: {finding:#?}");
    }
}

/// Time and the firmware's inside are the machine's own; what came of them is told.
#[test]
fn what_may_differ_is_told() {
    let finding = with_qemu("asks-firmware");
    assert_eq!(finding.status, Status::Pass, "{finding:#?}");
    assert_eq!(finding.data["firmware_calls"], 2);
    assert_eq!(finding.data["counters_read"], 3);
    let copied = finding.data["copied_at_entry"].as_array().unwrap();
    assert!(copied.iter().any(|what| what == "the device tree"), "{finding:#?}");
    assert!(finding.found.contains("reads of counters that were copied: 3"), "{finding:#?}");
}

/// The embedded firmware has a debug console, and so a younger version of the SBI; QEMU's has not. The kernel does as on QEMU.
#[test]
fn what_the_firmware_says_of_itself_is_copied_and_told() {
    let finding = with_qemu("asks-which-firmware");
    assert_eq!(finding.status, Status::Pass, "{finding:#?}");
    let copied = finding.data["firmware_answers_copied"].to_string();
    for what in ["the SBI's version", "whether it has extension DBCN (0x4442434e)", "the hart's maker and model"] {
        assert!(copied.contains(what) && finding.found.contains(what), "{finding:#?}");
    }
}

#[test]
fn what_only_one_firmware_does_is_named() {
    let finding = with_qemu("prints-unasked");
    assert_eq!(finding.status, Status::Fail, "{finding:#?}");
    assert!(finding.summary.starts_with("`ecall`: they differ after"), "{finding:#?}");
    assert!(
        finding.summary.ends_with("a0; the firmware was called: extension DBCN (0x4442434e), function 2"),
        "{finding:#?}"
    );
    assert_eq!((&*finding.expected, &*finding.found), ("qemu: a0 = 0xfffffffffffffffe", "embedded: a0 = 0x0"));
}

/// A machine that does one thing wrong, after so many instructions.
struct Liar {
    machine: Embedded,
    executed: u64,
    after: u64,
    lie: fn(&mut Embedded),
}

/// How far a lie lies from the entry: within the clear.
const FAR: u64 = 200;

fn found_out(after: u64, lie: fn(&mut Embedded)) -> Finding {
    let mut liar = Liar { machine: embedded("good-release"), executed: 0, after, lie };
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
    assert!(finding.summary.ends_with("`: they differ after 200 instructions: t3"), "{finding:#?}");
    assert_eq!(finding.found, "embedded: t3 = 0x4d");
    assert_eq!(finding.data["instructions"], FAR);
    assert_eq!(finding.data["differences"][0]["register"], "t3");
    assert_eq!(finding.data["differences"][0]["values"][1], "0x4d");
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
            let bss = Image::open(&kernels::build("good-release")).unwrap().require("__bss", "").unwrap().address;
            machine.write_memory(bss, &[1; 408]).unwrap();
        })
    });
    let at_once = |finding: &&Finding| finding.summary.contains("`: they stored differently after ");
    let finding = findings.iter().find(at_once).unwrap_or_else(|| panic!("{findings:#?}"));
    assert_eq!(findings.iter().filter(at_once).count(), 1, "{findings:#?}");
    assert!(finding.expected.ends_with("holds 0000000000000000"), "{finding:#?}");
    assert!(finding.found.ends_with("holds 0101010101010101"), "{finding:#?}");
}

#[test]
fn memory_that_no_store_shows_is_compared_in_the_end() {
    let finding = found_out(FAR, |machine| machine.write_memory(Address(0x8020_0000), &[9]).unwrap());
    assert!(finding.summary.starts_with("their memory differs in the end, from 0x80200000 <boot>"), "{finding:#?}");
}

#[test]
fn a_wrong_hand_over_is_found() {
    let finding = found_out(0, |machine| machine.write_register(csr::SSTATUS, 2).unwrap());
    assert!(finding.summary.starts_with("they differ at boot"), "{finding:#?}");
    assert!(finding.found.contains("sstatus = "), "{finding:#?}");
}

#[test]
fn a_machine_that_stops_otherwise_is_found() {
    // An instruction that traps, on one of them.
    let finding = found_out(FAR, |machine| {
        let pc = machine.registers().unwrap().pc;
        machine.write_memory(Address(pc), &[0; 2]).unwrap();
    });
    assert!(finding.summary.contains("`: only embedded trapped, after 201 instructions"), "{finding:#?}");
}

#[test]
fn no_rest_within_the_time_is_no_agreement() {
    let mut machines = [embedded("counts-for-ever"), embedded("counts-for-ever")];
    let [one, other] = &mut machines;
    let finding = compare("counts-for-ever", [one, other], Duration::from_millis(300));
    assert_eq!(finding.status, Status::Fail);
    assert!(finding.summary.ends_with(" of them stores, and time was up; --timeout gives it more"), "{finding:#?}");
}

impl Machine for Liar {
    fn name(&self) -> &str {
        self.machine.name()
    }

    fn registers(&mut self) -> Result<Registers, Error> {
        self.machine.registers()
    }

    fn read_register(&mut self, register: Register) -> Result<u64, Error> {
        self.machine.read_register(register)
    }

    fn write_register(&mut self, register: Register, value: u64) -> Result<(), Error> {
        self.machine.write_register(register, value)
    }

    fn read_memory(&mut self, start: Address, bytes: &mut [u8]) -> Result<(), Error> {
        self.machine.read_memory(start, bytes)
    }

    fn write_memory(&mut self, start: Address, bytes: &[u8]) -> Result<(), Error> {
        self.machine.write_memory(start, bytes)
    }

    fn insert_breakpoint(&mut self, address: Address) -> Result<(), Error> {
        self.machine.insert_breakpoint(address)
    }

    fn remove_breakpoint(&mut self, address: Address) -> Result<(), Error> {
        self.machine.remove_breakpoint(address)
    }

    fn insert_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<(), Error> {
        self.machine.insert_watchpoint(watchpoint)
    }

    fn remove_watchpoint(&mut self, watchpoint: Watchpoint) -> Result<(), Error> {
        self.machine.remove_watchpoint(watchpoint)
    }

    fn step(&mut self, count: u64, limit: Duration) -> Result<(u64, Stop), Error> {
        let step = self.machine.step(count, limit)?;
        self.executed += step.0;
        if self.executed == self.after {
            (self.lie)(&mut self.machine);
        }
        Ok(step)
    }

    fn resume(&mut self, limit: Duration) -> Result<Stop, Error> {
        self.machine.resume(limit)
    }
}
