//! Finds the entry, the BSS and the stack of a kernel by the names of its symbols.
//!
//! It does not know machines.

use std::ops::Range;

use super::machine_mode;
use super::names::{self, Names, NotFound, Role, Spot};
use crate::image::{self, Image};
use crate::machine::Address;
use crate::riscv::board;
use crate::setting::Setting;

/// Stands for the name of a stack that has no symbol.
const UNKNOWN_TOP: &str = "the stack's end";
/// The largest size in bytes of a stack that starts at the nearest symbol below. If no symbol is near: the size within the image, and the
/// largest size in free memory.
const LARGEST_GUESS: u64 = 4 << 20;
const SMALL_GUESS: u64 = 16 << 10;
const FREE_GUESS: u64 = 1 << 20;

/// How many bytes on each side of BSS are watched.
pub const GUARD_BYTES: u64 = 16;

/// The names of the places of a [`Layout`] in reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceNames {
    /// The name of the entry.
    pub entry: String,
    /// The name of the stack's end.
    pub stack_top: String,
    /// The name of the start of BSS.
    pub bss_start: String,
    /// The name of the end of BSS.
    pub bss_end: String,
}

/// Where a kernel's entry, BSS and stack are, by linked addresses.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The names for reports.
    pub names: PlaceNames,
    /// The kernel's first instruction.
    pub entry: Address,
    /// Empty until [`Layout::guess_stack`] if no symbol names it.
    pub stack: Range<Address>,
    /// The name of the stack's lowest byte.
    pub stack_bottom_name: String,
    /// The object that contains the stack, such as an array with a stack for each hart; otherwise the stack itself.
    pub stacks: Range<Address>,
    /// BSS, including parts that need no clear.
    pub bss: Range<Address>,
    /// The ranges that the file has bytes for. BSS in such a range is loaded as zeros and needs no clear.
    pub loaded: Vec<Range<Address>>,
    /// What was guessed because no symbol names it, in sentences for the report.
    pub guesses: Vec<String>,
    /// The machine's RAM, physically.
    pub ram: Range<Address>,
}

/// Bytes next to BSS that a clear must not touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    pub range: Range<Address>,
    /// An object is there. The clear must not touch it, but the kernel may write it.
    pub owned: bool,
}

impl Layout {
    /// Finds the places that `names` gives, and the others by known names. [`Layout::needs_stack`] says whether the stack is missing.
    ///
    /// # Errors
    /// [`image::Error::MissingSymbol`] with similar names, and the role of the missing name.
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
        let mut loaded: Vec<Range<Address>> = loaded(image).collect();
        if !guesses.is_empty() && machine_mode::starts_there(image, entry.address) && !image.is_flat() {
            // Without a firmware whoever loads the file is the loader that the ELF format promises zeros of, and a kernel without
            // such symbols (xv6) has nothing to clear BSS by.
            guesses.push("no symbols mark BSS, so it is loaded as zeros; a flat image would have to clear it".into());
            loaded.push(bss_start.address..bss_end.address);
        }
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
            loaded,
            names: PlaceNames {
                entry: entry.name,
                stack_top: top.name,
                bss_start: bss_start.name,
                bss_end: bss_end.name,
            },
            guesses,
            ram: board::DEFAULT_RAM,
        })
    }

    /// The same on a machine with so much RAM, in MiB.
    pub fn in_memory(mut self, mebibytes: u64) -> Layout {
        self.ram.end = Address(self.ram.start.0.saturating_add(mebibytes.saturating_mul(1 << 20)));
        self
    }

    /// Whether no symbol names the stack. Then call [`Layout::guess_stack`] with sp at its first use.
    pub fn needs_stack(&self) -> bool {
        self.names.stack_top == UNKNOWN_TOP
    }

    /// Sets the stack from sp at its first use: it ends there, and starts at the nearest symbol below.
    pub fn guess_stack(&mut self, image: &Image, sp: Address) {
        let sp = image.linked(sp);
        if let Some(stack) = stack_above(image, sp) {
            self.guesses.push(format!(
                "the stack is assumed to be {}, at whose low end sp points when it is first used ({}, {})",
                stack.name,
                Setting::StackTop,
                Setting::StackBottom
            ));
            self.stack = sp..sp + stack.size;
            self.stacks = self.stack.clone();
            self.names.stack_top = format!("{}+{:#x}", stack.name, stack.size);
            self.stack_bottom_name = stack.name;
            return;
        }
        let symbol = |address| image.symbols().find(|symbol| symbol.address == address).map(|symbol| symbol.name);
        let place = image.place(sp - 1);
        let end = |(name, offset)| format!("{name}+{:#x}", offset + 1);
        let array = array_before(image, sp).map(|array| format!("{}+{:#x}", array.name, array.size));
        let name = array.or_else(|| symbol(sp)).or_else(|| place.symbol.map(end)).unwrap_or_else(|| sp.to_string());
        let top = Spot { address: sp, name: name.clone() };
        // The nearest symbol may belong to another object: a stack without a name may start anywhere.
        let bottom = names::stack_bottom(image, &top).filter(|bottom| sp.0 - bottom.address.0 <= LARGEST_GUESS);
        let bottom = bottom.unwrap_or_else(|| {
            let size = free_below(image, sp).unwrap_or(SMALL_GUESS);
            Spot { address: sp - size, name: format!("{name}-{size:#x}") }
        });
        self.guesses.push(format!(
            "the stack is assumed to be {} to {name}, where sp points when it is first used ({}, {})",
            bottom.name,
            Setting::StackTop,
            Setting::StackBottom
        ));
        self.stack = bottom.address..sp;
        self.stacks = object_around(image, self.stack.clone());
        self.stack_bottom_name = bottom.name;
        self.names.stack_top = name;
    }

    /// The parts of BSS that must be cleared: all except stacks inside it, and except the bytes that are in the file.
    ///
    /// A kernel that cleared its own stack would lose its return address.
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

    /// The bytes on both sides of BSS, except the top of a stack, which is in use.
    pub fn guards(&self, image: &Image) -> Vec<Guard> {
        let in_use = self.stack.start + bytes(&self.stack) / 2..self.stack.end;
        [self.bss.start - GUARD_BYTES..self.bss.start, self.bss.end..self.bss.end + GUARD_BYTES]
            .into_iter()
            .filter(|range| !overlap(range, &in_use))
            .map(|range| Guard { owned: is_owned(image, &range), range })
            .collect()
    }
}

/// The sized object that contains the range, or else the range itself.
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

/// The object that ends where sp points first, if it is large enough for a stack, and no symbol there has a stack's name.
fn array_before(image: &Image, sp: Address) -> Option<image::Symbol> {
    const SMALLEST: u64 = 4096;
    if image.symbols().any(|symbol| symbol.address == sp && image::is_stack_name(&symbol.name)) {
        return None;
    }
    image.symbols().find(|symbol| symbol.size >= SMALLEST && symbol.address + symbol.size == sp)
}

/// The stack, by its name, that begins where sp points first, if no other one ends there.
fn stack_above(image: &Image, sp: Address) -> Option<image::Symbol> {
    /// What is smaller is a mark at the end of a stack.
    const SMALLEST: u64 = 512;
    let is_stack = |symbol: &image::Symbol| image::is_stack_name(&symbol.name) && symbol.size >= SMALLEST;
    if image.symbols().any(|symbol| is_stack(&symbol) && symbol.address + symbol.size == sp) {
        return None;
    }
    image.symbols().find(|symbol| is_stack(symbol) && symbol.address == sp)
}

/// How much memory below sp belongs to nobody, if sp is outside of the image: a stack there may use all of it.
fn free_below(image: &Image, sp: Address) -> Option<u64> {
    let segments = image.segments();
    if segments.iter().any(|segment| segment.contains(sp - 1)) {
        return None;
    }
    let firmware = [Address(board::FIRMWARE_END), Address(board::RAM_BASE)];
    let ends = segments.iter().map(image::Segment::end).chain(firmware);
    let below = ends.filter(|end| *end < sp).max().map_or(SMALL_GUESS, |end| sp.0 - end.0);
    Some(below.min(FREE_GUESS))
}

/// The symbol at the ELF's entry point. If there is no code, the symbol at the lowest address, where the firmware jumps.
fn entry(image: &Image) -> Spot {
    let lowest = image.segments().iter().map(|segment| segment.physical).min().unwrap_or_default();
    let address = if image.is_code(image.entry()) || image.stripped().is_some() { image.entry() } else { lowest };
    let address = image.linked(address);
    let name = image.function(address).filter(|(_, offset)| *offset == 0).map(|(name, _)| name);
    Spot { address, name: name.unwrap_or_else(|| address.to_string()) }
}

/// BSS by the section .bss, or by other memory that starts as zero and is not a stack.
fn bss_section(image: &Image, guesses: &mut Vec<String>) -> (Spot, Spot) {
    let is_stack = |name: &str| name.to_lowercase().contains("stack");
    let zeroed = image.zeroed();
    let (start, end) = (Setting::BssStart, Setting::BssEnd);
    let found = zeroed.iter().find(|(name, _)| name == ".bss");
    let found = found.or_else(|| zeroed.iter().find(|(name, _)| !is_stack(name)));
    let Some((name, range)) = found else {
        if image.is_flat() && image.stripped().is_some() {
            guesses.push(format!(
                "a flat image does not tell where its BSS is, so its clear is not judged ({}, {start}, {end})",
                Setting::Symbols
            ));
        }
        let end = image.segments().iter().map(image::Segment::end).max().unwrap_or_default();
        let spot = Spot { address: end, name: "the image's end".into() };
        return (spot.clone(), spot);
    };
    guesses.push(format!("BSS is assumed to be {name}, because no symbols mark its bounds ({start}, {end})"));
    let bound = |address, which| Spot { address, name: format!("{which} of {name}") };
    (bound(range.start, "the start"), bound(range.end, "the end"))
}

fn loaded(image: &Image) -> impl Iterator<Item = Range<Address>> + '_ {
    image.segments().iter().map(|segment| segment.address..segment.address + segment.file.len() as u64)
}

/// Whether the file has bytes for a part of `range`, or a sized symbol names it.
fn is_owned(image: &Image, range: &Range<Address>) -> bool {
    loaded(image).any(|loaded| overlap(range, &loaded))
        || image.symbols().any(|symbol| overlap(range, &(symbol.address..symbol.address + symbol.size)))
}

/// Whether the two have a byte in common.
pub fn overlap(one: &Range<Address>, other: &Range<Address>) -> bool {
    one.start < other.end && other.start < one.end
}

/// The number of bytes; 0 for a range whose end is below its start.
pub fn bytes(range: &Range<Address>) -> u64 {
    range.end.0.saturating_sub(range.start.0)
}
