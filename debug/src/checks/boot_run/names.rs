//! Finds BSS and the stack by the names that kernels use, or by what a person gives: SYMBOL, SYMBOL+OFFSET or an address. It
//! does not judge.

use crate::image::{self, Image};
use crate::machine::Address;

/// Where a kernel's entry, stack and BSS are. Each is a symbol, a symbol with an offset (`stack0+0x1000`), or an address. The
/// others (`None`) are found by the names that kernels use, by sections, and by what the kernel does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The first instruction.
    pub entry: Option<String>,
    /// The end of the stack, exclusive: where sp starts.
    pub stack_top: Option<String>,
    /// The lowest byte of the stack.
    pub stack_bottom: Option<String>,
    /// The first byte of BSS.
    pub bss_start: Option<String>,
    /// Exclusive.
    pub bss_end: Option<String>,
}

/// An address and its name in reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    pub address: Address,
    pub name: String,
}

/// The bounds of BSS in kernels and in books, this project's first. Names that may also mark other bounds come last.
const BSS: [(&str, &str); 15] = [
    ("__bss", "__bss_end"),
    ("__bss_start", "__bss_end"),
    ("__bss_start", "__bss_stop"),
    ("__bss_start__", "__bss_end__"),
    ("_bss_start", "_bss_end"),
    ("bss_start", "bss_end"),
    ("sbss", "ebss"),
    ("_sbss", "_ebss"),
    ("__sbss", "__ebss"),
    ("s_bss", "e_bss"),
    ("_bss", "_ebss"),
    ("__bss_begin", "__bss_end"),
    ("__bss_start", "_end"),
    ("_bss_start", "_end"),
    ("__bss_start", "end"),
];

/// Names of the stack's end, without underscores and in lower case.
const STACK_TOPS: [&str; 7] =
    ["stacktop", "bootstacktop", "kernelstacktop", "initstacktop", "kstacktop", "bootstackend", "estack"];

/// The names of the lowest byte if the end is called `…top`.
const BOTTOMS: [&str; 6] = ["bottom", "lower_bound", "base", "start", "limit", "bottom_addr"];

/// The role of a name in [`Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The entry.
    Entry,
    /// The stack's end.
    StackTop,
    /// The stack's lowest byte.
    StackBottom,
    /// The start of BSS.
    BssStart,
    /// The end of BSS.
    BssEnd,
}

/// A place that the image does not have.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct NotFound {
    /// The role of the missing name.
    pub role: Role,
    /// Why it was not found.
    pub source: image::Error,
}

/// Finds the address of `text`, which a person gave for a role.
///
/// # Errors
/// [`image::Error::MissingSymbol`] with similar names; [`image::Error::NoSymbols`] if the kernel is stripped.
pub fn locate(image: &Image, text: &str, role: Role) -> Result<Spot, image::Error> {
    let require = |name| if role == Role::Entry { image.require_entry(name) } else { image.require(name) };
    let spot = |address| Ok(Spot { address, name: text.to_owned() });
    if let Some(symbol) = image.symbol(text) {
        return spot(symbol.address);
    }
    if let Some(address) = number(text) {
        return spot(Address(address));
    }
    let parts = text.rsplit_once('+').map(|parts| (parts, true));
    let parts = parts.or_else(|| text.rsplit_once('-').map(|parts| (parts, false)));
    if let Some(((name, offset), up)) = parts
        && let Some(offset) = number(offset.trim())
    {
        let address = require(name.trim())?.address;
        return spot(if up { address + offset } else { address - offset });
    }
    require(text).and_then(|symbol| spot(symbol.address))
}

/// In decimal, or in hexadecimal after `0x`.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(&digits.replace('_', ""), 16).ok(),
        None => text.parse().ok(),
    }
}

/// The bounds of BSS by a known pair of names; `start` if it is known already.
pub fn known_bss(image: &Image, start: Option<&str>) -> Option<(Spot, Spot)> {
    let mut pairs = BSS.iter().filter(|(name, _)| start.is_none_or(|start| start == *name));
    pairs.find_map(|(start, end)| Some((known(image, start)?, known(image, end)?)))
}

/// Whether two of these names bound BSS in a known way.
pub fn knows_bss(names: &[&str]) -> bool {
    BSS.iter().any(|(start, end)| names.contains(start) && names.contains(end))
}

/// Whether one of these names is a known one of the stack's end.
pub fn knows_stack_top(names: &[&str]) -> bool {
    names.iter().any(|name| STACK_TOPS.contains(&&*plain(name)))
}

fn plain(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// The stack's end by the first known name.
pub fn known_stack_top(image: &Image) -> Option<Spot> {
    let rank = |name: &str| STACK_TOPS.iter().position(|known| *known == plain(name));
    let found = image.symbols().filter_map(|symbol| Some((rank(&symbol.name)?, symbol)));
    let best = found.min_by_key(|(rank, symbol)| (*rank, symbol.name != "__stack_top"))?.1;
    Some(Spot { address: best.address, name: best.name })
}

/// The stack's lowest byte by the symbols around its end: the symbol that pairs with the end's name, the object that ends there
/// or contains it, or else the next symbol below.
pub fn stack_bottom(image: &Image, top: &Spot) -> Option<Spot> {
    let below = |spot: &Spot| spot.address < top.address;
    // __stack_bottom is the bottom even if the linker script swaps the two.
    if top.name == "__stack_top"
        && let Some(bottom) = known(image, "__stack_bottom")
    {
        return Some(bottom);
    }
    let stem = top.name.strip_suffix("top").unwrap_or(&top.name);
    let partners =
        BOTTOMS.iter().map(|bottom| format!("{stem}{bottom}")).chain([stem.trim_end_matches('_').to_owned()]);
    let partner = partners.filter(|name| !name.is_empty()).find_map(|name| known(image, &name).filter(below));
    partner.or_else(|| object_around(image, top.address)).or_else(|| {
        let symbol = image.symbol_below(top.address)?;
        Some(Spot { address: symbol.address, name: symbol.name })
    })
}

/// The start of the sized object that contains the byte below `end`.
fn object_around(image: &Image, end: Address) -> Option<Spot> {
    let below = image.symbols().rev().skip_while(|symbol| symbol.address >= end);
    let mut around = below.filter(|symbol| end.0 - symbol.address.0 <= symbol.size);
    around.next().map(|symbol| Spot { address: symbol.address, name: symbol.name })
}

fn known(image: &Image, name: &str) -> Option<Spot> {
    image.symbol(name).map(|symbol| Spot { address: symbol.address, name: symbol.name })
}
