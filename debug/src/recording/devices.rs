//! What is plugged in, as a recording has it: small files by their content, large ones by their hash. It does not know how a device works.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Error;
use crate::embedded::{Device, Devices, Drive, Network};

/// Larger files are not in the recording.
const LARGEST: u64 = 1 << 20;

/// A device on the virtio bus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plugged {
    Block { file: Kept, read_only: bool, bus: Option<usize> },
    Console,
    Random { seed: u64 },
    Network { receive: Option<Kept> },
}

/// A file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Where it was.
    path: PathBuf,
    /// SHA-256, in hexadecimal.
    hash: String,
    /// Its content, where it is small.
    blob: Option<usize>,
}

impl Plugged {
    pub fn all(devices: &Devices, keep: &mut impl FnMut(&[u8]) -> usize) -> Result<Vec<Plugged>, Error> {
        let mut kept = |path: &PathBuf| Kept::of(path, keep).map_err(|cause| Error::Keep { path: path.clone(), cause });
        let plugged = devices.virtio.iter().map(|device| {
            Ok(match device {
                Device::Block(Drive { path, read_only, bus }) => {
                    Plugged::Block { file: kept(path)?, read_only: *read_only, bus: *bus }
                }
                Device::Console => Plugged::Console,
                Device::Random { seed } => Plugged::Random { seed: *seed },
                Device::Network(Network { receive }) => {
                    Plugged::Network { receive: receive.as_ref().map(&mut kept).transpose()? }
                }
            })
        });
        plugged.collect()
    }

    pub fn plug(&self, blobs: &[Vec<u8>], folder: &Path) -> Result<Device, Error> {
        Ok(match self {
            Plugged::Block { file, read_only, bus } => {
                Device::Block(Drive { path: file.find(blobs, folder)?, read_only: *read_only, bus: *bus })
            }
            Plugged::Console => Device::Console,
            Plugged::Random { seed } => Device::Random { seed: *seed },
            Plugged::Network { receive } => {
                let receive = receive.as_ref().map(|file| file.find(blobs, folder)).transpose()?;
                Device::Network(Network { receive })
            }
        })
    }

    /// The blobs that it refers to.
    pub fn blobs(&self) -> Option<usize> {
        match self {
            Plugged::Block { file, .. } | Plugged::Network { receive: Some(file) } => file.blob,
            _ => None,
        }
    }
}

impl Kept {
    fn of(path: &Path, keep: &mut impl FnMut(&[u8]) -> usize) -> io::Result<Kept> {
        let path = std::path::absolute(path)?;
        // A device tells no length.
        let mut bytes = Vec::new();
        File::open(&path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
        let (hash, blob) = match bytes.len() as u64 <= LARGEST {
            true => (hex(&Sha256::digest(&bytes)), Some(keep(&bytes))),
            false => (hash_of(&path)?, None),
        };
        Ok(Kept { path, hash, blob })
    }

    /// The file: its content in `folder`, or where it was.
    fn find(&self, blobs: &[Vec<u8>], folder: &Path) -> Result<PathBuf, Error> {
        if let Some(blob) = self.blob {
            let path = folder.join(format!("device{blob}"));
            fs::write(&path, &blobs[blob]).map_err(Error::Unpack)?;
            return Ok(path);
        }
        let missing = |what: String| Error::Device { path: self.path.clone(), hash: self.hash.clone(), what };
        let found = hash_of(&self.path).map_err(|cause| missing(cause.to_string()))?;
        match found == self.hash {
            true => Ok(self.path.clone()),
            false => Err(missing(format!("the file there has {found}"))),
        }
    }
}

fn hash_of(path: &Path) -> io::Result<String> {
    // A recording may name any file, and reading /dev/zero or a pipe never ends.
    let kind = fs::metadata(path)?.file_type();
    if !kind.is_file() && !kind.is_block_device() {
        return Err(io::Error::other("it is neither a file nor a disk"));
    }
    let mut file = File::open(path)?;
    let mut sum = Sha256::new();
    let mut part = vec![0; 1 << 16];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(hex(&sum.finalize())),
            count => sum.update(&part[..count]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of this content, which lies where it was.
    fn kept(content: &[u8]) -> (tempfile::NamedTempFile, Kept) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        let kept = Kept::of(file.path(), &mut |_| 0).unwrap();
        (file, kept)
    }

    #[test]
    fn a_large_file_must_be_as_it_was() {
        let mut content = vec![7; LARGEST as usize + 1];
        let (file, kept) = kept(&content);
        assert_eq!(kept.blob, None);
        assert_eq!(kept.find(&[], Path::new("")).unwrap(), file.path());
        content[1000] = 8;
        fs::write(file.path(), &content).unwrap();
        let error = kept.find(&[], Path::new("")).unwrap_err();
        assert!(matches!(&error, Error::Device { hash, .. } if *hash == kept.hash), "{error}");
    }

    #[test]
    fn what_has_no_end_is_not_read() {
        let (_, mut kept) = kept(b"");
        (kept.path, kept.blob) = ("/dev/null".into(), None);
        let error = kept.find(&[], Path::new("")).unwrap_err();
        assert!(error.to_string().contains("it is neither a file nor a disk"), "{error}");
    }
}
