//! The smallest ELF that is a kernel: a header and its segments. It does not know what is in them.

use debug::riscv::Xlen;

/// Addresses and contents of the segments; each is as large in memory as in the file.
pub fn build(segments: &[(u64, Vec<u8>)]) -> Vec<u8> {
    build_of(Xlen::Rv64, segments)
}

/// Likewise, an ELF32 or an ELF64.
pub fn build_of(xlen: Xlen, segments: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let (class, header, program_header) = match xlen {
        Xlen::Rv32 => (1, 52, 32),
        Xlen::Rv64 => (2, 64, 56),
    };
    let mut file = Vec::from(*b"\x7fELF\0\x01\x01\0\0\0\0\0\0\0\0\0");
    file[4] = class;
    let word = |file: &mut Vec<u8>, value: u64| file.extend(&value.to_le_bytes()[..xlen.bytes()]);
    for half in [2_u16, 243] {
        file.extend(half.to_le_bytes());
    }
    file.extend(1_u32.to_le_bytes());
    [segments[0].0, header, 0].into_iter().for_each(|value| word(&mut file, value));
    file.extend(0_u32.to_le_bytes());
    for half in [header as usize, program_header, segments.len(), 0, 0, 0] {
        file.extend((half as u16).to_le_bytes());
    }
    const RWX: u32 = 7;
    let mut offset = header + (segments.len() * program_header) as u64;
    for (address, contents) in segments {
        let size = contents.len() as u64;
        file.extend(1_u32.to_le_bytes());
        if xlen == Xlen::Rv64 {
            file.extend(RWX.to_le_bytes());
        }
        [offset, *address, *address, size, size].into_iter().for_each(|value| word(&mut file, value));
        if xlen == Xlen::Rv32 {
            file.extend(RWX.to_le_bytes());
        }
        word(&mut file, 1);
        offset += size;
    }
    segments.iter().for_each(|(_, contents)| file.extend(contents));
    file
}

/// An ELF that is a kernel, opened.
pub fn image(elf: Vec<u8>) -> debug::Image {
    debug::Image::parse(std::path::Path::new("generated"), elf).expect("it is a kernel")
}
