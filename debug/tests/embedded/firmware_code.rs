//! A firmware that is executed: the OpenSBI that comes with QEMU. It does not know other firmware.

use std::path::PathBuf;

use debug::embedded::{Firmware, Options};
use debug::machine::{Register, Stop, csr};
use debug::{Embedded, Machine};

use crate::assembler::*;
use crate::kernel::*;

/// Where QEMU finds its firmware.
fn opensbi() -> PathBuf {
    const NAME: &str = "opensbi-riscv64-generic-fw_dynamic.bin";
    let folders = crate::differential::ask_qemu(&["-L", "help"]);
    let paths = folders.lines().map(|folder| PathBuf::from(folder).join(NAME));
    paths.into_iter().find(|path| path.exists()).expect("QEMU has its firmware")
}

fn gpr(machine: &mut Embedded, register: u8) -> u64 {
    machine.read_register(Register::Gpr(register)).unwrap()
}

#[test]
fn opensbi_boots_a_kernel_answers_it_and_can_be_undone() {
    // Who implements the SBI, and a trap that is not delegated: OpenSBI gives it back.
    let code = [li(17, 0x10), li(16, 1), vec![ECALL, addi(8, 11, 0), 0, STAY]].concat();
    let called = at(code.len() - 3);
    let options = Options { firmware: Firmware::Code(opensbi()), ..Options::default() };
    let mut machine = boot_with(&code, &options);
    assert_eq!(pc(&mut machine).0, 0x1000, "it starts in the ROM");
    machine.insert_breakpoint(at(0)).unwrap();
    assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Breakpoint);
    assert_eq!((machine.read_register(Register::Priv).unwrap(), gpr(&mut machine, 10)), (1, 0));
    let mut tree = [0; 4];
    let start = debug::Address(gpr(&mut machine, 11));
    machine.read_memory(start, &mut tree).unwrap();
    assert_eq!(tree, [0xd0, 0x0d, 0xfe, 0xed]);
    let (entered, digest) = (machine.icount(), machine.digest());
    assert!(String::from_utf8_lossy(&machine.console()).contains("OpenSBI"));
    machine.insert_breakpoint(called).unwrap();
    assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Breakpoint);
    assert_eq!((gpr(&mut machine, 10), gpr(&mut machine, 11)), (0, 1), "OpenSBI's number");
    // stvec leads to the entry, as OpenSBI left it.
    assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Breakpoint);
    let [cause, from] = [csr::SCAUSE, csr::SEPC].map(|register| machine.read_register(register).unwrap());
    assert_eq!((pc(&mut machine), cause, from), (at(0), 2, called.0 + 4));
    // Back from there, the same moments are the same.
    assert_eq!(machine.goto(entered, LIMIT), Stop::Stepped);
    assert_eq!(machine.digest(), digest);
    assert_eq!(machine.goto(0, LIMIT), Stop::Stepped);
    assert_eq!((pc(&mut machine).0, machine.read_register(Register::Priv).unwrap()), (0x1000, 3));
    assert_eq!(machine.goto(entered, LIMIT), Stop::Stepped);
    assert_eq!((machine.digest(), pc(&mut machine)), (digest, at(0)));
}

#[test]
fn what_is_no_firmware_is_an_error() {
    let image = || crate::elf::image(crate::elf::build(&[(ENTRY, vec![0x6f, 0, 0, 0])]));
    let empty = tempfile::NamedTempFile::new().unwrap();
    for path in [empty.path().to_owned(), PathBuf::from("/nowhere")] {
        let options = Options { firmware: Firmware::Code(path.clone()), ..Options::default() };
        let error = Embedded::load(&image(), &options).err().expect("it is refused").to_string();
        assert!(error.contains(path.to_str().unwrap()) && error.contains("try:"), "{error}");
    }
}
