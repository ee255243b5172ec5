//! The page of `check --html`: in real Chromium it says nothing, asks for nothing and fits, and its pictures are there; what a kernel calls
//! its things is text. And the viewers of speedscope and Perfetto open the profiles. install.sh brings all of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::kernels;

/// The page of a kernel.
fn page(kernel: &Path, on: &str, folder: &Path) -> PathBuf {
    page_of(kernel, on, folder, &[])
}

fn page_of(kernel: &Path, on: &str, folder: &Path, options: &[&str]) -> PathBuf {
    let file = folder.join(format!("{on}.html"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    command.args(["debug", "check", "--config", "none", "--timeout", "100", "--on", on, "--kernel"]).arg(kernel);
    let output =
        command.args(options).arg("--html").arg(&file).stdin(Stdio::null()).current_dir(env!("HYPERVISOR_PROJECT"));
    let output = output.output().unwrap();
    assert_ne!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    file
}

/// None where it does not run, which is said: Ubuntu's is a snap, and a container has none.
fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&paths).flat_map(|folder| names.map(|name| folder.join(name)));
    let found = places.find(|place| place.exists()).expect("no Chromium: run debug/tests/page/install.sh");
    let version = Command::new(&found).arg("--version").stdin(Stdio::null()).output();
    let runs = version.is_ok_and(|output| output.status.success());
    if !runs {
        testkit::not_tried(&format!("pages in Chromium: {} does not run here", found.display()));
    }
    runs.then_some(found)
}

/// What one of the scripts here says, which steers Chromium, if that runs.
fn script(name: &str, arguments: &[&Path]) -> Option<Vec<Value>> {
    let chromium = chromium()?;
    let target = target();
    for part in ["node_modules/playwright-core", "node_modules/speedscope", "perfetto"] {
        assert!(target.join(part).exists(), "no {part}: run debug/tests/page/install.sh");
    }
    let own = target.parent().unwrap().join("vscode/node");
    let mut command = Command::new(if own.exists() { own } else { "node".into() });
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page").join(name));
    // Chromium writes to the person's folder.
    let home = target.join("pictures");
    fs::create_dir_all(&home).unwrap();
    command.arg(chromium).args(arguments).current_dir(&target).env("HOME", home);
    let output = command.output().expect("Node.js is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("page")
}

/// What Chromium says of a page, in each look; the pictures stay in target/page/pictures.
fn look(file: &Path, name: &str) -> Option<Vec<Value>> {
    let pictures = target().join("pictures").join(name);
    fs::create_dir_all(&pictures).unwrap();
    script("look.mjs", &[file, &pictures])
}

fn looks_right(looks: &[Value]) {
    assert_eq!(looks.len(), 4);
    for look in looks {
        let name = &look["name"];
        assert_eq!(look["said"], serde_json::json!([]), "{name}");
        assert_eq!(look["asked"], serde_json::json!([]), "{name}");
        for fault in ["overflow", "unnamed", "bare", "cut"] {
            assert_eq!(look[fault], 0, "{fault}, {name}");
        }
        assert!(look["elements"].as_u64().unwrap() < 20_000, "{name}");
        assert_eq!(look["faint"], serde_json::json!([]), "contrast, {name}");
        assert!(look["texts"].as_u64() > Some(50) && look["drawings"].as_u64() > Some(50), "{name}: {look}");
    }
    assert_ne!(looks[0]["background"], looks[1]["background"], "light and dark");
    assert_eq!(looks[0]["background"], looks[3]["background"], "on paper");
}

#[test]
fn a_failing_boot_is_a_page_that_chromium_shows_in_every_look() {
    let folder = tempfile::tempdir().unwrap();
    let file = page(&kernels::build("corrupts-itself"), "embedded", folder.path());
    let size = fs::metadata(&file).unwrap().len();
    assert!(size < 1 << 20, "{size} bytes");
    let Some(looks) = look(&file, "corrupts-itself") else { return };
    looks_right(&looks);
    let text = looks[0]["text"].as_str().unwrap();
    for words in ["FAIL trap", "try:", "*TASK.ticks += 1", "cargo debug serve", "the BSS clear ends", "variant::run"] {
        assert!(text.contains(words), "no {words}: {text}");
    }
    assert!(looks[0]["boxes"].as_u64().unwrap() > 300);
}

#[test]
fn a_long_boot_has_its_numbers_in_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let long = ["--instructions", "100000000"];
    let file = page_of(&kernels::build("counts-for-ever"), "embedded", folder.path(), &long);
    let Some(looks) = look(&file, "long") else { return };
    assert!(looks[0]["text"].as_str().unwrap().contains("100,000,000"), "{}", looks[0]["text"]);
    looks_right(&looks);
}

#[test]
fn a_clear_that_goes_wrong_has_its_strays_and_the_poison_that_stayed() {
    let folder = tempfile::tempdir().unwrap();
    let text = |name: &str| fs::read_to_string(page(&kernels::build(name), "embedded", folder.path())).unwrap();
    let stray = "stray stores of the clear</td><td class=\"number\">1</td>";
    let (strays, short, good) = (text("clear-strays"), text("bss-last-8-not-cleared"), text("good"));
    assert!(strays.contains(stray) && strays.contains("rect class=\"bad-fill\""), "{strays}");
    assert!(short.contains("poison that stayed to the end") && short.contains("rect class=\"c\""), "{short}");
    assert!(!good.contains("rect class=\"bad-fill\"") && !good.contains("rect class=\"c\""), "{good}");
}

/// A box for each of its thousands of calls made a page that nobody can scroll.
#[test]
fn a_function_that_calls_itself_is_one_box() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(page(&kernels::build("stack-overflow"), "embedded", folder.path())).unwrap();
    let boxes = text.matches(">variant::descend</div>").count();
    assert!((1..8).contains(&boxes), "{boxes}");
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
    let Some(looks) = look(&file, "hostile") else { return };
    looks_right(&looks);
}

#[test]
fn a_kernel_with_page_tables_has_them_as_a_tree() {
    let folder = tempfile::tempdir().unwrap();
    let file = page(&kernels::build("linked-high"), "embedded", folder.path());
    let Some(looks) = look(&file, "linked-high") else { return };
    looks_right(&looks);
    let text = looks[0]["text"].as_str().unwrap();
    for words in ["Page tables", "Sv39, satp 0x8", "firmware", "the stack's deepest use", "satp: translation is on"] {
        assert!(text.contains(words), "no {words}: {text}");
    }
    assert!(text.contains(" in pages of ") || text.contains(": 1 GiB at "), "{text}");
}

/// The debug information of a kernel names files of the computer that checks it, and a page may be published.
#[test]
fn a_hostile_kernel_gets_no_file_of_the_computer_into_the_page() {
    // A short path, which fits where the kernel's own was.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    fs::write(folder.path().join("variants.rs"), "the secret\n".repeat(1000)).unwrap();
    let mut bytes = fs::read(kernels::build("corrupts-itself")).unwrap();
    let known = b"debug/tests/kernels";
    let mut named = folder.path().to_str().unwrap().as_bytes().to_vec();
    assert!(named.len() <= known.len(), "{}", folder.path().display());
    named.resize(known.len(), b'/');
    let places: Vec<usize> = (0..bytes.len() - known.len()).filter(|at| bytes[*at..].starts_with(known)).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + known.len()].copy_from_slice(&named);
    }
    let kernel = folder.path().join("kernel");
    fs::write(&kernel, bytes).unwrap();
    let project = folder.path().join("project");
    fs::create_dir(&project).unwrap();
    fs::write(project.join("Makefile"), "").unwrap();
    fs::copy(&kernel, project.join("kernel")).unwrap();
    let shown = |kernel: &Path| fs::read_to_string(page(kernel, "embedded", &project)).unwrap();
    let outside = shown(&project.join("kernel"));
    assert!(outside.contains("/variants.rs:") && !outside.contains("the secret"));
    // Where it lies in the kernel's own project it is shown.
    fs::write(folder.path().join("Makefile"), "").unwrap();
    assert!(shown(&kernel).contains("the secret"));
}

/// A kernel's profile in a file.
fn profile(format: &str, folder: &Path) -> PathBuf {
    let file = folder.join(format!("{format}.json"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    command.args(["debug", "profile", "--config", "none", "--format", format, "--kernel"]);
    command.arg(kernels::build("corrupts-itself")).arg("--output").arg(&file);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    file
}

#[test]
fn speedscope_opens_both_formats_with_its_own_importers() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["speedscope", "perfetto"].map(|format| profile(format, folder.path()));
    let Some(seen) = script("open.mjs", &[&files[0], &files[1]]) else { return };
    let taken = ["Importing as speedscope json file", "Importing as Trace Event Format profile"];
    for (seen, taken) in seen.iter().zip(taken) {
        assert_eq!((&seen["taken"], &seen["failed"]), (&taken.into(), &serde_json::json!([])), "{seen}");
        let table = seen["table"].as_str().unwrap();
        assert!(table.contains("variant::clear_doublewords") && table.contains("variant::rename"), "{table}");
    }
}

/// What Perfetto holds of a profile: where each function stands, how long, how deep.
type Slice = (String, u64, u64, usize);

#[test]
fn perfetto_s_trace_processor_has_each_function_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let file = profile("perfetto", folder.path());
    let Some(seen) = script("perfetto.mjs", &[&target().join("perfetto"), &file]) else { return };
    assert_eq!(seen[0]["errors"], serde_json::json!([]), "what it could not read");
    let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    let slice = |slice: &Value| -> Slice {
        assert!(slice["process"].as_str().unwrap().starts_with("corrupts-itself"), "{slice}");
        let name = slice["name"].as_str().unwrap().to_owned();
        // A microsecond is an instruction.
        (name, number(&slice["ts"]) / 1000, number(&slice["dur"]) / 1000, number(&slice["depth"]) as usize)
    };
    let mut held: Vec<Slice> = seen[0]["slices"].as_array().unwrap().iter().map(slice).collect();
    held.sort_by_key(|(_, start, _, depth)| (*start, *depth));
    assert_eq!(held, written(&file));
    assert!(held.iter().any(|(name, ..)| name == "variant::clear_doublewords") && held.len() > 20, "{held:?}");
}

/// The same of the file. One is within another that begins no later and ends no earlier.
fn written(file: &Path) -> Vec<Slice> {
    let document: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let mut open: Vec<u64> = Vec::new();
    let events = document["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "X");
    let mut events: Vec<&Value> = events.collect();
    events.sort_by_key(|event| event["ts"].as_u64());
    let slice = |event: &Value| {
        let (start, long) = (event["ts"].as_u64().unwrap(), event["dur"].as_u64().unwrap());
        open.retain(|end| *end > start);
        open.push(start + long);
        (event["name"].as_str().unwrap().to_owned(), start, long, open.len() - 1)
    };
    events.into_iter().map(slice).collect()
}
