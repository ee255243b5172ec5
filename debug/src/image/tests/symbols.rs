//! The names of addresses: which symbol counts, and how far it reaches.

use super::*;

#[test]
fn symbols_are_those_that_people_gave_by_address() {
    let names: Vec<String> = image(Elf::default()).symbols().map(|symbol| symbol.name).collect();
    let main = "_ZN6kernel4main17h0123456789abcdefE";
    assert_eq!(names, ["boot", main, "memset", "__bss", "panic_record", "__bss_end", "__stack_top"]);
}

#[test]
fn a_symbol_is_found_by_its_whole_name() {
    let image = image(Elf::default());
    let record = Symbol { name: "panic_record".into(), address: Address(BASE + 0x1000), size: 0x800 };
    assert_eq!(image.symbol("panic_record"), Some(record));
    assert_eq!(image.symbol("__stack_top").unwrap().address, Address(BASE + 0x4000));
    assert_eq!(image.symbol("panic"), None);
    assert_eq!(image.symbol("panic_record_"), None);
    assert_eq!(image.symbol(""), None);
}

#[test]
fn a_global_symbol_comes_before_a_local_one_of_its_name() {
    let mut elf = Elf::default();
    elf.symbols.insert(0, ("start", BASE + 0x20, 0, fixture::LOCAL_NOTYPE, Some(".text")));
    elf.symbols.push(("start", BASE + 0x30, 0, NOTYPE, Some(".text")));
    assert_eq!(image(elf).symbol("start").unwrap().address, Address(BASE + 0x30));
}

#[test]
fn a_missing_symbol_is_answered_with_near_names() {
    let image = image(Elf::default());
    let error = image.require("__bss_start").unwrap_err().to_string();
    assert_eq!(error, "kernel.elf has no symbol __bss_start (near names: __bss_end, __bss)");
    let error = image.require_entry("_start").unwrap_err().to_string();
    assert_eq!(error, "kernel.elf has no symbol _start (near names: boot)");
    let error = image.require("quux").unwrap_err().to_string();
    assert!(error.contains("no symbol quux, nor any of a similar name"), "{error}");
}

#[test]
fn the_symbol_below_an_address_is_strictly_below_it() {
    let image = image(Elf::default());
    let below = |offset| image.symbol_below(Address(BASE + offset)).map(|symbol| symbol.name);
    assert_eq!(below(0), None);
    assert_eq!(below(1).as_deref(), Some("boot"));
    assert_eq!(below(0x4000).as_deref(), Some("__bss_end"));
    assert_eq!(below(0x1000).as_deref(), Some("memset"));
}

#[test]
fn of_two_symbols_at_one_address_the_one_whose_section_is_there_counts() {
    let mut elf = Elf::default();
    elf.sections.push(fixture::Section {
        flags: 3,
        size: 0x1000,
        ..fixture::section(".stack", 8, BASE + 0x2000, vec![])
    });
    elf.symbols.insert(0, ("__stack_bottom", BASE + 0x2000, 0, NOTYPE, Some(".stack")));
    let image = image(elf);
    assert_eq!(image.symbol_below(Address(BASE + 0x3000)).unwrap().name, "__stack_bottom");
    assert_eq!(image.place(Address(BASE + 0x2010)).to_string(), "0x80202010 <__stack_bottom+0x10>");
}

#[test]
fn a_function_is_the_one_around_the_address() {
    let image = image(Elf::default());
    let function = |offset: u64| image.function(Address(BASE + offset));
    let named = |name: &str, offset| Some((name.to_owned(), offset));
    assert_eq!(function(0), named("boot", 0));
    assert_eq!(function(8), named("boot", 8));
    assert_eq!(function(0x10), named("kernel::main", 0));
    assert_eq!(function(0x2f), named("kernel::main", 0x1f));
    assert_eq!(function(0x44), named("memset", 4));
    assert_eq!(function(0xff), named("memset", 0xbf));
}

#[test]
fn no_function_lies_outside_of_code() {
    let image = image(Elf::default());
    for offset in [0x100, 0x1000, 0x5000] {
        assert_eq!(image.function(Address(BASE + offset)), None, "{offset:#x}");
    }
    assert_eq!(image.function(Address(0)), None);
    assert_eq!(image.function(Address(u64::MAX)), None);
}

#[test]
fn a_constant_of_the_linker_script_names_no_code() {
    let symbols = vec![("PAGE_SIZE", 0x1000, 0, NOTYPE, None), ("late", BASE + 0x10, 0, NOTYPE, Some(".text"))];
    let image = image(Elf { symbols, ..Elf::default() });
    assert_eq!(image.function(Address(BASE)), None);
    assert_eq!(image.function(Address(BASE + 0x11)), Some(("late".into(), 1)));
}

#[test]
fn a_function_is_not_named_beyond_its_end() {
    let symbols = vec![("main", BASE, 0x10, fixture::FUNC, Some(".text"))];
    let image = image(Elf { symbols, ..Elf::default() });
    assert_eq!(image.function(Address(BASE + 0xf)), Some(("main".into(), 0xf)));
    assert_eq!(image.function(Address(BASE + 0x10)), None);
}

/// A linker that was given nothing for .bss still writes the section, and its bounds.
#[test]
fn symbols_of_an_empty_section_are_symbols() {
    let mut elf = Elf::default();
    elf.sections[1].size = 0;
    let image = image(elf);
    assert_eq!(image.symbol("__bss").map(|symbol| symbol.address), Some(Address(BASE + 0x1000)));
}

#[test]
fn a_function_that_covers_the_address_comes_before_a_label_within_it() {
    let mut elf = Elf::default();
    elf.symbols.push(("within", BASE + 0x18, 0, NOTYPE, Some(".text")));
    assert_eq!(image(elf).function(Address(BASE + 0x1c)), Some(("kernel::main".into(), 0xc)));
}

#[test]
fn a_function_comes_before_the_linker_scripts_name_for_the_same_address() {
    let mut elf = Elf::default();
    elf.symbols[0] = ("_start", BASE, 0, NOTYPE, Some(".text"));
    for alias in ["stext", "skernel", "__kernel_start", "_image_begin"] {
        elf.symbols.push((alias, BASE, 0, NOTYPE, Some(".text")));
    }
    assert_eq!(image(elf).function(Address(BASE)), Some(("_start".into(), 0)));
}

#[test]
fn a_place_in_data_names_the_object() {
    let image = image(Elf::default());
    assert_eq!(image.place(Address(BASE + 0x1008)).to_string(), "0x80201008 <panic_record+0x8>");
    assert_eq!(image.place(Address(BASE + 0x1900)).to_string(), "0x80201900", "the record ends at 0x800");
    assert_eq!(image.place(Address(BASE + 0x9000)).to_string(), "0x80209000");
}
