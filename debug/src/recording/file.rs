//! A recording's bytes. All numbers are little-endian:
//!
//! ```text
//! file    = "boot recording\n\0" schema:u32 length:u64 crc32:u32 body     length and CRC-32 are of the body
//! body    = zlib( header-length:u32 header blob* )                        the header is JSON, with the blobs' lengths
//! ```
//!
//! No bytes make reading panic or hang. No more than [`LARGEST`] bytes are read or unpacked, and no byte is held twice. It does not know what a recording means.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};

use super::{Clock, Error, Firmware, Header, Noted, Recording};
use crate::embedded::MEMORY_MIB;

const MAGIC: &[u8; 16] = b"boot recording\n\0";
/// The version of the format.
pub const SCHEMA: u32 = 1;
/// The most bytes of all files in a recording, and the largest recording that is read.
pub const LARGEST: u64 = 512 << 20;
/// The most bytes of a header.
const LARGEST_HEADER: u64 = 64 << 20;
const BEGIN: usize = 16 + 4 + 8 + 4;

#[derive(Serialize, Deserialize)]
struct Document<H> {
    lengths: Vec<u64>,
    header: H,
}

impl Recording {
    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let lengths = self.blobs.iter().map(|blob| blob.len() as u64).collect();
        let header = serde_json::to_vec(&Document { lengths, header: &self.header })
            .expect("the header has only text keys, so that JSON can hold it");
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        let written = (|| {
            packed.write_all(&(header.len() as u32).to_le_bytes())?;
            packed.write_all(&header)?;
            self.blobs.iter().try_for_each(|blob| packed.write_all(blob))?;
            packed.finish()
        })();
        let body = written.expect("writing to memory does not fail");
        let mut bytes = MAGIC.to_vec();
        bytes.extend(SCHEMA.to_le_bytes());
        bytes.extend((body.len() as u64).to_le_bytes());
        bytes.extend(crc32fast::hash(&body).to_le_bytes());
        bytes.extend(body);
        bytes
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn open(path: &Path) -> Result<Recording, Error> {
        let read = |cause| Error::Read { path: path.to_owned(), cause };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(read)?;
        // What is not as long as it says is found out below.
        file.take(LARGEST).read_to_end(&mut bytes).map_err(read)?;
        Recording::parse(path, &bytes)
    }

    /// Takes `bytes` for the content of the file `path`, which is named in errors and not read.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Recording, Error> {
        let damaged = |what| Error::Damaged { path: path.to_owned(), what };
        let Some(rest) = bytes.strip_prefix(MAGIC) else { return Err(Error::NotARecording(path.to_owned())) };
        if bytes.len() < BEGIN {
            return Err(damaged("it is cut"));
        }
        let number = |at: usize, length: usize| {
            rest[at..at + length].iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        };
        let (schema, length, sum) = (number(0, 4) as u32, number(4, 8), number(12, 4) as u32);
        if schema != SCHEMA {
            return Err(Error::Schema { path: path.to_owned(), schema });
        }
        let body = &bytes[BEGIN..];
        if body.len() as u64 != length {
            return Err(damaged(if (body.len() as u64) < length { "it is cut" } else { "it is longer than it says" }));
        }
        if crc32fast::hash(body) != sum {
            return Err(damaged("its checksum is wrong"));
        }
        unpack(body).map_err(damaged)
    }
}

fn unpack(body: &[u8]) -> Result<Recording, &'static str> {
    let mut reader = ZlibDecoder::new(body);
    let mut length = [0; 4];
    reader.read_exact(&mut length).map_err(|_| "it has no header")?;
    let length = u64::from(u32::from_le_bytes(length));
    if length > LARGEST_HEADER {
        return Err("its header is too large");
    }
    let header = take(&mut reader, length).ok_or("its header is cut")?;
    let Document { lengths, header } =
        serde_json::from_slice::<Document<Header>>(&header).map_err(|_| "its header is invalid")?;
    let all = lengths.iter().try_fold(0_u64, |all, length| all.checked_add(*length));
    if all.is_none_or(|all| all > LARGEST) {
        return Err("its files are too large");
    }
    let blobs = lengths.iter().map(|length| take(&mut reader, *length).ok_or("a file in it is cut"));
    let recording = Recording { header, blobs: blobs.collect::<Result<_, _>>()? };
    recording.check()?;
    Ok(recording)
}

/// So many bytes; `None` where there are fewer. Memory is taken as they come, not as they are promised.
fn take(reader: &mut ZlibDecoder<&[u8]>, length: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(length).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 == length).then_some(bytes)
}

impl Recording {
    /// What [`super::Recording`] relies on.
    fn check(&self) -> Result<(), &'static str> {
        let header = &self.header;
        let of_changes = header.changes.iter().filter_map(|(_, noted)| match noted {
            Noted::Input(blob) | Noted::Memory { blob, .. } => Some(*blob),
            _ => None,
        });
        let firmware = if let Firmware::Code(named) = &header.firmware { Some(named) } else { None };
        let named = [Some(&header.kernel), header.symbols.as_ref(), firmware];
        let named = named.into_iter().flatten().map(|named| named.blob);
        let of_devices = header.devices.iter().filter_map(|device| device.blobs());
        let mut blobs = of_changes.chain(named).chain(of_devices).chain(header.initrd);
        if blobs.any(|blob| blob >= self.blobs.len()) {
            return Err("it refers to a file that is not in it");
        }
        let is_sorted =
            header.changes.is_sorted_by_key(|(at, _)| *at) && header.points.is_sorted_by_key(|point| point.at);
        let last = header.points.last().map(|point| point.at);
        let too_late = header.changes.last().is_some_and(|(at, _)| *at > header.end);
        if !MEMORY_MIB.contains(&header.memory_mib) {
            return Err("its memory size is invalid");
        }
        let is_known = |(ended, passed): &Clock| ended.is_sorted_by_key(|(call, _)| *call) && passed.is_sorted();
        let is_sorted = is_sorted && header.clock.as_ref().is_none_or(is_known);
        if !is_sorted || last != Some(header.end) || too_late || header.end == u64::MAX {
            return Err("its moments are not in order");
        }
        Ok(())
    }
}
