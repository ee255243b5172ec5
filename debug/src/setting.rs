//! What a caller can set, as messages name it: by the library's own names, or by those that the caller gives. It does not know which
//! messages there are.

use std::fmt;
use std::sync::OnceLock;

/// Something that a caller can set, and that a message advises to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setting {
    /// The time limit of a boot.
    Timeout,
    /// The number of instructions that a boot may take, on a machine that counts them.
    Instructions,
    /// The hart that is to boot.
    BootHart,
    /// The embedded machine is used.
    Embedded,
    /// QEMU is used.
    Qemu,
    /// No firmware is started: the kernel starts in M-mode.
    NoFirmware,
    /// The machine has one hart.
    OneHart,
    /// How many harts there are.
    Harts,
    /// In which order they execute.
    Schedule,
    /// The model of the hart.
    Cpu,
    /// Where a file without addresses of its own is loaded.
    LoadAddress,
    /// The file that has the kernel's symbols.
    Symbols,
    /// Where the stack ends.
    StackTop,
    /// Where the stack starts.
    StackBottom,
    /// Where BSS starts.
    BssStart,
    /// Where BSS ends.
    BssEnd,
    /// Text that must be printed.
    Expect,
    /// Text that must not be printed.
    Forbid,
    /// Text that is typed.
    Input,
    /// Semihosting calls are answered.
    Semihosting,
    /// A server for GDB is started on the embedded machine.
    Serve,
    /// A machine is started that waits at reset.
    Wait,
}

static NAMES: OnceLock<fn(Setting) -> &'static str> = OnceLock::new();

impl Setting {
    /// Makes messages use the caller's names: a command's options, say. Only the first call has an effect.
    pub fn name_by(names: fn(Setting) -> &'static str) {
        let _ = NAMES.set(names);
    }

    fn own_name(self) -> &'static str {
        match self {
            Setting::Timeout => "time limit",
            Setting::Instructions => "number of instructions",
            Setting::BootHart => "boot hart",
            Setting::Embedded => "the embedded machine",
            Setting::Qemu => "QEMU",
            Setting::NoFirmware => "no firmware",
            Setting::OneHart => "one hart",
            Setting::Harts => "number of harts",
            Setting::Schedule => "schedule",
            Setting::Cpu => "the CPU",
            Setting::LoadAddress => "the load address",
            Setting::Symbols => "symbols",
            Setting::StackTop => "stack_top",
            Setting::StackBottom => "stack_bottom",
            Setting::BssStart => "bss_start",
            Setting::BssEnd => "bss_end",
            Setting::Expect => "expected text",
            Setting::Forbid => "forbidden text",
            Setting::Input => "input",
            Setting::Semihosting => "semihosting",
            Setting::Serve => "the server for GDB",
            Setting::Wait => "QEMU with -S",
        }
    }
}

/// By the caller's name, or the library's own.
impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(NAMES.get().map_or(self.own_name(), |names| names(*self)))
    }
}
