//! A test program: slots of a few instructions each, and the harness that runs them one after another and records what each did.
//!
//! Each slot ends in a field of breakpoint instructions, so that it traps into the handler however it goes: the handler hashes
//! all registers into a record, loads all registers anew from pools, and returns to the next slot. It does not know what is in
//! the slots.

use debug::riscv::Xlen;

use super::cpu::Pair;
use super::supervisor;
use crate::assembler::*;
use crate::elf;

pub const TEXT: u64 = 0x8020_0000;
/// Its lowest byte is not 0: the harness marks with it.
const CONTEXT: u64 = 0x8030_0040;
const INTEGERS: u64 = 0x8031_0000;
const FLOATS: u64 = 0x8032_0000;
const ROUNDINGS: u64 = 0x8033_0000;
const STATUSES: u64 = 0x8034_0000;
const HSTATUSES: u64 = 0x8036_0000;
const VSSTATUSES: u64 = 0x8037_0000;
/// A page of breakpoint instructions to jump to.
pub const FIELD: u64 = 0x8035_0000;
pub const DATA: u64 = 0x8040_0000;
pub const DATA_SIZE: usize = 0x1_0000;
pub const TABLES: u64 = 0x8050_0000;
pub const TABLES_SIZE: usize = 0x1_0000;
/// The hypervisor's, for its guest; its root is aligned to 16 KiB.
pub const SECOND_TABLES: u64 = 0x8060_0000;
/// Two bytes before a page's end, as is every 256th slot after: there an instruction of four bytes lies on two pages.
pub const SLOTS: u64 = 0x8080_0ffe;
const LOG: u64 = 0x8100_0000;

pub const SLOT_SIZE: usize = 16;
pub const RECORD_SIZE: usize = 128;
/// Entries of a pool that slots begin in; 32 more follow, for the last.
pub const POOL: usize = 4096;
pub const POOL_ENTRIES: usize = POOL + 32;

/// Offsets into the context, beyond x0 to x31 and f0 to f31.
const LOG_POINTER: i32 = 520;
const SLOT_POINTER: i32 = 528;
const POOL_OFFSET: i32 = 536;
const SLOTS_END: i32 = 544;
/// A byte for each of three interrupts, by which entry of the vector table the handler was entered.
const VECTOR: i32 = 552;

const FCSR: u32 = 0x003;
const SSTATUS: u32 = 0x100;
const SIE: u32 = 0x104;
const STVEC: u32 = 0x105;
const SCOUNTEREN: u32 = 0x106;
const SENVCFG: u32 = 0x10a;
const SSCRATCH: u32 = 0x140;
const SEPC: u32 = 0x141;
const SCAUSE: u32 = 0x142;
const STVAL: u32 = 0x143;
const SIP: u32 = 0x144;
const STIMECMP: u32 = 0x14d;
const STIMECMPH: u32 = 0x15d;
const SATP: u32 = 0x180;
const VSSTATUS: u32 = 0x200;
const VSTVEC: u32 = 0x205;
const VSSCRATCH: u32 = 0x240;
const VSEPC: u32 = 0x241;
const VSCAUSE: u32 = 0x242;
const VSTVAL: u32 = 0x243;
const VSTIMECMP: u32 = 0x24d;
const VSATP: u32 = 0x280;
const HSTATUS: u32 = 0x600;
const HEDELEG: u32 = 0x602;
const HIDELEG: u32 = 0x603;
const HIE: u32 = 0x604;
const HTIMEDELTA: u32 = 0x605;
const HCOUNTEREN: u32 = 0x606;
const HENVCFG: u32 = 0x60a;
const HTVAL: u32 = 0x643;
const HIP: u32 = 0x644;
const HVIP: u32 = 0x645;
const HTINST: u32 = 0x64a;
const HGATP: u32 = 0x680;
const HFENCE_GVMA: u32 = 0x6200_0073;
const HFENCE_VVMA: u32 = 0x2200_0073;

/// SBI specification, chapter "Timer Extension".
const SET_TIMER: u64 = 0x5449_4d45;
const ECALL: u32 = 0x73;

/// What a program with a hypervisor begins each slot with.
pub struct Hypervisor {
    /// Slots are executed by the guest.
    pub in_guest: bool,
    pub hedeleg: u64,
    pub vsatp: u64,
    pub hgatp: u64,
    pub second_tables: Vec<u8>,
    /// Values of hstatus, SPV aside.
    pub hstatuses: Vec<u64>,
    pub vsstatuses: Vec<u64>,
}

pub struct Program {
    /// What it is about, for messages.
    pub name: String,
    pub slots: Vec<[u8; SLOT_SIZE]>,
    pub integers: Vec<u64>,
    pub floats: Vec<u64>,
    /// Values of fcsr.
    pub roundings: Vec<u64>,
    /// Values of sstatus; SPP and SPIE in it are what `sret` goes by.
    pub statuses: Vec<u64>,
    pub data: Vec<u8>,
    pub satp: u64,
    pub tables: Vec<u8>,
    /// Where the slots are executed, if not where they lie.
    pub slots_seen_at: u64,
    /// Interrupts go to an entry of their own.
    pub vectored: bool,
    /// The hart that it runs on.
    pub cpu: Pair,
    pub hypervisor: Option<Hypervisor>,
}

/// A slot with these instructions, of four bytes each.
pub fn slot(instructions: &[u32]) -> [u8; SLOT_SIZE] {
    let bytes: Vec<u8> = instructions.iter().flat_map(|instruction| instruction.to_le_bytes()).collect();
    filled(&bytes)
}

/// A slot with one compressed instruction.
pub fn short_slot(instruction: u16) -> [u8; SLOT_SIZE] {
    filled(&instruction.to_le_bytes())
}

/// `c.li`: a number of six bits into any register but x0.
pub fn short_li(rd: u32, number: i16) -> u16 {
    let bits = number as u16;
    0x4001 | (bits >> 5 & 1) << 12 | (rd as u16) << 7 | (bits & 31) << 2
}

/// A slot that begins with these bytes.
pub fn filled(bytes: &[u8]) -> [u8; SLOT_SIZE] {
    let mut slot = [0; SLOT_SIZE];
    for pair in slot.chunks_exact_mut(2) {
        pair.copy_from_slice(&C_EBREAK.to_le_bytes());
    }
    slot[..bytes.len()].copy_from_slice(bytes);
    slot
}

impl Program {
    /// The width of its registers.
    pub fn xlen(&self) -> Xlen {
        self.cpu.ours.isa().xlen
    }

    /// The ELF, and the address of the instruction at which it is done.
    pub fn link(&self) -> (Vec<u8>, u64) {
        let (text, done) = self.text();
        let words = |pool: &[u64]| pool.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let mut segments = vec![
            (TEXT, text),
            (CONTEXT, self.context()),
            (INTEGERS, words(&self.integers)),
            (FLOATS, words(&self.floats)),
            (ROUNDINGS, words(&self.roundings)),
            (STATUSES, words(&self.statuses)),
            (FIELD, field()),
            (DATA, self.data.clone()),
            (TABLES, self.tables.clone()),
            (SLOTS, self.slots.concat()),
        ];
        if let Some(hypervisor) = &self.hypervisor {
            segments.extend([
                (HSTATUSES, words(&hypervisor.hstatuses)),
                (VSSTATUSES, words(&hypervisor.vsstatuses)),
                (SECOND_TABLES, hypervisor.second_tables.clone()),
            ]);
            segments.sort_by_key(|(address, _)| *address);
        }
        // Debian 12 has no firmware of 32 bits: it has its own, which does what is needed.
        if self.xlen() == Xlen::Rv32 {
            segments.insert(0, (supervisor::START, supervisor::code()));
        }
        (elf::build_of(self.xlen(), &segments), done)
    }

    /// What the two machines must agree on at the end: names, addresses and sizes.
    pub fn outcome(&self) -> [(&'static str, u64, usize); 3] {
        [
            ("records", LOG, (self.slots.len() + 1) * RECORD_SIZE),
            ("data", DATA, DATA_SIZE),
            ("page tables", TABLES, TABLES_SIZE),
        ]
    }

    fn context(&self) -> Vec<u8> {
        let mut context = vec![0; 1024];
        let end = self.slots_seen_at + (self.slots.len() * SLOT_SIZE) as u64;
        let fields = [(LOG_POINTER, LOG), (SLOT_POINTER, self.slots_seen_at - SLOT_SIZE as u64), (SLOTS_END, end)];
        for (offset, value) in fields {
            context[offset as usize..][..8].copy_from_slice(&value.to_le_bytes());
        }
        context
    }

    fn text(&self) -> (Vec<u8>, u64) {
        let mut code = Vec::new();
        let start = {
            // The timer and these CSRs are as the firmware left them.
            let mut start = match self.xlen() {
                Xlen::Rv32 => vec![addi(10, 0, -1), csrw(STIMECMPH, 10), csrw(STIMECMP, 10)],
                Xlen::Rv64 => [li(17, SET_TIMER), vec![addi(16, 0, 0), addi(10, 0, -1), ECALL]].concat(),
            };
            start.extend([addi(5, 0, 7), csrw(SCOUNTEREN, 5), csrw(SENVCFG, 0)]);
            start.extend(li(5, CONTEXT));
            start.push(csrw(SSCRATCH, 5));
            start.extend(li(6, self.satp));
            start.extend([csrw(SATP, 6), SFENCE_VMA]);
            // The handler comes after this: jump over nothing, but know where it is.
            start
        };
        code.extend(start);
        let handler = TEXT + 4 * (code.len() as u64 + li(0, 0).len() as u64 + 2);
        code.extend(li(7, handler | u64::from(self.vectored)));
        code.push(csrw(STVEC, 7));
        // The first trap: its record is of no slot.
        code.push(0x0010_0073);
        assert_eq!(TEXT + 4 * code.len() as u64, handler);
        code.extend(vectors());
        code.extend(save_and_record(self.xlen(), self.hypervisor.is_some()));
        code.extend(next_slot(self.xlen()));
        let done = TEXT + 4 * code.len() as u64;
        code.push(jump_form(0, 0));
        if let Some(hypervisor) = &self.hypervisor {
            code.extend(set_hypervisor(hypervisor));
        }
        code.extend(load_registers(self.xlen(), self.hypervisor.as_ref()));
        (code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect(), done)
    }
}

/// What stvec points to: entries for exceptions and for each number of an interrupt. The three that come leave a mark.
fn vectors() -> Vec<u32> {
    const ENTRIES: usize = 16;
    const INTERRUPTS: [usize; 3] = [1, 5, 9];
    const MARKING: usize = 4;
    let handler = ENTRIES + INTERRUPTS.len() * MARKING;
    let jump = |from: usize, to: usize| jump_form(0, 4 * (to as i32 - from as i32));
    let target = |entry| INTERRUPTS.iter().position(|number| *number == entry).map(|index| ENTRIES + index * MARKING);
    let mut code: Vec<u32> = (0..ENTRIES).map(|entry| jump(entry, target(entry).unwrap_or(handler))).collect();
    for offset in VECTOR..VECTOR + INTERRUPTS.len() as i32 {
        code.extend([csrs_swap_sp(), store_form(STORE, 0, 2, 2, offset), csrs_swap_sp()]);
        code.push(jump(code.len(), handler));
    }
    code
}

/// Everything that the slot can have changed goes into the context; a hash of it, and the CSRs of the trap, into the record.
fn save_and_record(xlen: Xlen, hypervisor: bool) -> Vec<u32> {
    const FLOAT_ON: u64 = 0x6000;
    let (ld, sd) = (|rd, rs1, offset| load(xlen, rd, rs1, offset), |rs2, rs1, offset| store(xlen, rs2, rs1, offset));
    let mut code = vec![csrs_swap_sp()];
    code.extend((1..32).filter(|register| *register != 2).map(|register| sd(register, 2, 8 * register as i32)));
    code.extend([csrr(5, SSCRATCH), sd(5, 2, 16), csrw(SSCRATCH, 2)]);
    code.extend([csrr(6, SCAUSE), csrr(7, SEPC), csrr(8, STVAL), csrr(9, SSTATUS), csrr(16, SIP)]);
    code.extend(li(11, FLOAT_ON));
    code.extend([csrs(SSTATUS, 11), csrr(10, FCSR)]);
    code.extend((0..32).map(|register| store_form(STORE_FLOAT, 3, 2, register, 256 + 8 * register as i32)));
    code.push(addi(12, 0, 0));
    code.extend(li(14, 0x9e37_79b9_7f4a_7c15));
    // x1 to x31 and f0 to f31; the upper halves of the registers of RV32 are 0.
    for offset in (8..512).step_by(xlen.bytes()) {
        code.extend([
            ld(13, 2, offset),
            register_form(OP, 0, 4, 12, 12, 13),
            register_form(OP, 1, 0, 12, 12, 14),
            immediate_form(OP_IMMEDIATE, 5, 13, 12, 29),
            register_form(OP, 0, 4, 12, 12, 13),
        ]);
    }
    code.push(ld(15, 2, LOG_POINTER));
    for (index, register) in (0..).zip([12, 6, 7, 8, 9, 10, 16]) {
        code.push(sd(register, 15, 8 * index));
    }
    code.extend([ld(17, 2, VECTOR), sd(17, 15, 56), sd(0, 2, VECTOR)]);
    if hypervisor {
        for (index, csr) in (8..).zip([HSTATUS, HTVAL, HTINST, VSSTATUS, VSCAUSE, VSEPC, VSTVAL, HIP]) {
            code.extend([csrr(17, csr), sd(17, 15, 8 * index)]);
        }
    }
    code.extend([addi(15, 15, RECORD_SIZE as i32), sd(15, 2, LOG_POINTER)]);
    code
}

/// Breakpoint instructions, but for the last two bytes: they begin an `addi` that ends on the next page.
fn field() -> Vec<u8> {
    let mut field = C_EBREAK.to_le_bytes().repeat(2047);
    field.extend([0x13, 0]);
    field
}

fn csrs_swap_sp() -> u32 {
    csrw(SSCRATCH, 2) | 2 << 7
}

/// sepc to the next slot; past the last, on to the instruction after this code.
fn next_slot(xlen: Xlen) -> Vec<u32> {
    let (ld, sd) = (|rd, rs1, offset| load(xlen, rd, rs1, offset), |rs2, rs1, offset| store(xlen, rs2, rs1, offset));
    let mut code = vec![
        csrw(SIE, 0),
        csrw(SIP, 0),
        ld(15, 2, SLOT_POINTER),
        addi(15, 15, SLOT_SIZE as i32),
        sd(15, 2, SLOT_POINTER),
        csrw(SEPC, 15),
        // What a breakpoint leaves there differs by right; it is in the record.
        csrw(STVAL, 15),
        ld(16, 2, SLOTS_END),
        // Over the instruction at which the program is done.
        branch_form(6, 15, 16, 8),
    ];
    code.shrink_to_fit();
    code
}

/// What slots may have changed, as each begins with it.
fn set_hypervisor(hypervisor: &Hypervisor) -> Vec<u32> {
    const ALL_GUEST_INTERRUPTS: u64 = 0x444;
    const STCE_AND_ADUE: u64 = 5 << 61;
    // QEMU goes by PBMTE only while a guest runs, 7.2 not even then (privileged manual, "henvcfg").
    let memory_types = if super::cpu::is_old() || !hypervisor.in_guest { 1 << 62 } else { 0 };
    let mut code = Vec::new();
    let values = [
        (HEDELEG, hypervisor.hedeleg),
        (HIDELEG, ALL_GUEST_INTERRUPTS),
        (HGATP, hypervisor.hgatp),
        (VSATP, hypervisor.vsatp),
        (HENVCFG, STCE_AND_ADUE | memory_types),
        (HCOUNTEREN, 7),
        (VSTVEC, FIELD),
        (VSTIMECMP, u64::MAX),
    ];
    for (csr, value) in values {
        code.extend(li(22, value));
        code.push(csrw(csr, 22));
    }
    let zero = [HVIP, HIE, HTIMEDELTA, HTVAL, HTINST, VSCAUSE, VSEPC, VSTVAL, VSSCRATCH, SIP];
    code.extend(zero.map(|csr| csrw(csr, 0)));
    // Of both stages.
    code.extend([HFENCE_GVMA, HFENCE_VVMA]);
    code
}

/// All registers from the pools, at an offset that moves on with each slot; then to the slot.
fn load_registers(xlen: Xlen, hypervisor: Option<&Hypervisor>) -> Vec<u32> {
    let (ld, sd) = (|rd, rs1, offset| load(xlen, rd, rs1, offset), |rs2, rs1, offset| store(xlen, rs2, rs1, offset));
    let mut code = vec![ld(16, 2, POOL_OFFSET), addi(16, 16, 8 * 37)];
    code.extend(li(17, 8 * (POOL as u64 - 1)));
    code.extend([register_form(OP, 0, 7, 16, 16, 17), sd(16, 2, POOL_OFFSET)]);
    for (register, pool) in [(20, FLOATS), (18, ROUNDINGS), (21, STATUSES), (17, INTEGERS)] {
        code.extend(li(register, pool));
        code.push(register_form(OP, 0, 0, register, register, 16));
    }
    code.extend((0..32).map(|register| immediate_form(LOAD_FLOAT, 3, register, 20, 8 * register as i32)));
    code.extend([ld(18, 18, 0), csrw(FCSR, 18), ld(21, 21, 0), csrw(SSTATUS, 21)]);
    if let Some(hypervisor) = hypervisor {
        const SPV: i32 = 1 << 7;
        for (pool, csr) in [(HSTATUSES, HSTATUS), (VSSTATUSES, VSSTATUS)] {
            code.extend(li(22, pool));
            code.extend([register_form(OP, 0, 0, 22, 22, 16), ld(22, 22, 0)]);
            if csr == HSTATUS && hypervisor.in_guest {
                code.push(immediate_form(OP_IMMEDIATE, 6, 22, 22, SPV));
            }
            code.push(csrw(csr, 22));
        }
    }
    code.extend((1..32).filter(|register| *register != 17).map(|register| ld(register, 17, 8 * register as i32)));
    code.extend([ld(17, 17, 8 * 17), SRET]);
    code
}
