//! What an instruction is once decoded: one form for the 32-bit and the compressed encodings. It does not know what any of them does.

/// A decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    pub kind: Kind,
    /// In bytes: 2 or 4.
    pub length: u8,
    pub rd: u8,
    pub rs1: u8,
    pub rs2: u8,
    pub immediate: i32,
    /// The instruction's own bits: 16 of them where `length` is 2.
    pub bits: u32,
}

impl Operation {
    /// Bits that nobody has looked at yet: for those who keep decoded instructions.
    pub const UNDECODED: Operation =
        Operation { kind: Kind::Undecoded, length: 2, rd: 0, rs1: 0, rs2: 0, immediate: 0, bits: 0 };

    /// The third source of a fused multiply-add.
    pub fn rs3(&self) -> usize {
        (self.bits >> 27) as usize
    }

    /// The field funct3, which for most floating-point operations is the rounding mode.
    pub fn funct3(&self) -> u8 {
        (self.bits >> 12 & 7) as u8
    }
}

/// The precision of a floating-point operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    Single,
    Double,
}

/// The width of an atomic operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    Word,
    Doubleword,
}

/// Every instruction, named as in the manual; groups that differ in one computation share a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[rustfmt::skip]
pub enum Kind {
    /// Not looked at yet: for those who keep decoded instructions.
    Undecoded,
    /// Four bytes, the last two of them on the next page: likewise.
    Crossing,

    Lui, Auipc, Jal, Jalr,
    Beq, Bne, Blt, Bge, Bltu, Bgeu,
    Lb, Lh, Lw, Ld, Lbu, Lhu, Lwu,
    Sb, Sh, Sw, Sd,
    Addi, Slti, Sltiu, Xori, Ori, Andi, Slli, Srli, Srai,
    Add, Sub, Sll, Slt, Sltu, Xor, Srl, Sra, Or, And,
    Addiw, Slliw, Srliw, Sraiw,
    Addw, Subw, Sllw, Srlw, Sraw,
    Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu,
    Mulw, Divw, Divuw, Remw, Remuw,
    Fence,

    Flw, Fld, Fsw, Fsd,
    Float(Float, Precision),

    LoadReserved(Width),
    StoreConditional(Width),
    Atomic(Atomic, Width),

    Ecall, Ebreak, Sret, Mret, Wfi, SfenceVma,
    Csr(CsrAccess),

    /// An encoding that no extension known here defines, or that is defined as illegal.
    Illegal,
    /// An instruction of an extension whose instructions are known to exist, and are not told apart.
    Other(Extension),
}

impl Kind {
    /// Whether rd names an f register, of which number 0 is like any other.
    pub fn writes_float(self) -> bool {
        match self {
            Kind::Flw | Kind::Fld => true,
            Kind::Float(float, _) => !float.writes_integer(),
            _ => false,
        }
    }
}

/// Read-modify-write operations of extension A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atomic {
    Swap,
    Add,
    Xor,
    And,
    Or,
    Min,
    Max,
    MinUnsigned,
    MaxUnsigned,
}

/// What a CSR instruction does with its source: register rs1, or the number in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsrAccess {
    pub change: CsrChange,
    pub source_is_number: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsrChange {
    Write,
    Set,
    Clear,
}

impl CsrChange {
    /// What is written where the CSR holds `old` and the source is `value`.
    pub fn written(self, old: u64, value: u64) -> u64 {
        match self {
            CsrChange::Write => value,
            CsrChange::Set => old | value,
            CsrChange::Clear => old & !value,
        }
    }
}

/// Operations of extensions F and D.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Float {
    MultiplyAdd,
    MultiplySubtract,
    NegatedMultiplySubtract,
    NegatedMultiplyAdd,
    Add,
    Subtract,
    Multiply,
    Divide,
    SquareRoot,
    CopySign,
    CopyNegatedSign,
    XorSign,
    Minimum,
    Maximum,
    /// To an integer register.
    Equal,
    LessThan,
    LessOrEqual,
    Classify,
    MoveToInteger,
    ToInteger(Integer),
    /// From an integer register.
    MoveFromInteger,
    FromInteger(Integer),
    /// From the other precision to this one.
    Convert,
}

impl Float {
    /// Whether funct3 is a rounding mode.
    pub fn rounds(self) -> bool {
        use Float::*;
        matches!(
            self,
            MultiplyAdd | MultiplySubtract | NegatedMultiplySubtract | NegatedMultiplyAdd | Add | Subtract | Multiply
        ) || matches!(self, Divide | SquareRoot | ToInteger(_) | FromInteger(_) | Convert)
    }

    /// Whether the result goes to an x register.
    pub fn writes_integer(self) -> bool {
        matches!(
            self,
            Float::Equal
                | Float::LessThan
                | Float::LessOrEqual
                | Float::Classify
                | Float::MoveToInteger
                | Float::ToInteger(_)
        )
    }
}

/// The integer's form in a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integer {
    Word,
    UnsignedWord,
    Doubleword,
    UnsignedDoubleword,
}

/// An extension beyond RV64GC that is known by its encodings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    BitManipulation,
    Hypervisor,
    PerformanceCounters,
}

impl Extension {
    /// What its manual calls it.
    pub fn name(self) -> &'static str {
        match self {
            Extension::BitManipulation => "bit manipulation (Zba, Zbb, Zbc or Zbs)",
            Extension::Hypervisor => "hypervisor (H)",
            Extension::PerformanceCounters => "hardware performance counters (Zihpm)",
        }
    }
}
