//! RAM from 0x80000000 on, with the pages written since the last checkpoint and since somebody last asked, and the places of decoded
//! instructions.
//!
//! It does not know virtual addresses or permissions.

use crate::embedded::conditions::Fill;

/// The size of a page in bytes, in RAM and in address translation.
pub const PAGE: usize = 4096;

/// Which halfwords of a page hold decoded instructions, one bit each.
type Decoded = Box<[u64; PAGE / 2 / 64]>;

/// Marks of a page: it is among the dirty ones, and among the written ones.
const DIRTY: u8 = 1;
const WRITTEN: u8 = 2;

pub struct Ram {
    /// And behind RAM the first page of the reset ROM, so that it can be executed.
    bytes: Vec<u8>,
    size: usize,
    marks: Vec<u8>,
    dirty_pages: Vec<u32>,
    written_pages: Vec<u32>,
    decoded: Vec<Option<Decoded>>,
    /// Stores over decoded instructions since the last call: offset and length.
    overwritten: Vec<(usize, usize)>,
}

impl Ram {
    /// `size` bytes, all zero; `size` is a multiple of [`PAGE`].
    pub fn new(size: usize) -> Ram {
        let pages = size / PAGE;
        Ram {
            bytes: vec![0; size],
            size,
            marks: vec![0; pages],
            dirty_pages: Vec::new(),
            written_pages: Vec::new(),
            decoded: vec![None; pages],
            overwritten: Vec::new(),
        }
    }

    /// Gives the machine a reset ROM that begins with these bytes.
    pub fn set_rom(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.size);
        self.bytes.extend(bytes);
        self.bytes.resize(self.size + PAGE, 0);
        self.decoded.resize(self.size / PAGE + 1, None);
    }

    /// The number of the ROM's page, if there is a ROM.
    pub fn rom_page(&self) -> Option<usize> {
        (self.bytes.len() > self.size).then_some(self.size / PAGE)
    }

    /// The first page of the ROM, if there is a ROM.
    pub fn rom(&self) -> Option<&[u8]> {
        self.bytes.get(self.size..).filter(|rom| !rom.is_empty())
    }

    /// Fills RAM before anything is loaded.
    pub fn fill(&mut self, offset: usize, fill: Fill) {
        if let Some(bytes) = self.bytes.get_mut(offset..) {
            fill.fill(offset, bytes);
        }
    }

    pub fn size(&self) -> usize {
        self.size
    }

    /// Loads `N` bytes at `offset`, which is known to be one of RAM, or of the ROM's page behind it.
    #[inline(always)]
    pub fn load<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.bytes.get(offset..)?.first_chunk().copied()
    }

    pub fn bytes(&self, offset: usize, length: usize) -> Option<&[u8]> {
        self.bytes[..self.size].get(offset..offset.checked_add(length)?)
    }

    /// Stores without bookkeeping, for pages that are dirty and written already and have no decoded code.
    #[inline(always)]
    pub fn store_plain<const N: usize>(&mut self, offset: usize, value: [u8; N]) -> Option<()> {
        *self.bytes.get_mut(offset..)?.first_chunk_mut()? = value;
        Some(())
    }

    /// Stores any number of bytes; `None` if they do not fit.
    pub fn store(&mut self, offset: usize, value: &[u8]) -> Option<()> {
        let end = offset.checked_add(value.len())?;
        self.bytes[..self.size].get_mut(offset..end)?.copy_from_slice(value);
        if !value.is_empty() {
            for page in offset / PAGE..=(end - 1) / PAGE {
                self.mark_dirty(page);
                self.note_overwritten(page, offset.max(page * PAGE), end.min((page + 1) * PAGE));
            }
        }
        Some(())
    }

    /// One page's bytes.
    pub fn page(&self, page: usize) -> &[u8; PAGE] {
        self.bytes[page * PAGE..].first_chunk().expect("RAM is whole pages")
    }

    /// Sets a page's contents without making it dirty, to go back in time.
    pub fn restore_page(&mut self, page: usize, contents: Option<&[u8; PAGE]>) {
        let bytes = &mut self.bytes[page * PAGE..(page + 1) * PAGE];
        match contents {
            Some(contents) => bytes.copy_from_slice(contents),
            None => bytes.fill(0),
        }
        self.note_overwritten(page, page * PAGE, (page + 1) * PAGE);
    }

    pub fn mark_dirty(&mut self, page: usize) {
        let before = std::mem::replace(&mut self.marks[page], DIRTY | WRITTEN);
        if before & DIRTY == 0 {
            self.dirty_pages.push(page as u32);
        }
        if before & WRITTEN == 0 {
            self.written_pages.push(page as u32);
        }
    }

    pub fn is_dirty(&self, page: usize) -> bool {
        self.marks[page] & DIRTY != 0
    }

    /// The number of pages written since [`Ram::take_dirty`].
    pub fn dirty_count(&self) -> usize {
        self.dirty_pages.len()
    }

    /// Returns the pages written since the last call.
    pub fn take_dirty(&mut self) -> Vec<u32> {
        let pages = std::mem::take(&mut self.dirty_pages);
        pages.iter().for_each(|page| self.marks[*page as usize] &= !DIRTY);
        pages
    }

    /// The same for somebody else, who asks at other times.
    pub fn take_written(&mut self) -> Vec<u32> {
        let pages = std::mem::take(&mut self.written_pages);
        pages.iter().for_each(|page| self.marks[*page as usize] &= !WRITTEN);
        pages
    }

    pub fn holds_code(&self, page: usize) -> bool {
        self.decoded[page].is_some()
    }

    /// Marks `length` bytes at `offset`, within one page, as a decoded instruction. Returns true for the first of the page.
    pub fn mark_decoded(&mut self, offset: usize, length: usize) -> bool {
        let first = self.decoded[offset / PAGE].is_none();
        let halves = self.decoded[offset / PAGE].get_or_insert_with(|| Box::new([0; PAGE / 2 / 64]));
        for half in (offset % PAGE / 2)..((offset % PAGE + length).div_ceil(2)) {
            halves[half / 64] |= 1 << (half % 64);
        }
        first
    }

    /// Forgets all decoded instructions.
    pub fn forget_decoded(&mut self) {
        self.decoded.fill(None);
        self.overwritten.clear();
    }

    /// Forgets those of one page.
    pub fn forget_decoded_of(&mut self, page: usize) {
        self.decoded[page] = None;
    }

    pub fn code_was_overwritten(&self) -> bool {
        !self.overwritten.is_empty()
    }

    /// The stores over decoded instructions since the last call, each within one page.
    pub fn take_overwritten(&mut self) -> Vec<(usize, usize)> {
        std::mem::take(&mut self.overwritten)
    }

    fn note_overwritten(&mut self, page: usize, start: usize, end: usize) {
        let Some(halves) = self.decoded[page].as_deref_mut() else { return };
        let mut hit = false;
        for half in (start % PAGE / 2)..((end - 1) % PAGE / 2 + 1) {
            let bit = 1 << (half % 64);
            hit |= halves[half / 64] & bit != 0;
            halves[half / 64] &= !bit;
        }
        if hit {
            self.overwritten.push((start, end - start));
        }
    }
}
