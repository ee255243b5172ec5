//! debug.toml, or `[package.metadata.debug]` in Cargo.toml: a project's default options. It does not know what they do.
//!
//! Each key becomes the option with its name, before the typed options. Typed options override it.

pub mod keys;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use debug::guardian::option_words;
use toml::{Table, Value};

use keys::{Key, Kind, Part};

/// The file's name.
pub const FILE: &str = "debug.toml";

/// A project's options, and their file.
#[derive(Debug)]
pub struct Config {
    /// The file's name in errors.
    pub file: PathBuf,
    /// Its folder, absolute. Relative paths and commands refer to it.
    pub folder: PathBuf,
    table: Table,
}

impl Config {
    /// Finds the file in `here` or the nearest folder above it.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, or has an unknown key.
    pub fn find(here: &Path) -> anyhow::Result<Option<Config>> {
        for folder in here.ancestors() {
            let file = folder.join(FILE);
            if file.is_file() {
                return Config::open(&file).map(Some);
            }
            let manifest = folder.join("Cargo.toml");
            if let Some(table) = metadata(&manifest) {
                return Config::new(&manifest, table).map(Some);
            }
        }
        Ok(None)
    }

    /// Reads this file.
    ///
    /// # Errors
    /// Like [`Config::find`].
    pub fn open(file: &Path) -> anyhow::Result<Config> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let table = text.parse::<Table>().map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
        if file.file_name().is_some_and(|name| name == "Cargo.toml") {
            let Some(table) = debug_table(&table) else {
                bail!("{} has no [package.metadata.debug]; try: cargo debug init", file.display());
            };
            return Config::new(file, table.clone());
        }
        Config::new(file, table)
    }

    fn new(file: &Path, table: Table) -> anyhow::Result<Config> {
        for name in table.keys() {
            if keys::find(name).is_none() {
                let nearest = keys::nearest(name);
                bail!("{}: unknown key {name}; try: {nearest}, or docs/configuration.md", file.display());
            }
        }
        let folder = std::path::absolute(file)?.parent().unwrap_or(Path::new("/")).to_owned();
        Ok(Config { file: file.to_owned(), folder, table })
    }

    /// The arguments to add to a command that was called with `typed`.
    ///
    /// # Errors
    /// If a value has the wrong type.
    pub fn arguments(&self, command: &Command, typed: &ArgMatches) -> anyhow::Result<Vec<OsString>> {
        let is_typed = |option: &str| {
            let argument = command.get_arguments().find(|argument| argument.get_long() == Some(option));
            argument.is_some_and(|argument| {
                typed.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine)
            })
        };
        // Another command that makes the kernel makes the same one.
        let other_kernel = is_typed("kernel") || is_typed("package") || is_typed("bin");
        let on_embedded = typed.try_get_raw("on").ok().flatten().is_some_and(|mut on| on.any(|on| on == "embedded"));
        let folder = command.get_arguments().any(|argument| argument.get_long() == Some("project-folder"));
        let mut arguments: Vec<OsString> = Vec::new();
        if folder && !other_kernel {
            arguments.extend(["--project-folder".into(), self.folder.clone().into()]);
        }
        for (name, value) in &self.table {
            let Some(key) = keys::find(name) else { continue };
            let known = command.get_arguments().any(|argument| argument.get_long() == Some(key.option));
            let unwanted = match key.part {
                Part::Kernel => other_kernel,
                Part::Verdict => command.get_name() == "run",
                Part::Qemu => on_embedded,
                Part::Machine => false,
            };
            // A verdict on both, or on a stub, is no machine for GDB.
            let elsewhere = name == "on"
                && command.get_name() != "check"
                && !value.as_str().is_some_and(|on| on == "qemu" || on == "embedded");
            if known && !elsewhere && !unwanted && !is_typed(key.option) {
                arguments.extend(self.values(key, value)?.into_iter().map(|value| option(key, value)));
            }
        }
        Ok(arguments)
    }

    /// The values of a key; none for a flag that is off.
    fn values(&self, key: &Key, value: &Value) -> anyhow::Result<Vec<String>> {
        let several = matches!(key.kind, Kind::Texts | Kind::Drives);
        let values = match (key.kind, value) {
            (Kind::Flag, Value::Boolean(on)) => return Ok(on.then(String::new).into_iter().collect()),
            (Kind::Flag, _) => bail!("{}: {} is true or false", self.file.display(), key.name),
            (_, Value::Array(values)) if several => values.iter().collect(),
            (_, value) => vec![value],
        };
        let text = |value: &Value| match value {
            Value::String(text) => Ok(self.in_folder(key, text)),
            Value::Integer(number) => Ok(number.to_string()),
            Value::Float(number) => Ok(number.to_string()),
            other => {
                let wanted = if several { "a text, or several in brackets" } else { "a text or a number" };
                bail!("{}: {} is {}; {wanted} is needed", self.file.display(), key.name, other.type_str());
            }
        };
        values.into_iter().map(text).collect()
    }

    /// A value as the command needs it: paths are joined with the folder.
    fn in_folder(&self, key: &Key, text: &str) -> String {
        let joined = |path: &str| self.folder.join(path).display().to_string();
        match key.kind {
            Kind::Path if key.name == "bios" && matches!(text, "none" | "default") => text.to_owned(),
            Kind::Path => joined(text),
            // As --drive has it: a path, and what is said of it behind.
            Kind::Drives if !option_words(text).iter().any(|word| word.starts_with("file=")) => joined(text),
            Kind::Drives => {
                let word = |word: String| match word.strip_prefix("file=") {
                    Some(path) => format!("file={}", joined(path)).replace(',', ",,"),
                    None => word.replace(',', ",,"),
                };
                option_words(text).into_iter().map(word).collect::<Vec<_>>().join(",")
            }
            _ => text.to_owned(),
        }
    }
}

fn option(key: &Key, value: String) -> OsString {
    match key.kind {
        Kind::Flag => format!("--{}", key.option).into(),
        _ => format!("--{}={value}", key.option).into(),
    }
}

/// The table in a manifest. Cargo reports errors in a manifest.
fn metadata(manifest: &Path) -> Option<Table> {
    let table = fs::read_to_string(manifest).ok()?.parse::<Table>().ok()?;
    debug_table(&table).cloned()
}

fn debug_table(manifest: &Table) -> Option<&Table> {
    let of = |part: &str| manifest.get(part)?.get("metadata")?.get("debug")?.as_table();
    of("package").or_else(|| of("workspace"))
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn config(text: &str) -> anyhow::Result<Config> {
        Config::new(Path::new("/project/debug.toml"), text.parse().expect("it is TOML"))
    }

    /// The arguments that a file adds to a command that was called with these words.
    fn arguments(text: &str, name: &'static str, words: &[&str]) -> Vec<String> {
        let options = ["kernel", "smp", "bios", "expect", "drive", "initrd"];
        let mut command = Command::new(name).no_binary_name(true);
        for option in options {
            command = command.arg(Arg::new(option).long(option).action(clap::ArgAction::Append));
        }
        let command = command.arg(Arg::new("harsh").long("harsh").action(clap::ArgAction::SetTrue));
        let typed = command.clone().try_get_matches_from(words).expect("the words are options");
        let arguments = config(text).expect("its keys are keys").arguments(&command, &typed).expect("its values fit");
        arguments.into_iter().map(|argument| argument.into_string().expect("it is UTF-8")).collect()
    }

    #[test]
    fn keys_become_options_and_paths_are_those_of_the_file() {
        let text = "kernel = 'a/k.elf'\nsmp = 4\nbios = 'none'\nexpect = ['a', 'b']\nharsh = true\ndrives = 'file=d.img,if=none'";
        let expected = [
            "--kernel=/project/a/k.elf",
            "--smp=4",
            "--bios=none",
            "--expect=a",
            "--expect=b",
            "--harsh",
            "--drive=file=/project/d.img,if=none",
        ];
        let mut arguments = arguments(text, "check", &[]);
        arguments.sort();
        let mut expected = expected.map(String::from);
        expected.sort();
        assert_eq!(arguments, expected);
    }

    #[test]
    fn a_drive_may_be_a_path_alone() {
        let several = "drives = ['a,b.img,readonly', '/c.img', 'id=x,file=d.img']";
        let expected = ["--drive=/project/a,b.img,readonly", "--drive=/c.img", "--drive=id=x,file=/project/d.img"];
        assert_eq!(arguments(several, "check", &[]), expected);
    }

    /// As QEMU has it, two commas stand for one.
    #[test]
    fn a_folder_s_comma_is_no_end_of_a_drive_s_name() {
        let file = Path::new("/a,b/debug.toml");
        let config = Config::new(file, "drives = ['file=c,,d.img,if=none', 'e,f.img']".parse().expect("it is TOML"));
        let config = config.expect("its keys are keys");
        let drives = config.values(keys::find("drives").expect("it is a key"), &config.table["drives"]);
        assert_eq!(drives.expect("they are texts"), ["file=/a,,b/c,,d.img,if=none", "/a,b/e,f.img"]);
    }

    #[test]
    fn what_was_typed_counts() {
        assert_eq!(arguments("smp = 4\nexpect = 'a'", "check", &["--smp", "2"]), ["--expect=a"]);
        assert_eq!(arguments("smp = 4\nkernel = 'k'", "check", &["--kernel", "other"]), ["--smp=4"]);
    }

    #[test]
    fn a_runner_is_not_asked_for_the_words_of_the_boot() {
        assert_eq!(arguments("smp = 4\nexpect = 'a'", "run", &[]), ["--smp=4"]);
    }

    #[test]
    fn a_key_that_is_none_comes_with_the_nearest() {
        let error = config("stack_top = 'x'").expect_err("it is no key").to_string();
        assert!(error.contains("unknown key stack_top") && error.contains("try: stack-top"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_told() {
        let command = Command::new("check").arg(Arg::new("smp").long("smp"));
        let typed = command.clone().try_get_matches_from(["check"]).expect("no words are right");
        let error = config("smp = [1]").expect("it is a key").arguments(&command, &typed).expect_err("it is no number");
        assert!(error.to_string().contains("smp is array; a text or a number is needed"), "{error}");
    }
}
