//! The bus: RAM, devices, address translation.
//!
//! It does not know instructions or the history.

pub mod console;
pub mod devices;
pub mod dma;
pub mod map;
pub mod memory;
pub mod protection;
pub mod ram;
pub mod tlb;
pub mod translate;
pub mod uart;
pub mod virtio;
