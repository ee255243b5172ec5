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
