//! The firmware in the host: it loads the kernel, hands over, and answers SBI calls.
//!
//! It does not know the past, nor how instructions execute.

pub mod device_tree;
pub mod load;
pub mod sbi;
