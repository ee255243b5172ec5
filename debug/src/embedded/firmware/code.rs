//! What is below the kernel: a firmware in the host, none, or one that is code; and the reset ROM that enters it.
//!
//! It does not know what firmware does. Source: QEMU, hw/riscv/boot.c; OpenSBI, docs/firmware/fw_dynamic.md.

use std::path::PathBuf;

use super::error::Error;
use crate::embedded::bus::map;
use crate::embedded::conditions::Conditions;
use crate::embedded::hart::state::Hart;
use crate::image::Image;
use crate::riscv::status::SUPERVISOR_MODE;
use crate::riscv::{Address, Isa, Xlen, board};

/// What the machine's options say of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// It is in the host, and does what OpenSBI does.
    #[default]
    Host,
    /// There is none: the kernel starts in M-mode, where RAM begins.
    None,
    /// The code in this file is executed in M-mode: an ELF, or bytes that belong to the beginning of RAM.
    Code(PathBuf),
}

/// The same, ready to be loaded.
pub enum Firmware {
    Host,
    None,
    /// Bytes for addresses of RAM, and where the kernel's memory may begin.
    Code {
        contents: Vec<(u64, Vec<u8>)>,
        end: u64,
    },
}

impl Firmware {
    /// # Errors
    /// Where the file cannot be read, is not a firmware for this machine, or is larger than its RAM.
    pub fn of(choice: &Choice, xlen: Xlen, ram_size: u64) -> Result<Firmware, Error> {
        let path = match choice {
            Choice::Host => return Ok(Firmware::Host),
            Choice::None => return Ok(Firmware::None),
            Choice::Code(path) => path,
        };
        let bytes = std::fs::read(path).map_err(|cause| Error::Firmware { path: path.clone(), cause })?;
        let no_firmware = |why: String| Error::NoFirmware { path: path.clone(), why };
        let is_empty = bytes.is_empty();
        let contents = if bytes.starts_with(b"\x7fELF") {
            let image = Image::parse(path, bytes)?;
            if image.xlen() != xlen {
                return Err(no_firmware(format!("is for {} bits", image.xlen().bits())));
            }
            let bytes = |segment| image.file_bytes(segment).to_vec();
            image.segments().iter().map(|segment| (segment.physical.0, bytes(segment))).collect()
        } else {
            vec![(map::RAM_BASE, bytes)]
        };
        let ends = contents.iter().map(|(start, bytes): &(u64, Vec<u8>)| start.saturating_add(bytes.len() as u64));
        let end = ends.max().unwrap_or(map::RAM_BASE);
        let ram = map::RAM_BASE..map::RAM_BASE + ram_size;
        if is_empty || end > ram.end || contents.iter().any(|(start, _)| !ram.contains(start)) {
            let held = format!("[{}, {})", Address(ram.start), Address(ram.end));
            return Err(no_firmware(format!("does not lie in RAM, which is {held}")));
        }
        Ok(Firmware::Code { contents, end })
    }

    /// Where its part of RAM ends.
    pub fn end(&self) -> u64 {
        match self {
            Firmware::Host => map::FIRMWARE_END,
            Firmware::None => map::RAM_BASE,
            Firmware::Code { end, .. } => *end,
        }
    }

    pub fn contents(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let contents = match self {
            Firmware::Code { contents, .. } => contents.as_slice(),
            _ => &[],
        };
        contents.iter().map(|(address, bytes)| (*address, bytes.as_slice()))
    }
}

/// A hart after a reset: in the ROM.
pub fn reset(isa: Isa, conditions: &Conditions) -> Hart {
    let mut hart = Hart::reset(board::ROM, isa);
    if let Some(fill) = conditions.registers {
        (1..32).for_each(|register| hart.set_x(register, isa.xlen.truncate(fill)));
        hart.f = [fill; 32];
    }
    hart
}

/// QEMU's reset ROM: a0 is the hart's number, a1 the device tree, a2 what OpenSBI's fw_dynamic is told; then it goes to the beginning of
/// RAM. `kernel` is the next stage's address.
pub fn reset_rom(xlen: Xlen, device_tree: u64, kernel: u64) -> Vec<u8> {
    /// `OSBI`.
    const MAGIC: u64 = 0x4942_534f;
    const VERSION: u64 = 2;
    let [load_a1, load_t0] = match xlen {
        Xlen::Rv32 => [0x0202_a583, 0x0182_a283], // lw a1, 32(t0); lw t0, 24(t0)
        Xlen::Rv64 => [0x0202_b583, 0x0182_b283], // ld
    };
    let code: [u32; 6] = [
        0x0000_0297, // auipc t0, 0
        0x0282_8613, // addi a2, t0, 40
        0xf140_2573, // csrr a0, mhartid
        load_a1,
        load_t0,
        0x0002_8067, // jr t0
    ];
    let addresses = [map::RAM_BASE, device_tree];
    // Each has a register's size. The options are 0; any hart may boot that is hart 0.
    let told = [MAGIC, VERSION, kernel, SUPERVISOR_MODE, 0, 0];
    let mut rom: Vec<u8> = code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect();
    rom.extend(addresses.iter().flat_map(|address| address.to_le_bytes()));
    told.iter().for_each(|word| rom.extend(&word.to_le_bytes()[..xlen.bytes()]));
    rom
}
