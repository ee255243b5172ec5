//! Why a file cannot be used as a kernel, and what to try. It does not know how it will be printed.

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use crate::riscv::Address;
use crate::setting::Setting;

/// Why a file cannot be used as a kernel, or why a symbol was not found in it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}; try: {advice}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        reason: io::Error,
        /// What to try.
        advice: &'static str,
    },

    /// The path is a folder, a device or something else.
    #[error("{} is {what}, not a file; try: name the kernel's ELF file", path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },

    /// The file is larger than a kernel can be.
    #[error("{} is too large: {bytes} bytes, at most {limit} are read; is it the kernel, or a disk image?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The size in bytes.
        bytes: u64,
        /// The limit, in bytes.
        limit: u64,
    },

    /// The file has another format.
    #[error("{} is not an ELF file: it {looks_like}; try: {advice}", path.display())]
    NotElf {
        /// The file.
        path: PathBuf,
        /// What it looks like: `is text`.
        looks_like: &'static str,
        /// What to try.
        advice: String,
    },

    /// The ELF is for another architecture.
    #[error(
        "{} is for {architecture}, not for RISC-V; try: build the kernel for a riscv64 target, \
         for example with `--target riscv64gc-unknown-none-elf`",
        path.display()
    )]
    OtherArchitecture {
        /// The file.
        path: PathBuf,
        /// Its name.
        architecture: String,
    },

    /// The ELF is for big-endian RISC-V.
    #[error("{} is for big-endian RISC-V, and only little-endian is supported; try: build it for a little-endian target", path.display())]
    BigEndian {
        /// The file.
        path: PathBuf,
    },

    /// `end` and `length` are in bytes from the start of the file.
    #[error("{} is truncated: its {what} ends at byte {end}, the file at byte {length}; try: copy or build it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The part.
        what: String,
        /// Where the part ends, in bytes from the start of the file.
        end: u64,
        /// The size of the file in bytes.
        length: u64,
    },

    /// The ELF is damaged.
    #[error("{} is a damaged ELF file: {what}; try: copy or build it again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },

    /// The flat image cannot be loaded.
    #[error("{} cannot be loaded as it is: {what}; try: copy or build it again, or correct {}", path.display(), Setting::LoadAddress)]
    BadBootImage {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },

    /// A load address was given for an ELF, which has its own.
    #[error("{} is an ELF file, which says itself where it is loaded; try: without {}", path.display(), Setting::LoadAddress)]
    PlacedElf {
        /// The file.
        path: PathBuf,
    },

    /// A segment is outside of the memory for a kernel.
    #[error(
        "{}: the segment [{}, {}) is outside of the memory that a kernel may use, [{}, {}); \
         try: correct the linker script, or give the machine more memory",
        path.display(), segment.start, segment.end, memory.start, memory.end
    )]
    OutsideMemory {
        /// The file.
        path: PathBuf,
        /// The address range of the segment.
        segment: Range<Address>,
        /// The memory for a kernel.
        memory: Range<Address>,
    },

    /// Two segments overlap in memory.
    #[error(
        "{}: the segments [{}, {}) and [{}, {}) overlap; try: correct the linker script",
        path.display(), .segments[0].start, .segments[0].end, .segments[1].start, .segments[1].end
    )]
    Overlapping {
        /// The file.
        path: PathBuf,
        /// The two address ranges.
        segments: [Range<Address>; 2],
    },

    /// The entry point is odd.
    #[error("{} begins at {entry}, which is odd: instructions begin at even addresses; try: correct the linker script", path.display())]
    OddEntry {
        /// The file.
        path: PathBuf,
        /// The entry point.
        entry: Address,
    },

    /// The ELF cannot be executed.
    #[error("{} cannot be started: {why}; try: {advice}", path.display())]
    NotExecutable {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: &'static str,
        /// What to try.
        advice: &'static str,
    },

    /// `named` is the file that has its symbols by its own account, `missing` where it was not found, and `other_builds`
    /// are files of that name that have others.
    #[error(
        "{} has no symbol table: it is stripped{}; try: give the file as it was before `strip` or `objcopy`, \
         or build without `strip = true`, `-C strip=symbols` or `-Wl,--strip-all`",
        path.display(),
        where_symbols_are(named.as_deref(), missing, other_builds)
    )]
    NoSymbols {
        /// The file.
        path: PathBuf,
        /// The file that `.gnu_debuglink` names for the symbols.
        named: Option<String>,
        /// Where that file was searched and not found.
        missing: Vec<PathBuf>,
        /// Files with that name that belong to another build.
        other_builds: Vec<PathBuf>,
    },

    /// `near` holds the most similar names that the file does have, the best first.
    #[error("{} has no symbol {name}{}", path.display(), near_names(near))]
    MissingSymbol {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// The most similar names in the kernel, the best first, at most five.
        near: Vec<String>,
    },
}

fn where_symbols_are(named: Option<&str>, missing: &[PathBuf], other_builds: &[PathBuf]) -> String {
    let Some(named) = named else { return String::new() };
    match (other_builds.first(), missing.first()) {
        (Some(other), _) => format!(", and {} (.gnu_debuglink) is of another build", other.display()),
        (None, Some(missing)) => format!(", and {named} (.gnu_debuglink) is not at {}", missing.display()),
        (None, None) => format!(", and {named} (.gnu_debuglink) has no symbols either"),
    }
}

fn near_names(near: &[String]) -> String {
    if near.is_empty() { ", nor any of a similar name".into() } else { format!(" (near names: {})", near.join(", ")) }
}

/// What a file that is not an ELF looks like, and what to try instead.
pub(super) fn looks_like(bytes: &[u8]) -> (&'static str, String) {
    const ELF_INSTEAD: &str = "give the ELF file that it was made from";
    const KERNEL_ELF: &str = "give the kernel's ELF file, as the linker wrote it";
    const ANOTHER_TARGET: &str =
        "build the kernel for a riscv64 target, for example with `--target riscv64gc-unknown-none-elf`";
    let starts_with = |magic: &[u8]| bytes.starts_with(magic);
    let (looks_like, advice) = if bytes.is_empty() {
        ("is empty", "build the kernel again")
    } else if bytes.len() < 4 && b"\x7fELF".starts_with(bytes) {
        ("ends within the first four bytes", "copy or build it again")
    } else if starts_with(b"MZ") {
        ("is a Windows or EFI program (PE)", ANOTHER_TARGET)
    } else if [&b"\xcf\xfa\xed\xfe"[..], b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe"]
        .iter()
        .any(|magic| starts_with(magic))
    {
        ("is a macOS program (Mach-O)", ANOTHER_TARGET)
    } else if starts_with(b"!<arch>\n") || starts_with(b"!<thin>\n") {
        ("is a library archive", "link it, and give the linked ELF file")
    } else if starts_with(b"\0asm") {
        ("is WebAssembly", ANOTHER_TARGET)
    } else if starts_with(b"BC\xc0\xde") {
        ("is LLVM bitcode", "link it, and give the linked ELF file")
    } else if starts_with(b"\xd0\x0d\xfe\xed") {
        ("is a device tree", KERNEL_ELF)
    } else if starts_with(b"\x27\x05\x19\x56") {
        ("is a U-Boot image", ELF_INSTEAD)
    } else if [&b"\x1f\x8b"[..], b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh"]
        .iter()
        .any(|m| starts_with(m))
    {
        ("is compressed", "unpack it first")
    } else if matches!(bytes, [0x07 | 0x08 | 0x0b, 0x01, 0x00 | 0x64, 0x00, ..]) {
        ("is an a.out program", ANOTHER_TARGET)
    } else if starts_with(b"#!") {
        ("is a script", KERNEL_ELF)
    } else if bytes.iter().take(512).all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..)) {
        ("is text", KERNEL_ELF)
    } else {
        let placed = format!("{ELF_INSTEAD}, or say where it goes with {}", Setting::LoadAddress);
        return ("has no known format; a raw binary, perhaps", placed);
    };
    (looks_like, advice.into())
}
