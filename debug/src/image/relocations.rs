//! What a position-independent kernel has to write into itself before it may use its pointers. It does not know whether it does.
//!
//! Sources: the System V ABI, chapter "Dynamic Linking"; the RISC-V ELF psABI, section "Relocations".

use object::elf;
use object::read::elf::{Dyn, ProgramHeader, Rela, SectionHeader};

use super::headers::{Class, File, LITTLE, Sections, Segment};
use crate::riscv::{Address, Xlen};

/// A pointer that the linker left to whoever loads the kernel, or to the kernel itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Where it lies.
    pub address: Address,
    /// What it has to be, for a kernel that runs where it is linked.
    pub value: u64,
}

/// The image's R_RISCV_RELATIVE relocations whose values are not in the file already.
pub(super) fn parse<H: Class>(
    file: &File<'_>,
    header: &H,
    segments: &[Segment],
    sections: &Sections<'_, H>,
) -> Vec<Relocation> {
    let table = by_dynamic_section(file, header, segments).or_else(|| by_section(file, sections)).unwrap_or_default();
    let relative = table.iter().filter(|rela| rela.r_type(LITTLE, false) == elf::R_RISCV_RELATIVE);
    let relocations = relative.map(|rela| Relocation {
        address: Address(rela.r_offset(LITTLE).into()),
        value: H::XLEN.truncate(rela.r_addend(LITTLE).into() as u64),
    });
    relocations
        .filter(|relocation| in_file(file, H::XLEN, segments, relocation.address) != Some(relocation.value))
        .collect()
}

type Table<'a, H> = &'a [<H as object::read::elf::FileHeader>::Rela];

/// DT_RELA, which stays when a kernel is stripped.
fn by_dynamic_section<'a, H: Class>(file: &File<'a>, header: &H, segments: &[Segment]) -> Option<Table<'a, H>> {
    let headers = header.program_headers(LITTLE, file.bytes).ok()?;
    let dynamic = headers.iter().find_map(|header| header.dynamic(LITTLE, file.bytes).ok().flatten())?;
    let value = |tag| dynamic.iter().find(|entry| entry.d_tag(LITTLE) == tag).map(|entry| entry.d_val(LITTLE).into());
    let (address, size) = (Address(value(elf::DT_RELA)?), usize::try_from(value(elf::DT_RELASZ)?).ok()?);
    let bytes = bytes_at(file, segments, address)?.get(..size)?;
    object::pod::slice_from_all_bytes(bytes).ok()
}

/// `.rela.dyn`, of a kernel whose linker script threw `.dynamic` away.
fn by_section<'a, H: Class>(file: &File<'a>, sections: &Sections<'a, H>) -> Option<Table<'a, H>> {
    let loaded = |section: &&H::SectionHeader| section.sh_flags(LITTLE).contains(elf::SHF_ALLOC);
    let mut tables =
        sections.iter().filter(loaded).filter_map(|section| section.rela(LITTLE, file.bytes).ok().flatten());
    tables.next().map(|(table, _)| table)
}

fn in_file(file: &File<'_>, xlen: Xlen, segments: &[Segment], address: Address) -> Option<u64> {
    Some(xlen.read(bytes_at(file, segments, address)?.get(..xlen.bytes())?))
}

/// What the file holds from an address on, to the end of its segment.
fn bytes_at<'a>(file: &File<'a>, segments: &[Segment], address: Address) -> Option<&'a [u8]> {
    let segment = segments.iter().find(|segment| segment.contains(address))?;
    file.bytes.get(segment.file.clone())?.get(usize::try_from(address.0 - segment.address.0).ok()?..)
}
