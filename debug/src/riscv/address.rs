//! Addresses, shown in hexadecimal.

use std::fmt;
use std::ops::{Add, Sub};

/// An address as the hart sees it (physical while satp is 0).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub u64);

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#x}", self.0)
    }
}

impl fmt::LowerHex for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, formatter)
    }
}

/// Wraps at 2^64, as the hart's own address arithmetic does.
impl Add<u64> for Address {
    type Output = Address;

    fn add(self, bytes: u64) -> Address {
        Address(self.0.wrapping_add(bytes))
    }
}

/// Wraps at 0, as the hart's own address arithmetic does.
impl Sub<u64> for Address {
    type Output = Address;

    fn sub(self, bytes: u64) -> Address {
        Address(self.0.wrapping_sub(bytes))
    }
}
