//! Reads the debug sections of an ELF file, and decompresses them. It does not know their meaning.
//!
//! Sources: the System V ABI, section "Section Compression" (zlib, zstd); GNU binutils, `--compress-debug-sections=zlib-gnu`
//! (sections called `.zdebug_…`).

use std::borrow::Cow;

use object::LittleEndian;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{CompressionHeader, SectionHeader};
use object::read::{CompressedData, CompressionFormat};

use super::headers::{Class, LITTLE, is_elf32};

/// The largest decompressed size: zlib compresses at most 1,000 bytes into one. Damaged sizes must not fill memory.
const MOST_PER_BYTE: u64 = 2048;

/// A decompressed section of the ELF file `bytes`; `None` if it is missing or cannot be decompressed.
pub(super) fn find<'a>(bytes: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    if is_elf32(bytes) {
        find_in::<FileHeader32<LittleEndian>>(bytes, name)
    } else {
        find_in::<FileHeader64<LittleEndian>>(bytes, name)
    }
}

/// The address of the section with this name, if there is one: 0 if it is not in memory.
pub(super) fn address(bytes: &[u8], name: &str) -> Option<u64> {
    if is_elf32(bytes) {
        Some(header::<FileHeader32<LittleEndian>>(bytes, name)?.sh_addr(LITTLE).into())
    } else {
        Some(header::<FileHeader64<LittleEndian>>(bytes, name)?.sh_addr(LITTLE))
    }
}

/// The content of the first note in the section with this name.
pub(super) fn first_note(bytes: &[u8], name: &str) -> Option<Vec<u8>> {
    if is_elf32(bytes) {
        first_note_in::<FileHeader32<LittleEndian>>(bytes, name)
    } else {
        first_note_in::<FileHeader64<LittleEndian>>(bytes, name)
    }
}

fn find_in<'a, H: Class>(bytes: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    let packed = match header::<H>(bytes, name) {
        Some(section) => as_written(bytes, section)?,
        None => in_the_old_way::<H>(bytes, name)?,
    };
    let bounded = packed.uncompressed_size <= (packed.data.len() as u64).saturating_mul(MOST_PER_BYTE);
    if bounded { packed.decompress().ok() } else { None }
}

fn first_note_in<H: Class>(bytes: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut notes = header::<H>(bytes, name)?.notes(LITTLE, bytes).ok()??;
    notes.next().ok()?.map(|note| note.desc().to_owned())
}

fn header<'a, H: Class>(bytes: &'a [u8], name: &str) -> Option<&'a H::SectionHeader> {
    let sections = H::parse(bytes).ok()?.sections(LITTLE, bytes).ok()?;
    sections.section_by_name(LITTLE, name.as_bytes()).map(|(_, section)| section)
}

fn as_written<'a>(bytes: &'a [u8], section: &impl SectionHeader<Endian = LittleEndian>) -> Option<CompressedData<'a>> {
    let Some((header, offset, size)) = section.compression(LITTLE, bytes).ok()? else {
        return section.data(LITTLE, bytes).ok().map(CompressedData::none);
    };
    let format = match header.ch_type(LITTLE) {
        elf::ELFCOMPRESS_ZLIB => CompressionFormat::Zlib,
        elf::ELFCOMPRESS_ZSTD => CompressionFormat::Zstandard,
        _ => return None,
    };
    let data = bytes.get(usize::try_from(offset).ok()?..)?.get(..usize::try_from(size).ok()?)?;
    Some(CompressedData { format, data, uncompressed_size: header.ch_size(LITTLE).into() })
}

/// `.zdebug_line` for `.debug_line`: `ZLIB`, the size in 8 bytes (big-endian), then the compressed bytes.
fn in_the_old_way<'a, H: Class>(bytes: &'a [u8], name: &str) -> Option<CompressedData<'a>> {
    let old = format!(".z{}", name.strip_prefix('.')?);
    let data = header::<H>(bytes, &old)?.data(LITTLE, bytes).ok()?;
    let (size, data) = data.strip_prefix(b"ZLIB")?.split_first_chunk()?;
    Some(CompressedData { format: CompressionFormat::Zlib, data, uncompressed_size: u64::from_be_bytes(*size) })
}
