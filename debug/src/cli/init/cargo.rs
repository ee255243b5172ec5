//! What cargo knows of a kernel: the programs of a workspace, the target, and the runner, which may be a line that starts QEMU. It runs
//! nothing.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use toml::{Table, Value};

/// The nearest .cargo/config.toml upwards.
#[derive(Debug, Default)]
pub struct CargoConfig(Table);

impl CargoConfig {
    /// As cargo sees it in this folder; empty where there is none.
    pub fn of(folder: &Path) -> CargoConfig {
        let files = folder
            .ancestors()
            .flat_map(|folder| ["config.toml", "config"].map(|file| folder.join(".cargo").join(file)));
        let table = files.filter_map(|file| fs::read_to_string(file).ok()).find_map(|text| text.parse().ok());
        CargoConfig(table.unwrap_or_default())
    }

    /// What cargo builds for.
    pub fn target(&self) -> Option<String> {
        let target = self.0.get("build")?.get("target")?;
        target.as_str().or_else(|| target.as_array()?.first()?.as_str()).map(str::to_owned)
    }

    /// The words of the command that runs what was built; of several targets the first that has one.
    pub fn runner(&self) -> Option<Vec<String>> {
        let targets = self.0.get("target")?.as_table()?;
        targets.values().find_map(|target| match target.get("runner")? {
            Value::String(line) => shlex::split(line),
            Value::Array(words) => words.iter().map(|word| word.as_str().map(str::to_owned)).collect(),
            _ => None,
        })
    }
}

/// A program of a package.
#[derive(Debug)]
pub struct Program {
    pub package: String,
    pub name: String,
    /// The package's.
    folder: PathBuf,
}

impl Program {
    /// All of cargo's metadata, what is most likely the kernel first: `folder`'s own, and by its name.
    pub fn all(metadata: &Json, folder: &Path) -> Vec<Program> {
        let mut programs = Vec::new();
        for package in metadata["packages"].as_array().into_iter().flatten() {
            programs.extend(Program::of(package));
        }
        programs.sort_by_key(|program| {
            (program.folder != *folder, !is_kernel_like(&program.name), !is_kernel_like(&program.package))
        });
        programs
    }

    fn of(package: &Json) -> Vec<Program> {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let (name, folder) = (package["name"].as_str().unwrap_or_default(), manifest.parent().unwrap_or(manifest));
        let targets = package["targets"].as_array().into_iter().flatten();
        let is_program =
            |target: &&Json| target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "bin"));
        let programs = targets.filter(is_program).filter_map(|target| target["name"].as_str());
        programs.map(|program| Program { package: name.into(), name: program.into(), folder: folder.into() }).collect()
    }
}

/// `os` is in the name of a host, too.
fn is_kernel_like(name: &str) -> bool {
    ["kernel", "hypervisor"].iter().any(|part| name.contains(part))
        || name.split(['-', '_']).any(|part| part.ends_with("os"))
}
