//! Who may access what of physical memory: by PMP entries, or by a firmware in the host, which keeps its own memory and the CLINT to
//! itself. It does not know what lies where else.

use crate::embedded::bus::map;
use crate::embedded::hart::state::Privilege;
use crate::embedded::hart::trap::AccessType;
use crate::riscv::pmp::{EXECUTE, READ, Rules, WRITE};

pub enum Protection {
    /// A firmware in the host.
    Firmware,
    Entries(Rules),
}

impl Protection {
    /// Whether `length` bytes may be accessed.
    #[inline]
    pub fn permits(&self, physical: u64, length: usize, access: AccessType, privilege: Privilege) -> bool {
        match self {
            Protection::Firmware => !map::is_firmware(physical),
            Protection::Entries(rules) => {
                let asked = match access {
                    AccessType::Fetch => EXECUTE,
                    AccessType::Load => READ,
                    AccessType::LoadExecutable => READ | EXECUTE,
                    AccessType::Store => WRITE,
                };
                rules.permit(physical, length as u64, asked, privilege == Privilege::Machine)
            }
        }
    }

    /// Whether the page at this physical address is treated alike all over.
    pub fn is_uniform(&self, physical: u64, page: usize) -> bool {
        match self {
            Protection::Firmware => true,
            Protection::Entries(rules) => rules.are_uniform(physical & !(page as u64 - 1), page as u64),
        }
    }
}
