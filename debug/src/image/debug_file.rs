//! Finds a separate file with debug information, by `.gnu_debuglink` or the build id, and checks that it belongs to the kernel.
//! Other modules read it.
//!
//! Source: GDB's manual, "Debugging Information in Separate Files".

use std::fs;
use std::path::{Path, PathBuf};

use super::debug_sections;

/// The folder in which distributions keep them.
const GLOBAL: &str = "/usr/lib/debug";

/// A file with a kernel's symbols and debug information.
pub(super) struct DebugFile {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// The result of the search.
#[derive(Default)]
pub(super) struct Search {
    pub found: Option<DebugFile>,
    /// The file's name in the kernel, if it has one.
    pub named: Option<String>,
    /// Where the file was searched and not found.
    pub missing: Vec<PathBuf>,
    /// Files with that name that belong to another build.
    pub other_builds: Vec<PathBuf>,
}

/// Searches the debug file of the kernel `bytes` at `path`; `most` is the largest size in bytes.
pub(super) fn search(path: &Path, bytes: &[u8], most: u64) -> Search {
    let mut search = Search::default();
    let link = link(bytes);
    let build_id = build_id(bytes);
    search.named = link.as_ref().map(|(name, _)| name.clone());
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut candidates = Vec::new();
    if let Some((name, _)) = &link {
        candidates.extend([folder.join(name), folder.join(".debug").join(name)]);
        let absolute = fs::canonicalize(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        let below = absolute.ok().and_then(|folder| folder.strip_prefix("/").map(Path::to_owned).ok());
        candidates.extend(below.map(|below| Path::new(GLOBAL).join(below).join(name)));
    }
    if let Some(id) = build_id.as_ref().filter(|id| id.len() > 1) {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        candidates.push(Path::new(GLOBAL).join(".build-id").join(hex(&id[..1])).join(hex(&id[1..]) + ".debug"));
    }
    for candidate in candidates {
        let is_file = candidate.metadata().is_ok_and(|kind| kind.is_file() && kind.len() <= most);
        let Some(found) = is_file.then(|| fs::read(&candidate).ok()).flatten().filter(|found| *found != bytes) else {
            search.missing.push(candidate);
            continue;
        };
        let sum = link.as_ref().is_some_and(|(_, sum)| crc32fast::hash(&found) == *sum);
        if sum || build_id.is_some() && self::build_id(&found) == build_id {
            search.found = Some(DebugFile { path: candidate, bytes: found });
            break;
        }
        search.other_builds.push(candidate);
    }
    search
}

/// The file's name and its checksum (CRC-32).
fn link(bytes: &[u8]) -> Option<(String, u32)> {
    let section = debug_sections::find(bytes, ".gnu_debuglink")?;
    let end = section.iter().position(|byte| *byte == 0)?;
    let name = std::str::from_utf8(&section[..end]).ok()?;
    let sum = section.get((end + 1).next_multiple_of(4)..)?.first_chunk()?;
    // Only a name, not a path, because the file may not be trusted.
    let plain = !name.is_empty() && !name.contains('/') && name != "..";
    plain.then(|| (name.to_owned(), u32::from_le_bytes(*sum)))
}

/// The linker's id of this build (`--build-id`).
fn build_id(bytes: &[u8]) -> Option<Vec<u8>> {
    debug_sections::first_note(bytes, ".note.gnu.build-id")
}
