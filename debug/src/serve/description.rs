//! gdbstub's `TargetDescriptionXmlOverride`: every register that the machine has, under gdbstub_arch's numbers.
//!
//! Source: the GDB manual, sections "Target Description Format" and "RISC-V Features"; numbers: `RiscvRegId::from_raw_id`.

use std::fmt::Write as _;

use gdbstub::target::ext::target_description_xml_override::TargetDescriptionXmlOverride;
use gdbstub::target::{TargetError, TargetResult};

use super::target::{Served, part};
use crate::machine::{Machine, Register, csr};

const FIRST_FLOAT: usize = 33;
const FIRST_CSR: usize = 65;
const PRIVILEGE: usize = 4161;

/// x0 to x31, by the names of the calling convention (RISC-V ELF psABI, "Integer Register Convention").
const GENERAL: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2",
    "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];
/// f0 to f31 likewise.
const FLOAT: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
];

impl TargetDescriptionXmlOverride for Served {
    fn target_description_xml(
        &self,
        annex: &[u8],
        offset: u64,
        length: usize,
        buffer: &mut [u8],
    ) -> TargetResult<usize, Self> {
        if annex != b"target.xml" {
            return Err(TargetError::NonFatal);
        }
        Ok(part(self.description.as_bytes(), offset, length, buffer))
    }
}

/// The description of this machine: of the CSRs, those that it reads.
pub fn of(machine: &mut dyn Machine) -> String {
    let has = |(number, _): &&(u16, &str)| machine.read_register(Register::Csr(*number)).is_ok();
    let csrs: Vec<&(u16, &str)> = csr::NAMES.iter().filter(has).collect();
    let mut xml = String::from(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n\
         <architecture>riscv:rv64</architecture>\n<osabi>none</osabi>\n",
    );
    feature(&mut xml, "cpu", |xml| {
        for (number, name) in GENERAL.iter().enumerate() {
            let kind = match *name {
                "ra" => "code_ptr",
                "sp" | "gp" | "tp" | "fp" => "data_ptr",
                _ => "int",
            };
            register(xml, name, 64, number, kind);
        }
        register(xml, "pc", 64, GENERAL.len(), "code_ptr");
    });
    feature(&mut xml, "fpu", |xml| {
        xml.push_str("<union id=\"riscv_double\">");
        xml.push_str(
            "<field name=\"float\" type=\"ieee_single\"/><field name=\"double\" type=\"ieee_double\"/></union>\n",
        );
        for (number, name) in FLOAT.iter().enumerate() {
            register(xml, name, 64, FIRST_FLOAT + number, "riscv_double");
        }
    });
    feature(&mut xml, "csr", |xml| {
        for (number, name) in csrs {
            register(xml, name, 64, FIRST_CSR + usize::from(*number), "int");
        }
    });
    feature(&mut xml, "virtual", |xml| register(xml, "priv", 8, PRIVILEGE, "int"));
    xml.push_str("</target>\n");
    xml
}

fn feature(xml: &mut String, name: &str, registers: impl FnOnce(&mut String)) {
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(xml, "<feature name=\"org.gnu.gdb.riscv.{name}\">");
    registers(xml);
    xml.push_str("</feature>\n");
}

fn register(xml: &mut String, name: &str, bits: u32, number: usize, kind: &str) {
    let _ = writeln!(xml, "<reg name=\"{name}\" bitsize=\"{bits}\" regnum=\"{number}\" type=\"{kind}\"/>");
}
