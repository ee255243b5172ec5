//! Instructions that capstone does not know: their words by binutils' assembler, their text as LLVM writes it.

use super::capstone;
use crate::riscv::{Address, Kind, Xlen, decode};

const PC: Address = Address(0x8020_0000);

/// `riscv64-unknown-elf-as -march=rv64gch_zba_zbb_zbc_zbs_zicbom_zicboz_zihintpause_svinval` (binutils 2.40); the last four by the
/// manuals of Zicond and Zawrs, and Zfa's by LLVM 22.
const KNOWN: &[(u32, &str)] = &[
    (0x09fd_853b, "add.uw a0, s11, t6"),
    (0x080d_853b, "zext.w a0, s11"),
    (0x20c5_a533, "sh1add a0, a1, a2"),
    (0x20c5_c533, "sh2add a0, a1, a2"),
    (0x20c5_e533, "sh3add a0, a1, a2"),
    (0x20c5_a53b, "sh1add.uw a0, a1, a2"),
    (0x20c5_c53b, "sh2add.uw a0, a1, a2"),
    (0x20c5_e53b, "sh3add.uw a0, a1, a2"),
    (0x0a35_951b, "slli.uw a0, a1, 0x23"),
    (0x40c5_f533, "andn a0, a1, a2"),
    (0x40c5_e533, "orn a0, a1, a2"),
    (0x40c5_c533, "xnor a0, a1, a2"),
    (0x0ac5_c533, "min a0, a1, a2"),
    (0x0ac5_d533, "minu a0, a1, a2"),
    (0x0ac5_e533, "max a0, a1, a2"),
    (0x0ac5_f533, "maxu a0, a1, a2"),
    (0x60c5_9533, "rol a0, a1, a2"),
    (0x60c5_d533, "ror a0, a1, a2"),
    (0x60c5_953b, "rolw a0, a1, a2"),
    (0x60c5_d53b, "rorw a0, a1, a2"),
    (0x62d5_d513, "rori a0, a1, 0x2d"),
    (0x61d5_d51b, "roriw a0, a1, 0x1d"),
    (0x6005_9513, "clz a0, a1"),
    (0x6015_9513, "ctz a0, a1"),
    (0x6025_9513, "cpop a0, a1"),
    (0x6005_951b, "clzw a0, a1"),
    (0x6015_951b, "ctzw a0, a1"),
    (0x6025_951b, "cpopw a0, a1"),
    (0x6045_9513, "sext.b a0, a1"),
    (0x6055_9513, "sext.h a0, a1"),
    (0x0805_c53b, "zext.h a0, a1"),
    (0x2875_d513, "orc.b a0, a1"),
    (0x6b85_d513, "rev8 a0, a1"),
    (0x0ac5_9533, "clmul a0, a1, a2"),
    (0x0ac5_a533, "clmulr a0, a1, a2"),
    (0x0ac5_b533, "clmulh a0, a1, a2"),
    (0x48c5_9533, "bclr a0, a1, a2"),
    (0x48c5_d533, "bext a0, a1, a2"),
    (0x68c5_9533, "binv a0, a1, a2"),
    (0x28c5_9533, "bset a0, a1, a2"),
    (0x4a85_9513, "bclri a0, a1, 0x28"),
    (0x4a85_d513, "bexti a0, a1, 0x28"),
    (0x6a85_9513, "binvi a0, a1, 0x28"),
    (0x2a85_9513, "bseti a0, a1, 0x28"),
    (0x0005_200f, "cbo.inval (a0)"),
    (0x0015_200f, "cbo.clean (a0)"),
    (0x0025_200f, "cbo.flush (a0)"),
    (0x0045_200f, "cbo.zero (a0)"),
    (0x0100_000f, "pause"),
    (0x1800_0073, "sfence.w.inval"),
    (0x1810_0073, "sfence.inval.ir"),
    (0x16b5_0073, "sinval.vma a0, a1"),
    (0x26b5_0073, "hinval.vvma a0, a1"),
    (0x66b5_0073, "hinval.gvma a0, a1"),
    (0x22b5_0073, "hfence.vvma a0, a1"),
    (0x62b5_0073, "hfence.gvma a0, a1"),
    (0x6005_c573, "hlv.b a0, (a1)"),
    (0x6015_c573, "hlv.bu a0, (a1)"),
    (0x6405_c573, "hlv.h a0, (a1)"),
    (0x6415_c573, "hlv.hu a0, (a1)"),
    (0x6435_c573, "hlvx.hu a0, (a1)"),
    (0x6805_c573, "hlv.w a0, (a1)"),
    (0x6815_c573, "hlv.wu a0, (a1)"),
    (0x6835_c573, "hlvx.wu a0, (a1)"),
    (0x6c05_c573, "hlv.d a0, (a1)"),
    (0x62a5_c073, "hsv.b a0, (a1)"),
    (0x66a5_c073, "hsv.h a0, (a1)"),
    (0x6aa5_c073, "hsv.w a0, (a1)"),
    (0x6ea5_c073, "hsv.d a0, (a1)"),
    (0x0ec5_d533, "czero.eqz a0, a1, a2"),
    (0x0ec5_f533, "czero.nez a0, a1, a2"),
    (0xf010_8553, "fli.s fa0, min"),
    (0xf216_0553, "fli.d fa0, 0.5"),
    (0xf21f_05d3, "fli.d fa1, inf"),
    (0xf01f_85d3, "fli.s fa1, nan"),
    (0xf011_0553, "fli.s fa0, 1.52587890625e-5"),
    (0xf210_0553, "fli.d fa0, -1.0"),
    (0x28c5_a553, "fminm.s fa0, fa1, fa2"),
    (0x2ac5_b553, "fmaxm.d fa0, fa1, fa2"),
    (0x4045_f553, "fround.s fa0, fa1"),
    (0x4255_9553, "froundnx.d fa0, fa1, rtz"),
    (0xc285_9553, "fcvtmod.w.d a0, fa1, rtz"),
    (0xa0c5_c553, "fleq.s a0, fa1, fa2"),
    (0xa2c5_d553, "fltq.d a0, fa1, fa2"),
    (0x00d0_0073, "wrs.nto"),
    (0x01d0_0073, "wrs.sto"),
];

#[test]
fn words_and_text_are_the_assemblers() {
    for (word, text) in KNOWN {
        let operation = decode(Xlen::Rv64, &word.to_le_bytes()).expect("it has four bytes");
        assert_eq!(operation.text(Xlen::Rv64, PC).as_deref(), Some(*text), "{word:#010x}");
        assert!(operation.kind == Kind::Fence || operation.kind.extension().is_some(), "{text}");
    }
}

#[test]
fn capstone_still_knows_none_of_them() {
    let capstone = capstone::capstone(Xlen::Rv64);
    for (word, text) in KNOWN.iter().filter(|(_, text)| !text.starts_with("hfence") && *text != "pause") {
        assert_eq!(capstone::theirs(&capstone, Xlen::Rv64, &word.to_le_bytes()), None, "{text}: let capstone judge it");
    }
}
