//! The page of `check --html`: in real Chromium it says nothing, asks for nothing and fits, and its pictures are there; what a kernel calls
//! its things is text. install.sh brings Chromium.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::kernels;

/// The page of a kernel.
fn page(kernel: &Path, on: &str, folder: &Path) -> PathBuf {
    let file = folder.join(format!("{on}.html"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    command.args(["debug", "check", "--config", "none", "--timeout", "100", "--on", on, "--kernel"]).arg(kernel);
    let output = command.arg("--html").arg(&file).stdin(Stdio::null()).current_dir(env!("HYPERVISOR_PROJECT"));
    let output = output.output().unwrap();
    assert_ne!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    file
}

fn chromium() -> PathBuf {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&paths).flat_map(|folder| names.map(|name| folder.join(name)));
    places.find(|place| place.exists()).expect("no Chromium: run debug/tests/page/install.sh")
}

/// What Chromium says of a page, in each look; the pictures stay in target/page/pictures.
fn look(file: &Path, name: &str) -> Vec<Value> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("page");
    assert!(
        target.join("node_modules/playwright-core").exists(),
        "no playwright-core: run debug/tests/page/install.sh"
    );
    let pictures = target.join("pictures").join(name);
    fs::create_dir_all(&pictures).unwrap();
    let own = target.parent().unwrap().join("vscode/node");
    let mut command = Command::new(if own.exists() { own } else { "node".into() });
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/look.mjs"));
    command.arg(chromium()).arg(file).arg(&pictures).current_dir(&target).env("HOME", &pictures);
    let output = command.output().expect("Node.js is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn looks_right(looks: &[Value]) {
    assert_eq!(looks.len(), 4);
    for look in looks {
        let name = &look["name"];
        assert_eq!(look["said"], serde_json::json!([]), "{name}");
        assert_eq!(look["asked"], serde_json::json!([]), "{name}");
        assert_eq!((&look["overflow"], &look["unnamed"], &look["bare"]), (&0.into(), &0.into(), &0.into()), "{name}");
        assert!(look["elements"].as_u64().unwrap() < 20_000, "{name}");
    }
    assert_ne!(looks[0]["background"], looks[1]["background"], "light and dark");
}

#[test]
fn a_failing_boot_is_a_page_that_chromium_shows_in_every_look() {
    let folder = tempfile::tempdir().unwrap();
    let file = page(&kernels::build("corrupts-itself"), "embedded", folder.path());
    let size = fs::metadata(&file).unwrap().len();
    assert!(size < 1 << 20, "{size} bytes");
    let looks = look(&file, "corrupts-itself");
    looks_right(&looks);
    let text = looks[0]["text"].as_str().unwrap();
    for words in ["FAIL trap", "try:", "*TASK.ticks += 1", "cargo debug serve", "the BSS clear ends", "variant::run"] {
        assert!(text.contains(words), "no {words}: {text}");
    }
    assert!(looks[0]["boxes"].as_u64().unwrap() > 300);
}

#[test]
fn on_qemu_the_page_says_whose_pictures_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let file = page(&kernels::build("good"), "qemu", folder.path());
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains("the pictures are of the embedded machine") && text.contains("of qemu"), "{text}");
}

/// An image whose symbols are markup, and with them everything that names them.
fn hostile(folder: &Path) -> PathBuf {
    let mut bytes = fs::read(kernels::build("corrupts-itself")).unwrap();
    // The same length: an ELF has offsets. Only in the table of strings, where names are whole.
    let evil = b"</p><script>x()";
    for place in 0..bytes.len() - 24 {
        if bytes[place..].starts_with(b"after_clear") || bytes[place..].starts_with(b"clear_doublewords") {
            let length = if bytes[place..].starts_with(b"after_clear") { 11 } else { 15 };
            bytes[place..place + length].copy_from_slice(&evil[..length]);
        }
    }
    let path = folder.join("<b onclick=x()>kernel");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_kernel_s_names_are_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = page(&hostile(folder.path()), "embedded", folder.path());
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("&lt;/p&gt;&lt;scrip") && text.contains("&lt;b onclick=x()&gt;kernel"), "{text}");
    assert!(!text.contains("<script") && !text.contains("<b onclick"), "{text}");
    looks_right(&look(&file, "hostile"));
}
