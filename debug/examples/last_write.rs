//! Which instruction last wrote to a symbol: `cargo run --example last_write -- KERNEL SYMBOL`

use std::path::Path;
use std::time::{Duration, Instant};

use debug::{Embedded, Image, Machine};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name the kernel's ELF file")?;
    let name = arguments.next().ok_or("name a symbol of it")?;
    let image = Image::open(Path::new(&path))?;
    let symbol = image.require(&name)?;
    let mut machine = Embedded::load(&image, &Default::default())?;
    machine.resume(Duration::from_secs(1))?;
    let begun = Instant::now();
    let mut goes_on = |_| begun.elapsed() < Duration::from_secs(60);
    match machine.last_write(symbol.address, symbol.size.max(1), &mut goes_on) {
        Ok(Some(store)) => println!(
            "{}: {:#x} -> {:#x}, by instruction {} at {}",
            image.place(store.address),
            store.old,
            store.new,
            store.icount,
            image.place(store.pc)
        ),
        Ok(None) => println!("nothing has written to {name}"),
        Err(stop) => println!("the search was given up: {stop:?}"),
    }
    Ok(())
}
