//! Finds zero-initialised objects outside of [`__bss`, `__bss_end`), such as .sbss or .bss.name, by the linker's sections. It does
//! not judge.

use std::ops::Range;

use crate::checks::boot_run::layout::{Layout, bytes, overlap};
use crate::image::{Image, is_stack_name};
use crate::machine::Address;

/// How many bytes of each object are poisoned. The first bytes are enough.
const LOOKED_AT: u64 = 64 << 10;

/// An object that the BSS clear does not reach. The kernel may clear it separately.
#[derive(Clone, Debug)]
pub struct Outside {
    pub name: String,
    pub section: String,
    /// Its poisoned part.
    pub range: Range<Address>,
    pub size: u64,
    /// The compiler guarantees zero. Otherwise the variable must only be written before it is read.
    pub promised: bool,
}

/// The objects in sections without bytes in the file, except stacks and memory that must keep its content.
pub fn objects(image: &Image, layout: &Layout) -> Vec<Outside> {
    let kept = |name: &str| ["noinit", "uninit", "persist", "heap"].iter().any(|word| name.contains(word));
    let sections: Vec<_> = image.zeroed().into_iter().filter(|(name, _)| !is_stack_name(name) && !kept(name)).collect();
    let within = |symbol: Range<Address>| {
        sections.iter().find(|(_, range)| range.start <= symbol.start && symbol.end <= range.end)
    };
    let symbols = image.symbols().filter(|symbol| symbol.size > 0 && !is_stack_name(&symbol.name));
    symbols
        .filter_map(|symbol| {
            let whole = symbol.address..symbol.address + symbol.size;
            let (section, _) = within(whole.clone())?;
            if overlap(&whole, &layout.bss) || overlap(&whole, &layout.stack) {
                return None;
            }
            let promised = [".bss", ".sbss", ".lbss", ".common", ".scommon", "COMMON"];
            Some(Outside {
                name: symbol.name,
                section: section.clone(),
                range: whole.start..whole.start + bytes(&whole).min(LOOKED_AT),
                size: symbol.size,
                promised: promised.iter().any(|prefix| section.starts_with(prefix)),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::checks::Names;
    use crate::image::fixture::{BASE, Elf, OBJECT, Section, section};

    const AT: u64 = BASE + 0x10_0000;

    /// What lies outside in an image with one section more, and one object of this size at its beginning.
    fn outside(section_name: &'static str, object: &'static str, size: u64) -> Vec<Outside> {
        const NOBITS: u32 = 8;
        const WRITE_ALLOC: u64 = 3;
        let mut elf = Elf::default();
        elf.sections.push(Section { flags: WRITE_ALLOC, size, ..section(section_name, NOBITS, AT, vec![]) });
        elf.symbols.push((object, AT, size, OBJECT, Some(section_name)));
        let image = Image::parse(Path::new("kernel"), elf.bytes()).unwrap();
        objects(&image, &Layout::of(&image, Names::default()).unwrap())
    }

    #[test]
    fn an_object_of_another_zeroed_section_is_found() {
        let found = outside(".sbss", "small", 8);
        let [small] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&*small.name, &*small.section, small.size, small.promised), ("small", ".sbss", 8, true));
        assert_eq!(small.range, Address(AT)..Address(AT + 8));
        assert!(!outside(".pool", "pool", 8)[0].promised, "nobody promised that it is zero");
    }

    #[test]
    fn stacks_and_what_is_meant_to_keep_its_content_are_left_out() {
        for (section, object) in
            [(".noinit", "kept"), (".bss.stack", "boot"), (".sbss", "trap_stack"), (".heap", "pool")]
        {
            assert!(outside(section, object, 8).is_empty(), "{section} {object}");
        }
    }

    #[test]
    fn of_a_large_object_the_beginning_tells() {
        let found = outside(".bss.pool", "pool", 1 << 20);
        assert_eq!((bytes(&found[0].range), found[0].size), (LOOKED_AT, 1 << 20));
    }
}
