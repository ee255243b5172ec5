//! The embedded machine: against QEMU, against its own past, against wild code.

mod ask;
mod assembler;
mod devices;
mod differential;
mod documented;
mod firmware;
mod fixed;
mod guests;
mod history;
mod images;
mod kernel;
mod machine;
mod random;
mod wild;
use testkit::elf;
