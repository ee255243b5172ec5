//! Split debug information: the `.dwo` file of a unit, or the `.dwp` package beside the kernel. It does not know addresses.
//!
//! Source: DWARF 5, section 7.3.2 "Split DWARF Object Files"; the package's name is GDB's convention, `KERNEL.dwp`.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use addr2line::SplitDwarfLoad;
use gimli::{Dwarf, DwarfPackage, DwoId, EndianArcSlice, LittleEndian, Reader as _, SectionId};

use super::debug_sections;
use super::files::LARGEST;

pub(super) type Reader = EndianArcSlice<LittleEndian>;

/// Finds the files, and keeps the package once it is read.
pub(super) struct Split {
    kernel: PathBuf,
    package: OnceCell<Option<DwarfPackage<Reader>>>,
}

impl Split {
    pub fn of(kernel: &Path) -> Split {
        Split { kernel: kernel.to_owned(), package: OnceCell::new() }
    }

    /// The unit's information that is not in the kernel; None where nobody has it.
    pub fn load(&self, wanted: &SplitDwarfLoad<Reader>) -> Option<Arc<Dwarf<Reader>>> {
        self.in_package(wanted).or_else(|| self.in_file(wanted)).map(Arc::new)
    }

    fn in_package(&self, wanted: &SplitDwarfLoad<Reader>) -> Option<Dwarf<Reader>> {
        let package = self.package.get_or_init(|| {
            let mut appended = self.kernel.clone().into_os_string();
            appended.push(".dwp");
            let bytes = read(Path::new(&appended)).or_else(|| read(&self.kernel.with_extension("dwp")))?;
            DwarfPackage::load(|id| section(&bytes, id), Reader::new([].into(), LittleEndian)).ok()
        });
        package.as_ref()?.find_cu(wanted.dwo_id, &wanted.parent).ok()?
    }

    fn in_file(&self, wanted: &SplitDwarfLoad<Reader>) -> Option<Dwarf<Reader>> {
        let text = |reader: &Option<Reader>| Some(reader.as_ref()?.to_string_lossy().ok()?.into_owned());
        let path = PathBuf::from(text(&wanted.path)?);
        let compiled_in = text(&wanted.comp_dir).map(PathBuf::from).unwrap_or_default();
        let beside = self.kernel.parent().unwrap_or(Path::new(""));
        let candidates = [compiled_in.join(&path), beside.join(&path), beside.join(path.file_name()?)];
        candidates.iter().find_map(|candidate| {
            let bytes = read(candidate)?;
            let mut dwarf = Dwarf::load(|id| section(&bytes, id)).ok()?;
            dwarf.make_dwo(&wanted.parent);
            is_unit(&dwarf, wanted.dwo_id).then_some(dwarf)
        })
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let kind = path.metadata().ok()?;
    if kind.is_file() && kind.len() <= LARGEST { fs::read(path).ok() } else { None }
}

fn section(bytes: &[u8], id: SectionId) -> Result<Reader, gimli::Error> {
    let found = id.dwo_name().or(Some(id.name())).and_then(|name| debug_sections::find(bytes, name));
    Ok(Reader::new(found.unwrap_or_default().as_ref().into(), LittleEndian))
}

/// An older file of the same name has other units.
fn is_unit(dwarf: &Dwarf<Reader>, wanted: DwoId) -> bool {
    let mut units = dwarf.units();
    let first = units.next().ok().flatten().and_then(|header| dwarf.unit(header).ok());
    first.is_some_and(|unit| unit.dwo_id == Some(wanted))
}
