//! Kernels that are not ELF files: the Linux boot image, whose header has the load address, and raw bytes with a given address.
//!
//! It does not know machines. Source: Linux, Documentation/arch/riscv/boot-image-header.rst.

use std::path::Path;

use super::error::Error;
use super::headers::Segment;
use crate::riscv::{Address, board};

/// The header's length in bytes, and the offsets of its fields.
const HEADER: usize = 64;
const TEXT_OFFSET: usize = 8;
const IMAGE_SIZE: usize = 16;
const FLAGS: usize = 24;
const MAGIC: usize = 0x38;
/// magic2, which is valid in every version of the header.
const RSC5: &[u8] = b"RSC\x05";
/// Bit 0 of the flags: the kernel is big-endian.
const BIG_ENDIAN: u64 = 1;

/// Whether the bytes start like a Linux boot image for RISC-V.
pub(super) fn is_boot_image(bytes: &[u8]) -> bool {
    bytes.get(MAGIC..MAGIC + RSC5.len()) == Some(RSC5)
}

/// The load address and the size in memory of a boot image, from its header. The size includes BSS, which the file lacks.
pub(super) fn boot_image(path: &Path, bytes: &[u8]) -> Result<(Address, u64), Error> {
    let damaged = |what: String| Error::BadBootImage { path: path.to_owned(), what };
    let field =
        |offset: usize| bytes.get(offset..).and_then(|rest| rest.first_chunk()).map(|bytes| u64::from_le_bytes(*bytes));
    let (Some(text_offset), Some(size), Some(flags)) = (field(TEXT_OFFSET), field(IMAGE_SIZE), field(FLAGS)) else {
        return Err(damaged(format!("it ends within its header of {HEADER} bytes")));
    };
    if flags & BIG_ENDIAN != 0 {
        return Err(Error::BigEndian { path: path.to_owned() });
    }
    let start = board::RAM_BASE.checked_add(text_offset);
    let start =
        start.ok_or_else(|| damaged(format!("its text_offset, {text_offset:#x}, is beyond the end of memory")))?;
    Ok((Address(start), size))
}

/// The only segment of a flat image: `size` bytes of memory, or the size of the file if it is larger.
pub(super) fn segment(path: &Path, file: usize, start: Address, size: u64) -> Result<Segment, Error> {
    let damaged = |what: String| Error::BadBootImage { path: path.to_owned(), what };
    if file == 0 {
        return Err(damaged("it is empty".into()));
    }
    let memory_size = size.max(file as u64);
    if start.0.checked_add(memory_size).is_none() {
        return Err(damaged(format!("{memory_size:#x} bytes at {start} end beyond the end of memory")));
    }
    Ok(Segment { address: start, physical: start, file: 0..file, memory_size, executable: true, writable: true })
}

/// The segments of a flat image that was made from an ELF with the segments `linked`, each with its part of the file. `whole` is the
/// image as one segment, which is the result if the two do not match.
pub(super) fn segments_as_linked(whole: &Segment, linked: &[Segment]) -> Vec<Segment> {
    let mut linked: Vec<&Segment> = linked.iter().collect();
    linked.sort_by_key(|segment| segment.physical);
    let Some(first) = linked.first() else { return vec![whole.clone()] };
    let starts: Vec<u64> = linked.iter().map(|segment| segment.physical.0 - first.physical.0).collect();
    let file = whole.file.len() as u64;
    let mut segments = Vec::new();
    for (index, segment) in linked.iter().enumerate() {
        let start = starts[index];
        // Padding before the next segment, and bytes after the last, are loaded with this segment.
        let next = starts.get(index + 1).copied();
        let end = next.unwrap_or(file).min(file).max(start.min(file));
        let held = start.min(file)..end;
        let room = next.unwrap_or(whole.memory_size.max(start)) - start;
        let memory_size = if next.is_some() { segment.memory_size } else { segment.memory_size.max(room) };
        let memory_size = memory_size.max(held.end - held.start);
        let (Some(physical), Some(_)) =
            (whole.physical.0.checked_add(start), segment.address.0.checked_add(memory_size))
        else {
            return vec![whole.clone()];
        };
        if physical.checked_add(memory_size).is_none() || next.is_some_and(|_| memory_size > room) {
            return vec![whole.clone()];
        }
        segments.push(Segment {
            physical: Address(physical),
            file: held.start as usize..held.end as usize,
            memory_size,
            ..(*segment).clone()
        });
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment_at(address: u64, physical: u64, memory_size: u64) -> Segment {
        let (address, physical) = (Address(address), Address(physical));
        Segment { address, physical, file: 0..0, memory_size, executable: true, writable: true }
    }

    #[test]
    fn the_segments_of_a_kernel_that_runs_high_lie_where_the_flat_image_is() {
        let whole = segment(Path::new("Image"), 0x2800, Address(0x8020_0000), 0x4000).unwrap();
        let linked = [segment_at(0xffff_ffff_8000_2000, 0x2000, 0x1800), segment_at(0xffff_ffff_8000_0000, 0, 0x1000)];
        let [low, high] = &segments_as_linked(&whole, &linked)[..] else { panic!() };
        assert_eq!((low.address, low.physical), (Address(0xffff_ffff_8000_0000), Address(0x8020_0000)));
        assert_eq!((low.file.clone(), low.memory_size), (0..0x2000, 0x2000), "the gap is a part of it");
        assert_eq!((high.address, high.physical), (Address(0xffff_ffff_8000_2000), Address(0x8020_2000)));
        assert_eq!((high.file.clone(), high.memory_size), (0x2000..0x2800, 0x2000), "the rest, and its BSS");
    }

    #[test]
    fn an_elf_that_does_not_fit_the_image_changes_nothing() {
        let whole = segment(Path::new("Image"), 0x100, Address(0x8020_0000), 0).unwrap();
        let overlapping = [segment_at(0x1000, 0x1000, 0x2000), segment_at(0x2000, 0x2000, 0x10)];
        assert_eq!(segments_as_linked(&whole, &overlapping), std::slice::from_ref(&whole));
        let far = [segment_at(0x1000, 0, 0x10), segment_at(0x2000, u64::MAX - 0x10, 0x10)];
        assert_eq!(segments_as_linked(&whole, &far), std::slice::from_ref(&whole));
    }
}
