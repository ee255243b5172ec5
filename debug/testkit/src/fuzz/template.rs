//! A good ELF: a segment of code and its symbols. It does not know what becomes of it.

use crate::elf as kernel;

pub const ENTRY: u64 = 0x8020_0000;
/// Counts in a0, and stores that beside the code, for ever.
const LOOP: [u32; 4] = [0x0000_0297, 0x0015_0513, 0x10a2_b023, 0xff9f_f06f];
/// For the counter, too.
const SIZE: usize = 0x200;
/// By name and address.
const SYMBOLS: [(&str, u64); 4] =
    [("boot", ENTRY), ("__bss", ENTRY + 0x100), ("__bss_end", ENTRY + 0x180), ("__stack_top", ENTRY + 0x200)];
const NULL: u32 = 0;
const SYMBOL_TABLE: u32 = 2;
const STRING_TABLE: u32 = 3;

pub fn build() -> Vec<u8> {
    let mut code: Vec<u8> = LOOP.iter().flat_map(|instruction| instruction.to_le_bytes()).collect();
    code.resize(SIZE, 0);
    let mut file = kernel::build(&[(ENTRY, code)]);
    let (mut symbols, mut names) = (vec![0; 24], vec![0]);
    for (name, address) in SYMBOLS {
        const GLOBAL: u32 = 0x10;
        const ABSOLUTE: u32 = 0xfff1;
        symbols.extend((names.len() as u32).to_le_bytes());
        symbols.extend((ABSOLUTE << 16 | GLOBAL).to_le_bytes());
        symbols.extend([address, 0].into_iter().flat_map(u64::to_le_bytes));
        names.extend(name.bytes().chain([0]));
    }
    let (symbols_at, names_at) = (file.len(), file.len() + symbols.len());
    let headers_at = names_at + names.len();
    let headers = [
        header(NULL, 0, 0),
        header(SYMBOL_TABLE, symbols_at, symbols.len()),
        header(STRING_TABLE, names_at, names.len()),
    ];
    // Where the section headers are; how large each is, how many, and which has their names.
    file[40..48].copy_from_slice(&(headers_at as u64).to_le_bytes());
    file[58..64].copy_from_slice(&[64, 0, 3, 0, 2, 0]);
    [file, symbols, names, headers.concat()].concat()
}

/// Of a section whose strings, if it needs any, are in section 2.
fn header(kind: u32, offset: usize, size: usize) -> Vec<u8> {
    let (link, entry) = if kind == SYMBOL_TABLE { (2, 24) } else { (0, 0) };
    let words = [0, kind].into_iter().flat_map(u32::to_le_bytes);
    let place = [0, 0, offset as u64, size as u64, link, 1, entry].into_iter().flat_map(u64::to_le_bytes);
    words.chain(place).collect()
}
