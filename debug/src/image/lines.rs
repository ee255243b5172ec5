//! Source lines and inlined functions: DWARF to function, file and line. It does not know symbols.
//!
//! If a part is missing or damaged, only the lines of its addresses are missing.

use std::borrow::Cow;
use std::env;
use std::path::{Path, PathBuf};

use addr2line::{Context, LookupContinuation, LookupResult};
use gimli::LittleEndian;

use super::members::{Array, Members};
use super::place::Line;
use super::split::{Reader, Split};
use super::symbols::demangled;
use crate::riscv::Address;

/// The debug information, which is read at its first use.
pub(super) struct Lines {
    context: Option<Context<Reader>>,
    members: Option<Members>,
    split: Split,
    /// Files in this folder are shown relative to it.
    current_folder: Option<PathBuf>,
}

/// A function that contains an instruction: its own, or one that was inlined.
pub(super) struct Frame {
    /// Demangled.
    pub function: Option<String>,
    pub line: Option<Line>,
}

impl Lines {
    /// `section` returns a section's bytes by its name. Split debug files are searched near `kernel`.
    pub fn parse<'a>(kernel: &Path, section: impl Fn(&str) -> Option<Cow<'a, [u8]>>) -> Lines {
        let load = |id: gimli::SectionId| {
            // Copied, so that the parsed form need not borrow from its owner.
            let bytes = section(id.name()).unwrap_or_default();
            Ok::<_, gimli::Error>(Reader::new(bytes.as_ref().into(), LittleEndian))
        };
        let sections = gimli::DwarfSections::load(load).ok();
        let members = sections.as_ref().map(|sections| Members::of(sections.borrow(Reader::clone)));
        let context = sections.and_then(|sections| Context::from_dwarf(sections.borrow(Reader::clone)).ok());
        // Everything is in the root folder. A path relative to it would only lose its slash.
        let current_folder = env::current_dir().ok().filter(|folder| folder.parent().is_some());
        Lines { context, members, split: Split::of(kernel), current_folder }
    }

    pub fn find(&self, address: Address) -> Option<Line> {
        let location = self.context.as_ref()?.find_location(address.0).ok()??;
        Some(Line { file: self.shown(location.file?, address), line: location.line? })
    }

    /// The smallest array that holds the byte at `at`, within the variable at `start`.
    pub fn array_at(&self, start: Address, at: Address) -> Option<Array> {
        self.members.as_ref()?.array_at(start, at)
    }

    /// The functions that contain the instruction, innermost first: inlined ones, then the one with a frame.
    pub fn frames(&self, address: Address) -> Vec<Frame> {
        let Some(Ok(mut found)) = self.context.as_ref().map(|context| self.loaded(context.find_frames(address.0)))
        else {
            return Vec::new();
        };
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = found.next() {
            let function = frame.function.and_then(|name| Some(demangled(&name.raw_name().ok()?)));
            let location = frame.location.and_then(|location| location.file.zip(location.line));
            let line = location.map(|(file, line)| Line { file: self.shown(file, address), line });
            frames.push(Frame { function, line });
        }
        frames
    }

    /// Runs a lookup that may need debug information from another file.
    fn loaded<L: LookupContinuation<Buf = Reader>>(&self, mut lookup: LookupResult<L>) -> L::Output {
        loop {
            lookup = match lookup {
                LookupResult::Output(output) => return output,
                LookupResult::Load { load, continuation } => continuation.resume(self.split.load(&load)),
            };
        }
    }

    fn shown(&self, file: &str, address: Address) -> String {
        let below = |folder: &Path| {
            let rest = Path::new(file).strip_prefix(folder).ok()?;
            Some(rest.to_string_lossy().into_owned())
        };
        let here = self.current_folder.as_deref().and_then(below);
        let is_own = || Line { file: file.to_owned(), line: 0 }.is_own();
        let there = || below(Path::new(&self.compiled_in(address)?)).filter(|_| is_own());
        here.or_else(there).unwrap_or_else(|| file.to_owned())
    }

    /// The folder in which the compiler ran for the code at `address` (DW_AT_comp_dir).
    fn compiled_in(&self, address: Address) -> Option<String> {
        let unit = self.loaded(self.context.as_ref()?.find_dwarf_and_unit(address.0))?;
        let folder = gimli::Reader::to_string_lossy(unit.comp_dir.as_ref()?).ok()?;
        (!folder.is_empty() && folder != "/").then(|| folder.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_below_the_current_folder_are_shown_from_there() {
        let lines = Lines {
            context: None,
            members: None,
            split: Split::of(Path::new("kernel.elf")),
            current_folder: Some("/home/me/kernel".into()),
        };
        let shown = |file| lines.shown(file, Address(0));
        assert_eq!(shown("/home/me/kernel/src/main.rs"), "src/main.rs");
        assert_eq!(shown("/home/me/kernels/src/main.rs"), "/home/me/kernels/src/main.rs");
        assert_eq!(shown("boot.S"), "boot.S");
    }
}
