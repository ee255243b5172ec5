//! The width of the x registers, and what follows from it. It does not know which machine has it.

/// The width of the x registers, of addresses, and of most CSRs.
///
/// A value of RV32 is kept in 64 bits, with zeros above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Xlen {
    /// 32 bits: RV32.
    Rv32,
    /// 64 bits: RV64.
    #[default]
    Rv64,
}

impl Xlen {
    /// The size of a register in memory, in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Xlen::Rv32 => 4,
            Xlen::Rv64 => 8,
        }
    }

    /// The bits of a value that a register holds; the others become zero.
    pub const fn truncate(self, value: u64) -> u64 {
        value & self.most()
    }

    /// The highest value, and the highest address.
    pub const fn most(self) -> u64 {
        match self {
            Xlen::Rv32 => u32::MAX as u64,
            Xlen::Rv64 => u64::MAX,
        }
    }

    /// The highest bit: of a cause, it tells an interrupt from an exception.
    pub const fn top_bit(self) -> u64 {
        match self {
            Xlen::Rv32 => 1 << 31,
            Xlen::Rv64 => 1 << 63,
        }
    }

    /// The number of bits.
    pub const fn bits(self) -> u32 {
        8 * self.bytes() as u32
    }

    /// The value of the field MXL of misa, and of SXL and UXL: 1 or 2, for 32 or 64 bits (privileged manual, "Machine ISA Register").
    pub const fn code(self) -> u64 {
        match self {
            Xlen::Rv32 => 1,
            Xlen::Rv64 => 2,
        }
    }

    /// Where the addresses of kernels begin that are linked high, above those of RAM.
    pub const fn high(self) -> u64 {
        match self {
            Xlen::Rv32 => 0xc000_0000,
            Xlen::Rv64 => 1 << 63,
        }
    }

    /// The value of a register that was stored as these bytes, the lowest first.
    pub fn read(self, bytes: &[u8]) -> u64 {
        bytes.iter().take(self.bytes()).rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    /// Its name for GDB (target descriptions, `set architecture`).
    pub const fn architecture(self) -> &'static str {
        match self {
            Xlen::Rv32 => "riscv:rv32",
            Xlen::Rv64 => "riscv:rv64",
        }
    }
}
