//! The image of the real kernel, in both profiles: what its linker and compiler wrote is what `Image` says.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use debug::machine::Registers;
use debug::{Address, Image};
use proptest::prelude::*;

const BASE: u64 = 0x8020_0000;

/// The kernel, built once a profile and test run.
fn kernel(profile: &str) -> &'static Path {
    static BUILT: [OnceLock<PathBuf>; 2] = [OnceLock::new(), OnceLock::new()];
    let (slot, folder) = if profile == "dev" { (0, "debug") } else { (1, profile) };
    BUILT[slot].get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("image");
        let mut cargo = Command::new("timeout");
        cargo.args(["300", env!("CARGO"), "build", "--quiet", "--package", "kernel", "--profile", profile]);
        cargo.args(["--target", "riscv64gc-unknown-none-elf", "--target-dir"]).arg(&target);
        cargo.current_dir(Path::new(env!("HYPERVISOR_PROJECT")));
        assert!(cargo.status().is_ok_and(|status| status.success()), "the kernel does not build");
        target.join("riscv64gc-unknown-none-elf").join(folder).join("hypervisor")
    })
}

fn images() -> [Image; 2] {
    ["dev", "release"].map(|profile| Image::open(kernel(profile)).expect("the kernel is one"))
}

/// The demangled function's address and size.
fn function(image: &Image, name: &str) -> (Address, u64) {
    let is_meant = |address| image.function(address).is_some_and(|(found, offset)| found == name && offset == 0);
    let symbol = image.symbols().find(|symbol| is_meant(symbol.address)).expect("the kernel has this function");
    (symbol.address, symbol.size)
}

/// The number of the first line that contains `text`.
fn line_of(file: &str, text: &str) -> u32 {
    let source = std::fs::read_to_string(Path::new(env!("HYPERVISOR_PROJECT")).join(file)).expect("a source of ours");
    1 + source.lines().position(|line| line.contains(text)).expect("such a line") as u32
}

#[test]
fn the_entry_is_boot_at_the_base() {
    for image in images() {
        assert_eq!(image.entry(), Address(BASE));
        assert_eq!(image.symbol("boot").unwrap().address, Address(BASE));
        assert_eq!(image.function(Address(BASE)), Some(("boot".into(), 0)));
        assert!(image.place(Address(BASE + 8)).to_string().starts_with("0x80200008 <boot+0x8>"));
    }
}

/// `la` is two instructions.
#[test]
fn boots_instructions_have_their_lines() {
    let file = "kernel/src/main.rs";
    for image in images() {
        for (offset, text) in [(0, "la sp, __stack_top"), (4, "la sp, __stack_top"), (8, "j {main}")] {
            let line = image.line(Address(BASE + offset)).map(|line| line.to_string());
            assert_eq!(line, Some(format!("{file}:{}", line_of(file, text))), "boot+{offset}");
        }
        assert_ne!(image.line(Address(BASE + 12)), image.line(Address(BASE + 8)));
    }
}

#[test]
fn the_linker_scripts_symbols_lie_as_it_says() {
    for image in images() {
        let address = |name| image.symbol(name).unwrap().address.0;
        assert_eq!(address("__stack_top") - address("__stack_bottom"), 1024 * 1024);
        assert!(address("__bss") < address("__bss_end") && address("__bss_end") <= address("__stack_bottom"));
        assert_eq!(image.symbol_below(Address(address("__stack_top"))).unwrap().name, "__stack_bottom");
        assert_eq!(image.symbol("panic_record").unwrap().size, 4096);
        let end = image.segments().iter().map(|segment| segment.end()).max();
        assert!(end.is_some_and(|end| end.0 >= address("__stack_top")));
    }
}

#[test]
fn the_clear_is_walked_by_its_lines() {
    let file = "kernel/src/bss.rs";
    for image in images() {
        let (start, size) = function(&image, "hypervisor::bss::clear");
        let lines: Vec<_> = (0..size).step_by(2).filter_map(|offset| image.line(start + offset)).collect();
        assert!(lines.iter().all(|line| line.file == file), "{lines:?}");
        for text in ["asm!(\"sd zero", "address += size_of"] {
            assert!(lines.iter().any(|line| line.line == line_of(file, text)), "{text}: {lines:?}");
        }
    }
}

#[test]
fn the_clears_caller_is_found() {
    for image in images() {
        let (clear, _) = function(&image, "hypervisor::bss::clear");
        let (main, main_size) = function(&image, "hypervisor::main");
        let call = line_of("kernel/src/main.rs", "bss::clear();");
        let back = (0..main_size).step_by(2).map(|offset| main + offset).find(|address| {
            let line = |address| image.line(address).map(|line| line.line);
            line(*address - 1) == Some(call) && line(*address) != Some(call)
        });
        // As the hart stands after the call: ra in main, and main's own return address, the firmware's, on the stack.
        let sp = image.symbol("__stack_top").unwrap().address.0 - 16;
        let mut registers = Registers { pc: clear.0, ..Registers::default() };
        (registers.x[1], registers.x[2]) = (back.unwrap().0, sp);
        let places = image.backtrace(&registers, &mut |address, bytes| {
            bytes.copy_from_slice(&0x8000_0abc_u64.to_le_bytes());
            (sp..=sp + 8).contains(&address.0)
        });
        let names: Vec<_> = places.iter().map(|place| place.symbol.clone().unwrap().0).collect();
        assert_eq!(names, ["hypervisor::bss::clear", "hypervisor::main"]);
        assert_eq!(places[1].line.as_ref().unwrap().to_string(), format!("kernel/src/main.rs:{call}"));
    }
}

#[test]
fn cores_functions_have_lines_though_their_files_are_not_here() {
    let [dev, _] = images();
    let memset = dev.symbol("memset");
    let outside =
        dev.symbols().filter_map(|symbol| dev.line(symbol.address)).find(|line| line.file.contains("/core/src/"));
    assert!(memset.is_some() && outside.is_some(), "{outside:?}");
}

#[test]
fn a_stripped_copy_has_no_symbols() {
    // What `strip` leaves: the section table is gone, and with it the symbol table.
    let mut bytes = std::fs::read(kernel("release")).unwrap();
    bytes[0x28..0x30].fill(0);
    bytes[0x3c..0x40].fill(0);
    let image = Image::parse(Path::new("hypervisor"), bytes).unwrap();
    assert!(matches!(image.stripped(), Some(debug::image::Error::NoSymbols { .. })));
    assert_eq!((image.symbols().count(), image.entry()), (0, Address(BASE)));
}

/// Asks everything that reads symbols, lines or frames.
fn ask_everything(image: &Image) {
    let symbols: Vec<_> = image.symbols().take(100).collect();
    for symbol in &symbols {
        image.place(symbol.address + 2);
        let registers = Registers { x: [symbol.address.0; 32], pc: symbol.address.0 + 4 };
        image.backtrace(&registers, &mut |address, bytes| {
            bytes.copy_from_slice(&(address.0 ^ 0x10).to_le_bytes());
            true
        });
    }
    let _ = image.require("__bsss");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Most damage falls into the debug information, which is most of the file.
    #[test]
    fn a_damaged_kernel_is_an_image_or_an_error(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..100),
        kept in any::<prop::sample::Index>(),
        cut in proptest::bool::weighted(0.2),
    ) {
        let mut bytes = std::fs::read(kernel("release")).unwrap();
        for (index, byte) in changes {
            // The ELF header stays: its damage is tried elsewhere, and would hide all that follows.
            *index.get_mut(&mut bytes[64..]) = byte;
        }
        if cut {
            bytes.truncate(kept.index(bytes.len()));
        }
        if let Ok(image) = Image::parse(Path::new("hypervisor"), bytes) {
            ask_everything(&image);
        }
    }
}

/// Of an inline assembly's loop the compiler leaves some instructions without a line.
#[test]
fn each_instruction_of_a_function_with_lines_is_in_its_own_sources() {
    let image = Image::open(&testkit::kernels::build("endless-loop-in-clear")).unwrap();
    let clear = image.symbols().find(|symbol| debug::image::demangled(&symbol.name) == "variant::clear").unwrap();
    for offset in (0..clear.size).step_by(2) {
        let place = image.place(clear.address + offset);
        assert!(place.is_own(), "{place}");
    }
}
