//! A place in the kernel, as a person names it: address, symbol and offset, file and line. It does not find them.

use std::fmt;

use crate::machine::Address;

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Line {
    /// Relative to the current folder where it lies below it, else to the folder that it was compiled in, else as the
    /// compiler wrote it: `kernel/src/main.rs`. The file need not exist here.
    pub file: String,
    /// From 1.
    pub line: u32,
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

/// An address with all that the image knows about it: `0x80200008 <boot+0x8> kernel/src/main.rs:31`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub address: Address,
    /// The function or object, demangled, and the offset from its start in bytes.
    pub symbol: Option<(String, u64)>,
    pub line: Option<Line>,
}

impl Place {
    /// `boot+0x8`, or `boot` where the offset is 0.
    pub fn symbol_text(&self) -> Option<String> {
        let (name, offset) = self.symbol.as_ref()?;
        Some(if *offset == 0 { name.clone() } else { format!("{name}+{offset:#x}") })
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
        }
    }

    #[test]
    fn shows_all_that_is_known() {
        let whole = place(Some(("boot", 8)), Some(("kernel/src/main.rs", 31)));
        assert_eq!(whole.to_string(), "0x80200008 <boot+0x8> kernel/src/main.rs:31");
        assert_eq!(place(Some(("boot", 0)), None).to_string(), "0x80200008 <boot>");
        assert_eq!(place(None, None).to_string(), "0x80200008");
    }
}
