//! `--kernel` and related options: the kernel's files and its machine, the same for QEMU and the embedded machine.
//!
//! It does not know the commands.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use debug::checks::{self, Layout};
use debug::image::KernelFiles;
use debug::qemu::MachineOptions;
use debug::riscv::{Cpu, board};
use debug::{Address, Embedded, Image, Qemu, embedded};
use tempfile::NamedTempFile;

use super::build::BuildArguments;
use super::devices::DeviceArguments;
use super::machine_arg::MachineArg;
use super::qemu_arguments::QemuArguments;

/// The largest initrd, in bytes.
const LARGEST_INITRD: u64 = 4 << 30;

/// A kernel and its machine.
#[derive(Args, Clone)]
#[command(next_help_heading = "Kernel and machine")]
pub struct KernelArguments {
    /// The kernel: an ELF, a Linux Image, or any file with --load-address [default: hypervisor.elf, freshly built]
    #[arg(long, value_name = "FILE", visible_alias = "elf")]
    pub kernel: Option<PathBuf>,

    /// The physical address of a kernel that is not an ELF; its first byte is its first instruction [default: a Linux Image
    /// has the address in its header]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    load_address: Option<Address>,

    /// The ELF that has the kernel's symbols and debug information, such as vmlinux
    #[arg(long, value_name = "ELF")]
    symbols: Option<PathBuf>,

    /// The ELF of a hypervisor's guest: its symbols name the guest's addresses
    #[arg(long, value_name = "ELF")]
    pub guest_symbols: Option<PathBuf>,

    /// The initial RAM disk, loaded at the same address as in QEMU
    #[arg(long, value_name = "FILE")]
    initrd: Option<PathBuf>,

    /// The kernel's command line, which it finds in the device tree
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    append: Option<String>,

    /// The machine's RAM, in MiB
    #[arg(long, value_name = "MIB", default_value_t = board::DEFAULT_MEMORY_MIB, value_parser = mebibytes)]
    memory: u64,

    /// The hart: a model by QEMU's name, and what is to be different about it, such as rv64,zba=off [default: rv64, for an ELF32 rv32]
    #[arg(long, value_name = "MODEL")]
    cpu: Option<Cpu>,

    /// A flat image that boots in place of the ELF, which has its symbols [default address: 0x80200000, for RV32 0x80400000, with --bios none 0x80000000]
    #[arg(long, value_name = "FILE")]
    raw: Option<PathBuf>,

    #[command(flatten)]
    build: BuildArguments,

    #[command(flatten)]
    pub devices: DeviceArguments,

    #[command(flatten)]
    pub qemu: QemuArguments,
}

/// The kernel's files and machine, after reading.
pub struct Kernel {
    pub files: KernelFiles,
    pub image: Image,
    /// What is plugged into the machine, and what it leaves at its end.
    pub devices: DeviceArguments,
    /// The options of the embedded machine.
    pub options: embedded::Options,
    machine: MachineOptions,
    /// The kernel as an ELF, if QEMU would load the original file at another address.
    _as_elf: Option<NamedTempFile>,
}

impl KernelArguments {
    /// Reads all files; builds this project's kernel if none is named.
    ///
    /// # Errors
    /// If a file cannot be read or is of the wrong kind.
    pub fn read(&self) -> anyhow::Result<Kernel> {
        let files = self.files()?;
        let image = Image::open_files(&files)?;
        let initrd = self.initrd.as_ref().map(read_initrd).transpose()?;
        let usual = self.qemu.options(image.xlen());
        let options = embedded::Options {
            devices: self.devices.embedded(&usual.extra, usual.has_semihosting()),
            memory_mib: self.memory,
            append: self.append.clone(),
            initrd,
            cpu: self.cpu.clone().unwrap_or_else(|| Cpu::of(image.xlen())),
            firmware: self.qemu.firmware(),
            harts: self.qemu.smp as usize,
            schedule: self.qemu.schedule,
            ..embedded::Options::default()
        };
        let usual_place = self.qemu.flat_base(image.xlen());
        let in_place = !image.is_flat() || image.segments().iter().any(|segment| segment.physical.0 == usual_place);
        let as_elf = if in_place { None } else { Some(write_elf(&image)?) };
        let mut machine = MachineOptions {
            memory: format!("{}M", self.memory),
            append: self.append.clone(),
            initrd: self.initrd.clone(),
            cpu: self.cpu.as_ref().map_or(usual.cpu, Cpu::to_string),
            kernel: Some(as_elf.as_ref().map_or(image.path(), |file| file.path()).to_owned()),
            ..usual
        };
        self.devices.add_to(&mut machine);
        Ok(Kernel { files, image, devices: self.devices.clone(), options, machine, _as_elf: as_elf })
    }

    fn files(&self) -> anyhow::Result<KernelFiles> {
        let kernel = self.build.kernel(self.kernel.as_deref())?;
        let (symbols, guest) = (self.symbols.clone(), self.guest_symbols.clone());
        Ok(match &self.raw {
            Some(raw) => {
                let load_address = match self.load_address {
                    Some(address) => address,
                    None => Address(self.qemu.flat_base(Image::open(&kernel)?.xlen())),
                };
                let symbols = symbols.or(Some(kernel));
                KernelFiles { kernel: raw.clone(), load_address: Some(load_address), symbols, guest }
            }
            None => KernelFiles { kernel, load_address: self.load_address, symbols, guest },
        })
    }

    /// Takes this ELF for the kernel, whatever else was said: a runner's.
    pub fn be_of(&mut self, kernel: PathBuf) {
        (self.kernel, self.build, self.raw) = (Some(kernel), BuildArguments::default(), None);
        (self.load_address, self.symbols) = (None, None);
    }

    /// The machine that was asked for; else QEMU, which others trust as well, where it is installed.
    ///
    /// # Errors
    /// Where the machines cannot be compared.
    pub fn machine_or_usual(&self, asked: Option<&MachineArg>) -> anyhow::Result<MachineArg> {
        match asked {
            Some(MachineArg::Both) if self.qemu.starts_in_machine_mode() => {
                bail!(
                    "the machines are not compared in lockstep for a kernel that starts in M-mode; try: --on embedded, and --on qemu"
                )
            }
            Some(machine) => Ok(machine.clone()),
            None => Ok(MachineArg::installed()),
        }
    }
}

impl Kernel {
    /// These files on the embedded machine with these options, whatever a command line says.
    ///
    /// # Errors
    /// If a file is not a kernel.
    pub fn of_files(files: KernelFiles, options: embedded::Options) -> anyhow::Result<Kernel> {
        let image = Image::open_files(&files)?;
        let (devices, machine) = (DeviceArguments::default(), MachineOptions::default());
        Ok(Kernel { files, image, devices, options, machine, _as_elf: None })
    }

    /// The embedded machine with one hart, whatever others have: for what is the same on each hart.
    pub fn on_one_hart(&self) -> embedded::Options {
        embedded::Options { harts: 1, boot_hart: None, ..self.options.clone() }
    }

    /// The input files, which must not be overwritten.
    pub fn files(&self) -> Vec<&Path> {
        let files = [Some(&self.files.kernel), self.files.symbols.as_ref(), self.machine.initrd.as_ref()];
        files.into_iter().flatten().map(PathBuf::as_path).collect()
    }

    /// The machine for a QEMU.
    pub fn machine(&self) -> &MachineOptions {
        &self.machine
    }

    /// Finds a stack that no symbol names, by a run of the boot: on the embedded machine, or on QEMU if only that has such harts or
    /// devices.
    ///
    /// # Errors
    /// If no machine starts for another reason than the kernel; if it does not respond.
    pub fn find_stack(&self, layout: &mut Layout, on: &MachineArg, limit: Duration) -> anyhow::Result<()> {
        match (Embedded::load(&self.image, &self.on_one_hart()), on) {
            (Ok(mut machine), _) => checks::find_stack(&mut machine, &self.image, layout, limit)?,
            // The image's own check tells why.
            (Err(error), _) if error.is_about_the_kernel() => {}
            (Err(error), MachineArg::Embedded) => return Err(error.into()),
            (Err(_), _) => {
                let mut qemu = Qemu::start_machine(&self.machine, limit)?;
                checks::find_stack(qemu.machine(), &self.image, layout, limit)?;
            }
        }
        Ok(())
    }

    /// The file for a debugger.
    pub fn symbols_file(&self) -> &Path {
        self.files.symbols.as_deref().unwrap_or(&self.files.kernel)
    }
}

fn write_elf(image: &Image) -> anyhow::Result<NamedTempFile> {
    let write = || {
        let mut file = NamedTempFile::with_prefix("kernel")?;
        file.write_all(&image.as_elf())?;
        Ok::<_, std::io::Error>(file)
    };
    write().context("cannot write an ELF of the kernel for QEMU to the folder for temporary files; try: TMPDIR=FOLDER")
}

fn read_initrd(path: &PathBuf) -> anyhow::Result<Arc<[u8]>> {
    let said = || format!("cannot read the initrd {}; try: check that the file exists and can be read", path.display());
    let kind = fs::metadata(path).with_context(said)?;
    if !kind.is_file() {
        bail!("the initrd {} is not a file; try: a cpio archive, compressed or not", path.display());
    }
    if kind.len() > LARGEST_INITRD {
        bail!("the initrd {} has {} bytes, but at most {LARGEST_INITRD} are read", path.display(), kind.len());
    }
    Ok(fs::read(path).with_context(said)?.into())
}

/// Parses the size of RAM in MiB.
fn mebibytes(text: &str) -> Result<u64, String> {
    let possible = text.parse().ok().filter(|number| embedded::MEMORY_MIB.contains(number));
    let (least, most) = (embedded::MEMORY_MIB.start(), embedded::MEMORY_MIB.end());
    possible.ok_or_else(|| format!("--memory takes {least} to {most} (MiB)"))
}

/// Parses an address: hexadecimal after 0x, else decimal.
fn address(text: &str) -> Result<Address, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    number.map(Address).ok_or_else(|| "expected an address, such as 0x80200000".into())
}
