//! `--on`: the machine that a command uses. It does not know the command.

use std::str::FromStr;

use debug::{Endpoint, qemu};

/// Which machine to boot a kernel on.
#[derive(Clone)]
pub enum MachineArg {
    Qemu,
    Embedded,
    /// Both, compared after every instruction.
    Both,
    Stub(Endpoint),
}

impl FromStr for MachineArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<MachineArg, &'static str> {
        match text {
            "qemu" => Ok(MachineArg::Qemu),
            "embedded" => Ok(MachineArg::Embedded),
            "both" => Ok(MachineArg::Both),
            _ => text.parse().map(MachineArg::Stub).map_err(|_| "use qemu, embedded, both, HOST:PORT or unix:PATH"),
        }
    }
}

impl MachineArg {
    /// The default: QEMU if it is installed, because others trust it too; else the embedded machine.
    pub fn installed() -> MachineArg {
        if qemu::is_installed() { MachineArg::Qemu } else { MachineArg::Embedded }
    }

    /// The machine's name in reports.
    pub fn name(&self) -> String {
        match self {
            MachineArg::Qemu => "qemu".into(),
            MachineArg::Embedded => "embedded".into(),
            MachineArg::Both => "both".into(),
            MachineArg::Stub(endpoint) => endpoint.to_string(),
        }
    }
}
