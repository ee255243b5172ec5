//! Debian's Linux for RISC-V, as its package has it, with busybox as its only program and the package's own modules for the disk.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use debug::Image;
use debug::embedded::{Firmware, Options};

use crate::session::{Session, with_disk};
use crate::{cpio, disk, file};

const PROMPT: &str = "~ # ";
const FOLDER: u32 = 0o40755;
const PROGRAM: u32 = 0o100_755;
const LINK: u32 = 0o120_777;
/// In the order in which they need each other.
const MODULES: [&str; 7] = ["nls_cp437", "nls_ascii", "nls_utf8", "fat", "vfat", "virtio_mmio", "virtio_blk"];

fn initrd() -> Arc<[u8]> {
    let busybox = fs::read(file("busybox")).unwrap();
    let modules: Vec<(String, Vec<u8>)> = MODULES
        .iter()
        .map(|name| (format!("m/{name}.ko.xz"), fs::read(file(&format!("modules/{name}.ko.xz"))).unwrap()))
        .collect();
    let folders = ["bin", "dev", "proc", "m", "mnt"].map(|name| (name, FOLDER, &[][..]));
    let programs = [("bin/busybox", PROGRAM, &busybox[..]), ("bin/sh", LINK, b"busybox")];
    let modules = modules.iter().map(|(name, bytes)| (&**name, PROGRAM, &bytes[..]));
    cpio::archive(&folders.into_iter().chain(programs).chain(modules).collect::<Vec<_>>()).into()
}

#[test]
fn linux_writes_a_file_to_a_disk_and_goes_back_to_before_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    let before = disk::with_file(b"HELLO   TXT", b"a file that was there\n");
    fs::write(&path, &before).unwrap();
    let image = Image::open(&file("vmlinux")).unwrap();
    let append = Some("console=ttyS0 rdinit=/bin/sh quiet".to_owned());
    let options = Options { memory_mib: 512, append, initrd: Some(initrd()), history_mib: 1024, ..with_disk(&path) };
    let begun = Instant::now();
    let mut session = Session::start(&image, options);
    session.answer(PROMPT, "uname -a");
    session.expect("Linux ");
    session.expect("riscv64 GNU/Linux");
    println!("uname -a after {:?}, {} instructions", begun.elapsed(), session.machine.icount());
    let insmod = MODULES.map(|name| format!("busybox insmod /m/{name}.ko.xz")).join(" && ");
    session.answer(PROMPT, &insmod);
    session.answer(PROMPT, "busybox mount -t devtmpfs none /dev; busybox mount -t vfat /dev/vda /mnt; busybox ls /mnt");
    session.expect("HELLO.TXT");
    session.expect(PROMPT);
    let moment = session.machine.icount();
    session.enter("echo written by linux > /mnt/new.txt; busybox sync; busybox cat /mnt/new.txt");
    session.expect("\nwritten by linux");
    session.answer(PROMPT, "busybox umount /mnt; busybox poweroff -f");
    assert_eq!(session.power_off(), Some(0));
    println!("off after {:?}, {} instructions", begun.elapsed(), session.machine.icount());

    let going_back = Instant::now();
    // What was typed at the moment itself stays typed there.
    session.go_back(moment - 1);
    println!("back at instruction {moment} in {:?}", going_back.elapsed());
    // Another course from there: the file was never written.
    session.enter("busybox cat /mnt/new.txt /mnt/hello.txt");
    session.expect("can't open '/mnt/new.txt': No such file or directory");
    session.expect("a file that was there");
    assert!(fs::read(&path).unwrap() == before, "what the guest writes never reaches the file");
}

#[test]
fn linux_on_debian_s_opensbi_comes_to_its_shell_and_powers_off() {
    let image = Image::open(&file("vmlinux")).unwrap();
    let append = Some("console=ttyS0 rdinit=/bin/sh quiet".to_owned());
    let firmware = Firmware::Code(file("fw_dynamic.bin"));
    let options = Options { memory_mib: 512, append, initrd: Some(initrd()), firmware, ..Options::default() };
    let mut session = Session::start(&image, options);
    session.expect("OpenSBI v");
    session.answer(PROMPT, "uname -a");
    session.expect("riscv64 GNU/Linux");
    let shell = session.machine.icount();
    session.answer(PROMPT, "busybox poweroff -f");
    assert_eq!(session.power_off(), Some(0));
    // Going back crosses M-mode and S-mode. What is typed there takes the place of the power-off, which may have been typed at `shell` itself:
    // the prompt can come in the same slice as the words before it.
    session.go_back(shell - 1);
    session.enter("echo back $((6*7))");
    session.expect("back 42");
}

/// The kernel starts the others itself, by the firmware; each of them executes programs.
#[test]
fn linux_with_four_harts_comes_to_its_shell_and_uses_them() {
    let image = Image::open(&file("vmlinux")).unwrap();
    let append = Some("console=ttyS0 rdinit=/bin/sh quiet".to_owned());
    let options = Options { memory_mib: 512, append, initrd: Some(initrd()), harts: 4, ..Options::default() };
    let mut session = Session::start(&image, options);
    session.answer(PROMPT, "busybox mount -t proc none /proc; busybox mount -t devtmpfs none /dev; busybox nproc");
    session.expect("\n4");
    session.answer(PROMPT, "for hart in 0 1 2 3; do busybox taskset -c $hart busybox sha256sum /bin/busybox & done; wait; echo done $((6*7))");
    let said = session.expect("done 42");
    assert_eq!(said.matches("  /bin/busybox").count(), 4, "{said}");
    session.answer(PROMPT, "busybox poweroff -f");
    assert_eq!(session.power_off(), Some(0));
}
