//! gdbstub's `TargetDescriptionXmlOverride`: every register that the machine has, under gdbstub_arch's numbers.
//!
//! Source: the GDB manual, sections "Target Description Format" and "RISC-V Features"; numbers: `RiscvRegId::from_raw_id`.

use std::fmt::Write as _;

use gdbstub::target::ext::target_description_xml_override::TargetDescriptionXmlOverride;
use gdbstub::target::{TargetError, TargetResult};

use super::target::{GdbTarget, part};
use crate::machine::{Machine, Register, csr, name};

/// How many x registers there are, and f registers.
const REGISTERS: u8 = 32;
const FIRST_FLOAT: usize = 33;
const FIRST_CSR: usize = 65;
const PRIVILEGE: usize = 4161;

impl TargetDescriptionXmlOverride for GdbTarget {
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
        for number in 0..REGISTERS {
            let (name, kind) = match name(Register::Gpr(number)).as_str() {
                "s0" => ("fp".to_owned(), "data_ptr"), // GDB's first name for it
                name @ "ra" => (name.to_owned(), "code_ptr"),
                name @ ("sp" | "gp" | "tp") => (name.to_owned(), "data_ptr"),
                name => (name.to_owned(), "int"),
            };
            register(xml, &name, 64, number.into(), kind);
        }
        register(xml, "pc", 64, REGISTERS.into(), "code_ptr");
    });
    feature(&mut xml, "fpu", |xml| {
        xml.push_str("<union id=\"riscv_double\">");
        xml.push_str(
            "<field name=\"float\" type=\"ieee_single\"/><field name=\"double\" type=\"ieee_double\"/></union>\n",
        );
        for number in 0..REGISTERS {
            register(xml, &name(Register::Fpr(number)), 64, FIRST_FLOAT + usize::from(number), "riscv_double");
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
