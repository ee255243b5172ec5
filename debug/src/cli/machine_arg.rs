//! `--on`: the machine that a command is about. It does not know what is done there.

use std::str::FromStr;

use debug::endpoint::NoEndpoint;
use debug::{Endpoint, qemu};

/// Which machine to boot a kernel on.
#[derive(Clone)]
pub enum MachineArg {
    Qemu,
    Embedded,
    /// Both of these, one instruction at a time.
    Both,
    Stub(Endpoint),
}

impl FromStr for MachineArg {
    type Err = NoEndpoint;

    fn from_str(text: &str) -> Result<MachineArg, NoEndpoint> {
        match text {
            "qemu" => Ok(MachineArg::Qemu),
            "embedded" => Ok(MachineArg::Embedded),
            "both" => Ok(MachineArg::Both),
            _ => text.parse().map(MachineArg::Stub),
        }
    }
}

impl MachineArg {
    /// Where nobody says: QEMU, which others trust as well, where it is installed.
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
