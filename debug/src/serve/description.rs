//! What GDB asks about the machine once: its registers and its memory. It does not know who asks.
//!
//! Registers have gdbstub_arch's numbers. GDB reads the memory map once, and accesses only addresses in it. So the map says that
//! the whole address space is RAM: the machine decides what can be read, and the kernel may map any address. Nothing is flash, so
//! `load` writes like to any memory.
//!
//! Source: the GDB manual, sections "Target Description Format" and "RISC-V Features"; numbers: `RiscvRegId::from_raw_id`.

use std::fmt::Write as _;

use super::arch::V_NUMBER;
use crate::embedded::Embedded;
use crate::machine::{Machine, Register, csr};
use crate::riscv::Xlen;
use crate::riscv::board::RAM_BASE;

/// The number of x registers, and of f registers.
const REGISTERS: u8 = 32;
const FIRST_FLOAT: usize = 33;
const FIRST_CSR: usize = 65;
const PRIVILEGE: usize = 4161;

/// The target description of this machine, with the CSRs that it can read.
pub fn of(machine: &mut Embedded) -> String {
    let xlen = machine.isa().xlen;
    let has_guests = machine.read_register(csr::HSTATUS).is_ok();
    let mut has = |number| machine.read_register(Register::Csr(number)).is_ok();
    let csrs: Vec<&(u16, &str)> = csr::NAMES.iter().chain(csr::OTHERS).filter(|(number, _)| has(*number)).collect();
    let numbered: Vec<(u16, String)> = csr::numbered().filter(|(number, _)| has(*number)).collect();
    let numbered = numbered.iter().map(|(number, name)| (number, name.as_str()));
    let mut xml = format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n\
         <architecture>{}</architecture>\n<osabi>none</osabi>\n",
        xlen.architecture()
    );
    feature(&mut xml, "cpu", |xml| {
        for number in 0..REGISTERS {
            let (name, kind) = match Register::Gpr(number).to_string().as_str() {
                "s0" => ("fp".to_owned(), "data_ptr"), // GDB's first name for it
                name @ "ra" => (name.to_owned(), "code_ptr"),
                name @ ("sp" | "gp" | "tp") => (name.to_owned(), "data_ptr"),
                name => (name.to_owned(), "int"),
            };
            register(xml, &name, xlen.bits(), number.into(), kind);
        }
        register(xml, "pc", xlen.bits(), REGISTERS.into(), "code_ptr");
    });
    feature(&mut xml, "fpu", |xml| {
        xml.push_str("<union id=\"riscv_double\">");
        xml.push_str(
            "<field name=\"float\" type=\"ieee_single\"/><field name=\"double\" type=\"ieee_double\"/></union>\n",
        );
        for number in 0..REGISTERS {
            register(xml, &Register::Fpr(number).to_string(), 64, FIRST_FLOAT + usize::from(number), "riscv_double");
        }
    });
    feature(&mut xml, "csr", |xml| {
        for (number, name) in csrs.iter().map(|(number, name)| (number, *name)).chain(numbered) {
            register(xml, name, xlen.bits(), FIRST_CSR + usize::from(*number), "int");
        }
    });
    feature(&mut xml, "virtual", |xml| {
        register(xml, "priv", 8, PRIVILEGE, "int");
        if has_guests {
            register(xml, "v", 8, V_NUMBER, "int");
        }
    });
    xml.push_str("</target>\n");
    xml
}

fn feature(xml: &mut String, name: &str, registers: impl FnOnce(&mut String)) {
    // Writing to a String cannot fail.
    let _ = writeln!(xml, "<feature name=\"org.gnu.gdb.riscv.{name}\">");
    registers(xml);
    xml.push_str("</feature>\n");
}

fn register(xml: &mut String, name: &str, bits: u32, number: usize, kind: &str) {
    let _ = writeln!(xml, "<reg name=\"{name}\" bitsize=\"{bits}\" regnum=\"{number}\" type=\"{kind}\"/>");
}

/// Source: the GDB manual, section "Memory Map Format".
pub fn map(xlen: Xlen, ram_size: u64) -> String {
    let ram_end = RAM_BASE + ram_size;
    let behind = xlen.truncate(ram_end.wrapping_neg());
    let regions = [(0, RAM_BASE), (RAM_BASE, ram_size), (ram_end, behind)];
    let region = |(start, length)| format!("<memory type=\"ram\" start=\"{start:#x}\" length=\"{length:#x}\"/>\n");
    let regions: String = regions.into_iter().map(region).collect();
    format!(
        "<?xml version=\"1.0\"?>\n\
         <!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" \
         \"http://sourceware.org/gdb/gdb-memory-map.dtd\">\n\
         <memory-map>\n{regions}</memory-map>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::map;
    use crate::riscv::Xlen;

    #[test]
    fn covers_every_address() {
        let narrow = map(Xlen::Rv32, 128 << 20);
        assert!(narrow.contains("start=\"0x88000000\" length=\"0x78000000\""));
        let map = map(Xlen::Rv64, 128 << 20);
        assert!(map.contains("start=\"0x0\" length=\"0x80000000\""));
        assert!(map.contains("start=\"0x80000000\" length=\"0x8000000\""));
        assert!(map.contains("start=\"0x88000000\" length=\"0xffffffff78000000\""));
    }
}
