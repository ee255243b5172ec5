//! ELF files of our own: a kernel that does nothing, for asking a machine what it gives to kernels, and a kernel that was none,
//! for a machine that takes only ELF files.

use std::path::Path;

use super::{Image, Segment};
use crate::riscv::Address;

/// Its address.
pub const NEUTRAL_BASE: Address = Address(0x8020_0000);

/// The ELF: one segment with one instruction, `j .`.
pub fn neutral() -> Vec<u8> {
    elf(NEUTRAL_BASE, &[(NEUTRAL_BASE, &0x6f_u32.to_le_bytes(), 4)])
}

/// An ELF for RV64 without sections: for each part where it is loaded, its bytes, and its size in memory.
fn elf(entry: Address, parts: &[(Address, &[u8], u64)]) -> Vec<u8> {
    let headers = 64 + 56 * parts.len() as u64;
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend([2, 0, 243, 0, 1, 0, 0, 0]); // ET_EXEC, RISC-V, version
    elf.extend([entry.0, 64, 0].map(u64::to_le_bytes).as_flattened()); // entry, program headers, no sections
    elf.extend(5_u32.to_le_bytes()); // compressed instructions, double-float ABI
    elf.extend([64, 56, parts.len() as u16, 64, 0, 0].map(u16::to_le_bytes).as_flattened()); // sizes and counts of the headers
    let mut offset = headers;
    for (address, bytes, memory_size) in parts {
        let file_size = bytes.len() as u64;
        elf.extend([1, 7].map(u32::to_le_bytes).as_flattened()); // PT_LOAD, to read, write and execute
        elf.extend([offset, address.0, address.0, file_size, *memory_size, 4].map(u64::to_le_bytes).as_flattened());
        offset += file_size;
    }
    parts.iter().for_each(|(_, bytes, _)| elf.extend(*bytes));
    elf
}

impl Image {
    /// The same memory as an ELF file, each part linked where it is loaded: for a flat image that goes elsewhere than a machine would
    /// put it.
    pub fn as_elf(&self) -> Vec<u8> {
        let part = |segment: &Segment| (segment.physical, segment.memory_size, self.file_bytes(segment));
        let parts: Vec<_> = self.segments().iter().map(part).map(|(at, size, bytes)| (at, bytes, size)).collect();
        let lowest = parts.iter().map(|(address, ..)| *address).min().unwrap_or_default();
        elf(lowest, &parts)
    }
}

/// The opened image.
pub fn neutral_image() -> Image {
    Image::parse(Path::new("neutral"), neutral()).expect("a test opens it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_kernel_of_one_instruction() {
        let image = Image::parse(Path::new("neutral"), neutral()).unwrap();
        assert_eq!(image.entry(), NEUTRAL_BASE);
        assert_eq!(image.file_bytes(&image.segments()[0]), 0x6f_u32.to_le_bytes());
    }

    #[test]
    fn a_flat_image_is_the_same_as_an_elf() {
        let start = Address(0x8040_0000);
        let flat = Image::flat(Path::new("os.bin"), vec![0x13, 0, 0, 0, 0x6f, 0, 0, 0], start, 0x100).unwrap();
        let elf = Image::parse(Path::new("os.elf"), flat.as_elf()).unwrap();
        assert_eq!((elf.entry(), elf.segments().len()), (start, 1));
        let segment = &elf.segments()[0];
        assert_eq!((segment.physical, segment.memory_size), (start, 0x100));
        assert_eq!(elf.file_bytes(segment), flat.file_bytes(&flat.segments()[0]));
    }
}
