//! Objects that start as zero and lie outside of what a boot clears: by the linker's sections, .sbss or .bss.name beside
//! [`__bss`, `__bss_end`). It does not judge.

use std::ops::Range;

use crate::checks::boot_run::layout::{Layout, bytes, overlap};
use crate::image::{Image, is_stack_name};
use crate::machine::Address;

/// Of a larger object the first bytes tell for all of it.
const LOOKED_AT: u64 = 64 << 10;

/// An object that nobody clears, unless somebody does it apart from BSS.
#[derive(Clone, Debug)]
pub struct Outside {
    pub name: String,
    pub section: String,
    /// What is poisoned of it.
    pub range: Range<Address>,
    pub size: u64,
    /// A variable that the compiler promised to be zero; otherwise it must not be read before it was written.
    pub promised: bool,
}

/// The objects of the sections that are not in the file, but for stacks, and for memory that is meant to keep what it held.
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
