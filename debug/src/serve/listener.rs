//! Listens for clients on a TCP port or a Unix socket, and removes the socket at the end. It does not know the protocol.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::io::FdFlags;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use super::Error;
use super::wire::Wire;
use crate::endpoint::{Endpoint, is_listened};

/// How many clients can wait.
const QUEUE: i32 = 128;

/// A listening socket. Clients wait in its queue while another is served.
pub enum Listener {
    /// A TCP port.
    Tcp(TcpListener),
    /// A Unix socket, with its file.
    Unix(UnixListener, SocketFile),
}

impl Listener {
    /// # Errors
    /// [`Error::InUse`] if another program listens there; [`Error::NotASocket`] if the path exists and is another kind of file;
    /// [`Error::Listen`] for errors of the operating system.
    pub fn bind(endpoint: &Endpoint) -> Result<Listener, Error> {
        let failed = |cause: io::Error| match cause.kind() {
            ErrorKind::AddrInUse => Error::InUse(endpoint.to_string()),
            _ => Error::Listen { at: endpoint.to_string(), cause },
        };
        let listener = match endpoint {
            Endpoint::Tcp(address) => Listener::Tcp(TcpListener::bind(address).map_err(failed)?),
            Endpoint::Unix(path) => {
                remove_stale(path, endpoint)?;
                let (listener, file) = bind_private(path).map_err(failed)?;
                Listener::Unix(listener, file)
            }
        };
        // A client that disconnects before it is accepted must not block us.
        match &listener {
            Listener::Tcp(socket) => socket.set_nonblocking(true),
            Listener::Unix(socket, _) => socket.set_nonblocking(true),
        }
        .map_err(failed)?;
        Ok(listener)
    }

    /// Makes sure that another program, such as QEMU, can listen there: nobody does, and nothing is in the way. Nobody is disturbed who
    /// listens already.
    ///
    /// # Errors
    /// Those of [`Listener::bind`].
    pub fn make_way(endpoint: &Endpoint) -> Result<(), Error> {
        match endpoint {
            Endpoint::Tcp(_) => Listener::bind(endpoint).map(drop),
            Endpoint::Unix(path) => {
                remove_stale(path, endpoint)?;
                SocketAddrUnix::new(path)
                    .map(drop)
                    .map_err(|cause| Error::Listen { at: endpoint.to_string(), cause: cause.into() })
            }
        }
    }

    /// Its address, with the real port if port 0 was requested.
    pub fn endpoint(&self) -> Endpoint {
        match self {
            Listener::Tcp(socket) => Endpoint::Tcp(
                socket.local_addr().map_or_else(|_| "an unknown port".into(), |address| address.to_string()),
            ),
            Listener::Unix(_, file) => Endpoint::Unix(file.path.clone()),
        }
    }

    /// Whether only this computer can connect.
    pub fn is_local(&self) -> bool {
        match self {
            Listener::Tcp(socket) => socket.local_addr().is_ok_and(|address| address.ip().is_loopback()),
            Listener::Unix(..) => true,
        }
    }

    /// Accepts the client that has waited longest; `None` if it has disconnected.
    pub(super) fn accept(&self) -> io::Result<Option<Wire>> {
        let accepted = match self {
            Listener::Tcp(socket) => socket.accept().and_then(|(stream, _)| Wire::tcp(stream)),
            Listener::Unix(socket, _) => socket.accept().and_then(|(stream, _)| Wire::unix(stream)),
        };
        match accepted {
            Ok(wire) => Ok(Some(wire)),
            Err(error) if is_clients_fault(error.kind()) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_clients_fault(kind: ErrorKind) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, InvalidInput, NotConnected, WouldBlock};
    matches!(kind, WouldBlock | Interrupted | ConnectionAborted | ConnectionReset | NotConnected | InvalidInput)
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Tcp(socket) => socket.as_fd(),
            Listener::Unix(socket, _) => socket.as_fd(),
        }
    }
}

/// The file of a Unix socket. Dropping this removes it, unless another program has replaced it.
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl SocketFile {
    fn at(path: &Path) -> io::Result<SocketFile> {
        Ok(SocketFile { path: path.to_owned(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Binds a socket that only this user can connect to. Its mode is set before it listens.
fn bind_private(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    let file = SocketFile::at(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    rustix::net::listen(&socket, QUEUE)?;
    Ok((socket.into(), file))
}

/// Removes a socket that a killed program left behind: no program listens there.
fn remove_stale(path: &Path, endpoint: &Endpoint) -> Result<(), Error> {
    let failed = |cause| Error::Listen { at: endpoint.to_string(), cause };
    let kind = match fs::symlink_metadata(path) {
        Ok(file) => file.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    if !kind.is_socket() {
        return Err(Error::NotASocket(path.to_owned()));
    }
    match is_listened(path).map_err(failed)? {
        true => Err(Error::InUse(endpoint.to_string())),
        false => fs::remove_file(path).map_err(failed),
    }
}
