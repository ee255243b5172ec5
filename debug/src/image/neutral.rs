//! A kernel that does nothing, for asking a machine what it gives to kernels.

use std::path::Path;

use super::Image;
use crate::riscv::Address;

/// Where it begins.
pub const NEUTRAL_BASE: Address = Address(0x8020_0000);

/// Its ELF: one segment with one instruction, `j .`.
pub fn neutral() -> Vec<u8> {
    const HEADERS: u64 = 64 + 56;
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend([2, 0, 243, 0, 1, 0, 0, 0]); // ET_EXEC, RISC-V, version
    elf.extend([NEUTRAL_BASE.0, 64, 0].map(u64::to_le_bytes).as_flattened()); // entry, program headers, no sections
    elf.extend(5_u32.to_le_bytes()); // compressed instructions, double-float ABI
    elf.extend([64, 56, 1, 64, 0, 0].map(u16::to_le_bytes).as_flattened()); // sizes and counts of the headers
    elf.extend([1, 5].map(u32::to_le_bytes).as_flattened()); // PT_LOAD, executable
    elf.extend([HEADERS, NEUTRAL_BASE.0, NEUTRAL_BASE.0, 4, 4, 4].map(u64::to_le_bytes).as_flattened());
    elf.extend(0x6f_u32.to_le_bytes()); // j .
    elf
}

/// It, opened.
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
}
