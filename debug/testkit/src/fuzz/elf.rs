//! Any bytes as an ELF, or as changes to a good one: symbols, lines and a machine come of it, or an error; never a panic, a hang,
//! memory without bound.
//!
//! What code does on the machine is `code`'s.

use std::path::Path;

use debug::checks::{Layout, Names};
use debug::embedded::Options;
use debug::{Address, Embedded, Image, Machine};

use super::template::ENTRY;
use super::{past, template};

/// The smallest machine, so that most of the time goes into the bytes.
fn options() -> Options {
    Options { memory_mib: 8, history_mib: 1, ..Options::default() }
}

const INSTRUCTIONS: u64 = 500;

pub fn survive(bytes: &[u8]) {
    load(bytes);
    let mut changed = template::build();
    for change in bytes.chunks_exact(3) {
        let offset = usize::from(u16::from_le_bytes([change[0], change[1]])) % changed.len();
        changed[offset] = change[2];
    }
    // What is left over of the bytes says how much of the file is left.
    if let Some(end) = bytes.get(bytes.len() / 3 * 3..).filter(|rest| !rest.is_empty()) {
        changed.truncate(changed.len() * usize::from(end[0]) / 255);
    }
    load(&changed);
}

/// As an ELF or a boot image; as any bytes that somebody places; and as the ELF of such bytes, and of a good image.
fn load(bytes: &[u8]) {
    let path = Path::new("fuzzed");
    let start = bytes.first_chunk().map_or(ENTRY, |bytes| u64::from_le_bytes(*bytes));
    for start in [ENTRY, start] {
        let Ok(mut flat) = Image::flat(path, bytes.to_vec(), Address(start), start % 0x10_0000) else { continue };
        run(&flat);
        let _ = flat.take_symbols(path, bytes.to_vec());
        run(&flat);
        let _ = Image::parse(path, flat.as_elf());
    }
    let Ok(image) = Image::parse(path, bytes.to_vec()) else { return };
    run(&image);
    let mut template = Image::flat(path, vec![0x13; 64], Address(ENTRY), 0).expect("64 bytes fit");
    if template.take_symbols(path, bytes.to_vec()).is_ok() {
        run(&template);
    }
}

fn run(image: &Image) {
    // `cargo debug check` wants the symbols of what no machine can load, too.
    ask(image);
    let Ok(mut machine) = Embedded::load(image, &options()) else { return };
    past::is_repeated(&mut machine, INSTRUCTIONS);
    if let Ok(registers) = machine.registers() {
        image.backtrace(&registers, &mut |address, bytes| machine.peek(address, bytes));
    }
}

fn ask(image: &Image) {
    let _ = Layout::of(image, Names::default()).map_err(|error| error.to_string());
    let segments = image.segments().iter().flat_map(|segment| [segment.address, segment.address + segment.memory_size]);
    for address in segments.chain([image.entry(), Address(u64::MAX)]).take(64) {
        let _ = image.place(address).to_string();
        image.is_code(address);
    }
}
