//! What the slots of a run came to: which instructions completed, which traps were taken, which permissions met which access.
//!
//! It goes by the records alone, which both machines agree on, and by names and tables of its own.

use std::collections::{BTreeMap, BTreeSet};

use capstone::Capstone;
use debug::riscv::Xlen;

use super::access::{self, Access};
use super::bits;
use super::program::{Program, RECORD_SIZE, SLOT_SIZE};
use super::run::disassembler;

/// RV64GC, RV32GC and the supervisor's instructions, by the listings of the manuals.
const INSTRUCTIONS: &str = "
    lui auipc jal jalr beq bne blt bge bltu bgeu lb lh lw ld lbu lhu lwu sb sh sw sd
    addi slti sltiu xori ori andi slli srli srai add sub sll slt sltu xor srl sra or and
    addiw slliw srliw sraiw addw subw sllw srlw sraw fence fence.i ecall
    csrrw csrrs csrrc csrrwi csrrsi csrrci sret wfi sfence.vma
    mul mulh mulhsu mulhu div divu rem remu mulw divw divuw remw remuw
    lr.w sc.w amoswap.w amoadd.w amoxor.w amoand.w amoor.w amomin.w amomax.w amominu.w amomaxu.w
    lr.d sc.d amoswap.d amoadd.d amoxor.d amoand.d amoor.d amomin.d amomax.d amominu.d amomaxu.d
    flw fsw fmadd.s fmsub.s fnmsub.s fnmadd.s fadd.s fsub.s fmul.s fdiv.s fsqrt.s fsgnj.s fsgnjn.s fsgnjx.s fmin.s fmax.s
    fcvt.w.s fcvt.wu.s fcvt.l.s fcvt.lu.s fmv.x.w feq.s flt.s fle.s fclass.s fcvt.s.w fcvt.s.wu fcvt.s.l fcvt.s.lu fmv.w.x
    fld fsd fmadd.d fmsub.d fnmsub.d fnmadd.d fadd.d fsub.d fmul.d fdiv.d fsqrt.d fsgnj.d fsgnjn.d fsgnjx.d fmin.d fmax.d
    fcvt.w.d fcvt.wu.d fcvt.l.d fcvt.lu.d fmv.x.d feq.d flt.d fle.d fclass.d fcvt.d.w fcvt.d.wu fcvt.d.l fcvt.d.lu fmv.d.x
    fcvt.s.d fcvt.d.s
    c.addi4spn c.fld c.lw c.ld c.fsd c.sw c.sd c.nop c.addi c.addiw c.li c.addi16sp c.lui c.srli c.srai c.andi
    c.sub c.xor c.or c.and c.subw c.addw c.j c.beqz c.bnez c.slli c.fldsp c.lwsp c.ldsp c.jr c.mv c.jalr c.add
    c.fsdsp c.swsp c.sdsp c.jal c.flw c.fsw c.flwsp c.fswsp";
/// Those that only RV64 has, and those that only RV32 has. No call returns where there is no firmware, as in programs of 32 bits.
const ONLY_64: &str = "
    ecall lwu ld sd addiw slliw srliw sraiw addw subw sllw srlw sraw mulw divw divuw remw remuw
    lr.d sc.d amoswap.d amoadd.d amoxor.d amoand.d amoor.d amomin.d amomax.d amominu.d amomaxu.d
    fcvt.l.s fcvt.lu.s fcvt.s.l fcvt.s.lu fcvt.l.d fcvt.lu.d fmv.x.d fcvt.d.l fcvt.d.lu fmv.d.x
    c.ld c.sd c.addiw c.subw c.addw c.ldsp c.sdsp";
const ONLY_32: &str = "c.jal c.flw c.fsw c.flwsp c.fswsp";

/// Every exception that S-mode can be given on this board, and the two interrupts.
const CAUSES: [(u64, &str); 13] = [
    (1, "instruction access"),
    (2, "illegal instruction"),
    (3, "breakpoint"),
    (4, "load misaligned"),
    (5, "load access"),
    (6, "store misaligned"),
    (7, "store access"),
    (8, "call from U-mode"),
    (12, "instruction page"),
    (13, "load page"),
    (15, "store page"),
    (INTERRUPT | 1, "software interrupt"),
    (INTERRUPT | 5, "timer interrupt"),
];

const INTERRUPT: u64 = 1 << 63;

const SCAUSE: usize = 1;
const SEPC: usize = 2;

pub struct Coverage {
    xlen: Xlen,
    capstone: Capstone,
    completed: BTreeMap<String, u64>,
    /// Of the extensions that capstone does not know.
    bits: BTreeSet<u32>,
    /// Which way branches went: name, taken.
    branches: BTreeSet<(String, bool)>,
    /// Rounding modes: those in floating-point instructions that completed.
    roundings: BTreeSet<u8>,
    causes: BTreeMap<u64, u64>,
    accesses: BTreeMap<Access, u64>,
}

impl Coverage {
    pub fn new(xlen: Xlen) -> Coverage {
        Coverage {
            xlen,
            capstone: disassembler(xlen),
            completed: BTreeMap::new(),
            bits: BTreeSet::new(),
            branches: BTreeSet::new(),
            roundings: BTreeSet::new(),
            causes: BTreeMap::new(),
            accesses: BTreeMap::new(),
        }
    }

    /// Counts what this program's slots did, by the records that they left.
    pub fn count(&mut self, program: &Program, records: &[u8]) {
        let records = records.chunks_exact(RECORD_SIZE).skip(1);
        for (index, (slot, record)) in program.slots.iter().zip(records).enumerate() {
            let word = |field: usize| u64::from_le_bytes(record[8 * field..][..8].try_into().expect("eight bytes"));
            let start = program.slots_seen_at + (index * SLOT_SIZE) as u64;
            let top = self.xlen.top_bit();
            let interrupt = if word(SCAUSE) & top != 0 { INTERRUPT } else { 0 };
            *self.causes.entry(word(SCAUSE) & !top | interrupt).or_default() += 1;
            self.count_slot(slot, word(SEPC).wrapping_sub(start));
            self.count_bits(slot, word(SEPC).wrapping_sub(start));
            if let Some(access) = access::of(program, index) {
                *self.accesses.entry(access).or_default() += 1;
            }
        }
    }

    /// The instructions before the one that trapped, `trapped_at` bytes into the slot; all, up to a jump, where that is elsewhere.
    fn count_slot(&mut self, slot: &[u8; SLOT_SIZE], trapped_at: u64) {
        let instructions = self.capstone.disasm_all(slot, 0).expect("disassembling does not fail");
        for instruction in instructions.iter() {
            let name = self.capstone.insn_name(instruction.id()).unwrap_or_default();
            if instruction.address() == trapped_at || name == "c.ebreak" {
                return;
            }
            let name = name.trim_end_matches(".aqrl").trim_end_matches(".aq").trim_end_matches(".rl").to_owned();
            let taken = trapped_at != instruction.address() + instruction.bytes().len() as u64;
            if BRANCHES.contains(&name.as_str()) {
                self.branches.insert((name.clone(), taken));
            }
            if name.starts_with('f') && instruction.bytes()[0] & 0x7f == 0x53 {
                self.roundings.insert(instruction.bytes()[1] >> 4 & 7);
            }
            let leaves = BRANCHES.iter().chain(&JUMPS).any(|jump| *jump == name);
            *self.completed.entry(name).or_default() += 1;
            if leaves && taken {
                return;
            }
        }
    }

    fn count_bits(&mut self, slot: &[u8; SLOT_SIZE], trapped_at: u64) {
        let first = slot.first_chunk().map(|word| u32::from_le_bytes(*word));
        if trapped_at != 0 {
            self.bits.extend(first.and_then(bits::kind_of));
        }
    }

    /// What a full run must have had and this one had not; nothing, if all is well.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        missing.extend(self.instructions().filter(|name| !self.completed.contains_key(*name)).map(String::from));
        missing.extend(
            bits::kinds(self.xlen).filter(|kind| !self.bits.contains(kind)).map(|kind| format!("{kind:#010x}")),
        );
        let causes = CAUSES.iter().filter(|(cause, _)| !self.causes.contains_key(cause));
        missing.extend(causes.map(|(_, name)| format!("a trap: {name}")));
        for name in BRANCHES {
            let ways = [true, false].into_iter().filter(|taken| !self.branches.contains(&(name.into(), *taken)));
            missing.extend(ways.map(|taken| format!("{name} {}", if taken { "taken" } else { "not taken" })));
        }
        let modes = [0, 1, 2, 3, 4, 7].into_iter().filter(|mode| !self.roundings.contains(mode));
        missing.extend(modes.map(|mode| format!("rounding mode {mode}")));
        let accesses = Access::all().filter(|access| !self.accesses.contains_key(access));
        missing.extend(accesses.map(|access| format!("{access:?}")));
        missing
    }

    /// Those that this run must have had.
    fn instructions(&self) -> impl Iterator<Item = &'static str> {
        let others = if self.xlen == Xlen::Rv32 { ONLY_64 } else { ONLY_32 };
        INSTRUCTIONS.split_whitespace().filter(move |name| !others.split_whitespace().any(|other| other == *name))
    }

    /// In one line.
    pub fn summary(&self) -> String {
        let executed: u64 = self.completed.values().sum();
        let rarest = self.completed.iter().filter(|(name, _)| self.instructions().any(|known| known == *name));
        let (rarest, count) = rarest.min_by_key(|(_, count)| **count).map_or(("", 0), |(name, count)| (name, *count));
        format!(
            "{executed} instructions completed, {rarest} least often ({count} times); {} causes of traps; {} of {} kinds of access under Sv39",
            self.causes.len(),
            self.accesses.len(),
            Access::all().count()
        )
    }
}

const BRANCHES: [&str; 8] = ["beq", "bne", "blt", "bge", "bltu", "bgeu", "c.beqz", "c.bnez"];
const JUMPS: [&str; 7] = ["jal", "jalr", "c.j", "c.jal", "c.jr", "c.jalr", "sret"];
