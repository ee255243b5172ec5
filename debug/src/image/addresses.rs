//! A kernel's places in memory have two addresses: where it is linked, which symbols tell, and where it is loaded. It does not
//! know which of the two a hart uses at some moment.

use super::Image;
use crate::machine::Address;

impl Image {
    /// The address that symbols know for what is loaded at a physical address; the same where nothing of the image is loaded.
    pub fn linked(&self, physical: Address) -> Address {
        let holder = self
            .segments()
            .iter()
            .find(|segment| segment.physical <= physical && physical.0 - segment.physical.0 < segment.memory_size);
        holder.map_or(physical, |segment| segment.address + (physical.0 - segment.physical.0))
    }

    /// Where the loader puts what is linked at an address; the same where the image has nothing there.
    ///
    /// The end of a segment counts as its part, as `__bss_end` and `__stack_top` often are there.
    pub fn physical(&self, linked: Address) -> Address {
        let within = |segment: &&super::Segment| segment.contains(linked);
        let at_end = |segment: &&super::Segment| segment.end() == linked;
        let holder = self.segments().iter().find(within).or_else(|| self.segments().iter().find(at_end));
        holder.map_or(linked, |segment| segment.physical + (linked.0 - segment.address.0))
    }

    /// The instruction that the file has at an address, two or four bytes; `None` where it has no code.
    pub fn instruction(&self, address: Address) -> Option<&[u8]> {
        let (start, code) =
            self.code().find(|(start, code)| *start <= address && address.0 - start.0 < code.len() as u64)?;
        let rest = &code[(address.0 - start.0) as usize..];
        let length = crate::instruction::length(u16::from_le_bytes(*rest.first_chunk()?));
        rest.get(..length as usize)
    }
}
