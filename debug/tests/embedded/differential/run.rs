//! Runs a program on both machines and finds the first slot at which they differ. It does not know what the slots mean.

use std::io::Write;
use std::time::Duration;

use capstone::arch::riscv::ArchMode;
use capstone::arch::{BuildsCapstone, BuildsCapstoneExtraMode};
use capstone::{Capstone, arch};
use debug::embedded::{Firmware, Options};
use debug::machine::{Register, Stop, csr};
use debug::qemu::{Bios, MachineOptions};
use debug::riscv::Xlen;
use debug::{Address, Embedded, Machine, Qemu};

use super::known;
use super::program::{Program, RECORD_SIZE, SLOT_SIZE, TEXT};

const LIMIT: Duration = Duration::from_secs(170);
/// Interrupts are off; floating point is on.
const SSTATUS_ALIKE: u64 = 1 << 1 | 3 << 13;
/// Differing slots that a failure shows.
const SHOWN: usize = 12;
/// What a record holds, in its order.
const FIELDS: [&str; 16] = [
    "registers (hash)",
    "scause",
    "sepc",
    "stval",
    "sstatus",
    "fcsr",
    "sip",
    "vector",
    "hstatus",
    "htval",
    "htinst",
    "vsstatus",
    "vscause",
    "vsepc",
    "vstval",
    "hip",
];

/// The records that our machine left: but for known errors of QEMU's, those of both.
///
/// # Errors
/// What differs, in words.
pub fn compare(program: &Program) -> Result<Vec<u8>, String> {
    let (elf, done) = program.link();
    let mut embedded = Embedded::load(&crate::elf::image(elf), &options(program)).expect("the program is a kernel");
    let here = outcome(&mut embedded, program, done)
        .map_err(|error| format!("{error}; {:?}", embedded.fault().map(|fault| fault.to_string())))?;
    let there = on_qemu(program)?;
    for ((name, here), (_, there)) in here.iter().zip(&there) {
        if here == there {
            continue;
        }
        let difference = if *name == "records" {
            match records(program, here, there) {
                Some(difference) => difference,
                None => continue,
            }
        } else if *name == "page tables" && known::explains_page_tables(here, there) {
            continue;
        } else {
            let place = (0..here.len()).find(|byte| here[*byte] != there[*byte]).unwrap_or(0) & !7;
            let word = |bytes: &[u8]| bytes[place..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
            format!("differ from byte {place:#x} on: here {:#x}, on QEMU {:#x}", word(here), word(there))
        };
        return Err(format!("{}: {name} {difference}", program.name));
    }
    Ok(here.into_iter().next().map(|(_, records)| records).unwrap_or_default())
}

/// Our machine for a program: those of 32 bits have no firmware.
pub fn options(program: &Program) -> Options {
    let firmware = if program.xlen() == Xlen::Rv32 { Firmware::None } else { Firmware::Host };
    Options { cpu: program.cpu.ours.clone(), firmware, ..Options::default() }
}

/// What QEMU leaves: the records first.
///
/// # Errors
/// Where it does not come to the program's end, in words.
fn on_qemu(program: &Program) -> Result<FinalState, String> {
    let (elf, done) = program.link();
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    file.write_all(&elf).expect("it can be written");
    let machine = MachineOptions {
        program: super::cpu::program(program.xlen()),
        cpu: program.cpu.qemu.clone(),
        bios: if program.xlen() == Xlen::Rv32 { Bios::None } else { Bios::Default },
        kernel: Some(file.path().into()),
        ..MachineOptions::default()
    };
    let mut qemu = Qemu::start_machine(&machine, LIMIT).expect("QEMU starts");
    outcome(qemu.machine(), program, done).map_err(|error| format!("{error}; it said: {}", qemu.words()))
}

/// What the boot protocol promises of the first instruction, and what all firmware that was seen leaves alike.
pub fn compare_entry(program: &Program) {
    let (elf, _) = program.link();
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    file.write_all(&elf).expect("it can be written");
    let mut qemu = Qemu::start(file.path(), LIMIT).expect("QEMU starts");
    let mut embedded = Embedded::load(&crate::elf::image(elf), &Options::default()).expect("the program is a kernel");
    qemu.insert_breakpoint(Address(TEXT)).expect("QEMU has breakpoints");
    assert_eq!(qemu.resume(LIMIT).expect("QEMU runs"), Stop::Breakpoint);
    let promised = [Register::Pc, Register::Priv, Register::Gpr(Register::A0), csr::SATP];
    // And what makes the one as convenient to use as the other: traps lead to the entry.
    for register in promised.into_iter().chain([csr::SIE, csr::STVEC]) {
        let here = embedded.read_register(register).expect("the machine has it");
        assert_eq!(here, qemu.read_register(register).expect("QEMU has it"), "{register}");
    }
    let status = |machine: &mut dyn Machine| machine.read_register(csr::SSTATUS).expect("the machine has it");
    assert_eq!(status(&mut embedded) & SSTATUS_ALIKE, status(qemu.machine()) & SSTATUS_ALIKE);
}

pub type FinalState = Vec<(&'static str, Vec<u8>)>;

fn outcome(machine: &mut dyn Machine, program: &Program, done: u64) -> Result<FinalState, String> {
    let failed = |error| format!("{} on {}: {error}", program.name, "a machine");
    machine.insert_breakpoint(Address(done)).map_err(failed)?;
    let stop = machine.resume(LIMIT).map_err(failed)?;
    let pc = machine.registers().map_err(failed)?.pc;
    if stop != Stop::Breakpoint || pc != done {
        let read = |machine: &mut dyn Machine, csr| machine.read_register(Register::Csr(csr)).unwrap_or(0);
        let trap = [0x142, 0x141, 0x143, 0x180].map(|csr| read(machine, csr));
        return Err(format!(
            "{}: {stop:?} at {pc:#x} on {} instead of the end, {trap:x?}",
            program.name,
            machine.name()
        ));
    }
    let mut outcome = Vec::new();
    for (name, start, size) in program.outcome() {
        let mut bytes = vec![0; size];
        machine.read_memory(Address(start), &mut bytes).map_err(failed)?;
        outcome.push((name, bytes));
    }
    Ok(outcome)
}

/// The first slots that differ, and in what; `None` where all that differs is known to be QEMU's error.
fn records(program: &Program, here: &[u8], there: &[u8]) -> Option<String> {
    let words = |record: &[u8]| -> Vec<u64> {
        record.chunks(8).map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes"))).collect()
    };
    let mut text = String::from("differ:\n");
    let mut count = 0;
    let pairs = here.chunks(RECORD_SIZE).zip(there.chunks(RECORD_SIZE)).enumerate().skip(1);
    for (index, (here, there)) in pairs.filter(|(_, (here, there))| here != there) {
        let (here, there) = (words(here), words(there));
        if known::is_error_of_qemu(&program.slots[index - 1], &here, &there) {
            continue;
        }
        count += 1;
        if count > SHOWN {
            continue;
        }
        text += &format!("  slot {}: {}\n", index - 1, disassemble(program.xlen(), &program.slots[index - 1]));
        if let Some(hypervisor) = &program.hypervisor {
            let entry = super::access::leaf_of(program, hypervisor.vsatp, here[3].max(there[3])).unwrap_or(0);
            text += &format!(
                "    entry {entry:#x}, hstatus {:#x}, vsstatus {:#x}, sstatus {:#x}\n",
                here[8], here[11], here[4]
            );
        }
        for (field, (here, there)) in FIELDS.iter().zip(here.into_iter().zip(there)) {
            if here != there {
                text += &format!("    {field}: here {here:#x}, on QEMU {there:#x}\n");
            }
        }
    }
    (count > 0).then(|| text + &format!("  {count} slots in all"))
}

fn disassemble(xlen: Xlen, slot: &[u8; SLOT_SIZE]) -> String {
    let capstone = disassembler(xlen);
    let instructions = capstone.disasm_all(slot, 0).expect("disassembling does not fail");
    let words: Vec<String> = instructions
        .iter()
        .take(3)
        .map(|one| format!("{} {}", one.mnemonic().unwrap_or("?"), one.op_str().unwrap_or("")))
        .collect();
    format!("{:02x?} {}", &slot[..12], words.join("; "))
}

pub fn disassembler(xlen: Xlen) -> Capstone {
    let mode = if xlen == Xlen::Rv32 { ArchMode::RiscV32 } else { ArchMode::RiscV64 };
    let compressed = std::iter::once(arch::riscv::ArchExtraMode::RiscVC);
    let capstone = Capstone::new().riscv().mode(mode).extra_mode(compressed);
    capstone.build().expect("capstone has RISC-V")
}
