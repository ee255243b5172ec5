//! `--html`: gathers what a page needs, and the source lines from the disk. It does not draw.
//!
//! The paths of source files come from the kernel's file, which may be anybody's, and a page may be published. So only files of the project
//! are shown: those in the current folder, or in the kernel's project; nothing hidden, and nothing that a link takes out of it.

use std::fs;
use std::path::{Component, Path, PathBuf};

use debug::checks::Layout;
use debug::embedded::Change;
use debug::image::Line;
use debug::profile::{Look, gather};
use debug::report::{Page, Report, Source};

use super::kernel::Kernel;
use super::narration;

/// A run's changes from outside, and its end in instructions.
pub type Ran = (Vec<(u64, Change)>, u64);

/// How many lines around a place are shown.
const AROUND: u32 = 4;
/// A larger file is not read for source lines.
const LARGEST: u64 = 4 << 20;

/// The page of a run that had these changes from outside and this length.
pub fn html(
    report: &Report,
    kernel: &Kernel,
    layout: &Layout,
    run: Option<Ran>,
    commands: &[String],
) -> anyhow::Result<String> {
    let look = Look { bss: layout.bss.clone(), stack: layout.stack.clone() };
    let boot = run.map(|(changes, end)| {
        let _waiting = narration::Waiting::until("looking at the boot again");
        gather(&kernel.image, &kernel.options, &changes, end, &look)
    });
    let boot = boot.transpose()?;
    let sources = Sources::of(&kernel.files.kernel);
    let page = Page {
        report,
        image: &kernel.image,
        boot: boot.as_ref(),
        is_companion: report.machine != "embedded" && report.machine != "both",
        stack: layout.stack.clone(),
        ram: kernel.options.memory_mib << 20,
        commands,
        source: &|line| sources.around(line),
    };
    Ok(page.html())
}

/// What a project's folder has.
const OF_A_PROJECT: [&str; 6] = ["debug.toml", "Cargo.toml", "Makefile", "CMakeLists.txt", "meson.build", "build.zig"];

/// Folders whose files may be shown.
struct Sources {
    roots: Vec<PathBuf>,
}

impl Sources {
    /// The current folder, and that of the kernel's project: its repository, else the folders around it that have what a project's folder
    /// has, one within the other.
    fn of(kernel: &Path) -> Sources {
        let file = fs::canonicalize(kernel).unwrap_or_default();
        let mut folders = file.ancestors().skip(1);
        let is_project = |folder: &&Path| OF_A_PROJECT.iter().any(|name| folder.join(name).exists());
        let repository = folders.clone().find(|folder| folder.join(".git").exists());
        let innermost = folders.find(is_project);
        let outermost = || folders.take_while(is_project).last().or(innermost);
        let project = repository.or_else(outermost).map(Path::to_owned);
        let here = std::env::current_dir().and_then(fs::canonicalize).ok();
        // All files of the computer are in the root folder.
        let roots = here.into_iter().chain(project).filter(|folder| folder.parent().is_some());
        Sources { roots: roots.collect() }
    }

    /// The file that debug information names, if it may be shown.
    fn find(&self, file: &str) -> Option<PathBuf> {
        self.roots.iter().find_map(|root| {
            let found = fs::canonicalize(root.join(file)).ok()?;
            let within = found.strip_prefix(root).ok()?;
            let is_hidden = |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
            let is_small = fs::metadata(&found).is_ok_and(|file| file.is_file() && file.len() <= LARGEST);
            (is_small && !within.components().any(is_hidden)).then_some(found)
        })
    }

    /// The lines around one, where its file is here.
    fn around(&self, line: &Line) -> Option<Source> {
        let text = fs::read_to_string(self.find(&line.file)?).ok()?;
        let first = line.line.saturating_sub(AROUND).max(1);
        let lines = (1..).zip(text.lines()).skip_while(|(number, _)| *number < first);
        let lines = lines.take_while(|(number, _)| *number <= line.line.saturating_add(AROUND));
        Some(lines.map(|(number, text)| (number, text.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_project_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let project = root.join("project");
        fs::create_dir_all(project.join("src")).unwrap();
        for file in ["project/src/main.c", "project/.env", "secret.c"] {
            fs::write(root.join(file), "one\ntwo\n").unwrap();
        }
        std::os::unix::fs::symlink(root.join("secret.c"), project.join("src/link.c")).unwrap();
        let sources = Sources { roots: vec![project.clone()] };
        let shown = |file: &str| sources.around(&Line { file: file.into(), line: 2 });
        assert_eq!(shown("src/main.c"), Some(vec![(1, "one".into()), (2, "two".into())]));
        assert!(shown(project.join("src/../src/main.c").to_str().unwrap()).is_some());
        let outside = root.join("secret.c");
        let refused =
            [outside.to_str().unwrap(), "../secret.c", "src/link.c", ".env", "src", "/etc/passwd", "/dev/zero", ""];
        for file in refused {
            assert_eq!(shown(file), None, "{file}");
        }
    }

    #[test]
    fn a_project_may_have_others_within() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let kernel = root.join("os/kernel/target/kernel.elf");
        fs::create_dir_all(kernel.parent().unwrap()).unwrap();
        for file in ["os/Makefile", "os/kernel/Cargo.toml", "os/kernel/target/kernel.elf"] {
            fs::write(root.join(file), "").unwrap();
        }
        let roots = Sources::of(&kernel).roots;
        assert!(roots.contains(&root.join("os")), "{roots:?}");
        assert_eq!(Sources::of(&root.join("no such file")).roots.len(), 1);
    }
}
