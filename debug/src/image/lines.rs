//! Source lines: DWARF line tables to file and line. It does not know symbols.
//!
//! What is missing, compressed or damaged costs the lines only: an address then has none.

use std::env;
use std::path::{Path, PathBuf};

use addr2line::Context;
use gimli::{EndianArcSlice, LittleEndian};

use super::place::Line;
use crate::machine::Address;

type Reader = EndianArcSlice<LittleEndian>;

/// The line tables, read when they are first asked for.
pub(super) struct Lines {
    context: Option<Context<Reader>>,
    /// Files below it are shown relative to it.
    current_folder: Option<PathBuf>,
}

impl Lines {
    /// `section` gives a section's bytes by its name.
    pub fn parse<'a>(section: impl Fn(&str) -> Option<&'a [u8]>) -> Lines {
        let load = |id: gimli::SectionId| {
            // Copied, so that the parsed form need not borrow from its owner.
            let bytes = section(id.name()).unwrap_or_default();
            Ok::<_, gimli::Error>(Reader::new(bytes.into(), LittleEndian))
        };
        let context = gimli::Dwarf::load(load).and_then(Context::from_dwarf).ok();
        // Everything lies below the root: shown relative to it, a path would only lose its slash.
        let current_folder = env::current_dir().ok().filter(|folder| folder.parent().is_some());
        Lines { context, current_folder }
    }

    pub fn find(&self, address: Address) -> Option<Line> {
        let location = self.context.as_ref()?.find_location(address.0).ok()??;
        Some(Line { file: self.shown(location.file?, address), line: location.line? })
    }

    fn shown(&self, file: &str, address: Address) -> String {
        let below = |folder: &Path| {
            let rest = Path::new(file).strip_prefix(folder).ok()?;
            Some(rest.to_string_lossy().into_owned())
        };
        let here = self.current_folder.as_deref().and_then(below);
        here.or_else(|| below(Path::new(&self.compiled_in(address)?))).unwrap_or_else(|| file.to_owned())
    }

    /// The folder that the compiler was started in for the code at `address` (DW_AT_comp_dir).
    fn compiled_in(&self, address: Address) -> Option<String> {
        let unit = self.context.as_ref()?.find_dwarf_and_unit(address.0).skip_all_loads()?;
        let folder = gimli::Reader::to_string_lossy(unit.comp_dir.as_ref()?).ok()?;
        (!folder.is_empty() && folder != "/").then(|| folder.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_below_the_current_folder_are_shown_from_there() {
        let lines = Lines { context: None, current_folder: Some("/home/me/kernel".into()) };
        let shown = |file| lines.shown(file, Address(0));
        assert_eq!(shown("/home/me/kernel/src/main.rs"), "src/main.rs");
        assert_eq!(shown("/home/me/kernels/src/main.rs"), "/home/me/kernels/src/main.rs");
        assert_eq!(shown("boot.S"), "boot.S");
    }
}
