//! Converts between linked addresses and load addresses. It does not know page tables.
//!
//! They differ in higher-half kernels, which start at load addresses and continue at linked ones when they translate addresses.

use std::ops::Range;

use super::{Image, Symbol};
use crate::riscv::Address;

impl Image {
    /// What the file has of executable bytes around a linked address, at most `reach` on either side, with the address of the first:
    /// for images without sections, which do not tell code from data.
    pub fn executable_around(&self, address: Address, reach: u64) -> Option<(Address, &[u8])> {
        let segment = self.segments.iter().find(|segment| segment.executable && segment.contains(address))?;
        let bytes = self.bytes.get(segment.file.clone())?;
        let at = address.0 - segment.address.0;
        // Instructions are at even addresses.
        let start = at.saturating_sub(reach) & !1;
        let end = (at + reach).min(bytes.len() as u64);
        Some((segment.address + start, bytes.get(start as usize..end as usize)?))
    }

    /// The load address of a linked address; the same in most kernels.
    ///
    /// An address between two segments or behind the last belongs to the segment below, because a stack need not be in the file.
    pub fn physical(&self, linked: Address) -> Address {
        let below =
            self.segments.iter().filter(|segment| segment.address <= linked).max_by_key(|segment| segment.address);
        below.map_or(linked, |segment| segment.physical + (linked.0 - segment.address.0))
    }

    /// The linked address of an address, which may be a linked address or a load address.
    pub fn linked(&self, address: Address) -> Address {
        if self.is_linked_where_loaded() || self.segments.iter().any(|segment| segment.contains(address)) {
            return address;
        }
        let below = self.segments.iter().filter(|segment| segment.physical <= address);
        let below = below.max_by_key(|segment| segment.physical);
        below.map_or(address, |segment| segment.address + (address.0 - segment.physical.0))
    }

    /// Whether linked and load addresses are the same.
    pub fn is_linked_where_loaded(&self) -> bool {
        self.segments.iter().all(|segment| segment.address == segment.physical)
    }

    /// The instruction in the file at an address, two or four bytes; `None` if there is no code.
    pub fn instruction(&self, address: Address) -> Option<&[u8]> {
        let (start, code) =
            self.code().find(|(start, code)| *start <= address && address.0 - start.0 < code.len() as u64)?;
        let rest = &code[(address.0 - start.0) as usize..];
        let length = crate::riscv::length(u16::from_le_bytes(*rest.first_chunk()?));
        rest.get(..length as usize)
    }

    /// The smallest array within a variable that holds the byte at `at`, with its name, `cpus[1].stack`; `None` where the debug information
    /// tells of none, and for an element of a pool that has not the name of a stack.
    pub fn array_within(&self, variable: &Symbol, at: Address) -> Option<(String, Range<Address>)> {
        let array = self.lines().array_at(variable.address, at)?;
        let name = format!("{}{}", variable.name, array.path);
        // A pool of pages: a stack may have several.
        (!array.adjoins_others || is_stack_name(&name)).then_some((name, array.range))
    }

    /// The linked address for an address that a hart uses.
    pub fn canonical(&self, address: Address) -> Address {
        let is_linked = self.segments().iter().any(|segment| segment.contains(address) || segment.end() == address);
        if is_linked { address } else { self.linked(address) }
    }

    /// The object or section that contains the bytes below `sp` and has a stack's name.
    pub fn stack_around(&self, sp: Address) -> Option<String> {
        let last = sp - 1;
        let object = self.symbols().find(|symbol| {
            is_stack_name(&symbol.name) && symbol.address <= last && last.0 - symbol.address.0 < symbol.size
        });
        let section = || self.zeroed().into_iter().find(|(name, range)| is_stack_name(name) && range.contains(&last));
        object.map(|symbol| symbol.name).or_else(|| section().map(|(name, _)| name))
    }
}

/// Whether this is the name of a stack.
pub fn is_stack_name(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("stack") || name.contains("stk")
}
