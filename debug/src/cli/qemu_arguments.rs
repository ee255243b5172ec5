//! What a QEMU is to be, beyond what any machine has: its board, its firmware, its harts, further arguments. It does not start one.

use std::convert::Infallible;
use std::ffi::OsString;
use std::str::FromStr;

use clap::Args;
use debug::embedded::Firmware;
use debug::qemu::{Bios, MachineOptions};
use debug::riscv::{Xlen, board};

/// How much run.sh's QEMU may log. A kernel that traps for ever logs 50 MB a second.
const LOG_LIMIT_MIB: u64 = 64;

const HARTS: &str = "Harts";

/// QEMU's options.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "QEMU")]
pub struct QemuArguments {
    /// QEMU's board, with its properties [default: virt]
    #[arg(long, value_name = "BOARD")]
    machine: Option<String>,

    /// The firmware: default, which is OpenSBI; none, and the kernel starts in M-mode at 0x80000000; or a file
    #[arg(long, value_name = "BIOS", default_value = "default")]
    bios: BiosArgument,

    /// How many harts there are; the embedded machine has up to 8
    #[arg(long, value_name = "HARTS", help_heading = HARTS, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=512))]
    pub smp: u32,

    /// In which order the embedded machine's harts execute: 0, one after the other, 1,000 instructions each; or another number, in turns of
    /// random length, with harts that are starved or favoured. The same number is the same run
    #[arg(long, value_name = "SEED", help_heading = HARTS, default_value = "0")]
    pub schedule: u64,

    /// Further arguments of QEMU, as a shell would take them: '-device virtio-net-device'. Can be repeated
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true, value_parser = split)]
    qemu_args: Vec<Words>,

    /// QEMU's whole command line, in run.sh's name; nothing for the embedded machine
    #[arg(long, hide = true, allow_hyphen_values = true, value_parser = split)]
    line: Option<Words>,
}

#[derive(Clone, Debug)]
struct BiosArgument(Bios);

impl FromStr for BiosArgument {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<BiosArgument, Infallible> {
        Ok(BiosArgument(match text {
            "default" => Bios::Default,
            "none" => Bios::None,
            path => Bios::File(path.into()),
        }))
    }
}

/// Several arguments that were given as one.
#[derive(Clone, Debug)]
struct Words(Vec<String>);

fn split(text: &str) -> Result<Words, String> {
    shlex::split(text).map(Words).ok_or_else(|| "a quote has no end".into())
}

impl QemuArguments {
    /// Whether the kernel starts in M-mode.
    pub fn starts_in_machine_mode(&self) -> bool {
        self.bios.0 == Bios::None
    }

    /// The same for the embedded machine.
    pub fn firmware(&self) -> Firmware {
        match &self.bios.0 {
            Bios::Default => Firmware::Host,
            Bios::None => Firmware::None,
            Bios::File(path) => Firmware::Code(path.clone()),
        }
    }

    /// Whether it is run.sh that asks: its options have other names.
    pub fn is_run_sh(&self) -> bool {
        self.line.is_some()
    }

    /// Where QEMU puts a kernel that is no ELF.
    pub fn flat_base(&self, xlen: Xlen) -> u64 {
        match xlen {
            _ if self.starts_in_machine_mode() => board::RAM_BASE,
            Xlen::Rv32 => board::KERNEL_BASE_32,
            Xlen::Rv64 => board::KERNEL_BASE,
        }
    }

    /// The machine for kernels of this width, without its kernel.
    pub fn options(&self, xlen: Xlen) -> MachineOptions {
        let mut usual = MachineOptions::of(xlen);
        if let Some((program, line)) = self.line.as_ref().and_then(|line| line.0.split_first()) {
            usual.program = program.into();
            usual.line = Some(line.iter().map(Into::into).collect());
            usual.file_limit_mib = Some(LOG_LIMIT_MIB);
        }
        MachineOptions {
            machine: self.machine.clone().unwrap_or_else(|| usual.machine.clone()),
            bios: self.bios.0.clone(),
            smp: self.smp,
            extra: self.qemu_args.iter().flat_map(|words| &words.0).map(OsString::from).collect(),
            ..usual
        }
    }
}
