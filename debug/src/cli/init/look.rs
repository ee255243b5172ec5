//! What a project's files tell of its kernel: cargo's metadata, .cargo/config.toml, linker scripts, a line that starts QEMU.
//! It writes nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use debug::checks::{knows_bss, knows_stack_top};
use regex::Regex;
use serde_json::Value;

use super::super::narration;
use super::cargo::{CargoConfig, Program};
use super::makefile;
use super::qemu_line::QemuLine;

/// Folders that are no sources.
const LEFT_OUT: [&str; 5] = ["target", "build", "node_modules", "third_party", "vendor"];
/// What cargo builds a kernel for, where nothing says so.
const USUAL_TARGET: &str = "riscv64gc-unknown-none-elf";
/// How deep linker scripts may lie.
const DEEPEST: usize = 3;

/// A project, as far as it was seen. Keys and their values, with the reason that is written beside them.
#[derive(Debug, Default)]
pub struct Project {
    pub entries: Vec<Entry>,
    /// Whether cargo makes the kernel.
    pub by_cargo: bool,
    /// The ELF's path where it is known without building, for an editor.
    pub elf: Option<String>,
    /// What cargo builds for.
    pub target: Option<String>,
    pub rv32: bool,
    /// The kernel's first function, as the linker script names it.
    pub first: Option<String>,
}

/// One key.
#[derive(Debug)]
pub struct Entry {
    pub key: &'static str,
    pub values: Vec<String>,
    pub why: String,
}

impl Project {
    fn add(&mut self, key: &'static str, value: impl Into<String>, why: impl Into<String>) {
        match self.entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => entry.values.push(value.into()),
            None => self.entries.push(Entry { key, values: vec![value.into()], why: why.into() }),
        }
    }

    pub fn value(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &*entry.values[0])
    }
}

/// Looks at `folder`.
///
/// # Errors
/// Where cargo does not read its Cargo.toml; where nothing tells of a kernel.
pub fn look(folder: &Path) -> anyhow::Result<Project> {
    let mut project = Project::default();
    let mut line = makefile::find(folder);
    let has_cargo = folder.join("Cargo.toml").is_file();
    if has_cargo {
        let config = CargoConfig::of(folder);
        look_at_cargo(folder, &config, &mut project)?;
        line = line.or_else(|| makefile::Found::of(".cargo/config.toml", &config.runner()?));
    }
    if let Some(found) = line {
        take_line(folder, &mut project, found);
    } else if !has_cargo {
        bail!(
            "no kernel found here: no Cargo.toml, and no Makefile, justfile or script with a line that starts QEMU; try: in the \
             project's folder"
        );
    }
    let scripts = linker_scripts(folder);
    project.first = scripts.iter().find_map(|script| entry_of(script));
    take_symbols(&mut project, &scripts);
    Ok(project)
}

fn look_at_cargo(folder: &Path, config: &CargoConfig, project: &mut Project) -> anyhow::Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(folder).stdin(Stdio::null());
    narration::tell_command(&cargo);
    let output = cargo.stderr(Stdio::inherit()).output().context("cannot run cargo; try: https://rustup.rs")?;
    if !output.status.success() {
        bail!("cargo does not read Cargo.toml: see above");
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("the output of cargo metadata is not JSON")?;
    // Cargo names paths without links.
    let folder =
        &folder.canonicalize().context("the current folder does not exist any more; try: cd to one that does")?;
    let programs = Program::all(&metadata, folder);
    let Some(Program { package, name, .. }) = programs.first() else { return Ok(()) };
    project.by_cargo = true;
    if programs.len() > 1 {
        let others: Vec<&str> = programs[1..].iter().map(|program| &*program.name).collect();
        let why = format!("there are others: {}", others.join(", "));
        project.add("package", package, why.clone());
        project.add("bin", name, why);
    }
    let target = config.target().unwrap_or_else(|| {
        project.add("target", USUAL_TARGET, ".cargo/config.toml names none");
        USUAL_TARGET.into()
    });
    let folder_name = target.trim_end_matches(".json").rsplit('/').next().unwrap_or(&target);
    project.rv32 = folder_name.starts_with("riscv32");
    let built = metadata["target_directory"].as_str().unwrap_or("target");
    let built = from(folder, Path::new(built));
    project.elf = Some(format!("{}/{folder_name}/debug/{name}", built.display()));
    project.target = Some(target);
    Ok(())
}

/// A path as it is said from a folder; both are absolute.
fn from(folder: &Path, path: &Path) -> PathBuf {
    let up = |steps: usize| PathBuf::from_iter(std::iter::repeat_n("..", steps));
    let mut ancestors = folder.ancestors().enumerate();
    let found = ancestors.find_map(|(steps, above)| Some(up(steps).join(path.strip_prefix(above).ok()?)));
    found.unwrap_or_else(|| path.to_owned())
}

/// What the line that starts QEMU tells.
fn take_line(folder: &Path, project: &mut Project, found: makefile::Found) {
    let line = QemuLine::of(&found.arguments);
    let why = format!("as in {}", found.file);
    project.rv32 |= found.rv32;
    if !project.by_cargo {
        let (kernel, raw) = match (&line.kernel, &line.loaded) {
            (Some(kernel), _) => (Some(kernel.clone()), None),
            (None, Some((raw, address))) => (elf_of(folder, raw), Some((raw.clone(), address.clone()))),
            (None, None) => (None, None),
        };
        if makefile::has_makefile(folder) {
            project.add("build", "make", "before each boot");
        } else if found.file.ends_with(".sh") {
            let text = format!(
                "{} starts QEMU; what it does before has to be done before `cargo debug check` as well",
                found.file
            );
            project.entries.push(Entry { key: "build", values: Vec::new(), why: text });
        }
        if let Some(kernel) = kernel {
            project.elf = Some(kernel.clone());
            project.add("kernel", kernel, why.clone());
        }
        if let Some((raw, address)) = raw {
            project.add("raw", raw, "the flat image that boots; kernel has its symbols");
            project.add("load-address", address.unwrap_or_else(|| "0x80200000".into()), why.clone());
        }
    }
    for (key, value) in line.keys {
        project.add(key, value, why.clone());
    }
}

/// The ELF beside a flat image, by its name.
fn elf_of(folder: &Path, raw: &str) -> Option<String> {
    let stem = raw.rsplit_once('.').map_or(raw, |(stem, _)| stem);
    let names = [format!("{stem}.elf"), stem.to_owned()];
    Some(names.iter().find(|name| folder.join(name).is_file()).unwrap_or(&names[0]).clone())
}

/// The texts of linker scripts.
fn linker_scripts(folder: &Path) -> Vec<String> {
    let (mut texts, mut folders) = (Vec::new(), vec![(folder.to_owned(), 0)]);
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            if path.is_dir() {
                if depth < DEEPEST && !name.starts_with('.') && !LEFT_OUT.contains(&&*name) {
                    folders.push((path, depth + 1));
                }
            } else if [".ld", ".lds", ".x", ".ld.S", ".lds.S"].iter().any(|ending| name.ends_with(ending)) {
                texts.extend(fs::read_to_string(path));
            }
        }
    }
    texts
}

/// `ENTRY(name)`.
fn entry_of(script: &str) -> Option<String> {
    let pattern = Regex::new(r"\bENTRY\s*\(\s*([A-Za-z_.$][A-Za-z0-9_.$]*)\s*\)").ok()?;
    Some(pattern.captures(script)?.get(1)?.as_str().to_owned())
}

/// Names BSS's bounds and the stack's end where only the linker script does, by a name that is not usual.
fn take_symbols(project: &mut Project, scripts: &[String]) {
    let Ok(pattern) = Regex::new(r"(?m)(?:^|[;{(\s])([A-Za-z_][A-Za-z0-9_.$]*)\s*=\s*[^=]") else { return };
    let text = scripts.join("\n");
    let names: Vec<&str> = pattern.captures_iter(&text).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    let find = |all: &[&str], any: &[&str]| {
        let fits = |name: &&&str| {
            let name = name.to_lowercase();
            all.iter().all(|part| name.contains(part)) && any.iter().any(|part| name.contains(part))
        };
        names.iter().find(fits).map(|name| (*name).to_owned())
    };
    const WHY: &str = "as in the linker script";
    if !knows_bss(&names)
        && let Some(start) = find(&["bss"], &["start", "begin", "sbss", "base", "lo"])
        && let Some(end) = find(&["bss"], &["end", "stop", "ebss", "limit", "hi"])
    {
        project.add("bss-start", start, WHY);
        project.add("bss-end", end, WHY);
    }
    if !knows_stack_top(&names)
        && let Some(top) = find(&["stack"], &["top", "end", "upper", "hi"])
    {
        project.add("stack-top", top, WHY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let folder = tempfile::tempdir().expect("there is a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("it is in the folder")).expect("it can be made");
            fs::write(path, text).expect("it can be written");
        }
        let project = look(folder.path()).expect("there is a kernel");
        project.entries.into_iter().map(|entry| (entry.key.to_owned(), entry.values.join("|"))).collect()
    }

    fn owned(keys: &[(&str, &str)]) -> Vec<(String, String)> {
        keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_makefile_tells_kernel_and_machine() {
        let make = "run:\n\tqemu-system-riscv64 -machine virt -bios none -smp 2 -nographic -kernel os.elf\n";
        let script = "SECTIONS { .bss : { my_bss_lo = .; *(.bss) my_bss_hi = .; } PROVIDE(boot_stack_upper = .); }";
        let found = keys(&[("Makefile", make), ("os.ld", script)]);
        let expected = [
            ("build", "make"),
            ("kernel", "os.elf"),
            ("bios", "none"),
            ("smp", "2"),
            ("bss-start", "my_bss_lo"),
            ("bss-end", "my_bss_hi"),
            ("stack-top", "boot_stack_upper"),
        ];
        assert_eq!(found, owned(&expected));
    }

    #[test]
    fn usual_names_are_not_written() {
        let make = "run:\n\tqemu-system-riscv64 -machine virt -nographic -kernel os.elf\n";
        let script = "SECTIONS { sbss = .; ebss = .; boot_stack_top = .; }";
        assert_eq!(keys(&[("Makefile", make), ("os.ld", script)]), owned(&[("build", "make"), ("kernel", "os.elf")]));
    }

    #[test]
    fn what_cargo_builds_is_said_from_the_folder() {
        let said = |folder, path| from(Path::new(folder), Path::new(path)).display().to_string();
        assert_eq!(said("/work/os", "/work/os/target"), "target");
        assert_eq!(said("/work/crates/os", "/work/target"), "../../target");
        assert_eq!(said("/work/os", "/elsewhere"), "../../elsewhere");
    }

    #[test]
    fn a_runner_that_is_qemu_tells_of_the_machine() {
        let config = "[build]\ntarget = 'riscv64gc-unknown-none-elf'\n[target.riscv64gc-unknown-none-elf]\nrunner = 'qemu-system-riscv64 -machine virt \
                      -cpu rv64 -smp 4 -m 256M -bios none -nographic -kernel'\n";
        let manifest = "[package]\nname = 'host-os'\n[[bin]]\nname = 'host'\npath = 'main.rs'\n[[bin]]\nname = 'os'\npath = 'main.rs'\n";
        let found = keys(&[("Cargo.toml", manifest), ("main.rs", ""), (".cargo/config.toml", config)]);
        let expected = [("package", "host-os"), ("bin", "os"), ("smp", "4"), ("memory", "256"), ("bios", "none")];
        assert_eq!(found, owned(&expected));
    }

    #[test]
    fn a_folder_without_a_kernel_is_said() {
        let folder = tempfile::tempdir().expect("there is a folder");
        assert!(look(folder.path()).expect_err("it is empty").to_string().contains("no kernel found here"));
    }
}
