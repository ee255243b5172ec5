//! QEMU's options as data, and its command line. run.sh has the command line for this project's own kernel; a test compares the
//! two. It does not start anything.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::riscv::Xlen;

/// The value of QEMU's `-bios`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Bios {
    /// QEMU's own firmware, OpenSBI.
    #[default]
    Default,
    /// No firmware: the kernel starts in M-mode at the start of RAM.
    None,
    /// The firmware in this file.
    File(PathBuf),
}

/// A machine for QEMU. The default is this project's machine.
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
    /// The CPU model (`$QEMU -cpu help`), with its properties.
    pub cpu: String,
    /// The firmware.
    pub bios: Bios,
    /// The number of harts.
    pub smp: u32,
    /// The size of RAM in QEMU's notation: `128M`.
    pub memory: String,
    /// The ELF, or the flat image, that `-kernel` loads.
    pub kernel: Option<PathBuf>,
    /// The kernel's command line.
    pub append: Option<String>,
    /// The initial RAM disk.
    pub initrd: Option<PathBuf>,
    /// The value of each `-drive`.
    pub drives: Vec<String>,
    /// Further arguments.
    pub extra: Vec<OsString>,
    /// The arguments, if they are known already: in place of all of this but the program and the further arguments. What waits for
    /// a debugger has `-gdb` and `-S` among them.
    pub line: Option<Vec<OsString>>,
    /// The largest file that QEMU may write, in MiB. What goes beyond is lost, and QEMU goes on if SIGXFSZ is ignored.
    pub file_limit_mib: Option<u64>,
}

/// What QEMU is called.
pub const PROGRAM: &str = "qemu-system-riscv64";
/// What the one for 32 bits is called.
const PROGRAM_32: &str = "qemu-system-riscv32";
/// Its firmware, which some distributions do not have (QEMU, include/hw/riscv/boot.h).
const FIRMWARE_32: &str = "opensbi-riscv32-generic-fw_dynamic.bin";

impl Default for MachineOptions {
    fn default() -> MachineOptions {
        MachineOptions {
            program: program(PROGRAM),
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
            line: None,
            file_limit_mib: None,
        }
    }
}

/// The program in `$QEMU`, else this one.
fn program(usual: &str) -> OsString {
    std::env::var_os("QEMU").filter(|name| !name.is_empty()).unwrap_or_else(|| usual.into())
}

impl MachineOptions {
    /// The default for kernels of this width.
    pub fn of(xlen: Xlen) -> MachineOptions {
        match xlen {
            Xlen::Rv32 => {
                MachineOptions { program: program(PROGRAM_32), cpu: "rv32".into(), ..MachineOptions::default() }
            }
            Xlen::Rv64 => MachineOptions::default(),
        }
    }

    /// Whether this QEMU has 64-bit harts, and a 32-bit one is asked for. Version 10 knows those too, but its stub sends their CSRs with
    /// 64 bits.
    pub(super) fn is_too_wide(&self) -> bool {
        if !self.cpu.starts_with("rv32") {
            return false;
        }
        let mut ask = Command::new(&self.program);
        ask.args(["-cpu", "help"]).stdin(Stdio::null()).stderr(Stdio::null());
        let models =
            ask.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        models.split_whitespace().any(|model| model == "rv64")
    }

    /// The firmware that this machine needs and that QEMU does not have, by the folders where it looks (`-L help`).
    pub(super) fn missing_firmware(&self) -> Option<&'static str> {
        if self.bios != Bios::Default || !self.cpu.starts_with("rv32") {
            return None;
        }
        let mut ask = Command::new(&self.program);
        ask.args(self.extra_folders()).args(["-L", "help"]).stdin(Stdio::null()).stderr(Stdio::null());
        let output = ask.output().ok().filter(|output| output.status.success())?;
        let folders = String::from_utf8_lossy(&output.stdout).into_owned();
        let is_there = folders.lines().any(|folder| Path::new(folder).join(FIRMWARE_32).exists());
        (!folders.is_empty() && !is_there).then_some(FIRMWARE_32)
    }

    /// Each `-L FOLDER` of the further arguments.
    fn extra_folders(&self) -> impl Iterator<Item = &OsString> {
        self.extra.windows(2).filter(|pair| pair[0] == "-L").flatten()
    }

    /// Whether semihosting calls are answered.
    pub fn has_semihosting(&self) -> bool {
        let line = self.line.iter().flatten().chain(&self.extra);
        let words: Vec<&str> = line.filter_map(|word| word.to_str()).collect();
        let is_on = |config: &str| !["enable=off", "enable=no", "enable=false"].iter().any(|off| config.contains(off));
        let asked = words.iter().rposition(|word| word.trim_start_matches('-').starts_with("semihosting"));
        asked.is_some_and(|at| match words[at].trim_start_matches('-') {
            "semihosting-config" => words.get(at + 1).is_some_and(|config| is_on(config)),
            word => word == "semihosting",
        })
    }

    /// The arguments, in the order of run.sh's.
    pub fn arguments(&self) -> Vec<OsString> {
        if let Some(line) = &self.line {
            return line.iter().chain(&self.extra).cloned().collect();
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_say_whether_semihosting_calls_are_answered() {
        let answers = |extra: &[&str]| {
            let extra = extra.iter().map(OsString::from).collect();
            MachineOptions { extra, ..MachineOptions::default() }.has_semihosting()
        };
        assert!(answers(&["-semihosting"]) && answers(&["--semihosting", "-s"]));
        assert!(answers(&["-semihosting-config", "enable=on,target=native"]));
        assert!(answers(&["-semihosting-config", "target=native"]), "it is on unless it is turned off");
        assert!(!answers(&["-semihosting", "-semihosting-config", "enable=off"]), "the last one counts");
        assert!(!answers(&[]) && !answers(&["-append", "semihosting-config"]));
    }
}
