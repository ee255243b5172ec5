//! virtio-blk: beside QEMU, legacy and not; what is written is undone by going back, and never reaches the file by itself.

use std::fs;
use std::io::Write;

use debug::embedded::{Device, Devices, Drive, Options};
use debug::machine::{DriveTrouble, Fault, Stop};
use debug::{Embedded, Machine};
use tempfile::NamedTempFile;

use super::{LIMIT, compare_with, guest_file};

/// A disk of 1 MiB whose bytes have no pattern.
fn disk() -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file can be made");
    let mut state = 1_u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(1 << 20)
    .collect();
    file.write_all(&bytes).expect("it can be written");
    file
}

fn devices(file: &NamedTempFile, modern: bool) -> Devices {
    Devices { virtio: vec![Device::Block(Drive::new(file.path()))], modern, ..Devices::default() }
}

fn compare(modern: bool) {
    let file = disk();
    let before = fs::read(file.path()).unwrap();
    let drive = format!("file={},if=none,id=x,format=raw,snapshot=on", file.path().display());
    let mut arguments = vec!["-drive", &drive, "-device", "virtio-blk-device,drive=x"];
    if modern {
        arguments.extend(["-global", "virtio-mmio.force-legacy=false"]);
    }
    compare_with("block", "", devices(&file, modern), &arguments);
    assert!(fs::read(file.path()).unwrap() == before, "the file is as it was");
}

#[test]
fn a_legacy_drive_is_qemu_s() {
    compare(false);
}

#[test]
fn a_modern_drive_is_qemu_s() {
    compare(true);
}

/// Writes a page to the disk's beginning, reads it back, and again with other bytes.
fn writer(file: &NamedTempFile) -> Embedded {
    writer_with(file, Options::default().history_mib)
}

fn writer_with(file: &NamedTempFile, history_mib: usize) -> Embedded {
    let options = Options { devices: devices(file, false), history_mib, ..Options::default() };
    Embedded::open(&guest_file::build("writer"), &options).expect("the guest is a kernel")
}

#[test]
fn what_is_written_is_undone_by_going_back_and_reaches_the_file_when_it_is_told_to() {
    let file = disk();
    let before = fs::read(file.path()).unwrap();
    let mut machine = writer(&file);
    assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Exited { status: Some(0) });
    let (end, printed) = (machine.icount(), machine.console());
    assert!(String::from_utf8_lossy(&printed).contains("100 rounds"), "{}", String::from_utf8_lossy(&printed));
    // Each round reads what the one before it wrote: on the way forward from anywhere all is as it was.
    for icount in [end / 2, end / 3, 0, end - 1000] {
        assert_eq!(machine.goto(icount, LIMIT), Stop::Stepped);
        assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Exited { status: Some(0) });
        assert_eq!((machine.icount(), machine.console()), (end, printed.clone()), "from {icount}");
    }
    assert!(fs::read(file.path()).unwrap() == before, "the file is as it was");
    // In the middle not all is written.
    assert_eq!(machine.goto(end / 2, LIMIT), Stop::Stepped);
    assert!(machine.write_back().unwrap() > 0);
    let middle = fs::read(file.path()).unwrap();
    assert!(middle != before && middle[..0x8000] != before[..0x8000]);
    // From there on it is another disk.
    let mut machine = writer(&file);
    assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Exited { status: Some(0) });
    assert_ne!(machine.console(), printed);
}

/// The one has been everywhere and has checkpoints, the other has none.
#[test]
fn a_moment_s_digest_has_what_was_written_to_a_drive_whatever_checkpoints_there_are() {
    let file = disk();
    let mut machine = writer(&file);
    assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Exited { status: Some(0) });
    let end = machine.icount();
    let mut fresh = writer_with(&file, 0);
    for part in 1..=8 {
        let moment = end * part / 8 - 1;
        assert_eq!(machine.goto(moment, LIMIT), Stop::Stepped);
        while fresh.icount() < moment {
            fresh.run_to(moment, false, LIMIT);
        }
        assert_eq!(fresh.digest(), machine.digest(), "at {moment} of {end}");
    }
    assert!(fresh.write_back().unwrap() > 0);
}

#[test]
fn a_file_that_changes_underneath_is_told() {
    let file = disk();
    let mut machine = writer(&file);
    assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Exited { status: Some(0) });
    let modified = file.as_file().metadata().unwrap().modified().unwrap();
    fs::write(file.path(), vec![7; 1 << 20]).unwrap();
    // As somebody who does not want to be noticed.
    file.as_file().set_modified(modified).unwrap();
    assert_eq!(machine.goto(0, LIMIT), Stop::Stepped);
    let Ok(Stop::Fault(fault)) = machine.resume(LIMIT) else { panic!("the machine goes on") };
    assert!(matches!(fault, Fault::Drive { number: 1, trouble: DriveTrouble::Changed, .. }), "{fault:?}");
    assert_eq!(machine.fault(), Some(fault));
    let words = fault.to_string();
    assert!(words.contains("has changed since the machine began") && words.contains("try: "), "{words}");
    // The past is there all the same.
    assert_eq!(machine.goto(0, LIMIT), Stop::Stepped);
    assert!(machine.fault().is_none());
}

#[test]
fn what_cannot_be_plugged_in_is_told() {
    let file = disk();
    let kernel = guest_file::build("writer");
    let open = |virtio: Vec<Device>| {
        let devices = Devices { virtio, modern: false, ..Devices::default() };
        Embedded::open(&kernel, &Options { devices, ..Options::default() }).err().map(|error| error.to_string())
    };
    let drive = |bus| Device::Block(Drive { bus, ..Drive::new(file.path()) });
    assert_eq!(open((0..8).map(|_| drive(None)).collect()), None);
    let words = |virtio| open(virtio).expect("it is refused");
    assert!(words((0..9).map(|_| drive(None)).collect()).contains("all slots are taken"));
    assert!(words(vec![drive(Some(3)), drive(Some(3))]).contains("its slot is taken"));
    assert!(words(vec![drive(Some(8))]).contains("there is no such slot"));
    assert!(words(vec![Device::Block(Drive::new("/nowhere/disk"))]).contains("cannot use the drive /nowhere/disk"));
}

/// `cargo debug check` with a drive, on a machine: its exit status and what was printed.
fn check(machine: &str, file: &NamedTempFile, arguments: &[&str]) -> String {
    let console = NamedTempFile::new().unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_cargo-debug"))
        .args(["check", "--on", machine, "--timeout", "300", "--kernel"])
        .arg(guest_file::build("writer"))
        .args(["--expect", "guest ends", "--drive", file.path().to_str().unwrap(), "--console"])
        .arg(console.path())
        .args(arguments)
        .output()
        .unwrap();
    let printed = fs::read_to_string(console.path()).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("guest ends"), "{}\n{errors}\n{report}\n{printed}", output.status);
    assert!(output.status.success(), "{errors}{report}");
    printed.lines().find(|line| line.contains("100 rounds")).unwrap().trim().to_owned()
}

#[test]
fn the_command_s_drive_is_the_same_on_both_machines_and_is_written_back_when_it_is_told_to() {
    let [one, other] = [disk(), disk()];
    let before = fs::read(one.path()).unwrap();
    assert_eq!(check("embedded", &one, &[]), check("qemu", &other, &[]));
    assert!(fs::read(one.path()).unwrap() == before && fs::read(other.path()).unwrap() == before);
    assert_eq!(check("embedded", &one, &["--write-back"]), check("qemu", &other, &["--write-back"]));
    assert!(fs::read(one.path()).unwrap() == fs::read(other.path()).unwrap());
    assert!(fs::read(one.path()).unwrap() != before);
}
