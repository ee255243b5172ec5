//! `cargo debug init`: writes debug.toml by looking at a project, and on request what VS Code, a CI and GDB need.
//!
//! ```text
//! $ cargo debug init --ci
//! debug.toml: written
//! .github/workflows/boot.yml: written
//! ```

mod cargo;
mod look;
mod makefile;
mod qemu_line;
mod templates;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use debug::output::OutputFile;
use similar::TextDiff;

use super::config::FILE;

/// Writes a debug.toml for the project in this folder, by looking at it.
///
/// It looks at cargo's metadata, .cargo/config.toml, linker scripts, and the line of a Makefile or a script that starts QEMU. What is
/// found the usual way is not written. A file that is there already is not touched without --force: the difference is shown.
///
/// Exit status: 0 all is written or as it would be, 1 a file is there and differs, 2 it could not look.
#[derive(Args)]
pub struct Arguments {
    /// Also .vscode/launch.json and .vscode/tasks.json
    #[arg(long)]
    vscode: bool,

    /// Also .github/workflows/boot.yml
    #[arg(long)]
    ci: bool,

    /// Also .gdbinit, which connects GDB to `cargo debug serve`
    #[arg(long)]
    gdbinit: bool,

    /// Replaces files that are there
    #[arg(long)]
    force: bool,
}

/// True where all files are there as they should be.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let folder = env::current_dir().context("the current folder does not exist any more; try: cd to one that does")?;
    let project = look::look(&folder)?;
    let mut files: Vec<(PathBuf, String)> = vec![(FILE.into(), templates::config(&project))];
    if arguments.vscode {
        files.push((".vscode/launch.json".into(), templates::launch(&project)));
        files.push((".vscode/tasks.json".into(), templates::tasks()));
    }
    if arguments.ci {
        files.push((".github/workflows/boot.yml".into(), templates::workflow(&project)));
    }
    if arguments.gdbinit {
        files.push((".gdbinit".into(), templates::gdbinit(&project)));
    }
    let mut all = true;
    for (path, text) in &files {
        all &= place(&folder, path, text, arguments.force)?;
    }
    Ok(all)
}

/// Writes one file; false where another is there.
fn place(folder: &Path, path: &Path, text: &str, force: bool) -> anyhow::Result<bool> {
    let whole = folder.join(path);
    let mut stdout = io::stdout().lock();
    let before = match fs::read_to_string(&whole) {
        Ok(before) => Some(before),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => bail!("cannot read {}: {error}; try: move it away", path.display()),
    };
    let said = match &before {
        Some(before) if before == text => "up to date",
        Some(before) => {
            let name = path.display().to_string();
            let difference = TextDiff::from_lines(before.as_str(), text);
            let difference = difference.unified_diff().header(&name, &format!("{name} (init)")).to_string();
            write!(stdout, "{difference}").context("cannot write to standard output")?;
            if !force {
                writeln!(stdout, "{name} exists already and is left unchanged; try: --force")
                    .context("cannot write to standard output")?;
                return Ok(false);
            }
            write_file(&whole, text)?;
            "replaced"
        }
        None => {
            write_file(&whole, text)?;
            "written"
        }
    };
    writeln!(stdout, "{}: {said}", path.display()).context("cannot write to standard output")?;
    Ok(true)
}

fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    Ok(OutputFile::create(path, &[])?.write(text.as_bytes())?)
}
