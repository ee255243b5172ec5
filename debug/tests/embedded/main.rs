//! The embedded machine: against QEMU, against its own past, against wild code.

mod ask;
mod assembler;
mod blocks;
mod boots;
mod devices;
mod differential;
mod documented;
mod firmware;
mod firmware_code;
mod fixed;
mod guests;
mod harts;
mod history;
mod images;
mod kernel;
mod machine;
mod random;
mod searches;
mod wild;
use testkit::elf;
