//! How the command line spells what the library's messages advise to set.

use debug::setting::Setting;

/// The option, or the command, that sets it.
pub fn option(setting: Setting) -> &'static str {
    match setting {
        Setting::Timeout => "--timeout",
        Setting::Instructions => "--instructions",
        Setting::BootHart => "--boot-hart",
        Setting::Embedded => "--on embedded",
        Setting::Qemu => "--on qemu",
        Setting::NoFirmware => "--bios none",
        Setting::OneHart => "--smp 1",
        Setting::Harts => "--smp",
        Setting::Schedule => "--schedule",
        Setting::Cpu => "--cpu",
        Setting::LoadAddress => "--load-address",
        Setting::Symbols => "--symbols",
        Setting::StackTop => "--stack-top",
        Setting::StackBottom => "--stack-bottom",
        Setting::BssStart => "--bss-start",
        Setting::BssEnd => "--bss-end",
        Setting::Expect => "--expect",
        Setting::Forbid => "--forbid",
        Setting::Input => "--input",
        Setting::Semihosting => "--qemu-args=-semihosting",
        Setting::Serve => "cargo debug serve",
        Setting::Wait => "./run.sh --wait",
    }
}
