//! The address of a GDB stub: a TCP port or a Unix socket. It does not know whether we connect or listen.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::io::Errno;

/// The address of a socket for GDB's remote protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `HOST:PORT`. For a listener, port 0 means any free port.
    Tcp(String),
    /// `unix:PATH`
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(address) => formatter.write_str(address),
            Endpoint::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// The text is neither `HOST:PORT` nor `unix:PATH`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid stub address {0:?}: expected HOST:PORT, such as 127.0.0.1:1234, or unix:PATH")]
pub struct NoEndpoint(String);

impl FromStr for Endpoint {
    type Err = NoEndpoint;

    fn from_str(text: &str) -> Result<Endpoint, NoEndpoint> {
        let no_endpoint = || NoEndpoint(text.into());
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(no_endpoint()) } else { Ok(Endpoint::Unix(path.into())) };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(no_endpoint)?;
        match port.parse::<u16>() {
            Ok(_) if !host.is_empty() => Ok(Endpoint::Tcp(text.into())),
            _ => Err(no_endpoint()),
        }
    }
}

/// Whether a program listens at this socket. It does not notice the question: a socket of another type cannot connect. To QEMU a
/// connection would be a debugger, for which it stops its machine.
///
/// # Errors
/// Those of the operating system, such as for a path that is not there.
pub fn is_listened(socket: &Path) -> io::Result<bool> {
    match UnixDatagram::unbound().and_then(|asking| asking.connect(socket)) {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(Errno::PROTOTYPE.raw_os_error()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a program that has ended left this socket.
pub fn is_left(socket: &Path) -> bool {
    fs::symlink_metadata(socket).is_ok_and(|file| file.file_type().is_socket())
        && matches!(is_listened(socket), Ok(false))
}
