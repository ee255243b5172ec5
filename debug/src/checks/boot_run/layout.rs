//! Where in memory the things are that the checks look at: the image's symbols, by the names that its author gave them.
//!
//! It does not know machines.

use std::ops::Range;

use crate::image::{self, Image};
use crate::machine::Address;

/// How many bytes on either side of BSS are watched.
pub const GUARD_BYTES: u64 = 16;

/// The symbols by which a kernel is checked; the defaults are this project's own.
#[derive(Clone, Debug)]
pub struct Names {
    /// The first instruction.
    pub entry: String,
    /// The end of the stack, exclusive: where sp starts.
    pub stack_top: String,
    /// The lowest byte of the stack. Without one, the nearest symbol below the top counts.
    pub stack_bottom: Option<String>,
    pub bss_start: String,
    /// Exclusive.
    pub bss_end: String,
}

impl Default for Names {
    fn default() -> Names {
        Names {
            entry: "boot".into(),
            stack_top: "__stack_top".into(),
            stack_bottom: None,
            bss_start: "__bss".into(),
            bss_end: "__bss_end".into(),
        }
    }
}

/// The addresses behind [`Names`].
#[derive(Clone, Debug)]
pub struct Layout {
    pub names: Names,
    pub entry: Address,
    pub stack: Range<Address>,
    /// What the lowest byte of the stack is called.
    pub stack_bottom_name: String,
    pub bss: Range<Address>,
}

/// Bytes next to BSS that a clear must not touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    pub range: Range<Address>,
    /// Something is there: it must not be overwritten, and the kernel may write it.
    pub owned: bool,
}

impl Layout {
    /// # Errors
    /// [`image::Error::MissingSymbol`] with near names and the option that renames the symbol.
    pub fn of(image: &Image, names: Names) -> Result<Layout, image::Error> {
        let entry = image.require(&names.entry, "--entry")?.address;
        let stack_top = image.require(&names.stack_top, "--stack-top")?.address;
        let bss = image.require(&names.bss_start, "--bss-start")?.address
            ..image.require(&names.bss_end, "--bss-end")?.address;
        let bottom = match &names.stack_bottom {
            Some(name) => Some(image.require(name, "--stack-bottom")?),
            None => image.symbol("__stack_bottom").or_else(|| image.symbol_below(stack_top)),
        };
        let (bottom, stack_bottom_name) =
            bottom.map_or((stack_top, names.stack_top.clone()), |symbol| (symbol.address, symbol.name));
        Ok(Layout { names, entry, stack: bottom..stack_top, stack_bottom_name, bss })
    }

    /// The parts of BSS that the clear has to reach: all of it but for a stack that lies inside.
    ///
    /// A kernel that cleared the stack it stands on would lose its return address.
    pub fn bss_to_clear(&self) -> Vec<Range<Address>> {
        let (bss, stack) = (&self.bss, &self.stack);
        if stack.end <= bss.start || bss.end <= stack.start {
            return vec![bss.clone()].into_iter().filter(|part| part.start < part.end).collect();
        }
        [bss.start..stack.start.max(bss.start), stack.end.min(bss.end)..bss.end]
            .into_iter()
            .filter(|part| part.start < part.end)
            .collect()
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

/// Whether the image's file has bytes for a part of `range`, or a symbol with a size names it.
fn is_owned(image: &Image, range: &Range<Address>) -> bool {
    let loaded = image
        .segments()
        .iter()
        .any(|segment| overlap(range, &(segment.address..segment.address + segment.file.len() as u64)));
    loaded || image.symbols().any(|symbol| overlap(range, &(symbol.address..symbol.address + symbol.size)))
}

/// Whether the two have a byte in common.
pub fn overlap(one: &Range<Address>, other: &Range<Address>) -> bool {
    one.start < other.end && other.start < one.end
}

/// How many there are; 0 for a range that runs backwards.
pub fn bytes(range: &Range<Address>) -> u64 {
    range.end.0.saturating_sub(range.start.0)
}
