//! What answers the hart's accesses: RAM, devices, address translation, and the decoded code of RAM's pages.
//!
//! It does not know instructions, nor the past.

pub mod code;
pub mod console;
pub mod devices;
pub mod map;
pub mod memory;
pub mod ram;
pub mod tlb;
pub mod translate;
pub mod uart;
pub mod virtio;
