//! A boot, instruction by instruction: `cargo run --example boot_by_hand -- KERNEL [COUNT]`

use std::path::Path;
use std::time::Duration;

use debug::machine::Stop;
use debug::{Address, Embedded, Image, Machine, riscv};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name the kernel's ELF file")?;
    let count = arguments.next().map_or(Ok(20), |count| count.parse())?;
    let image = Image::open(Path::new(&path))?;
    let mut machine = Embedded::load(&image, &Default::default())?;
    for _ in 0..count {
        let pc = Address(machine.registers()?.pc);
        let mut bytes = [0; 4];
        machine.read_memory(pc, &mut bytes)?;
        println!("{}: {}", image.place(pc), riscv::disassemble(image.xlen(), pc, &bytes));
        match machine.step(1, Duration::from_secs(1))?.1 {
            Stop::Stepped => {}
            stop => {
                println!("{stop:?}");
                break;
            }
        }
    }
    Ok(())
}
