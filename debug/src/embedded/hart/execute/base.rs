//! The width of the x registers at compile time: the functions of blocks are made for each, so that none asks for it. Values of RV32 are
//! kept in 64 bits, with zeros above.
//!
//! It does not know what instructions compute.

use crate::riscv::Xlen;

/// A base instruction set.
pub trait Base {
    const XLEN: Xlen;

    /// What a register holds of a value.
    #[inline(always)]
    fn truncated(value: u64) -> u64 {
        Self::XLEN.truncate(value)
    }

    /// A register's value as a signed number.
    #[inline(always)]
    fn signed(value: u64) -> i64 {
        match Self::XLEN {
            Xlen::Rv32 => (value as i32).into(),
            Xlen::Rv64 => value as i64,
        }
    }
}

pub enum Rv32 {}
pub enum Rv64 {}

impl Base for Rv32 {
    const XLEN: Xlen = Xlen::Rv32;
}

impl Base for Rv64 {
    const XLEN: Xlen = Xlen::Rv64;
}
