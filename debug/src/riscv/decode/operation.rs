//! What an instruction is once decoded: one form for the 32-bit and the compressed encodings. It does not know what any of them does.

use super::Bits;
use crate::riscv::Extension;

/// A decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which instruction it is.
    pub kind: Kind,
    /// In bytes: 2 or 4.
    pub length: u8,
    /// The destination register.
    pub rd: u8,
    /// The first source register.
    pub rs1: u8,
    /// The second source register.
    pub rs2: u8,
    /// The immediate; for a CSR instruction the CSR's number.
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
    /// 32 bits (F).
    Single,
    /// 64 bits (D).
    Double,
}

/// The width of an atomic operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 32 bits.
    Word,
    /// 64 bits.
    Doubleword,
}

/// Every instruction, named as in the manual; groups that differ in one computation share a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[rustfmt::skip]
#[allow(missing_docs)] // named as in the manual
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

    /// Of two registers, or of one.
    Bits(Bits),
    /// Of a register and a number.
    BitsImmediate(Bits),
    CacheBlock(CacheBlock),
    /// `wrs.nto`, and `wrs.sto`, which waits for a short time at most.
    WaitForReservation { short: bool },
    /// Those that invalidate translations, apart from `sfence.vma`.
    Invalidate(Fence),
    Guest(GuestAccess),

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

    /// The extension beyond RV64GC that defines it.
    pub fn extension(self) -> Option<Extension> {
        match self {
            Kind::Bits(bits) | Kind::BitsImmediate(bits) => Some(bits.extension()),
            Kind::CacheBlock(CacheBlock::Zero) => Some(Extension::Zicboz),
            Kind::CacheBlock(_) => Some(Extension::Zicbom),
            Kind::WaitForReservation { .. } => Some(Extension::Zawrs),
            Kind::Float(float, _) => float.extension(),
            Kind::Invalidate(Fence::Hypervisor { .. }) | Kind::Guest(_) => Some(Extension::Hypervisor),
            Kind::Invalidate(_) => Some(Extension::Svinval),
            Kind::Other(extension) => Some(extension),
            _ => None,
        }
    }
}

/// What cache-block instructions do to the block that an address lies in (unprivileged manual, "Cache-Block Management Instructions").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheBlock {
    /// `cbo.inval`.
    Invalidate,
    /// `cbo.clean`.
    Clean,
    /// `cbo.flush`.
    Flush,
    /// `cbo.zero`.
    Zero,
}

/// Which translations are forgotten, and how (privileged manual, "Svinval" and "Hypervisor Memory-Management Fence Instructions").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// `sinval.vma`.
    Supervisor,
    /// `sfence.w.inval`, before invalidations.
    Before,
    /// `sfence.inval.ir`, after them.
    After,
    /// `hfence.vvma` or, of guest-physical addresses, `hfence.gvma`.
    Hypervisor {
        /// Whether the address is guest-physical.
        guest_physical: bool,
    },
    /// `hinval.vvma` or `hinval.gvma`, which Svinval defines where the hart has H.
    InvalidateGuest {
        /// Whether the address is guest-physical.
        guest_physical: bool,
    },
}

/// A load or a store as the guest would make it (privileged manual, "Hypervisor Virtual-Machine Load and Store Instructions").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestAccess {
    /// 0 to 3, for 1 to 8 bytes.
    pub width: u8,
    /// Whether it is a store.
    pub store: bool,
    /// What is loaded is not sign-extended.
    pub unsigned: bool,
    /// It needs permission to execute in place of permission to read.
    pub executable: bool,
}

/// Read-modify-write operations of extension A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // named as in the manual
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
    /// How the CSR changes.
    pub change: CsrChange,
    /// Whether the source is the number in the field of rs1.
    pub source_is_number: bool,
}

/// How a CSR instruction changes the CSR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CsrChange {
    /// csrrw: writes the source.
    Write,
    /// csrrs: sets the bits of the source.
    Set,
    /// csrrc: clears the bits of the source.
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

/// Operations of extensions F, D and Zfa.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // named as in the manual
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
    /// Zfa's `fminm`: a NaN where one operand is a NaN.
    MinimumOrNan,
    /// Zfa's `fmaxm`.
    MaximumOrNan,
    /// Zfa's `fli`: one of 32 constants, whose number is in the field of rs1.
    Constant,
    /// Zfa's `fround`: to an integer, in the same format.
    Round,
    /// Zfa's `froundnx`: likewise, and inexact where that is another number.
    RoundInexact,
    /// To an integer register.
    Equal,
    LessThan,
    LessOrEqual,
    Classify,
    MoveToInteger,
    ToInteger(Integer),
    /// Zfa's `fleq`: less or equal, and quiet.
    LessOrEqualQuiet,
    /// Zfa's `fltq`.
    LessThanQuiet,
    /// Zfa's `fcvtmod.w.d`: the lowest 32 bits of the integer part.
    ToWordModulo,
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
        ) || matches!(self, Divide | SquareRoot | ToInteger(_) | FromInteger(_) | Convert | Round | RoundInexact)
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
                | Float::LessOrEqualQuiet
                | Float::LessThanQuiet
                | Float::ToWordModulo
        )
    }

    /// The extension beyond RV64GC that defines it.
    pub fn extension(self) -> Option<Extension> {
        use Float::*;
        let additional = matches!(
            self,
            MinimumOrNan
                | MaximumOrNan
                | Constant
                | Round
                | RoundInexact
                | LessOrEqualQuiet
                | LessThanQuiet
                | ToWordModulo
        );
        additional.then_some(Extension::Zfa)
    }
}

/// The integer's form in a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integer {
    /// 32 bits.
    Word,
    /// 32 bits, unsigned.
    UnsignedWord,
    /// 64 bits.
    Doubleword,
    /// 64 bits, unsigned.
    UnsignedDoubleword,
}
