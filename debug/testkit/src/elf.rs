//! The smallest ELF that is a kernel: a header and its segments. It does not know what is in them.

/// Addresses and contents of the segments; each is as large in memory as in the file.
pub fn build(segments: &[(u64, Vec<u8>)]) -> Vec<u8> {
    const HEADER: usize = 64;
    const PROGRAM_HEADER: usize = 56;
    let mut file = Vec::from(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    for half in [2_u16, 243] {
        file.extend(half.to_le_bytes());
    }
    file.extend(1_u32.to_le_bytes());
    for word in [segments[0].0, HEADER as u64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for half in [HEADER, PROGRAM_HEADER, segments.len(), 0, 0, 0] {
        file.extend((half as u16).to_le_bytes());
    }
    let mut offset = (HEADER + segments.len() * PROGRAM_HEADER) as u64;
    for (address, contents) in segments {
        let size = contents.len() as u64;
        file.extend(1_u32.to_le_bytes());
        file.extend(7_u32.to_le_bytes());
        for word in [offset, *address, *address, size, size, 1] {
            file.extend(word.to_le_bytes());
        }
        offset += size;
    }
    segments.iter().for_each(|(_, contents)| file.extend(contents));
    file
}

/// An ELF that is a kernel, opened.
pub fn image(elf: Vec<u8>) -> debug::Image {
    debug::Image::parse(std::path::Path::new("generated"), elf).expect("it is a kernel")
}
