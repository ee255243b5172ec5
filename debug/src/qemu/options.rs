//! QEMU's options as data, and its command line. The line for this project's own kernel stands in run.sh, to be read; a test
//! compares the two. It does not start anything.

use std::ffi::OsString;
use std::path::PathBuf;

/// What stands behind QEMU's `-bios`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Bios {
    /// The firmware that QEMU brings: OpenSBI.
    #[default]
    Default,
    /// None: the kernel is entered in M-mode, where RAM begins.
    None,
    /// This file.
    File(PathBuf),
}

/// A machine for QEMU: this project's, where nothing else is said.
///
/// ```
/// use debug::qemu::{Bios, MachineOptions};
///
/// let machine = MachineOptions { smp: 4, bios: Bios::None, ..MachineOptions::default() };
/// assert!(machine.arguments().join(" ".as_ref()).to_string_lossy().contains("-bios none -smp 4"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineOptions {
    /// QEMU, a name or a path.
    pub program: OsString,
    /// The board (`$QEMU -machine help`), with its properties.
    pub machine: String,
    /// The model of a hart (`$QEMU -cpu help`), with its properties.
    pub cpu: String,
    pub bios: Bios,
    /// How many harts there are.
    pub smp: u32,
    /// RAM as QEMU reads it: `128M`.
    pub memory: String,
    /// The ELF, or the flat image, that `-kernel` loads.
    pub kernel: Option<PathBuf>,
    /// The kernel's command line.
    pub append: Option<String>,
    pub initrd: Option<PathBuf>,
    /// What stands behind each `-drive`.
    pub drives: Vec<String>,
    /// Further arguments.
    pub extra: Vec<OsString>,
}

/// What QEMU is called for harts of 64 bits, and of 32.
pub const PROGRAMS: [&str; 2] = ["qemu-system-riscv64", "qemu-system-riscv32"];

impl Default for MachineOptions {
    fn default() -> MachineOptions {
        MachineOptions {
            program: program(PROGRAMS[0]),
            machine: "virt".into(),
            cpu: "rv64".into(),
            bios: Bios::Default,
            smp: 1,
            memory: "128M".into(),
            kernel: None,
            append: None,
            initrd: None,
            drives: Vec::new(),
            extra: Vec::new(),
        }
    }
}

/// The program that `$QEMU` names, else this one.
fn program(usual: &str) -> OsString {
    std::env::var_os("QEMU").filter(|name| !name.is_empty()).unwrap_or_else(|| usual.into())
}

impl MachineOptions {
    /// As the default, with harts of 32 bits.
    pub fn rv32() -> MachineOptions {
        MachineOptions { program: program(PROGRAMS[1]), cpu: "rv32".into(), ..MachineOptions::default() }
    }

    /// The arguments, in the order of run.sh's.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut add = |name: &str, value: OsString| arguments.extend([name.into(), value]);
        add("-machine", self.machine.clone().into());
        add("-cpu", self.cpu.clone().into());
        add(
            "-bios",
            match &self.bios {
                Bios::Default => "default".into(),
                Bios::None => "none".into(),
                Bios::File(path) => path.into(),
            },
        );
        add("-smp", self.smp.to_string().into());
        add("-m", self.memory.clone().into());
        arguments.push("-nographic".into());
        let mut add = |name: &str, value: OsString| arguments.extend([name.into(), value]);
        add("-serial", "mon:stdio".into());
        for drive in &self.drives {
            add("-drive", drive.into());
        }
        if let Some(initrd) = &self.initrd {
            add("-initrd", initrd.into());
        }
        if let Some(append) = &self.append {
            add("-append", append.into());
        }
        arguments.push("--no-reboot".into());
        if let Some(kernel) = &self.kernel {
            arguments.extend(["-kernel".into(), kernel.into()]);
        }
        arguments.extend(self.extra.iter().cloned());
        arguments
    }
}
