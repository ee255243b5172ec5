//! Disassembly, in LLVM's syntax. It does not know symbols.

mod compressed;
mod float;

use super::{
    Address, Atomic, Bits, CacheBlock, CsrAccess, CsrChange, Fence, GuestAccess, Kind, Operation, Register, Width,
    Xlen, csr, decode, length,
};

/// The instruction that begins `bytes` and lies at `pc`, as in `ld a0, 0(zero)`; what jumps shows the address it jumps to.
///
/// Bytes that are not an instruction are shown as numbers: `.half 0x0000`, `.word 0xffffffff`.
pub fn disassemble(xlen: Xlen, pc: Address, bytes: &[u8]) -> String {
    let Some(low) = bytes.first_chunk().map(|half| u16::from_le_bytes(*half)) else {
        return "(nothing)".into();
    };
    if let Some(text) = decode(xlen, bytes).and_then(|operation| operation.text(xlen, pc)) {
        return text;
    }
    match bytes.first_chunk() {
        Some(word) if length(low) != 2 => format!(".word {:#010x}", u32::from_le_bytes(*word)),
        _ => format!(".half {low:#06x}"),
    }
}

fn x(number: u8) -> String {
    Register::Gpr(number).to_string()
}

fn f(number: u8) -> String {
    Register::Fpr(number).to_string()
}

/// Decimal if it has one digit, else hexadecimal.
fn number(value: i32) -> String {
    match value {
        -9..=9 => value.to_string(),
        _ if value < 0 => format!("-{:#x}", value.unsigned_abs()),
        _ => format!("{value:#x}"),
    }
}

fn csr_name(number: u16) -> String {
    csr::name(number).unwrap_or_else(|| format!("{number:#x}"))
}

/// The upper 20 bits, as `lui` takes them.
fn upper(immediate: i32) -> String {
    number((immediate as u32 >> 12) as i32)
}

impl Operation {
    /// The text of the instruction at `pc`; `None` if it is not an instruction or is not known.
    pub fn text(&self, xlen: Xlen, pc: Address) -> Option<String> {
        if self.length == 2 && self.bits == 0 {
            return Some("c.unimp".into());
        }
        let (name, operands) = if self.length == 2 { self.compressed(xlen, pc)? } else { self.full(xlen, pc)? };
        Some(if operands.is_empty() { name } else { format!("{name} {operands}") })
    }

    fn target(&self, xlen: Xlen, pc: Address) -> String {
        let target = pc + i64::from(self.immediate) as u64;
        match xlen {
            Xlen::Rv32 => format!("{:#x}", target.0 as u32),
            Xlen::Rv64 => target.to_string(),
        }
    }

    fn memory(&self) -> String {
        format!("{}({})", number(self.immediate), x(self.rs1))
    }

    fn full(&self, xlen: Xlen, pc: Address) -> Option<(String, String)> {
        let [rd, rs1, rs2] = [self.rd, self.rs1, self.rs2].map(x);
        let operands = match self.kind {
            Kind::Lui | Kind::Auipc => format!("{rd}, {}", upper(self.immediate)),
            Kind::Jal | Kind::Jalr => return Some(self.jump(xlen, pc)),
            Kind::Beq | Kind::Bne | Kind::Blt | Kind::Bge | Kind::Bltu | Kind::Bgeu => {
                return self.branch(&self.target(xlen, pc));
            }
            Kind::Lb | Kind::Lh | Kind::Lw | Kind::Ld | Kind::Lbu | Kind::Lhu | Kind::Lwu => {
                format!("{rd}, {}", self.memory())
            }
            Kind::Flw | Kind::Fld => format!("{}, {}", f(self.rd), self.memory()),
            Kind::Sb | Kind::Sh | Kind::Sw | Kind::Sd => format!("{rs2}, {}", self.memory()),
            Kind::Fsw | Kind::Fsd => format!("{}, {}", f(self.rs2), self.memory()),
            Kind::Fence => return Some(self.fence()),
            Kind::Float(float, precision) => return Some(self.float(float, precision)),
            Kind::LoadReserved(_) | Kind::StoreConditional(_) | Kind::Atomic(..) => return self.atomic(),
            Kind::Ecall | Kind::Ebreak | Kind::Sret | Kind::Mret | Kind::Wfi => String::new(),
            Kind::SfenceVma => match (self.rs1, self.rs2) {
                (0, 0) => String::new(),
                (_, 0) => rs1,
                _ => format!("{rs1}, {rs2}"),
            },
            Kind::Csr(access) => return Some(self.csr_access(xlen, access)),
            Kind::Bits(_) | Kind::BitsImmediate(_) => return self.bits(),
            Kind::CacheBlock(_) | Kind::WaitForReservation { .. } | Kind::Invalidate(_) | Kind::Guest(_) => {
                return self.supervision();
            }
            _ => return self.short_form().or_else(|| self.arithmetic()),
        };
        Some((name(self.kind)?.into(), operands))
    }

    fn jump(&self, xlen: Xlen, pc: Address) -> (String, String) {
        let text = |name: &str, operands: String| (name.to_owned(), operands);
        let (rd, rs1) = (x(self.rd), x(self.rs1));
        match (self.kind, self.rd, self.rs1, self.immediate) {
            (Kind::Jal, 0, ..) => text("j", self.target(xlen, pc)),
            (Kind::Jal, 1, ..) => text("jal", self.target(xlen, pc)),
            (Kind::Jal, ..) => text("jal", format!("{rd}, {}", self.target(xlen, pc))),
            (_, 0, 1, 0) => text("ret", String::new()),
            (_, 0, _, 0) => text("jr", rs1),
            (_, 1, _, 0) => text("jalr", rs1),
            _ => text("jalr", format!("{rd}, {rs1}, {}", number(self.immediate))),
        }
    }

    fn branch(&self, target: &str) -> Option<(String, String)> {
        let (rs1, rs2) = (x(self.rs1), x(self.rs2));
        let (name, register) = match (self.kind, self.rs1, self.rs2) {
            (Kind::Beq, _, 0) => ("beqz", rs1),
            (Kind::Bne, _, 0) => ("bnez", rs1),
            (Kind::Bge, 0, _) => ("blez", rs2),
            (Kind::Bge, _, 0) => ("bgez", rs1),
            (Kind::Blt, _, 0) => ("bltz", rs1),
            (Kind::Blt, 0, _) => ("bgtz", rs2),
            _ => return Some((name(self.kind)?.into(), format!("{rs1}, {rs2}, {target}"))),
        };
        Some((name.into(), format!("{register}, {target}")))
    }

    /// The short forms of assemblers: `mv`, `neg`.
    fn short_form(&self) -> Option<(String, String)> {
        let [rd, rs1, rs2] = [self.rd, self.rs1, self.rs2].map(x);
        let (name, operands) = match (self.kind, self.rs1, self.rs2, self.immediate) {
            (Kind::Addi, 0, _, 0) if self.rd == 0 => ("nop", String::new()),
            (Kind::Addi, _, _, 0) => ("mv", format!("{rd}, {rs1}")),
            (Kind::Xori, _, _, -1) => ("not", format!("{rd}, {rs1}")),
            (Kind::Addiw, _, _, 0) => ("sext.w", format!("{rd}, {rs1}")),
            (Kind::Sltiu, _, _, 1) => ("seqz", format!("{rd}, {rs1}")),
            (Kind::Sub, 0, ..) => ("neg", format!("{rd}, {rs2}")),
            (Kind::Subw, 0, ..) => ("negw", format!("{rd}, {rs2}")),
            (Kind::Sltu, 0, ..) => ("snez", format!("{rd}, {rs2}")),
            (Kind::Slt, _, 0, _) => ("sltz", format!("{rd}, {rs1}")),
            (Kind::Slt, 0, ..) => ("sgtz", format!("{rd}, {rs2}")),
            _ => return None,
        };
        Some((name.into(), operands))
    }

    /// Arithmetic with two registers, or with an immediate.
    fn arithmetic(&self) -> Option<(String, String)> {
        use Kind::*;
        let immediate = matches!(
            self.kind,
            Addi | Slti | Sltiu | Xori | Ori | Andi | Slli | Srli | Srai | Addiw | Slliw | Srliw | Sraiw
        );
        let last = if immediate { number(self.immediate) } else { x(self.rs2) };
        Some((name(self.kind)?.into(), format!("{}, {}, {last}", x(self.rd), x(self.rs1))))
    }

    fn bits(&self) -> Option<(String, String)> {
        let [rd, rs1, rs2] = [self.rd, self.rs1, self.rs2].map(x);
        Some(match self.kind {
            Kind::Bits(Bits::AddUw) if self.rs2 == 0 => ("zext.w".into(), format!("{rd}, {rs1}")),
            Kind::Bits(bits) if bits.is_unary() => (bits.name().into(), format!("{rd}, {rs1}")),
            Kind::Bits(bits) => (bits.name().into(), format!("{rd}, {rs1}, {rs2}")),
            Kind::BitsImmediate(bits) => {
                let name = match bits {
                    Bits::SlliUw => "slli.uw".into(),
                    Bits::Rorw => "roriw".into(),
                    _ => format!("{}i", bits.name()),
                };
                (name, format!("{rd}, {rs1}, {}", number(self.immediate)))
            }
            _ => return None,
        })
    }

    /// Instructions for cache blocks, waiting, translations and a guest's memory.
    fn supervision(&self) -> Option<(String, String)> {
        let [rd, rs1, rs2] = [self.rd, self.rs1, self.rs2].map(x);
        let (name, operands) = match self.kind {
            Kind::CacheBlock(what) => {
                let what = match what {
                    CacheBlock::Invalidate => "inval",
                    CacheBlock::Clean => "clean",
                    CacheBlock::Flush => "flush",
                    CacheBlock::Zero => "zero",
                };
                (format!("cbo.{what}"), format!("({rs1})"))
            }
            Kind::WaitForReservation { short } => (format!("wrs.{}", if short { "sto" } else { "nto" }), String::new()),
            Kind::Invalidate(fence) => {
                let which =
                    |name: &str, guest_physical| format!("{name}.{}vma", if guest_physical { 'g' } else { 'v' });
                let name = match fence {
                    Fence::Supervisor => "sinval.vma".into(),
                    Fence::Before => return Some(("sfence.w.inval".into(), String::new())),
                    Fence::After => return Some(("sfence.inval.ir".into(), String::new())),
                    Fence::Hypervisor { guest_physical } => which("hfence", guest_physical),
                    Fence::InvalidateGuest { guest_physical } => which("hinval", guest_physical),
                };
                (name, format!("{rs1}, {rs2}"))
            }
            Kind::Guest(GuestAccess { width, store, unsigned, executable }) => {
                let letter = ['b', 'h', 'w', 'd'][usize::from(width & 3)];
                let name = match (store, executable, unsigned) {
                    (true, ..) => return Some((format!("hsv.{letter}"), format!("{rs2}, ({rs1})"))),
                    (_, true, _) => format!("hlvx.{letter}u"),
                    (_, _, true) => format!("hlv.{letter}u"),
                    _ => format!("hlv.{letter}"),
                };
                (name, format!("{rd}, ({rs1})"))
            }
            _ => return None,
        };
        Some((name, operands))
    }

    /// Source: unprivileged manual, "Memory Ordering Instructions".
    fn fence(&self) -> (String, String) {
        let set = |bits: u32| -> String {
            [(8, 'i'), (4, 'o'), (2, 'r'), (1, 'w')]
                .iter()
                .filter(|(bit, _)| bits & bit != 0)
                .map(|(_, letter)| *letter)
                .collect()
        };
        let (before, after) = (set(self.bits >> 24 & 15), set(self.bits >> 20 & 15));
        let either = |set: String| if set.is_empty() { "0".into() } else { set };
        match self.bits {
            bits if bits >> 12 & 7 == 1 => ("fence.i".into(), String::new()),
            0x8330_000f => ("fence.tso".into(), String::new()),
            0x0100_000f => ("pause".into(), String::new()),
            _ if before == "iorw" && after == "iorw" => ("fence".into(), String::new()),
            _ => ("fence".into(), format!("{}, {}", either(before), either(after))),
        }
    }

    fn atomic(&self) -> Option<(String, String)> {
        let (base, width) = match self.kind {
            Kind::LoadReserved(width) => ("lr", width),
            Kind::StoreConditional(width) => ("sc", width),
            Kind::Atomic(atomic, width) => (atomic_name(atomic), width),
            _ => return None,
        };
        let suffix = match width {
            Width::Word => "w",
            Width::Doubleword => "d",
        };
        let order = ["", ".rl", ".aq", ".aqrl"][(self.bits >> 25 & 3) as usize];
        let source = if base == "lr" { String::new() } else { format!("{}, ", x(self.rs2)) };
        Some((format!("{base}.{suffix}{order}"), format!("{}, {source}({})", x(self.rd), x(self.rs1))))
    }

    fn csr_access(&self, xlen: Xlen, access: CsrAccess) -> (String, String) {
        let source = if access.source_is_number { number(self.rs1.into()) } else { x(self.rs1) };
        let (rd, name) = (x(self.rd), csr_name(self.csr()));
        let letter = match access.change {
            CsrChange::Write => "w",
            CsrChange::Set => "s",
            CsrChange::Clear => "c",
        };
        let kind = if access.source_is_number { "i" } else { "" };
        let float = csr::FLOAT.contains(&self.csr());
        let short = name.strip_prefix('f').unwrap_or(&name);
        match (access.change, self.rd, self.rs1) {
            // A write to a register that is read-only: the encoding that compilers use for what must not be reached.
            (CsrChange::Write, 0, 0) if kind.is_empty() && Register::Csr(self.csr()) == csr::CYCLE => {
                ("unimp".into(), String::new())
            }
            (CsrChange::Set, _, 0) if kind.is_empty() => {
                if float {
                    return (format!("fr{short}"), rd);
                }
                let high = xlen == Xlen::Rv32 && csr::BASE_COUNTERS_HIGH.contains(&self.csr());
                if high || csr::BASE_COUNTERS.contains(&self.csr()) {
                    return (format!("rd{name}"), rd);
                }
                ("csrr".into(), format!("{rd}, {name}"))
            }
            (CsrChange::Write, 0, _) if float && (kind.is_empty() || name != "fcsr") => {
                (format!("fs{short}{kind}"), source)
            }
            (CsrChange::Write, ..) if float && (kind.is_empty() || name != "fcsr") => {
                (format!("fs{short}{kind}"), format!("{rd}, {source}"))
            }
            (_, 0, _) => (format!("csr{letter}{kind}"), format!("{name}, {source}")),
            _ => (format!("csrr{letter}{kind}"), format!("{rd}, {name}, {source}")),
        }
    }
}

fn atomic_name(atomic: Atomic) -> &'static str {
    match atomic {
        Atomic::Swap => "amoswap",
        Atomic::Add => "amoadd",
        Atomic::Xor => "amoxor",
        Atomic::And => "amoand",
        Atomic::Or => "amoor",
        Atomic::Min => "amomin",
        Atomic::Max => "amomax",
        Atomic::MinUnsigned => "amominu",
        Atomic::MaxUnsigned => "amomaxu",
    }
}

macro_rules! names {
    ($($kind:ident $name:literal)*) => {
        /// The name of an instruction that has the same one in every form.
        fn name(kind: Kind) -> Option<&'static str> {
            Some(match kind { $(Kind::$kind => $name,)* _ => return None })
        }
    };
}

names! {
    Lui "lui" Auipc "auipc" Jal "jal" Jalr "jalr" Beq "beq" Bne "bne" Blt "blt" Bge "bge" Bltu "bltu" Bgeu "bgeu"
    Lb "lb" Lh "lh" Lw "lw" Ld "ld" Lbu "lbu" Lhu "lhu" Lwu "lwu" Sb "sb" Sh "sh" Sw "sw" Sd "sd"
    Addi "addi" Slti "slti" Sltiu "sltiu" Xori "xori" Ori "ori" Andi "andi" Slli "slli" Srli "srli" Srai "srai"
    Add "add" Sub "sub" Sll "sll" Slt "slt" Sltu "sltu" Xor "xor" Srl "srl" Sra "sra" Or "or" And "and"
    Addiw "addiw" Slliw "slliw" Srliw "srliw" Sraiw "sraiw" Addw "addw" Subw "subw" Sllw "sllw" Srlw "srlw" Sraw "sraw"
    Mul "mul" Mulh "mulh" Mulhsu "mulhsu" Mulhu "mulhu" Div "div" Divu "divu" Rem "rem" Remu "remu"
    Mulw "mulw" Divw "divw" Divuw "divuw" Remw "remw" Remuw "remuw"
    Flw "flw" Fld "fld" Fsw "fsw" Fsd "fsd"
    Ecall "ecall" Ebreak "ebreak" Sret "sret" Mret "mret" Wfi "wfi" SfenceVma "sfence.vma"
}
