//! Where in memory the things are that the checks look at: the image's symbols, by the names that its author gave them.
//!
//! It does not know machines.

use std::ops::Range;

use super::names::{self, Names, NotFound, Role, Spot};
use crate::image::{self, Image};
use crate::machine::Address;

/// Stands for the name of a stack that nothing names.
const UNKNOWN_TOP: &str = "the stack's end";
/// How large a stack is that begins at the nearest symbol below, at most, and one that no symbol is near, in bytes.
const LARGEST_GUESS: u64 = 4 << 20;
const SMALL_GUESS: u64 = 16 << 10;

/// How many bytes on either side of BSS are watched.
pub const GUARD_BYTES: u64 = 16;

/// What the places of a [`Layout`] are called in reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceNames {
    pub entry: String,
    pub stack_top: String,
    pub bss_start: String,
    pub bss_end: String,
}

/// Where a kernel's things are, by the addresses that it is linked for.
#[derive(Clone, Debug)]
pub struct Layout {
    pub names: PlaceNames,
    pub entry: Address,
    /// Of no bytes until [`Layout::guess_stack`] where nothing names it.
    pub stack: Range<Address>,
    /// What the lowest byte of the stack is called.
    pub stack_bottom_name: String,
    /// The object that the stack is a part of, such as an array of stacks with one for each hart; else the stack itself.
    pub stacks: Range<Address>,
    pub bss: Range<Address>,
    /// What the file has bytes for: BSS that lies there is loaded, as zeros, and needs no clear.
    pub loaded: Vec<Range<Address>>,
    /// What was not named by anybody, in sentences for the report.
    pub guesses: Vec<String>,
}

/// Bytes next to BSS that a clear must not touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    pub range: Range<Address>,
    /// Something is there: it must not be overwritten, and the kernel may write it.
    pub owned: bool,
}

impl Layout {
    /// Finds what `names` says, and the rest by what the image tells; [`Layout::needs_stack`] says whether that is all.
    ///
    /// # Errors
    /// [`image::Error::MissingSymbol`] with near names, and which name it was.
    pub fn of(image: &Image, names: Names) -> Result<Layout, NotFound> {
        let mut guesses = Vec::new();
        let located = |text: &Option<String>, role| {
            let spot = text.as_ref().map(|text| names::locate(image, text, role)).transpose();
            spot.map_err(|source| NotFound { role, source })
        };
        let entry = match located(&names.entry, Role::Entry)? {
            Some(spot) => spot,
            None => entry(image),
        };
        let (bss_start, bss_end) =
            match (located(&names.bss_start, Role::BssStart)?, located(&names.bss_end, Role::BssEnd)?) {
                (Some(start), Some(end)) => (start, end),
                (start, end) => {
                    let known = names::known_bss(image, start.as_ref().map(|start| &*start.name));
                    let (known_start, known_end) = known.unwrap_or_else(|| bss_section(image, &mut guesses));
                    (start.unwrap_or(known_start), end.unwrap_or(known_end))
                }
            };
        let top = located(&names.stack_top, Role::StackTop)?.or_else(|| names::known_stack_top(image));
        let bottom = match (located(&names.stack_bottom, Role::StackBottom)?, &top) {
            (Some(bottom), _) => Some(bottom),
            (None, Some(top)) => names::stack_bottom(image, top),
            (None, None) => None,
        };
        let top = top.unwrap_or_else(|| Spot { address: Address(0), name: UNKNOWN_TOP.into() });
        let bottom = bottom.unwrap_or_else(|| top.clone());
        Ok(Layout {
            entry: entry.address,
            stacks: object_around(image, bottom.address..top.address),
            stack: bottom.address..top.address,
            stack_bottom_name: bottom.name,
            bss: bss_start.address..bss_end.address,
            loaded: loaded(image).collect(),
            names: PlaceNames {
                entry: entry.name,
                stack_top: top.name,
                bss_start: bss_start.name,
                bss_end: bss_end.name,
            },
            guesses,
        })
    }

    /// Whether nothing names the stack: [`Layout::guess_stack`] is to be told where sp points when it is first used.
    pub fn needs_stack(&self) -> bool {
        self.names.stack_top == UNKNOWN_TOP
    }

    /// Takes the stack from where sp points when it is first used: up to there, from the symbol that begins it.
    pub fn guess_stack(&mut self, image: &Image, sp: Address) {
        let sp = image.linked(sp);
        let symbol = |address| image.symbols().find(|symbol| symbol.address == address).map(|symbol| symbol.name);
        let place = image.place(sp - 1);
        let end = |(name, offset)| format!("{name}+{:#x}", offset + 1);
        let name = symbol(sp).or_else(|| place.symbol.map(end)).unwrap_or_else(|| sp.to_string());
        let top = Spot { address: sp, name: name.clone() };
        // The nearest symbol may be that of something else: a stack that nobody named may begin anywhere.
        let bottom = names::stack_bottom(image, &top).filter(|bottom| sp.0 - bottom.address.0 <= LARGEST_GUESS);
        let bottom =
            bottom.unwrap_or_else(|| Spot { address: sp - SMALL_GUESS, name: format!("{name}-{SMALL_GUESS:#x}") });
        self.guesses.push(format!(
            "the stack is taken to be {} to {name}, where sp points when it is first used (--stack-top, --stack-bottom)",
            bottom.name
        ));
        self.stack = bottom.address..sp;
        self.stacks = object_around(image, self.stack.clone());
        self.stack_bottom_name = bottom.name;
        self.names.stack_top = name;
    }

    /// The parts of BSS that the clear has to reach: all of it but for stacks that lie inside, and for what is in the file.
    ///
    /// A kernel that cleared the stack it stands on would lose its return address.
    pub fn bss_to_clear(&self) -> Vec<Range<Address>> {
        let without = |parts: Vec<Range<Address>>, hole: &Range<Address>| {
            let both =
                |part: Range<Address>| [part.start..hole.start.min(part.end), hole.end.max(part.start)..part.end];
            let apart = |part: Range<Address>| if overlap(&part, hole) { both(part).to_vec() } else { vec![part] };
            parts.into_iter().flat_map(apart).filter(|part| part.start < part.end).collect()
        };
        let bss = vec![self.bss.clone()].into_iter().filter(|bss| bss.start < bss.end).collect();
        self.loaded.iter().chain([&self.stacks]).fold(bss, without)
    }

    /// The bytes on both sides of BSS, but for the top of a stack, which is in use.
    pub fn guards(&self, image: &Image) -> Vec<Guard> {
        let in_use = self.stack.start + bytes(&self.stack) / 2..self.stack.end;
        [self.bss.start - GUARD_BYTES..self.bss.start, self.bss.end..self.bss.end + GUARD_BYTES]
            .into_iter()
            .filter(|range| !overlap(range, &in_use))
            .map(|range| Guard { owned: is_owned(image, &range), range })
            .collect()
    }
}

/// The object with a size that the range lies in; the range itself where there is none.
fn object_around(image: &Image, range: Range<Address>) -> Range<Address> {
    let holds = |symbol: &image::Symbol| {
        symbol.address <= range.start
            && symbol.address < range.end
            && range.end.0 - symbol.address.0 <= symbol.size
            && range.start < range.end
    };
    let object = image.symbols().find(holds);
    object.map_or(range.clone(), |symbol| symbol.address..symbol.address + symbol.size)
}

/// The symbol at the ELF's entry point; where there is no code, that at the lowest address, as the firmware jumps there.
fn entry(image: &Image) -> Spot {
    let lowest = image.segments().iter().map(|segment| segment.physical).min().unwrap_or_default();
    let address = if image.is_code(image.entry()) || image.stripped().is_some() { image.entry() } else { lowest };
    let address = image.linked(address);
    let name = image.function(address).filter(|(_, offset)| *offset == 0).map(|(name, _)| name);
    Spot { address, name: name.unwrap_or_else(|| address.to_string()) }
}

/// BSS by the linker's section of that name, or by what else starts as zero and is no stack.
fn bss_section(image: &Image, guesses: &mut Vec<String>) -> (Spot, Spot) {
    let is_stack = |name: &str| name.to_lowercase().contains("stack");
    let zeroed = image.zeroed();
    let found = zeroed.iter().find(|(name, _)| name == ".bss");
    let found = found.or_else(|| zeroed.iter().find(|(name, _)| !is_stack(name)));
    let Some((name, range)) = found else {
        let end = image.segments().iter().map(image::Segment::end).max().unwrap_or_default();
        let spot = Spot { address: end, name: "the image's end".into() };
        return (spot.clone(), spot);
    };
    guesses.push(format!("BSS is taken to be {name}, as no symbols bound it (--bss-start, --bss-end)"));
    let bound = |address, which| Spot { address, name: format!("{which} of {name}") };
    (bound(range.start, "the start"), bound(range.end, "the end"))
}

fn loaded(image: &Image) -> impl Iterator<Item = Range<Address>> + '_ {
    image.segments().iter().map(|segment| segment.address..segment.address + segment.file.len() as u64)
}

/// Whether the image's file has bytes for a part of `range`, or a symbol with a size names it.
fn is_owned(image: &Image, range: &Range<Address>) -> bool {
    loaded(image).any(|loaded| overlap(range, &loaded))
        || image.symbols().any(|symbol| overlap(range, &(symbol.address..symbol.address + symbol.size)))
}

/// Whether the two have a byte in common.
pub fn overlap(one: &Range<Address>, other: &Range<Address>) -> bool {
    one.start < other.end && other.start < one.end
}

/// How many there are; 0 for a range that runs backwards.
pub fn bytes(range: &Range<Address>) -> u64 {
    range.end.0.saturating_sub(range.start.0)
}
