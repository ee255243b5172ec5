//! `--on`: the machine that a command is about. It does not know what is done there.

use std::str::FromStr;

use debug::endpoint::NoEndpoint;
use debug::{Endpoint, qemu};

/// Which machine to boot a kernel on.
#[derive(Clone)]
pub enum On {
    Qemu,
    Embedded,
    /// Both of these, one instruction at a time.
    Both,
    Stub(Endpoint),
}

impl FromStr for On {
    type Err = NoEndpoint;

    fn from_str(text: &str) -> Result<On, NoEndpoint> {
        match text {
            "qemu" => Ok(On::Qemu),
            "embedded" => Ok(On::Embedded),
            "both" => Ok(On::Both),
            _ => text.parse().map(On::Stub),
        }
    }
}

impl On {
    /// Where nobody says: QEMU, which others trust as well, where it is installed.
    pub fn installed() -> On {
        if qemu::is_installed() { On::Qemu } else { On::Embedded }
    }

    /// The machine's name in reports.
    pub fn name(&self) -> String {
        match self {
            On::Qemu => "qemu".into(),
            On::Embedded => "embedded".into(),
            On::Both => "both".into(),
            On::Stub(endpoint) => endpoint.to_string(),
        }
    }
}
