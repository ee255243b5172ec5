//! Decoder and disassembly beside capstone's, over words of every kind: what is an instruction, and its text.
//!
//! Where the two differ on purpose stands in [`differs_on_purpose`], each with its reason; nothing else is forgiven.

use ::capstone::Capstone;
use ::capstone::arch::riscv::{ArchExtraMode, ArchMode};
use ::capstone::arch::{BuildsCapstone, BuildsCapstoneExtraMode};

use proptest::prelude::*;

use super::effect::number;
use crate::riscv::{Address, Effect, Float, Integer, Kind, Operation, Precision, Target, Xlen, csr, decode};

const PC: Address = Address(0x8020_0000);

pub fn capstone(xlen: Xlen) -> Capstone {
    let mode = match xlen {
        Xlen::Rv32 => ArchMode::RiscV32,
        Xlen::Rv64 => ArchMode::RiscV64,
    };
    let extra = [ArchExtraMode::RiscVC].into_iter();
    Capstone::new().riscv().mode(mode).extra_mode(extra).build().unwrap()
}

/// Capstone's text; `None` where it knows no such instruction. For an offset that is jumped by, it has the address.
pub fn theirs(capstone: &Capstone, xlen: Xlen, bytes: &[u8]) -> Option<String> {
    let instructions = capstone.disasm_count(bytes, PC.0, 1).unwrap();
    let instruction = instructions.first()?;
    let text = format!("{} {}", instruction.mnemonic().unwrap(), instruction.op_str().unwrap_or(""));
    let text = text.trim_end();
    let effect = decode(xlen, bytes).map(|operation| operation.effect());
    let is_relative = matches!(
        effect,
        Some(Effect::Branch { .. } | Effect::Jump(Target::Relative(_)) | Effect::Call(Target::Relative(_)))
    );
    Some(match text.rsplit_once(' ').filter(|_| is_relative) {
        Some((before, offset)) => {
            let target = PC + number(offset) as u64;
            let target = if xlen == Xlen::Rv32 { Address(target.0 & 0xffff_ffff) } else { target };
            format!("{before} {target}")
        }
        None => text.to_owned(),
    })
}

/// Why ours and capstone's may differ over an instruction, if there is a reason; `None` where they must be the same.
fn differs_on_purpose(xlen: Xlen, ours: &Operation, theirs: Option<&str>) -> Option<&'static str> {
    let theirs = theirs.unwrap_or("");
    let name = theirs.split(' ').next().unwrap_or("");
    match (ours.kind, ours.length) {
        (Kind::Illegal, 2) if name == "c.lui" => Some("an immediate of 0 is reserved, and capstone takes it"),
        (Kind::Illegal, 4) if name == "uret" => Some("the draft extension N was never ratified"),
        (Kind::Illegal, _)
            if xlen == Xlen::Rv32 && matches!(name.trim_start_matches("c."), "slli" | "srli" | "srai") =>
        {
            Some("capstone takes shifts by more than 31 on RV32")
        }
        (Kind::Addi | Kind::Lui | Kind::Add | Kind::Slli, 2)
            if ours.rd == 0 && (theirs.is_empty() || theirs == "c.nop") =>
        {
            Some("hints, which do nothing: capstone knows but c.nop")
        }
        (kind, 4) if theirs.is_empty() && kind.extension().is_some() => {
            Some("capstone 5 does not know the extension: binutils judges it, see assembled")
        }
        (Kind::Fence, 4) if ours.bits == 0x0100_000f => Some("capstone 5 does not know pause"),
        (Kind::Fence, 4) if theirs.is_empty() => Some("what is reserved in a fence is to be ignored"),
        (Kind::Fence, 4) if theirs.contains("unknown") => Some("a set of nothing is written as 0"),
        (
            Kind::Float(Float::Convert | Float::FromInteger(Integer::Word | Integer::UnsignedWord), Precision::Double),
            4,
        ) if theirs.is_empty() && ours.funct3() != 0 => {
            Some("exact, so that the rounding mode does not matter: capstone takes 0 alone")
        }
        (Kind::Csr(_), 4) if matches!(ours.csr(), 0x3bd | 0x3be) => {
            Some("capstone has pmpaddr13 and pmpaddr14 the wrong way round")
        }
        (Kind::Csr(_), 4) => {
            let plain = |text: &str| text.replace(&csr_text(ours.csr()), "CSR");
            let ours_text = ours.text(xlen, PC).unwrap_or_default();
            let known = csr::name(ours.csr()).is_some();
            let by_number = theirs.replace(&ours.csr().to_string(), "CSR");
            if plain(&ours_text) == by_number {
                Some("a number in hexadecimal, or a name that capstone does not know")
            } else if !known && theirs.split_once(' ').zip(ours_text.split_once(' ')).is_some_and(|(a, b)| a.0 == b.0) {
                Some("a CSR of a draft, such as ustatus")
            } else if xlen == Xlen::Rv64 && name.starts_with("rd") && name.ends_with('h') {
                Some("the upper halves of counters are RV32's")
            } else {
                None
            }
        }
        _ => None,
    }
}

fn csr_text(number: u16) -> String {
    csr::name(number).unwrap_or_else(|| format!("{number:#x}"))
}

fn compare(capstone: &Capstone, xlen: Xlen, bytes: &[u8]) -> Result<(), String> {
    let Some(ours) = decode(xlen, bytes) else { return Ok(()) };
    let (text, theirs) = (ours.text(xlen, PC), theirs(capstone, xlen, bytes));
    if text == theirs || differs_on_purpose(xlen, &ours, theirs.as_deref()).is_some() {
        return Ok(());
    }
    Err(format!("{xlen:?} {:#010x}: ours {text:?}, capstone's {theirs:?}", ours.bits))
}

#[test]
fn every_compressed_instruction_is_capstones() {
    for xlen in [Xlen::Rv64, Xlen::Rv32] {
        let capstone = capstone(xlen);
        let halves = (0..=u16::MAX).filter(|half| half & 3 != 3);
        let differences: Vec<String> =
            halves.filter_map(|half| compare(&capstone, xlen, &half.to_le_bytes()).err()).collect();
        assert!(differences.is_empty(), "{} differences, such as {}", differences.len(), differences[0]);
    }
}

#[test]
fn every_csr_is_capstones() {
    for xlen in [Xlen::Rv64, Xlen::Rv32] {
        let capstone = capstone(xlen);
        let words = (0..1 << 12)
            .flat_map(|csr: u32| [0x1073, 0x2073, 0x10_6573, 0x5_35f3].map(|form| csr << 20 | form & 0xf_ffff));
        let differences: Vec<String> =
            words.filter_map(|word| compare(&capstone, xlen, &word.to_le_bytes()).err()).collect();
        assert!(differences.is_empty(), "{} differences, such as {}", differences.len(), differences[0]);
    }
}

/// Words of every major opcode, with fields that are often zero; some of them are any word.
fn words() -> impl Strategy<Value = u32> {
    const OPCODES: [u32; 21] = [
        0x37, 0x17, 0x6f, 0x67, 0x63, 0x03, 0x23, 0x13, 0x1b, 0x33, 0x3b, 0x0f, 0x73, 0x2f, 0x07, 0x27, 0x43, 0x47,
        0x4b, 0x4f, 0x53,
    ];
    let mask = |bits: u32| prop::sample::select(vec![u32::MAX, u32::MAX, !bits]);
    let fields = (mask(31 << 7), mask(31 << 15), mask(31 << 20), mask(0xfe00_0000), mask(0xbe00_0000));
    let of_opcode = (any::<u32>(), prop::sample::select(OPCODES.to_vec()), fields)
        .prop_map(|(word, opcode, (a, b, c, d, e))| word & a & b & c & d & e & !0x7f | opcode);
    prop_oneof![9 => of_opcode, 1 => any::<u32>().prop_map(|word| word | 3)]
}

#[test]
fn every_instruction_of_four_bytes_is_capstones() {
    for xlen in [Xlen::Rv64, Xlen::Rv32] {
        let capstone = capstone(xlen);
        let config = ProptestConfig { cases: 50_000, failure_persistence: None, ..ProptestConfig::default() };
        proptest!(config, |(word in words())| {
            let compared = compare(&capstone, xlen, &word.to_le_bytes());
            prop_assert!(compared.is_ok(), "{}", compared.unwrap_err());
        });
    }
}

#[test]
fn what_has_one_encoding_is_capstones() {
    let capstone = capstone(Xlen::Rv64);
    for (word, text) in [
        (0x0000_0073_u32, "ecall"),
        (0x0010_0073, "ebreak"),
        (0x1020_0073, "sret"),
        (0x3020_0073, "mret"),
        (0x1050_0073, "wfi"),
        (0x1200_0073, "sfence.vma"),
        (0x1205_0073, "sfence.vma a0"),
        (0x12b5_0073, "sfence.vma a0, a1"),
        (0x0000_100f, "fence.i"),
        (0x0ff0_000f, "fence"),
        (0x8330_000f, "fence.tso"),
        (0xc000_1073, "unimp"),
        (0x0000_8067, "ret"),
    ] {
        assert_eq!(decode(Xlen::Rv64, &word.to_le_bytes()).unwrap().text(Xlen::Rv64, PC).as_deref(), Some(text));
        assert_eq!(theirs(&capstone, Xlen::Rv64, &word.to_le_bytes()).as_deref(), Some(text));
    }
}
