//! Where a stub listens: a TCP port or a Unix socket, as users name it. It does not know which side of it we are on.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a socket that GDB's remote protocol is spoken on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `HOST:PORT`; to who listens, port 0 is any that is free.
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

/// Neither `HOST:PORT` nor `unix:PATH`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address of a stub: HOST:PORT, such as 127.0.0.1:1234, or unix:PATH")]
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
