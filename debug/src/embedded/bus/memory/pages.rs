//! All that is kept by pages, for the history: RAM's pages first, then those that the kernel wrote to drives. It does not know the past.

use std::sync::Arc;

use super::Memory;
use crate::embedded::bus::ram::PAGE;
use crate::embedded::bus::virtio::disk::Disk;

/// A page's contents. `None` is a page of RAM that is all zero, or one of a drive that nobody wrote.
pub type Contents = Option<Arc<[u8; PAGE]>>;

impl Memory {
    pub fn ram_pages(&self) -> usize {
        self.ram.size() / PAGE
    }

    /// How many pages were written since [`Memory::take_dirty`].
    pub fn dirty_count(&self) -> usize {
        self.ram.dirty_count() + self.devices.disks().map(|disk| disk.dirty_count()).sum::<usize>()
    }

    /// The pages written since the last call; from now on none is.
    pub fn take_dirty(&mut self) -> Vec<u32> {
        let mut first = self.ram_pages() as u32;
        let mut dirty = self.ram.take_dirty();
        for disk in self.devices.disks_mut() {
            dirty.extend(disk.take_dirty().map(|page| first + page));
            first += disk.pages() as u32;
        }
        dirty
    }

    /// The pages of drives that the kernel wrote, in order.
    pub fn written_pages(&self) -> Vec<u32> {
        let mut first = self.ram_pages() as u32;
        let mut written = Vec::new();
        for disk in self.devices.disks() {
            written.extend(disk.written_pages().map(|page| first + page));
            first += disk.pages() as u32;
        }
        written
    }

    /// Whether the page holds what `contents` are.
    pub fn page_is(&self, page: u32, contents: Option<&[u8; PAGE]>) -> bool {
        if (page as usize) < self.ram_pages() {
            return self.ram.page(page as usize) == contents.unwrap_or(&[0; PAGE]);
        }
        self.written_page(page).map(|page| &**page) == contents
    }

    /// The page's contents, to be kept, in memory of `spare` if there is any.
    pub fn keep_page(&self, page: u32, spare: &mut Vec<Arc<[u8; PAGE]>>) -> Contents {
        if page as usize >= self.ram_pages() {
            return self.written_page(page).cloned();
        }
        let bytes = self.ram.page(page as usize);
        if bytes == &[0; PAGE] { None } else { Some(copied(bytes, spare.pop())) }
    }

    /// Gives a page other contents without making it dirty: for going back in time.
    pub fn restore_page(&mut self, page: u32, contents: Contents) {
        if (page as usize) < self.ram_pages() {
            return self.ram.restore_page(page as usize, contents.as_deref());
        }
        let mut within = u64::from(page) - self.ram_pages() as u64;
        for disk in self.devices.disks_mut() {
            if within < disk.pages() {
                return disk.restore_page(within as u32, contents);
            }
            within -= disk.pages();
        }
    }

    pub fn is_dirty(&self, page: u32) -> bool {
        if (page as usize) < self.ram_pages() {
            return self.ram.is_dirty(page as usize);
        }
        self.disk_page(page).is_some_and(|(disk, page)| disk.is_dirty(page))
    }

    fn written_page(&self, page: u32) -> Option<&Arc<[u8; PAGE]>> {
        self.disk_page(page).and_then(|(disk, page)| disk.written_page(page))
    }

    /// The disk that has this page, and its number there.
    fn disk_page(&self, page: u32) -> Option<(&Disk, u32)> {
        let mut within = u64::from(page) - self.ram_pages() as u64;
        for disk in self.devices.disks() {
            if within < disk.pages() {
                return Some((disk, within as u32));
            }
            within -= disk.pages();
        }
        None
    }
}

/// A copy in the memory of `spare`, unless somebody shares that.
fn copied(bytes: &[u8; PAGE], spare: Contents) -> Arc<[u8; PAGE]> {
    if let Some(mut spare) = spare
        && let Some(memory) = Arc::get_mut(&mut spare)
    {
        memory.copy_from_slice(bytes);
        return spare;
    }
    Arc::new(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_takes_memory_that_is_spare_and_none_that_is_shared() {
        let spare = Arc::new([1; PAGE]);
        let place = Arc::as_ptr(&spare);
        let copy = copied(&[2; PAGE], Some(spare));
        assert_eq!((Arc::as_ptr(&copy), *copy), (place, [2; PAGE]));
        let other = copied(&[3; PAGE], Some(copy.clone()));
        assert_eq!((*copy, *other), ([2; PAGE], [3; PAGE]));
    }
}
