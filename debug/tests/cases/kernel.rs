//! A case's ELF: assembled and linked by rustc, or as `build` left it. It runs none.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::judge::{Case, header};

const TARGET: &str = "riscv64gc-unknown-none-elf";
/// Around a case in assembly.
const AROUND: &str = r#"#![no_std]
#![no_main]
core::arch::global_asm!(include_str!("case.s"), options(raw));
#[panic_handler]
fn dead(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
"#;

pub fn build(case: &Case) -> PathBuf {
    let folder = case.source.parent().expect("a case lies in a folder");
    let built = folder.join("built").join(format!("{}.elf", case.name));
    if built.exists() {
        return built;
    }
    let kind = case.source.extension().and_then(|kind| kind.to_str());
    assert_ne!(kind, Some("c"), "{} is missing: {}/build makes it", built.display(), folder.display());
    let text = fs::read_to_string(&case.source).expect("the case is there");
    let own = folder.join(format!("{}.ld", case.name));
    let script = match header(&text, "ld") {
        Some(name) => folder.join(name),
        None if own.exists() => own,
        None => folder.join("kernel.ld"),
    };
    let assembly = if kind == Some("S") { included(&text, folder) } else { String::new() };
    let made = made_folder().join(format!("{}-{:016x}", case.name, version(&[&text, &assembly], &script)));
    if !made.exists() {
        link(case, &text, &assembly, &script, &made);
    }
    made
}

/// Test threads and test binaries that want it at the same time each build it in a folder of their own.
fn link(case: &Case, text: &str, assembly: &str, script: &Path, made: &Path) {
    let own = tempfile::tempdir_in(made_folder()).expect("cargo's tmp folder can be written to");
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--crate-type", "bin", "--crate-name", "kernel", "--target", TARGET]);
    rustc.args(["-C", "panic=abort", "-C", &format!("link-arg=-T{}", script.display())]);
    if assembly.is_empty() {
        rustc.args(header(text, "rustflags").unwrap_or_default().split_whitespace()).arg(&case.source);
    } else {
        fs::write(own.path().join("case.s"), assembly).unwrap();
        fs::write(own.path().join("case.rs"), AROUND).unwrap();
        // What nothing refers to is there all the same, as with a linker that is not told otherwise.
        rustc.args(["-C", "link-arg=--no-gc-sections"]).arg(own.path().join("case.rs"));
    }
    let linked = own.path().join("kernel");
    let output = rustc.arg("-o").arg(&linked).output().expect("rustc is there");
    assert!(output.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&output.stderr));
    fs::rename(linked, made).expect("both names are in one folder");
}

/// The assembly with what it includes: rustc's assembler looks for no files beside the source.
fn included(text: &str, folder: &Path) -> String {
    let line = |line: &str| match line.trim().strip_prefix(".include \"").and_then(|rest| rest.strip_suffix('"')) {
        Some(name) => included(&fs::read_to_string(folder.join(name)).expect("it is beside the case"), folder),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

fn made_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cases");
    fs::create_dir_all(&folder).expect("cargo's tmp folder can be written to");
    folder
}

/// Differs when anything differs that the kernel is made of.
fn version(texts: &[&str], script: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    fs::read(script).expect("the linker script is there").hash(&mut hasher);
    (texts, AROUND, include_str!("kernel.rs"), include_str!("harts.rs")).hash(&mut hasher);
    hasher.finish()
}
