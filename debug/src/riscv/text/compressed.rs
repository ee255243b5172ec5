//! The text of instructions of two bytes.

use super::{f, name, number, upper, x};
use crate::riscv::{Address, Kind, Operation, Xlen};

impl Operation {
    /// Source: the unprivileged manual, tables "Instruction listing for RVC".
    pub(super) fn compressed(&self, xlen: Xlen, pc: Address) -> Option<(String, String)> {
        let [rd, rs1, rs2] = [self.rd, self.rs1, self.rs2].map(x);
        let stack = if self.bits & 3 == 2 { "sp" } else { "" };
        let base = match self.kind {
            Kind::Jal if self.rd == 0 => "j",
            Kind::Jalr if self.rd == 0 => "jr",
            Kind::Beq => "beqz",
            Kind::Bne => "bnez",
            Kind::Addi if self.bits & 3 == 0 => "addi4spn",
            Kind::Addi => match self.bits >> 13 {
                0 if self.rd == 0 => "nop",
                2 => "li",
                3 => "addi16sp",
                _ => "addi",
            },
            Kind::Add if self.rs1 == 0 => "mv",
            kind => name(kind)?,
        };
        let operands = match self.kind {
            Kind::Jal | Kind::Beq | Kind::Bne => {
                let target = self.target(xlen, pc);
                if self.kind == Kind::Jal { target } else { format!("{rs1}, {target}") }
            }
            Kind::Jalr => rs1,
            Kind::Lw | Kind::Ld => return Some((format!("c.{base}{stack}"), format!("{rd}, {}", self.memory()))),
            Kind::Flw | Kind::Fld => {
                return Some((format!("c.{base}{stack}"), format!("{}, {}", f(self.rd), self.memory())));
            }
            Kind::Sw | Kind::Sd => return Some((format!("c.{base}{stack}"), format!("{rs2}, {}", self.memory()))),
            Kind::Fsw | Kind::Fsd => {
                return Some((format!("c.{base}{stack}"), format!("{}, {}", f(self.rs2), self.memory())));
            }
            Kind::Addi if base == "addi4spn" => format!("{rd}, {rs1}, {}", number(self.immediate)),
            Kind::Addi if base == "nop" && self.immediate == 0 => String::new(),
            Kind::Addi if base == "nop" => number(self.immediate),
            Kind::Addi | Kind::Addiw | Kind::Slli | Kind::Srli | Kind::Srai | Kind::Andi => {
                format!("{rd}, {}", number(self.immediate))
            }
            Kind::Lui => format!("{rd}, {}", upper(self.immediate)),
            Kind::Ebreak => String::new(),
            _ => format!("{rd}, {rs2}"),
        };
        Some((format!("c.{base}"), operands))
    }
}
