//! `--kernel` and what goes with it: the kernel's files and its machine, in the same words for QEMU and the embedded one.
//!
//! It does not know what is done with them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use debug::image::KernelFiles;
use debug::qemu::{self, MachineOptions};
use debug::riscv::Cpu;
use debug::riscv::board;
use debug::{Address, Image, embedded};
use tempfile::NamedTempFile;

/// Larger files are no initrd, in bytes.
const LARGEST_INITRD: u64 = 4 << 30;

/// A kernel and its machine.
#[derive(Args, Clone)]
#[command(next_help_heading = "Kernel and machine")]
pub struct KernelArguments {
    /// The kernel: an ELF, Linux's Image, or with --load-address any bytes [default: hypervisor.elf, freshly built]
    #[arg(long, value_name = "FILE", visible_alias = "elf")]
    pub kernel: Option<PathBuf>,

    /// Where a kernel that is no ELF goes, a physical address; its first byte is its first instruction [default: for Linux's Image,
    /// where its header says]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    load_address: Option<Address>,

    /// The ELF that has the kernel's symbols and debug information: vmlinux, say
    #[arg(long, value_name = "ELF")]
    symbols: Option<PathBuf>,

    /// The initial RAM disk, placed as QEMU places it
    #[arg(long, value_name = "FILE")]
    initrd: Option<PathBuf>,

    /// The kernel's command line, which the device tree tells it
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    append: Option<String>,

    /// The machine's RAM, in MiB
    #[arg(long, value_name = "MIB", default_value_t = board::DEFAULT_MEMORY_MIB)]
    memory: u64,

    /// The hart: a model by QEMU's name, and what is to be different about it, such as rv64,zba=off
    #[arg(long, value_name = "MODEL", default_value = "rv64")]
    cpu: Cpu,
}

/// They, read.
pub struct Kernel {
    pub files: KernelFiles,
    pub image: Image,
    /// What the embedded machine is made of.
    pub options: embedded::Options,
    machine: MachineOptions,
    /// The kernel as an ELF, where QEMU would put its own file elsewhere.
    _as_elf: Option<NamedTempFile>,
}

impl KernelArguments {
    /// Reads all files; builds the kernel where none is named.
    ///
    /// # Errors
    /// Where one of them cannot be read, or is not what it is given for.
    pub fn read(&self) -> anyhow::Result<Kernel> {
        let files = self.files()?;
        let image = Image::open_files(&files)?;
        let initrd = self.initrd.as_ref().map(read_initrd).transpose()?;
        let options = embedded::Options {
            memory_mib: self.memory,
            append: self.append.clone(),
            initrd,
            cpu: self.cpu.clone(),
            ..embedded::Options::default()
        };
        let as_elf = if goes_where_qemu_puts_it(&image) { None } else { Some(write_elf(&image)?) };
        let machine = MachineOptions {
            memory: format!("{}M", self.memory),
            append: self.append.clone(),
            initrd: self.initrd.clone(),
            cpu: self.cpu.to_string(),
            kernel: Some(as_elf.as_ref().map_or(image.path(), |file| file.path()).to_owned()),
            ..MachineOptions::default()
        };
        Ok(Kernel { files, image, options, machine, _as_elf: as_elf })
    }

    fn files(&self) -> anyhow::Result<KernelFiles> {
        let kernel = match &self.kernel {
            Some(path) => path.clone(),
            None => qemu::build_kernel()?,
        };
        Ok(KernelFiles { kernel, load_address: self.load_address, symbols: self.symbols.clone() })
    }
}

impl Kernel {
    /// What is read, and must not be written over.
    pub fn files(&self) -> Vec<&Path> {
        let files = [Some(&self.files.kernel), self.files.symbols.as_ref(), self.machine.initrd.as_ref()];
        files.into_iter().flatten().map(PathBuf::as_path).collect()
    }

    /// The machine for a QEMU, with so many harts.
    pub fn machine(&self, harts: u32) -> MachineOptions {
        MachineOptions { smp: harts, ..self.machine.clone() }
    }
}

/// QEMU puts what is no ELF where the firmware jumps.
fn goes_where_qemu_puts_it(image: &Image) -> bool {
    !image.is_flat() || image.segments().iter().any(|segment| segment.physical.0 == board::KERNEL_BASE)
}

fn write_elf(image: &Image) -> anyhow::Result<NamedTempFile> {
    let write = || {
        let mut file = NamedTempFile::with_prefix("kernel")?;
        file.write_all(&image.as_elf())?;
        Ok::<_, std::io::Error>(file)
    };
    write().context(
        "cannot write the kernel as an ELF file, for QEMU, to the folder of temporary files; try: TMPDIR=FOLDER",
    )
}

fn read_initrd(path: &PathBuf) -> anyhow::Result<Arc<[u8]>> {
    let said = || format!("cannot read the initrd {}; try: look at the file", path.display());
    let kind = fs::metadata(path).with_context(said)?;
    if !kind.is_file() {
        bail!("the initrd {} is no file; try: a cpio archive, packed or not", path.display());
    }
    if kind.len() > LARGEST_INITRD {
        bail!("the initrd {} has {} bytes; {LARGEST_INITRD} are read at most", path.display(), kind.len());
    }
    Ok(fs::read(path).with_context(said)?.into())
}

/// A number as people write addresses: hexadecimal after 0x, else decimal.
fn address(text: &str) -> Result<Address, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    number.map(Address).ok_or_else(|| "an address, such as 0x80200000".into())
}
