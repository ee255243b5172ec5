//! The contents of the pages of RAM and of drives at the checkpoints. Each version is kept once, from the first checkpoint that has it to the next version.
//!
//! It only knows a checkpoint's instruction count.

use std::collections::HashMap;
use std::sync::Arc;

use crate::embedded::bus::memory::{Contents, Memory};
use crate::embedded::bus::ram::PAGE;

#[derive(Clone)]
struct Version {
    since: u64,
    contents: Contents,
}

pub struct Pages {
    /// By page, in the order of time. A page without versions is as it was before anybody wrote it.
    versions: Vec<Vec<Version>>,
    /// Of the pages beyond these, which are the drives', most are never written.
    others: HashMap<u32, Vec<Version>>,
    /// The number of versions, and of versions that are not zero.
    count: usize,
    kept: usize,
    /// How many pages have versions.
    changed: usize,
    /// What versions had that were removed. Its memory is for new ones, where nobody shares it: giving it back and asking for other takes
    /// longer than copying a page.
    spare: Vec<Arc<[u8; PAGE]>>,
}

impl Pages {
    /// `pages` is how many RAM has.
    pub fn new(pages: usize) -> Pages {
        let versions = vec![Vec::new(); pages];
        Pages { versions, others: HashMap::new(), count: 0, kept: 0, changed: 0, spare: Vec::new() }
    }

    fn of(&self, page: u32) -> &[Version] {
        match self.versions.get(page as usize) {
            Some(versions) => versions,
            None => self.others.get(&page).map_or(&[], |versions| versions),
        }
    }

    fn of_mut(&mut self, page: u32) -> &mut Vec<Version> {
        match self.versions.get_mut(page as usize) {
            Some(versions) => versions,
            None => self.others.entry(page).or_default(),
        }
    }

    /// The memory of the versions in bytes, and what is spare. A shared version counts each time.
    pub fn bytes(&self) -> usize {
        (self.kept + self.spare.len()) * PAGE + self.count * 2 * size_of::<Version>()
    }

    /// Gives spare memory back; false if there is none.
    pub fn drop_spare(&mut self) -> bool {
        !std::mem::take(&mut self.spare).is_empty()
    }

    /// The page's contents at `icount`.
    pub fn at(&self, page: u32, icount: u64) -> Option<&[u8; PAGE]> {
        let versions = self.of(page);
        let after = versions.partition_point(|version| version.since <= icount);
        versions[..after].last()?.contents.as_deref()
    }

    /// The pages that have versions, in no order.
    pub fn with_versions(&self) -> Vec<u32> {
        let ram = (0..self.versions.len() as u32).filter(|page| !self.versions[*page as usize].is_empty());
        ram.chain(self.others.keys().copied()).collect()
    }

    /// How many pages have versions at all.
    pub fn changed(&self) -> usize {
        self.changed
    }

    /// How many of the pages that `wanted` takes are kept for `icount`: those that are zero are not.
    pub fn count_at(&self, icount: u64, wanted: impl Fn(u32) -> bool) -> usize {
        let pages = (0..self.versions.len() as u32).chain(self.others.keys().copied());
        pages.filter(|page| wanted(*page) && self.at(*page, icount).is_some()).count()
    }

    /// The version that starts exactly at `icount`.
    pub fn begins_at(&self, page: u32, icount: u64) -> bool {
        self.of(page).binary_search_by_key(&icount, |version| version.since).is_ok()
    }

    /// The contents at `icount`, to share them.
    pub fn share(&self, page: u32, icount: u64) -> Contents {
        let versions = self.of(page);
        let after = versions.partition_point(|version| version.since <= icount);
        versions[..after].last().and_then(|version| version.contents.clone())
    }

    /// Adds the page's present contents as a version.
    pub fn keep(&mut self, page: u32, icount: u64, memory: &Memory) {
        let contents = memory.keep_page(page, &mut self.spare);
        self.insert(page, icount, contents);
    }

    /// Adds a version that is valid from `icount` to the next version.
    pub fn insert(&mut self, page: u32, icount: u64, contents: Contents) {
        self.kept += usize::from(contents.is_some());
        let versions = self.of_mut(page);
        match versions.binary_search_by_key(&icount, |version| version.since) {
            Ok(index) => {
                let old = std::mem::replace(&mut versions[index].contents, contents);
                self.kept -= usize::from(old.is_some());
            }
            Err(index) => {
                let is_first = versions.is_empty();
                versions.insert(index, Version { since: icount, contents });
                self.changed += usize::from(is_first);
                self.count += 1;
            }
        }
    }

    /// Moves the start of a version from `icount` to `later`, or removes it if another starts there. Returns true if it moved.
    pub fn postpone(&mut self, page: u32, icount: u64, later: u64) -> bool {
        let versions = self.of_mut(page);
        let Ok(index) = versions.binary_search_by_key(&icount, |version| version.since) else { return false };
        if versions.get(index + 1).is_some_and(|next| next.since <= later) {
            self.remove(page, icount);
            return false;
        }
        versions[index].since = later;
        true
    }

    /// Removes the version that starts at `icount`.
    pub fn remove(&mut self, page: u32, icount: u64) {
        let versions = self.of_mut(page);
        if let Ok(index) = versions.binary_search_by_key(&icount, |version| version.since) {
            let removed = versions.remove(index);
            let was_last = versions.is_empty();
            self.count -= 1;
            self.changed -= usize::from(was_last);
            self.kept -= usize::from(removed.contents.is_some());
            self.spare.extend(removed.contents);
        }
    }
}
