//! A disk: a file that is only read, and the pages that the kernel wrote over it. It knows neither virtio nor the history.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::embedded::bus::ram::PAGE;
use crate::machine::DriveTrouble;

/// Bytes of a sector.
pub const SECTOR: u64 = 512;

/// Of a disk, so that pages of all disks together have numbers of 32 bits.
const LARGEST: u64 = 1 << 40;

/// A page as the kernel wrote it.
pub type Written = Arc<[u8; PAGE]>;

/// Which disk cannot be used any more, by its number, and why.
pub type Trouble = (usize, DriveTrouble);

pub struct Disk {
    /// From 1 on, in the order in which they were given.
    number: usize,
    path: PathBuf,
    file: File,
    read_only: bool,
    /// In bytes.
    size: u64,
    modified: Option<SystemTime>,
    written: BTreeMap<u32, Written>,
    /// Pages written since [`Disk::take_dirty`].
    dirty: BTreeSet<u32>,
    /// What pages of the file held when they were read first.
    hashes: HashMap<u32, u64>,
}

impl Disk {
    /// # Errors
    /// Where the file cannot be read.
    pub fn open(number: usize, path: &Path, read_only: bool) -> io::Result<Disk> {
        let mut file = File::open(path)?;
        // Also where it is a device, which has no length.
        let size = file.seek(SeekFrom::End(0))?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        } else if size > LARGEST {
            return Err(io::Error::other("it is larger than a tebibyte"));
        }
        let modified = metadata.modified().ok();
        Ok(Disk {
            number,
            path: path.to_owned(),
            file,
            read_only,
            size,
            modified,
            written: BTreeMap::new(),
            dirty: BTreeSet::new(),
            hashes: HashMap::new(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// How many there are; the last may be longer than the file, and is zero there.
    pub fn sectors(&self) -> u64 {
        self.size.div_ceil(SECTOR)
    }

    /// How many pages it has.
    pub fn pages(&self) -> u64 {
        self.size.div_ceil(PAGE as u64)
    }

    /// Fills `bytes` from `offset` on, which is within the disk.
    ///
    /// # Errors
    /// Where the file has changed, or cannot be read.
    pub fn read(&mut self, offset: u64, bytes: &mut [u8]) -> Result<(), Trouble> {
        for (page, within, part) in parts(offset, bytes.len()) {
            let contents = self.page(page)?;
            let length = part.len();
            bytes[part].copy_from_slice(&contents[within..within + length]);
        }
        Ok(())
    }

    /// # Errors
    /// As for [`Disk::read`], where a page is not written as a whole.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Trouble> {
        for (page, within, part) in parts(offset, bytes.len()) {
            let mut contents = if part.len() == PAGE { Arc::new([0; PAGE]) } else { self.page(page)? };
            Arc::make_mut(&mut contents)[within..within + part.len()].copy_from_slice(&bytes[part]);
            self.written.insert(page, contents);
            self.dirty.insert(page);
        }
        Ok(())
    }

    fn page(&mut self, page: u32) -> Result<Written, Trouble> {
        match self.written.get(&page) {
            Some(written) => Ok(Arc::clone(written)),
            None => self.read_file(page).map(Arc::new),
        }
    }

    /// A page of the file, the same as when it was read before.
    fn read_file(&mut self, page: u32) -> Result<[u8; PAGE], Trouble> {
        let number = self.number;
        let unreadable = |error: io::Error| (number, DriveTrouble::Unreadable(error.kind()));
        let mut bytes = [0; PAGE];
        let start = u64::from(page) * PAGE as u64;
        let length = (self.size - start).min(PAGE as u64) as usize;
        let read = self.file.read_exact_at(&mut bytes[..length], start);
        let metadata = self.file.metadata().map_err(unreadable)?;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let hash = hasher.finish();
        let known = *self.hashes.entry(page).or_insert(hash);
        if known != hash || metadata.modified().ok() != self.modified {
            return Err((number, DriveTrouble::Changed));
        }
        read.map_err(unreadable)?;
        Ok(bytes)
    }

    /// The page as the kernel wrote it; `None` where it did not.
    pub fn written_page(&self, page: u32) -> Option<&Written> {
        self.written.get(&page)
    }

    /// The pages that the kernel wrote, in order.
    pub fn written_pages(&self) -> impl Iterator<Item = u32> {
        self.written.keys().copied()
    }

    /// Writes all pages that the kernel wrote to the file; how many bytes that were.
    ///
    /// # Errors
    /// Where the file cannot be written to.
    pub fn write_back(&self) -> io::Result<u64> {
        if self.written.is_empty() {
            return Ok(0);
        }
        let file = File::options().write(true).open(&self.path)?;
        // The last page is no longer than the disk.
        let end = self.sectors() * SECTOR;
        let mut count = 0;
        for (page, contents) in &self.written {
            let start = u64::from(*page) * PAGE as u64;
            let length = (end - start).min(PAGE as u64);
            file.write_all_at(&contents[..length as usize], start)?;
            count += length;
        }
        file.sync_all()?;
        Ok(count)
    }

    /// Gives a page other contents without making it dirty: for going back in time.
    pub fn restore_page(&mut self, page: u32, contents: Option<Written>) {
        match contents {
            Some(contents) => self.written.insert(page, contents),
            None => self.written.remove(&page),
        };
    }

    pub fn is_dirty(&self, page: u32) -> bool {
        self.dirty.contains(&page)
    }

    pub fn dirty_count(&self) -> usize {
        self.dirty.len()
    }

    /// The pages written since the last call.
    pub fn take_dirty(&mut self) -> impl Iterator<Item = u32> {
        std::mem::take(&mut self.dirty).into_iter()
    }
}

/// The pages of `length` bytes from `offset` on: each page's number, where in it they begin, and which of the bytes these are.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u32, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = at as usize % PAGE;
        let part = done..length.min(done + PAGE - within);
        done = part.end;
        (!part.is_empty()).then_some(((at / PAGE as u64) as u32, within, part))
    })
}
