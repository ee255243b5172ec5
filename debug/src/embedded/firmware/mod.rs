//! The firmware, which runs in the host: it loads and enters the kernel, and answers SBI calls.
//!
//! It does not know the history or how instructions execute.

mod answer;
pub mod code;
pub mod device_tree;
pub mod entry;
pub mod error;
mod harts;
pub mod load;
pub mod sbi;
