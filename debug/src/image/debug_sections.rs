//! Reads the debug sections of an ELF file, and decompresses them. It does not know their meaning.
//!
//! Sources: the System V ABI, section "Section Compression" (zlib, zstd); GNU binutils, `--compress-debug-sections=zlib-gnu`
//! (sections called `.zdebug_…`).

use std::borrow::Cow;

use object::elf;
use object::read::elf::{CompressionHeader, FileHeader, SectionHeader};
use object::read::{CompressedData, CompressionFormat};

use super::headers::{Header, LITTLE};

/// The largest decompressed size: zlib compresses at most 1,000 bytes into one. Damaged sizes must not fill memory.
const MOST_PER_BYTE: u64 = 2048;

/// A decompressed section of the ELF file `bytes`; `None` if it is missing or cannot be decompressed.
pub(super) fn find<'a>(bytes: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    let packed = match header(bytes, name) {
        Some(section) => as_written(bytes, section)?,
        None => in_the_old_way(bytes, name)?,
    };
    let bounded = packed.uncompressed_size <= (packed.data.len() as u64).saturating_mul(MOST_PER_BYTE);
    if bounded { packed.decompress().ok() } else { None }
}

/// The header of the section with this name.
pub(super) fn header<'a>(bytes: &'a [u8], name: &str) -> Option<&'a elf::SectionHeader64<object::LittleEndian>> {
    let sections = Header::parse(bytes).ok()?.sections(LITTLE, bytes).ok()?;
    sections.section_by_name(LITTLE, name.as_bytes()).map(|(_, section)| section)
}

fn as_written<'a>(bytes: &'a [u8], section: &elf::SectionHeader64<object::LittleEndian>) -> Option<CompressedData<'a>> {
    let Some((header, offset, size)) = section.compression(LITTLE, bytes).ok()? else {
        return section.data(LITTLE, bytes).ok().map(CompressedData::none);
    };
    let format = match header.ch_type(LITTLE) {
        elf::ELFCOMPRESS_ZLIB => CompressionFormat::Zlib,
        elf::ELFCOMPRESS_ZSTD => CompressionFormat::Zstandard,
        _ => return None,
    };
    let data = bytes.get(usize::try_from(offset).ok()?..)?.get(..usize::try_from(size).ok()?)?;
    Some(CompressedData { format, data, uncompressed_size: header.ch_size(LITTLE) })
}

/// `.zdebug_line` for `.debug_line`: `ZLIB`, the size in 8 bytes (big-endian), then the compressed bytes.
fn in_the_old_way<'a>(bytes: &'a [u8], name: &str) -> Option<CompressedData<'a>> {
    let old = format!(".z{}", name.strip_prefix('.')?);
    let data = header(bytes, &old)?.data(LITTLE, bytes).ok()?;
    let (size, data) = data.strip_prefix(b"ZLIB")?.split_first_chunk()?;
    Some(CompressedData { format: CompressionFormat::Zlib, data, uncompressed_size: u64::from_be_bytes(*size) })
}
