//! A kernel's own test: does its entry point set sp to the top of its stack? `cargo run --example own_test -- KERNEL`
//!
//! Takes QEMU where it is installed, else the embedded machine.

use std::path::Path;
use std::time::Duration;

use debug::machine::Register;
use debug::{Address, Embedded, Image, Machine, Qemu};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("name the kernel's ELF file")?;
    let image = Image::open(Path::new(&path))?;
    if debug::qemu::is_installed() {
        sets_sp(Qemu::start(image.path(), Duration::from_secs(20))?.machine(), &image)
    } else {
        sets_sp(&mut Embedded::load(&image, &Default::default())?, &image)
    }
}

fn sets_sp(machine: &mut dyn Machine, image: &Image) -> Result<(), Box<dyn std::error::Error>> {
    let (entry, top) = (image.require_entry("boot")?.address, image.require("__stack_top")?.address);
    let second = Duration::from_secs(1);
    // The embedded machine begins at the entry; QEMU begins in its reset ROM.
    if Address(machine.registers()?.pc) != entry {
        machine.insert_breakpoint(entry)?;
        machine.resume(5 * second)?;
    }
    machine.step(2, second)?; // la sp, __stack_top
    let sp = Address(machine.read_register(Register::Gpr(Register::SP))?);
    assert_eq!(sp, top, "sp on {}", machine.name());
    println!("sp = {sp} on {}", machine.name());
    Ok(())
}
