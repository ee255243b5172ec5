//! What an SBI call answers. It does not know the calls.

/// The result of an SBI call: an error code or 0 in a0, a value in a1.
pub enum Answer {
    Value(u64),
    Error(i64),
}
