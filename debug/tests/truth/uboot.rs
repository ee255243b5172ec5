//! Debian's U-Boot for QEMU's board: in S-mode as raw bytes and as an ELF, on Debian's OpenSBI as code, and in M-mode.

use std::path::Path;

use debug::embedded::{Firmware, Options};
use debug::image::KernelFiles;
use debug::{Address, Image};

use crate::session::{Session, with_disk};
use crate::{disk, file};

const PROMPT: &str = "=> ";
const WORDS: &str = "read by a bootloader";

fn boots(image: &Image, folder: &Path) {
    boots_on(Firmware::Host, image, folder);
}

fn boots_on(firmware: Firmware, image: &Image, folder: &Path) {
    let path = folder.join("disk");
    std::fs::write(&path, disk::with_file(b"HELLO   TXT", WORDS.as_bytes())).unwrap();
    let is_code = matches!(firmware, Firmware::Code(_));
    let mut session = Session::start(image, Options { firmware, ..with_disk(&path) });
    if is_code {
        session.expect("OpenSBI v");
    }
    session.expect("U-Boot ");
    // Any key stops its countdown.
    session.answer("Hit any key to stop autoboot", "");
    session.answer(PROMPT, "virtio info");
    session.expect("VirtIO Block Device");
    session.answer(PROMPT, "load virtio 0:0 0x84000000 hello.txt");
    session.expect("20 bytes read");
    session.answer(PROMPT, "md.b 0x84000000 14");
    session.expect("read by a bootlo");
    session.answer(PROMPT, "poweroff");
    assert_eq!(session.power_off(), Some(0));
}

#[test]
fn uboot_comes_to_its_prompt_and_reads_a_file_from_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let raw = KernelFiles {
        kernel: file("u-boot.bin"),
        load_address: Some(Address(0x8020_0000)),
        symbols: None,
        guest: None,
    };
    boots(&Image::open_files(&raw).unwrap(), folder.path());
}

#[test]
fn uboot_as_an_elf_does_the_same() {
    let folder = tempfile::tempdir().unwrap();
    boots(&Image::open(&file("u-boot.elf")).unwrap(), folder.path());
}

#[test]
fn uboot_on_debian_s_opensbi_does_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let image = Image::open(&file("u-boot.elf")).unwrap();
    for firmware in ["fw_dynamic.bin", "fw_jump.bin"] {
        boots_on(Firmware::Code(file(firmware)), &image, folder.path());
    }
}

#[test]
fn uboot_in_machine_mode_does_the_same() {
    let folder = tempfile::tempdir().unwrap();
    boots_on(Firmware::None, &Image::open(&file("u-boot-m.elf")).unwrap(), folder.path());
}
