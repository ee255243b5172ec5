//! How the kernel is made, where none is named: by a command of the project's, by cargo, or, in this project, by run.sh.
//! It does not know what is done with it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use clap::Args;
use debug::qemu;
use serde_json::Value;

use super::narration;

/// The kernel's making.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Build")]
pub struct BuildArguments {
    /// The cargo package that makes the kernel [default: that of the current folder, where there is one]
    #[arg(long, value_name = "PACKAGE")]
    package: Option<String>,

    /// Its binary, where it has several
    #[arg(long, value_name = "NAME")]
    bin: Option<String>,

    /// What cargo builds for, a target or its JSON file [default: that of .cargo/config.toml]
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,

    /// How cargo builds: dev, release or a profile of the project's
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,

    /// Cargo's features
    #[arg(long, value_name = "FEATURES")]
    features: Option<String>,

    /// A shell command that makes the kernel that --kernel names: make, say
    #[arg(long, value_name = "COMMAND")]
    build: Option<String>,

    /// The folder where all of that is meant
    #[arg(long, value_name = "FOLDER", hide = true)]
    project_folder: Option<PathBuf>,
}

impl BuildArguments {
    /// Makes the kernel; its path. `named` is the file that it is said to be.
    ///
    /// # Errors
    /// Where it is not made, and where nothing says how.
    pub fn kernel(&self, named: Option<&Path>) -> anyhow::Result<PathBuf> {
        if let Some(command) = &self.build {
            let Some(kernel) = named else {
                bail!("--build says how to build the kernel, but not which file that makes; try: --kernel FILE")
            };
            self.run_build(command)?;
            return Ok(kernel.to_owned());
        }
        if let Some(kernel) = named {
            return Ok(kernel.to_owned());
        }
        let here = self.folder()?;
        let wants_cargo =
            self.package.is_some() || self.bin.is_some() || self.target.is_some() || self.profile.is_some();
        if !wants_cargo && qemu::is_our_project(&here) {
            return Ok(qemu::build_kernel()?);
        }
        if wants_cargo || here.ancestors().any(|folder| folder.join("Cargo.toml").is_file()) {
            return self.cargo_build(&here);
        }
        if qemu::has_our_project() {
            return Ok(qemu::build_kernel()?);
        }
        bail!(
            "no kernel found: no --kernel, no debug.toml, and no Cargo.toml from {} upwards; try: --kernel ELF, or cargo debug init",
            here.display()
        )
    }

    fn folder(&self) -> anyhow::Result<PathBuf> {
        match &self.project_folder {
            Some(folder) => Ok(folder.clone()),
            None => env::current_dir().context("the current folder does not exist any more; try: cd to one that does"),
        }
    }

    /// What it prints is for the person.
    fn run_build(&self, command: &str) -> anyhow::Result<()> {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(self.folder()?).stdin(Stdio::null()).stdout(narration::stderr()?);
        narration::tell_command(&shell);
        let status = shell.status().context("cannot run sh")?;
        if !status.success() {
            bail!("the kernel was not built: `{command}` ended with {status}, see above");
        }
        Ok(())
    }

    fn cargo_build(&self, here: &Path) -> anyhow::Result<PathBuf> {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.arg("build").current_dir(here).stdin(Stdio::null()).stderr(Stdio::inherit());
        let options = [
            ("--package", &self.package),
            ("--bin", &self.bin),
            ("--target", &self.target),
            ("--profile", &self.profile),
            ("--features", &self.features),
        ];
        for (option, value) in options {
            cargo.args(value.iter().flat_map(|value| [option, value]));
        }
        cargo.arg("--message-format=json-render-diagnostics");
        narration::tell_command(&cargo);
        let output = cargo.output().context("cannot run cargo; try: --kernel ELF, or https://rustup.rs")?;
        if !output.status.success() {
            bail!("the kernel was not built: cargo ended with {}, see above", output.status);
        }
        only_one(executables(&String::from_utf8_lossy(&output.stdout)))
    }
}

/// The programs that cargo says it made, by name (cargo book, "External tools": compiler-artifact).
fn executables(messages: &str) -> Vec<(String, PathBuf)> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let executable = |message: Value| {
        let path = message.get("executable")?.as_str()?.into();
        Some((message["target"]["name"].as_str().unwrap_or_default().to_owned(), path))
    };
    messages.filter_map(executable).collect()
}

fn only_one(mut made: Vec<(String, PathBuf)>) -> anyhow::Result<PathBuf> {
    match made.len() {
        1 => Ok(made.remove(0).1),
        0 => bail!("cargo built no program here; try: --package PACKAGE, or --kernel ELF"),
        _ => {
            let names: Vec<String> = made.into_iter().map(|(name, _)| name).collect();
            bail!("cargo built several programs: {}; try: --bin {}", names.join(", "), names[0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"a"},"executable":null}
not JSON
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"kernel"},"executable":"/t/kernel"}"#;

    #[test]
    fn the_program_is_the_one_artefact_that_can_be_executed() {
        assert_eq!(only_one(executables(ONE)).expect("there is one"), Path::new("/t/kernel"));
    }

    #[test]
    fn several_programs_are_named() {
        let two = format!("{ONE}\n{}", r#"{"target":{"name":"tool"},"executable":"/t/tool"}"#);
        let error = only_one(executables(&two)).expect_err("there are two").to_string();
        assert!(error.contains("kernel, tool") && error.contains("--bin kernel"), "{error}");
    }
}
