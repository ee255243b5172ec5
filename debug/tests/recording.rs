//! Runs in files: `--record`, `--record-on-failure` and `--replay` as their users meet them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ::debug::recording::Recording;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testkit::kernels;
use testkit::processes::await_some;

fn debug(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    command.args(["debug"]).args(arguments).args(["--config", "none"]);
    command.stdin(Stdio::null()).current_dir(env!("HYPERVISOR_PROJECT")).output().unwrap()
}

/// The failing boot of a kernel of ours, recorded on another computer: on Debian 12 with QEMU 7.2, by version 0.1.0. The kernel is
/// `corrupts-itself` of kernels/variants.rs, compiled there with opt-level 1, debug information and its folder's name left out. A change of
/// the machine after which it is refused makes all older recordings useless: that belongs into CHANGELOG.md, and a new one here, from
/// `check --on embedded --record` of the kernel in this one.
const ELSEWHERE: &str = "debug/tests/recordings/corrupts-itself.rec";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The report's lines, without the last one's time.
fn report(output: &Output) -> Vec<String> {
    let report = text(&output.stdout);
    let line = |line: &str| line.split(" (").next().unwrap().split(" in ").next().unwrap().to_owned();
    report.lines().map(line).collect()
}

/// A copy of the kernel that can be taken away.
fn kernel(folder: &Path, name: &str) -> PathBuf {
    let copy = folder.join(name);
    fs::copy(kernels::build(name), &copy).unwrap();
    copy
}

#[test]
fn a_failing_boot_is_recorded_and_made_again_without_its_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = kernel(folder.path(), "corrupts-itself");
    let at = folder.path().join("failures");
    let (kernel_text, at_text) = (kernel.to_str().unwrap(), at.to_str().unwrap());
    let check =
        ["check", "--on", "embedded", "--timeout", "100", "--record-on-failure", at_text, "--kernel", kernel_text];
    let first = debug(&check);
    assert_eq!(first.status.code(), Some(1), "{}", text(&first.stderr));
    fs::remove_file(&kernel).unwrap();
    let recording = at.join("corrupts-itself.rec");
    let size = fs::metadata(&recording).unwrap().len();
    assert!(size < 200 << 10, "{size} bytes");
    let replayed = debug(&["check", "--replay", recording.to_str().unwrap()]);
    assert_eq!(replayed.status.code(), Some(1), "{}", text(&replayed.stderr));
    assert_eq!(report(&replayed), report(&first));
    let asked = debug(&["ask", "last-write", "variant::TASK", "--replay", recording.to_str().unwrap()]);
    assert!(text(&asked.stdout).contains("<variant::rename+"), "{}{}", text(&asked.stdout), text(&asked.stderr));
}

#[test]
fn a_recording_of_another_computer_stands_at_the_same_instruction() {
    let replayed = debug(&["check", "--replay", ELSEWHERE]);
    let (said, errors) = (text(&replayed.stdout), text(&replayed.stderr));
    assert_eq!(replayed.status.code(), Some(1), "{errors}");
    let failure = "FAIL     trap     load access fault: `c.ld a1, 0(a0)`, address 0x72657669726420";
    assert!(said.contains(failure) && said.contains("sepc = 0x8020005a"), "{said}");
    // Its digests were those of this machine. And its kernel, recorded here, stands at the same instruction.
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = Recording::open(&Path::new(env!("HYPERVISOR_PROJECT")).join(ELSEWHERE)).unwrap();
    let kernel = elsewhere.unpack(folder.path()).unwrap().kernel;
    let file = folder.path().join("here.rec");
    let [kernel, here] = [&kernel, &file].map(|path| path.to_str().unwrap());
    let recorded = debug(&["check", "--on", "embedded", "--timeout", "100", "--kernel", kernel, "--record", here]);
    assert_eq!(report(&recorded), report(&replayed), "{}", text(&recorded.stderr));
    assert_eq!((Recording::open(&file).unwrap().end(), elsewhere.end()), (1672, 1672));
    let at = |moment: &str| {
        let asked = [ELSEWHERE, here].map(|file| debug(&["ask", "at", moment, "--replay", file]));
        assert_eq!(text(&asked[0].stdout), text(&asked[1].stdout), "{}", text(&asked[1].stderr));
        (asked[0].status.code(), text(&asked[0].stdout))
    };
    let (status, end) = at("1672");
    let place = "instruction 1672: `c.ld a1, 0(a0)`, at 0x8020005a <variant::rename (inlined)>, S-mode";
    assert!(status == Some(0) && end.starts_with(place) && end.contains("a0 0x0072657669726420"), "{end}");
    assert_eq!(at("1673").0, Some(1), "the run has no such instruction");
}

/// The recording of another version, whose machine did this otherwise.
fn of_another_version(otherwise: impl Fn(&mut Value)) -> Vec<u8> {
    const BEGIN: usize = 32;
    let bytes = fs::read(Path::new(env!("HYPERVISOR_PROJECT")).join(ELSEWHERE)).unwrap();
    let mut body = Vec::new();
    ZlibDecoder::new(&bytes[BEGIN..]).read_to_end(&mut body).unwrap();
    let (length, rest) = body.split_first_chunk().unwrap();
    let (document, blobs) = rest.split_at(u32::from_le_bytes(*length) as usize);
    let mut document: Value = serde_json::from_slice(document).unwrap();
    document["header"]["program"] = "debug 0.0.9".into();
    otherwise(&mut document["header"]);
    let document = document.to_string();
    let mut packed = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&[&(document.len() as u32).to_le_bytes(), document.as_bytes(), blobs].concat()).unwrap();
    let packed = packed.finish().unwrap();
    let sums = [&(packed.len() as u64).to_le_bytes()[..], &crc32fast::hash(&packed).to_le_bytes()].concat();
    [&bytes[..BEGIN - sums.len()], &sums, &packed].concat()
}

#[test]
fn a_version_whose_machine_does_otherwise_says_where_and_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("boot.rec");
    let socket = format!("unix:{}", folder.path().join("gdb").display());
    let replay = |words: &[&str]| debug(&[words, &["--replay", file.to_str().unwrap()]].concat());
    fs::write(&file, of_another_version(|_| {})).unwrap();
    assert_eq!(replay(&["ask", "why"]).status.code(), Some(0), "the version alone is no reason");
    type Otherwise = fn(&mut Value);
    let versions: [(&str, Otherwise); 3] = [
        // Its device tree has another isa string.
        ("at instruction 104 of 1672 memory", |header| header["cpu"] = "rv64,zba=off".into()),
        ("at instruction 836 of 1672 the hart's registers", |header| header["points"][7]["hart"] = 1.into()),
        ("at instruction 1672 of 1672 what was printed", |header| header["points"][15]["console"] = 1.into()),
    ];
    for (at, otherwise) in versions {
        fs::write(&file, of_another_version(otherwise)).unwrap();
        for words in [&["check"][..], &["serve", "--listen", &socket], &["ask", "why"]] {
            let refused = replay(words);
            let said = text(&refused.stderr);
            let expected = format!("{at} is not as recorded; try: the version that recorded it, debug 0.0.9");
            assert!(said.contains(&expected), "{words:?}: {said}");
            assert_eq!(
                (refused.status.code(), refused.stdout.len()),
                (Some(2), 0),
                "{words:?}: {}",
                text(&refused.stdout)
            );
        }
    }
}

#[test]
fn a_boot_that_passes_is_not_a_failure_and_its_input_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let (failures, file) = (folder.path().join("failures"), folder.path().join("boot.rec"));
    let good = kernels::build("good");
    let arguments = ["check", "--on", "embedded", "--timeout", "100", "--kernel", good.to_str().unwrap()];
    let output = debug(&[&arguments[..], &["--record-on-failure", failures.to_str().unwrap()]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(!failures.exists());
    let shell = kernels::build("good");
    let typed = ["--input", "x\\n", "--record", file.to_str().unwrap()];
    let arguments = ["check", "--on", "embedded", "--timeout", "100", "--kernel", shell.to_str().unwrap()];
    let first = debug(&[&arguments[..], &typed].concat());
    let replayed = debug(&["check", "--replay", file.to_str().unwrap()]);
    assert_eq!(report(&replayed), report(&first), "{}", text(&replayed.stderr));
    // The folder that its files are in meanwhile is nobody's business.
    for command in [&["check"][..], &["ask", "at", "0"]] {
        let json = debug(&[command, &["--format", "json", "--replay", file.to_str().unwrap()]].concat());
        let document: Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(document["kernel"], "hypervisor", "{}", text(&json.stderr));
    }
    // Replaying another machine's run is refused, and so are damaged files.
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let damaged = debug(&["check", "--replay", file.to_str().unwrap()]);
    assert_eq!((damaged.status.code(), damaged.stdout.len()), (Some(2), 0));
    assert!(text(&damaged.stderr).contains("is damaged: its checksum is wrong; try: "), "{}", text(&damaged.stderr));
}

/// However busy the host is then, it ends where it ended.
#[test]
fn a_boot_that_was_cut_is_cut_there_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("boot.rec");
    let kernel = kernels::build("counts-for-ever");
    let [kernel, file] = [&kernel, &file].map(|path| path.to_str().unwrap());
    let limited = ["check", "--on", "embedded", "--instructions", "3000000", "--timeout", "100"];
    let first = debug(&[&limited[..], &["--kernel", kernel, "--record", file]].concat());
    assert_eq!(first.status.code(), Some(1), "{}", text(&first.stderr));
    let replayed = debug(&["check", "--replay", file]);
    assert_eq!(replayed.status.code(), Some(1), "{}", text(&replayed.stderr));
    assert_eq!(report(&replayed), report(&first));
}

#[test]
fn qemu_s_run_is_not_recorded_but_its_companion_s() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("boot.rec");
    let kernel = kernels::build("load-from-0");
    let [kernel, file] = [&kernel, &file].map(|path| path.to_str().unwrap());
    let first = debug(&["check", "--on", "qemu", "--timeout", "100", "--kernel", kernel, "--record", file]);
    assert_eq!(first.status.code(), Some(1), "{}", text(&first.stderr));
    let why = debug(&["ask", "why", "--replay", file]);
    assert!(text(&why.stdout).starts_with("load access fault: `ld a0, 0(zero)`"), "{}", text(&why.stdout));
    let replayed = debug(&["check", "--replay", file]);
    assert_eq!(replayed.status.code(), Some(1), "{}", text(&replayed.stderr));
    let refused = debug(&["gdb", "--on", "qemu", "--kernel", kernel, "--record", file]);
    assert!(text(&refused.stderr).contains("--record needs the embedded machine"), "{}", text(&refused.stderr));
}

/// The recording's kernel lies in a private folder, and a killed process cannot remove it itself.
#[test]
fn a_replay_that_is_killed_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let (file, temporary) = (folder.path().join("boot.rec"), folder.path().join("temporary"));
    fs::create_dir(&temporary).unwrap();
    let good = kernels::build("good");
    let [file, good] = [&file, &good].map(|path| path.to_str().unwrap());
    let recorded = debug(&["check", "--on", "embedded", "--timeout", "100", "--kernel", good, "--record", file]);
    assert_eq!(recorded.status.code(), Some(0), "{}", text(&recorded.stderr));
    let socket = format!("unix:{}", folder.path().join("gdb").display());
    for signal in [Signal::KILL, Signal::TERM] {
        let mut server = Command::new(env!("CARGO_BIN_EXE_cargo-debug"))
            .args(["debug", "serve", "--listen", &socket, "--replay", file])
            .env("TMPDIR", &temporary)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("waiting for GDB on "), "{line}");
        let files = || fs::read_dir(&temporary).unwrap().count();
        assert!(files() > 0, "the kernel is there as long as it is needed");
        kill_process(Pid::from_raw(server.id() as i32).unwrap(), signal).unwrap();
        server.wait().unwrap();
        await_some(&format!("{signal:?}: the end of the private folder"), || (files() == 0).then_some(()));
    }
}

/// What ended the run was the clock, and a replay does not ask it.
#[test]
fn a_run_that_its_time_limit_ended_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("boot.rec");
    let (kernel, file) = (kernels::build("computes"), file.to_str().unwrap());
    let kernel = kernel.to_str().unwrap();
    let first = debug(&["check", "--on", "embedded", "--timeout", "1", "--kernel", kernel, "--record", file]);
    assert_eq!(first.status.code(), Some(1), "{}", text(&first.stderr));
    let replayed = debug(&["check", "--replay", file]);
    assert_eq!(report(&replayed), report(&first), "{}", text(&replayed.stderr));
}

#[test]
fn what_fails_only_under_other_conditions_is_recorded_and_fails_again() {
    let folder = tempfile::tempdir().unwrap();
    let kernel = kernels::build("guest-root-at-any-page");
    let [kernel, at] = [&kernel, folder.path()].map(|path| path.to_str().unwrap());
    let check = ["check", "--on", "embedded", "--harsh", "--timeout", "100", "--kernel", kernel];
    let first = debug(&[&check[..], &["--record-on-failure", at]].concat());
    assert!(text(&first.stdout).contains("boots by luck"), "{}{}", text(&first.stdout), text(&first.stderr));
    let file = fs::read_dir(folder.path()).unwrap().next().expect("it is recorded").unwrap().path();
    let replayed = debug(&["check", "--replay", file.to_str().unwrap()]);
    assert_eq!((replayed.status.code(), report(&replayed)), (Some(1), report(&first)), "{}", text(&replayed.stderr));
}

#[test]
fn what_a_recording_has_cannot_be_said_beside_it() {
    let beside = [
        &["check", "--kernel", "x"][..],
        &["check", "--harsh"],
        &["check", "--stack-top", "x"],
        &["check", "--on", "qemu"],
        &["serve", "--kernel", "x"],
        &["serve", "--drive", "x"],
        &["serve", "--on", "qemu"],
        &["ask", "why", "--memory", "64"],
        &["ask", "why", "--until", "64"],
    ];
    for words in beside {
        let output = debug(&[words, &["--replay", "no.rec"]].concat());
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains("cannot be used with"), "{words:?}: {said}");
    }
    let output = debug(&["ask", "why", "--guest-symbols", "x", "--replay", "no.rec"]);
    assert!(text(&output.stderr).contains("cannot read the recording no.rec"), "{}", text(&output.stderr));
}

/// What is typed is part of the run, which is bounded.
#[test]
fn too_much_input_is_told_once() {
    let kernel = kernels::build("good");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-debug"));
    command.args(["debug", "run", "--config", "none", "--on", "embedded", "--kernel"]).arg(kernel);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), vec![b'x'; 3 << 20]).unwrap();
    let output = command.stdin(fs::File::open(file.path()).unwrap()).output().unwrap();
    let said = text(&output.stderr);
    let words = "a run can have at most 1048576 typed bytes; the rest of standard input is not typed";
    assert_eq!(said.matches(words).count(), 1, "{said}");
}
