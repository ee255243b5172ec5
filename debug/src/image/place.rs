//! A place in the kernel for people: address, symbol and offset, file and line. It does not find them.

use std::fmt;

use crate::riscv::Address;

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// The path: relative to the current folder if it is in it, else to the folder in which it was compiled, else as the compiler wrote it:
    /// `kernel/src/main.rs`. The file need not exist here.
    pub file: String,
    /// The line number, from 1.
    pub line: u32,
}

impl Line {
    /// Whether the file is the kernel's own: not of the Rust library (`/rustc/HASH/library/…`, or rustup's folder) and not of a package
    /// that cargo downloaded.
    pub fn is_own(&self) -> bool {
        let elsewhere =
            ["/rustc/", "/rustlib/src/", "/.cargo/registry/", "/.cargo/git/", "/cargo/registry/", "/cargo/git/"];
        !elsewhere.iter().any(|part| self.file.contains(part))
    }

    /// As a person reads it: of Rust's library and of a package that cargo downloaded, without the folder that has them.
    pub fn short(&self) -> String {
        let whole = self.to_string();
        let behind = |folder: &str| whole.split_once(folder).map(|(_, rest)| rest);
        let hashed = whole.strip_prefix("/rustc/").or_else(|| behind("/registry/src/"));
        let within = behind("/rustlib/src/rust/").or_else(|| hashed?.split_once('/').map(|(_, within)| within));
        within.unwrap_or(&whole).to_owned()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

/// An address with everything that the image knows about it: `0x80200008 <boot+0x8> kernel/src/main.rs:31`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The linked address.
    pub address: Address,
    /// The function or object, demangled, and the offset from its start in bytes.
    pub symbol: Option<(String, u64)>,
    /// The source line, for an instruction.
    pub line: Option<Line>,
    /// The symbol is an inlined function; the next place names the function that contains it.
    pub inlined: bool,
}

impl Place {
    /// `boot+0x8`; `boot` if the offset is 0; `core::ptr::write (inlined)` for an inlined function, which has no start.
    pub fn symbol_text(&self) -> Option<String> {
        let (name, offset) = self.symbol.as_ref()?;
        Some(match offset {
            _ if self.inlined => format!("{name} (inlined)"),
            0 => name.clone(),
            _ => format!("{name}+{offset:#x}"),
        })
    }

    /// Whether its line is in the kernel's own sources.
    pub fn is_own(&self) -> bool {
        self.line.as_ref().is_some_and(Line::is_own)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.address)?;
        if let Some(symbol) = self.symbol_text() {
            write!(formatter, " <{symbol}>")?;
        }
        match &self.line {
            Some(line) => write!(formatter, " {line}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(symbol: Option<(&str, u64)>, line: Option<(&str, u32)>) -> Place {
        Place {
            address: Address(0x8020_0008),
            symbol: symbol.map(|(name, offset)| (name.into(), offset)),
            line: line.map(|(file, line)| Line { file: file.into(), line }),
            inlined: false,
        }
    }

    #[test]
    fn shows_all_that_is_known() {
        let whole = place(Some(("boot", 8)), Some(("kernel/src/main.rs", 31)));
        assert_eq!(whole.to_string(), "0x80200008 <boot+0x8> kernel/src/main.rs:31");
        assert_eq!(place(Some(("boot", 0)), None).to_string(), "0x80200008 <boot>");
        assert_eq!(place(None, None).to_string(), "0x80200008");
        let inlined = Place { inlined: true, ..place(Some(("core::ptr::write", 0)), None) };
        assert_eq!(inlined.to_string(), "0x80200008 <core::ptr::write (inlined)>");
    }

    #[test]
    fn the_library_and_other_packages_are_not_the_kernel_s_own() {
        let own = |file| place(None, Some((file, 1))).is_own();
        assert!(own("kernel/src/main.rs") && own("/home/me/kernel/src/main.rs") && own("boot.S"));
        let short = |file: &str| Line { file: file.into(), line: 1 }.short();
        for (file, shown) in [
            (
                "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/ptr/mod.rs",
                "library/core/src/ptr/mod.rs:1",
            ),
            (
                "/home/me/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/ptr/mod.rs",
                "library/core/src/ptr/mod.rs:1",
            ),
            ("/home/me/.cargo/registry/src/index-1/spin-0.9.8/src/mutex.rs", "spin-0.9.8/src/mutex.rs:1"),
        ] {
            assert!(!own(file), "{file}");
            assert_eq!(short(file), shown);
        }
        assert_eq!(short("kernel/src/main.rs"), "kernel/src/main.rs:1");
        assert!(!place(None, None).is_own());
    }
}
