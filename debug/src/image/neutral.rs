//! ELF files of our own: a kernel that does nothing, for asking a machine what it gives to kernels, and a kernel that was none,
//! for a machine that takes only ELF files.

use std::path::Path;

use super::{Image, Segment};
use crate::riscv::{Address, Xlen};

/// Its address; RV32's OpenSBI jumps there as well.
pub const NEUTRAL_BASE: Address = Address(0x8020_0000);

/// The ELF: one segment with one instruction, `j .`.
pub fn neutral(xlen: Xlen) -> Vec<u8> {
    elf(xlen, NEUTRAL_BASE, &[(NEUTRAL_BASE, &0x6f_u32.to_le_bytes(), 4)])
}

/// An ELF without sections: for each part where it is loaded, its bytes, and its size in memory.
fn elf(xlen: Xlen, entry: Address, parts: &[(Address, &[u8], u64)]) -> Vec<u8> {
    let (class, [header, program_header], flags) = match xlen {
        Xlen::Rv32 => (1, [52_u16, 32], 3_u32), // compressed instructions, single-float ABI
        Xlen::Rv64 => (2, [64, 56], 5),         // compressed instructions, double-float ABI
    };
    let word = |elf: &mut Vec<u8>, value: u64| elf.extend(&value.to_le_bytes()[..xlen.bytes()]);
    let mut elf = b"\x7fELF".to_vec();
    elf.extend([class, 1, 1]); // little-endian, version
    elf.resize(16, 0);
    elf.extend([2, 0, 243, 0, 1, 0, 0, 0]); // ET_EXEC, RISC-V, version
    // Entry, program headers, no sections.
    [entry.0, header.into(), 0].into_iter().for_each(|value| word(&mut elf, value));
    elf.extend(flags.to_le_bytes());
    let section_header = 8 * xlen.bytes() as u16;
    elf.extend([header, program_header, parts.len() as u16, section_header, 0, 0].map(u16::to_le_bytes).as_flattened());
    let mut offset = u64::from(header) + u64::from(program_header) * parts.len() as u64;
    for (address, bytes, memory_size) in parts {
        let file_size = bytes.len() as u64;
        const PT_LOAD: u32 = 1;
        const READ_WRITE_EXECUTE: u32 = 7;
        elf.extend(PT_LOAD.to_le_bytes());
        let places = [offset, address.0, address.0, file_size, *memory_size];
        // The flags stand at different places in the two classes.
        if xlen == Xlen::Rv64 {
            elf.extend(READ_WRITE_EXECUTE.to_le_bytes());
        }
        places.into_iter().for_each(|value| word(&mut elf, value));
        if xlen == Xlen::Rv32 {
            elf.extend(READ_WRITE_EXECUTE.to_le_bytes());
        }
        word(&mut elf, 4); // alignment
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
        elf(self.xlen(), lowest, &parts)
    }
}

/// The opened image.
pub fn neutral_image(xlen: Xlen) -> Image {
    Image::parse(Path::new("neutral"), neutral(xlen)).expect("a test opens it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_kernel_of_one_instruction() {
        for xlen in [Xlen::Rv64, Xlen::Rv32] {
            let image = Image::parse(Path::new("neutral"), neutral(xlen)).unwrap();
            assert_eq!((image.xlen(), image.entry()), (xlen, NEUTRAL_BASE));
            let segment = &image.segments()[0];
            assert_eq!((segment.physical, segment.memory_size, segment.executable), (NEUTRAL_BASE, 4, true));
            assert_eq!(image.file_bytes(segment), 0x6f_u32.to_le_bytes());
        }
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
