//! M-mode against QEMU's: generated pieces of code that access CSRs, trap, delegate, are interrupted and are protected by PMP entries, each from
//! the same state; after each every trap's CSRs and what was read must be the same. They are executed where RAM begins, without a firmware.
//!
//! QEMU's clock is the host's: mtimecmp is long past, or never comes.

mod lines;
mod memory;
mod pieces;

use std::io::Write;
use std::time::Duration;

use debug::embedded::{Firmware, Options};
use debug::machine::quirk::{Case, Outcome};
use debug::machine::{Register, Stop};
use debug::qemu::{Bios, MachineOptions};
use debug::riscv::Xlen;
use debug::{Address, Embedded, Machine, Qemu};

use super::cpu::{self, Pair};
use super::{known, number};
use crate::assembler::*;
use crate::elf;
use crate::random::Random;

const LIMIT: Duration = Duration::from_secs(170);
const SLOTS: u64 = 2500;
const TEXT: u64 = 0x8000_0000;
const CODE: u64 = 0x8010_0000;
const STRIDE: u64 = 1024;
/// What loads and stores are made to, and PMP entries are about.
const DATA: u64 = 0x8080_0000;
const LOG: u64 = 0x8100_0000;
/// The context of the handler: where the next record goes, and the next piece of code.
const CONTEXT: u64 = 0x80f0_0000;
const WORDS: usize = 16;

const MSTATUS: u32 = 0x300;
const MEDELEG: u32 = 0x302;
const MIDELEG: u32 = 0x303;
const MIE: u32 = 0x304;
const MTVEC: u32 = 0x305;
const MCOUNTEREN: u32 = 0x306;
const MENVCFG: u32 = 0x30a;
const MENVCFGH: u32 = 0x31a;
const STIMECMP: u32 = 0x14d;
const STIMECMPH: u32 = 0x15d;
const MSCRATCH: u32 = 0x340;
const MEPC: u32 = 0x341;
const MCAUSE: u32 = 0x342;
const MTVAL: u32 = 0x343;
const MIP: u32 = 0x344;
const PMPCFG0: u32 = 0x3a0;
const PMPCFG2: u32 = 0x3a2;
const PMPCFG3: u32 = 0x3a3;
const PMPADDR0: u32 = 0x3b0;
const SSTATUS: u32 = 0x100;
const SIE: u32 = 0x104;
const STVEC: u32 = 0x105;
const SCOUNTEREN: u32 = 0x106;
const SSCRATCH: u32 = 0x140;
const SEPC: u32 = 0x141;
const SCAUSE: u32 = 0x142;
const STVAL: u32 = 0x143;
const SIP: u32 = 0x144;
const SATP: u32 = 0x180;

const EBREAK: u32 = 0x0010_0073;
const ECALL: u32 = 0x73;
const MRET: u32 = 0x3020_0073;
const WFI: u32 = 0x1050_0073;

/// What a record holds, in its order.
const FIELDS: [&str; WORDS] = [
    "mcause", "mepc", "mtval", "mstatus", "mip", "a0", "a1", "a2", "scause", "sepc", "stval", "sstatus", "mie",
    "mideleg", "medeleg", "pmpcfg0",
];

#[test]
fn m_mode_does_the_same_as_on_qemu() {
    compare(Xlen::Rv64);
}

#[test]
fn m_mode_of_32_bits_does_the_same_as_on_qemu() {
    compare(Xlen::Rv32);
}

fn compare(xlen: Xlen) {
    let seed = number("DIFFERENTIAL_SEED").unwrap_or(super::SEED);
    let slots = number("DIFFERENTIAL_SLOTS").unwrap_or(SLOTS).min(6000);
    println!("DIFFERENTIAL_SEED={seed} DIFFERENTIAL_SLOTS={slots}");
    let mut random = Random::new(seed);
    let pieces: Vec<Vec<u32>> = (0..slots).map(|_| pieces::piece(xlen, &mut random)).collect();
    let (here, there) = run(&pieces, cpu::full(xlen));
    let mut wrong = Vec::new();
    let mut causes = std::collections::BTreeMap::new();
    for (index, piece) in pieces.iter().enumerate() {
        let record = |all: &[u64]| all[index * WORDS..][..WORDS].to_vec();
        let (here, there) = (record(&here), record(&there));
        *causes.entry(here[0]).or_insert(0) += 1;
        if takes_lower_first(xlen, &here, &there) {
            continue;
        }
        let fields = FIELDS.iter().zip(here.iter().zip(&there));
        // What a breakpoint leaves in mtval or stval differs by right.
        let of_breakpoint = |field: &str| field == "mtval" && here[0] == 3 || field == "stval" && here[8] == 3;
        // QEMU 7.2 keeps MPRV at a return to another mode (privileged manual, "Memory Privilege in mstatus Register").
        let kept = if cpu::is_old() { 1 << 17 } else { 0 };
        let same = |field: &str, here: u64, there: u64| (here | if field == "mstatus" { kept } else { 0 }) == there;
        let is_same = |field: &str, here: u64, there: u64| here == there || same(field, here, there);
        let differing =
            fields.filter(|(field, (here, there))| !is_same(field, **here, **there) && !of_breakpoint(field));
        let differing: Vec<String> =
            differing.map(|(field, (here, there))| format!("{field} {here:#x}, on QEMU {there:#x}")).collect();
        if !differing.is_empty() {
            wrong.push(format!("piece {index}, {}: {}", disassembled(xlen, piece), differing.join("; ")));
        }
    }
    println!("causes: {causes:x?}");
    let shown = wrong.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "DIFFERENTIAL_SEED={seed}: {} differences\n{shown}", wrong.len());
    // A run that leaves a kind of trap out proves nothing of it.
    let interrupts = [1, 3, 5, 7, 9].map(|number| xlen.top_bit() | number);
    let expected: Vec<u64> = [1, 2, 3, 5, 7, 8, 9, 11].into_iter().chain(interrupts).collect();
    let missing: Vec<_> = expected.iter().filter(|cause| !causes.contains_key(*cause)).collect();
    assert!(slots < SLOTS || missing.is_empty(), "DIFFERENTIAL_SEED={seed}: no trap with {missing:x?}");
}

/// Of a guest's interrupts mip holds what hip does, which only software's bit can be written in.
#[test]
fn mip_has_what_hip_has_of_a_guest() {
    const GUEST: u64 = 0x444;
    const GUEST_SOFTWARE: u64 = 4;
    let mut random = Random::new(super::SEED);
    let values: Vec<u64> = (0..64).map(|_| random.next() & (GUEST | 0x222)).collect();
    let piece = |value: &u64| [li(6, *value), vec![csrw(MIP, 6), csrr(11, MIP), csrr(12, 0x644), EBREAK]].concat();
    let pieces: Vec<Vec<u32>> = values.iter().map(piece).collect();
    let (here, there) = run(&pieces, cpu::hypervisor());
    for (value, (here, there)) in values.iter().zip(here.chunks(WORDS).zip(there.chunks(WORDS))) {
        let (mip, hip) = (here[6], here[7]);
        assert_eq!((mip, hip), (value & !(GUEST & !GUEST_SOFTWARE), value & GUEST_SOFTWARE), "{value:#x}");
        let held = |csr| Outcome { csr: Some(csr), ..Outcome::default() };
        let mut case = Case { instruction: csrr(11, MIP), machine: held(there[6]), manual: held(mip) };
        assert!(known::explained(&mut case), "mip was set to {value:#x}: here {mip:#x}, on QEMU {:#x}", there[6]);
    }
    let not_met = known::not_met(debug::remote::qemu::known::of_machine_mode);
    assert!(not_met.is_empty(), "this QEMU does not have these: {not_met:#?}");
}

/// QEMU takes the pending interrupt of the lowest number first; the manual has M-mode's before S-mode's, and devices' first (privileged
/// manual, "Machine Interrupt Registers").
fn takes_lower_first(xlen: Xlen, here: &[u64], there: &[u64]) -> bool {
    let is_interrupt = |cause: u64| cause & xlen.top_bit() != 0;
    let of = |cause: usize| is_interrupt(here[cause]) && is_interrupt(there[cause]) && there[cause] < here[cause];
    of(0) || of(8)
}

/// Without the numbers that are loaded: those are named.
fn disassembled(xlen: Xlen, piece: &[u32]) -> String {
    let mut words = Vec::new();
    let mut index = 0;
    while index < piece.len() {
        let rd = piece[index] >> 7 & 31;
        let number =
            piece.get(index + 1..index + 13).filter(|rest| li(rd, number_in(rest)) == piece[index..index + 13]);
        if let Some(rest) = number {
            words.push(format!("li x{rd},{:#x}", number_in(rest)));
            index += 13;
            continue;
        }
        words.push(debug::riscv::disassemble(xlen, Address(0), &piece[index].to_le_bytes()));
        index += 1;
    }
    words.join("; ")
}

/// The number that `li`'s instructions but the first make.
fn number_in(rest: &[u32]) -> u64 {
    rest.iter().skip(1).step_by(2).fold(0, |number, instruction| number << 11 | u64::from(instruction >> 20 & 0x7ff))
}

/// At the first instruction of RAM both machines are in the same state.
#[test]
fn the_rom_leaves_what_qemus_leaves() {
    [Xlen::Rv64, Xlen::Rv32].into_iter().for_each(rom_is_qemus);
}

fn rom_is_qemus(xlen: Xlen) {
    let elf = elf::build_of(xlen, &[(TEXT, jump_form(0, 0).to_le_bytes().to_vec())]);
    let pair = cpu::full(xlen);
    let state = |machine: &mut dyn Machine| {
        assert_eq!(machine.registers().unwrap().pc, 0x1000, "{}", machine.name());
        machine.insert_breakpoint(Address(TEXT)).unwrap();
        assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Breakpoint);
        let mut rom = vec![0; 0x60];
        machine.read_memory(Address(0x1000), &mut rom).unwrap();
        let csrs = [MSTATUS, 0x301, MEDELEG, MIE, MTVEC, MIP, 0xf14, SATP, STVEC];
        let read = csrs.map(|csr| {
            machine.read_register(Register::Csr(csr as u16)).unwrap_or_else(|error| panic!("{csr:#x}: {error}"))
        });
        (machine.registers().unwrap(), machine.read_register(Register::Priv).unwrap(), read, rom)
    };
    let here = state(&mut embedded(&elf, pair));
    let (mut qemu, _file) = on_qemu(&elf, pair);
    assert_eq!(here, state(qemu.machine()));
}

fn embedded(elf: &[u8], pair: &Pair) -> Embedded {
    let options = Options { cpu: pair.ours.clone(), firmware: Firmware::None, ..Options::default() };
    Embedded::load(&elf::image(elf.to_vec()), &options).expect("the program is a kernel")
}

fn on_qemu(elf: &[u8], pair: &Pair) -> (Qemu, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    file.write_all(elf).expect("it can be written");
    let machine = MachineOptions {
        program: cpu::program(pair.ours.isa().xlen),
        cpu: pair.qemu.clone(),
        bios: Bios::None,
        kernel: Some(file.path().into()),
        ..MachineOptions::default()
    };
    (Qemu::start_machine(&machine, LIMIT).expect("QEMU starts"), file)
}

/// The records of both.
fn run(pieces: &[Vec<u32>], pair: &Pair) -> (Vec<u64>, Vec<u64>) {
    let xlen = pair.ours.isa().xlen;
    let (handler, done) = text(xlen);
    let words = |code: &[u32]| code.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut code = Vec::new();
    for piece in pieces {
        assert!(piece.len() as u64 * 4 <= STRIDE, "{}", piece.len());
        let mut bytes = words(piece);
        bytes.resize(STRIDE as usize, 0);
        code.extend(bytes);
    }
    let end = CODE + code.len() as u64;
    // The first record is of no piece.
    let context = [LOG - 8 * WORDS as u64, CODE, end].iter().flat_map(|word| word.to_le_bytes()).collect();
    let elf =
        elf::build_of(xlen, &[(TEXT, words(&handler)), (CODE, code), (DATA, vec![0x5a; 8192]), (CONTEXT, context)]);
    let outcome = |machine: &mut dyn Machine| {
        machine.insert_breakpoint(Address(done)).unwrap();
        let stop = machine.resume(LIMIT).unwrap();
        let pc = machine.registers().unwrap().pc;
        let csrs = [0x342, 0x341, 0x343].map(|csr| machine.read_register(Register::Csr(csr)).unwrap());
        assert_eq!((stop, pc), (Stop::Breakpoint, done), "{}: {pc:#x} {csrs:x?}", machine.name());
        let mut bytes = vec![0; pieces.len() * WORDS * 8];
        machine.read_memory(Address(LOG), &mut bytes).unwrap();
        bytes.chunks(8).map(|word| u64::from_le_bytes(word.try_into().unwrap())).collect::<Vec<u64>>()
    };
    let here = outcome(&mut embedded(&elf, pair));
    let (mut qemu, _file) = on_qemu(&elf, pair);
    (here, outcome(qemu.machine()))
}

/// What is executed around the pieces, and the address at which it is done.
fn text(xlen: Xlen) -> (Vec<u32>, u64) {
    let (ld, sd) = (|rd, rs1, offset| load(xlen, rd, rs1, offset), |rs2, rs1, offset| store(xlen, rs2, rs1, offset));
    let mut code = li(5, CONTEXT);
    code.push(csrw(MSCRATCH, 5));
    let handler = TEXT + 4 * (code.len() as u64 + 15);
    code.extend(li(5, handler));
    code.extend([csrw(MTVEC, 5), ECALL]);
    assert_eq!(TEXT + 4 * code.len() as u64, handler);
    // t0 is the handler's; the pieces' own results are in a0 to a2.
    code.push(csrw(MSCRATCH, 5) | 5 << 7);
    code.push(ld(6, 5, 0));
    let fields = [MCAUSE, MEPC, MTVAL, MSTATUS, MIP];
    let mut offset = 0;
    let mut record = |code: &mut Vec<u32>, csr: Option<u32>, register: u32| {
        code.extend(csr.map(|csr| csrr(register, csr)));
        code.push(sd(register, 6, offset));
        offset += 8;
    };
    fields.iter().for_each(|csr| record(&mut code, Some(*csr), 7));
    (10..13).for_each(|register| record(&mut code, None, register));
    let fields = [SCAUSE, SEPC, STVAL, SSTATUS, MIE, MIDELEG, MEDELEG, PMPCFG0];
    fields.iter().for_each(|csr| record(&mut code, Some(*csr), 7));
    code.extend([addi(9, 6, 8 * WORDS as i32), sd(9, 5, 0)]);
    code.extend(reset(xlen));
    code.extend([ld(6, 5, 8), ld(7, 5, 16)]);
    // Over the instruction at which it is done.
    code.push(branch_form(6, 6, 7, 8));
    let done = TEXT + 4 * code.len() as u64;
    code.push(jump_form(0, 0));
    code.extend(li(8, STRIDE));
    code.extend([register_form(OP, 0, 0, 8, 6, 8), sd(8, 5, 8), csrw(MSCRATCH, 5)]);
    code.extend([addi(10, 0, 0), addi(11, 0, 0), addi(12, 0, 0), immediate_form(JALR, 0, 0, 6, 0)]);
    (code, done)
}

/// The state that each piece begins with.
fn reset(xlen: Xlen) -> Vec<u32> {
    const OPEN: u64 = 0x1f;
    const NEVER: u64 = !0;
    // The last entry opens all memory.
    let (last, shift, most) = match xlen {
        Xlen::Rv32 => (PMPCFG3, 24, u32::MAX.into()),
        Xlen::Rv64 => (PMPCFG2, 56, u64::MAX >> 10),
    };
    let mut code = Vec::new();
    let zero = [MSTATUS, MEDELEG, MIDELEG, MIE, MIP, MENVCFG, SSTATUS, SCAUSE, SEPC, STVAL, SSCRATCH, SATP, PMPCFG0];
    code.extend(zero.map(|csr| csrw(csr, 0)));
    code.extend([csrw(MCOUNTEREN, 0), csrw(SCOUNTEREN, 0), csrw(MCAUSE, 0), csrw(MEPC, 0), csrw(MTVAL, 0)]);
    for (csr, value) in [(PMPADDR0 + 15, most), (last, OPEN << shift), (STVEC, SUPERVISOR)] {
        code.extend(li(7, value));
        code.push(csrw(csr, 7));
    }
    // msip off, mtimecmp never.
    code.extend(li(7, CLINT));
    code.push(store_form(STORE, 2, 7, 0, 0));
    code.extend(li(8, NEVER));
    code.extend(li(7, CLINT + 0x4000));
    // stimecmp neither: QEMU 7.2 looks at it only when it is written.
    code.extend(store_doubleword(xlen, 8, 7));
    code.push(csrw(STIMECMP, 8));
    if xlen == Xlen::Rv32 {
        code.extend([csrw(STIMECMPH, 8), csrw(MENVCFGH, 0)]);
    }
    // S-mode's handler.
    code.extend(li(7, SUPERVISOR));
    for (index, instruction) in [ECALL, jump_form(0, 0)].into_iter().enumerate() {
        code.extend(li(8, instruction.into()));
        code.push(store_form(STORE, 2, 7, 8, 4 * index as i32));
    }
    code.push(0x0000_100f);
    code
}

/// The same in both halves, where there is no instruction for it.
fn store_doubleword(xlen: Xlen, rs2: u32, rs1: u32) -> Vec<u32> {
    (0..8).step_by(xlen.bytes()).map(|offset| store(xlen, rs2, rs1, offset)).collect()
}

const CLINT: u64 = 0x200_0000;
/// S-mode's handler, which only calls M-mode.
const SUPERVISOR: u64 = 0x80e0_0000;
