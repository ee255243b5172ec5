//! The line that starts QEMU in a Makefile, a justfile or a shell script, with its variables put in. Nothing is run for it.

use std::collections::HashMap;
use std::path::Path;

use regex::Regex;

/// Names of files that are looked at, and endings.
const NAMES: [&str; 6] = ["Makefile", "makefile", "GNUmakefile", "justfile", "Justfile", "Makefile.toml"];
/// How deep variables may stand in each other.
const DEEPEST: usize = 16;

/// A line and where it stood.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    pub file: String,
    /// Whether harts have 32 bits.
    pub rv32: bool,
    /// QEMU's arguments.
    pub arguments: Vec<String>,
}

impl Found {
    /// Of a command whose words are known; `None` where it does not start QEMU for RISC-V.
    pub fn of(file: &str, words: &[String]) -> Option<Found> {
        let program = words.iter().position(|word| word.contains("qemu-system-riscv"))?;
        let (rv32, arguments) = (words[program].contains("riscv32"), words[program + 1..].to_vec());
        Some(Found { file: file.into(), rv32, arguments })
    }
}

/// The first line of the folder's files that starts QEMU for RISC-V.
pub fn find(folder: &Path) -> Option<Found> {
    let scripts =
        std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut scripts: Vec<String> = scripts.filter(|name| name.ends_with(".sh") || name.ends_with(".mk")).collect();
    scripts.sort();
    let names = NAMES.iter().map(|name| (*name).to_owned()).chain(scripts);
    names.into_iter().find_map(|name| {
        let text = std::fs::read_to_string(folder.join(&name)).ok()?;
        let (rv32, arguments) = qemu_line(&text)?;
        Some(Found { file: name, rv32, arguments })
    })
}

/// Whether the folder has a file for make.
pub fn has_makefile(folder: &Path) -> bool {
    NAMES[..3].iter().any(|name| folder.join(name).is_file())
}

fn qemu_line(text: &str) -> Option<(bool, Vec<String>)> {
    let text = Regex::new(r"\\\r?\n\s*").ok()?.replace_all(text, " ").into_owned();
    let variables = variables(&text);
    text.lines().find_map(|line| {
        let whole = expanded(line, &variables);
        let start = whole.find("qemu-system-riscv")?;
        // A variable that only names the program is no line that starts it.
        let is_assignment = line.trim_start().split(['=', ':']).next().is_some_and(is_name) && line.contains('=');
        let words = shlex::split(whole[start..].split([';', '|', '&', '>']).next()?)?;
        let arguments: Vec<String> = words.get(1..)?.to_vec();
        let starts = arguments.iter().any(|word| word == "-kernel" || word == "-bios" || word.starts_with("loader,"));
        (starts && !is_assignment).then(|| (words[0].contains("riscv32"), arguments))
    })
}

fn is_name(text: &str) -> bool {
    let text = text.trim().trim_start_matches("export ").trim_end_matches(['?', ':', '+']).trim();
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// `NAME = value`, `:=`, `?=`, `+=`, and the shell's `NAME=value`.
fn variables(text: &str) -> HashMap<String, String> {
    let mut variables: HashMap<String, String> = HashMap::new();
    let Ok(pattern) = Regex::new(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*([:?+]?)=\s*(.*)$") else {
        return variables;
    };
    for captures in text.lines().filter_map(|line| pattern.captures(line)) {
        let (name, value) = (captures[1].to_owned(), captures[3].split(" #").next().unwrap_or_default().trim());
        match &captures[2] {
            "+" => {
                let known = variables.entry(name).or_default();
                known.push(' ');
                known.push_str(value);
            }
            "?" if variables.contains_key(&name) => {}
            _ => drop(variables.insert(name, value.trim_matches('"').to_owned())),
        }
    }
    variables
}

/// With `$(NAME)`, `${NAME}`, `{{NAME}}` and `$NAME` put in as far as they are known; the rest is removed.
fn expanded(line: &str, variables: &HashMap<String, String>) -> String {
    let Ok(pattern) = Regex::new(
        r"\$\(([A-Za-z0-9_]+)\)|\$\{([A-Za-z0-9_]+)[^}]*\}|\{\{\s*([A-Za-z0-9_]+)\s*\}\}|\$([A-Za-z_][A-Za-z0-9_]*)",
    ) else {
        return line.to_owned();
    };
    let mut text = line.to_owned();
    for _ in 0..DEEPEST {
        let next = pattern.replace_all(&text, |captures: &regex::Captures<'_>| {
            let name = captures.iter().skip(1).flatten().next().map_or("", |name| name.as_str());
            variables.get(name).cloned().unwrap_or_default()
        });
        if next == text {
            break;
        }
        text = next.into_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_makefiles_line_is_found_with_its_variables() {
        let text = "K = kernel\nQEMU = qemu-system-riscv64\nQEMUOPTS = -machine virt -bios none -kernel $K/kernel -m 128M\n\
                    QEMUOPTS += -smp $(CPUS)\nCPUS := 3\n\nqemu: $K/kernel\n\t$(QEMU) $(QEMUOPTS) \\\n\t  -nographic\n";
        let (rv32, arguments) = qemu_line(text).expect("there is one");
        assert!(!rv32);
        let expected = "-machine virt -bios none -kernel kernel/kernel -m 128M -smp 3 -nographic";
        assert_eq!(arguments.join(" "), expected);
    }

    #[test]
    fn a_scripts_line_is_found() {
        let text = "#!/bin/bash\nset -xue\nQEMU=qemu-system-riscv32\n$QEMU -machine virt -bios default -nographic \\\n    -kernel kernel.elf\n";
        let (rv32, arguments) = qemu_line(text).expect("there is one");
        assert!(rv32 && arguments.ends_with(&["-kernel".into(), "kernel.elf".into()]), "{arguments:?}");
    }

    #[test]
    fn a_file_without_qemu_has_none() {
        assert_eq!(qemu_line("all:\n\tcargo build\nQEMU = qemu-system-riscv64\n"), None);
    }
}
