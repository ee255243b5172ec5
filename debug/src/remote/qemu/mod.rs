//! QEMU's extensions to the remote protocol: its monitor, its version, known faults, and its log.
//!
//! It does not know who started QEMU, and does not know the checks.

mod follow;
pub mod known;
mod log;

use std::fmt;
use std::str::FromStr;

pub(super) use follow::Follower;

/// A release of QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

impl Version {
    /// The version with these numbers.
    pub const fn new(major: u32, minor: u32) -> Version {
        Version { major, minor }
    }
}

/// Parses the output of `info version` or `--version`: the first word with at least two numbers, such as `7.2.22`.
impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Version, ()> {
        let version = |word: &str| {
            let mut numbers = word.split('.').map(str::parse);
            match (numbers.next(), numbers.next()) {
                (Some(Ok(major)), Some(Ok(minor))) => Some(Version { major, minor }),
                _ => None,
            }
        };
        text.split_whitespace().find_map(version).ok_or(())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_found_in_what_qemu_prints() {
        for (text, version) in [
            ("7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\r\n", Some(Version::new(7, 2))),
            ("QEMU emulator version 10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)", Some(Version::new(10, 0))),
            ("11.1.3", Some(Version::new(11, 1))),
            ("unknown command: 'info version'", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), version, "{text:?}");
        }
        assert!(Version::new(7, 2) < Version::new(10, 0));
    }
}
