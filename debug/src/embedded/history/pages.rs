//! The contents of RAM pages at the checkpoints. Each version is kept once, from the first checkpoint that has it to the next version.
//!
//! It only knows a checkpoint's instruction count.

use std::sync::Arc;

use crate::embedded::bus::ram::PAGE;

/// A page's contents; `None` is all zero.
pub type Contents = Option<Arc<[u8; PAGE]>>;

#[derive(Clone)]
struct Version {
    since: u64,
    contents: Contents,
}

pub struct Pages {
    /// By page, in the order of time. A page without versions is zero.
    versions: Vec<Vec<Version>>,
    /// The number of versions, and of versions that are not zero.
    count: usize,
    kept: usize,
    /// How many pages have versions.
    changed: usize,
}

/// Converts contents into the form that is kept.
pub fn contents_of(page: &[u8; PAGE]) -> Contents {
    if page == &[0; PAGE] { None } else { Some(Arc::new(*page)) }
}

impl Pages {
    pub fn new(pages: usize) -> Pages {
        Pages { versions: vec![Vec::new(); pages], count: 0, kept: 0, changed: 0 }
    }

    /// The memory of the versions in bytes. A shared version counts each time.
    pub fn bytes(&self) -> usize {
        self.kept * PAGE + self.count * 2 * size_of::<Version>()
    }

    /// The page's contents at `icount`.
    pub fn at(&self, page: u32, icount: u64) -> Option<&[u8; PAGE]> {
        let versions = &self.versions[page as usize];
        let after = versions.partition_point(|version| version.since <= icount);
        versions[..after].last()?.contents.as_deref()
    }

    pub fn holds(&self, page: u32, icount: u64, contents: &[u8; PAGE]) -> bool {
        match self.at(page, icount) {
            Some(known) => known == contents,
            None => contents == &[0; PAGE],
        }
    }

    /// How many pages have versions at all.
    pub fn changed(&self) -> usize {
        self.changed
    }

    /// How many of the pages that `wanted` takes are kept for `icount`: those that are zero are not.
    pub fn count_at(&self, icount: u64, wanted: impl Fn(usize) -> bool) -> usize {
        (0..self.versions.len()).filter(|page| wanted(*page) && self.at(*page as u32, icount).is_some()).count()
    }

    /// The version that starts exactly at `icount`.
    pub fn begins_at(&self, page: u32, icount: u64) -> bool {
        self.versions[page as usize].binary_search_by_key(&icount, |version| version.since).is_ok()
    }

    /// The contents at `icount`, to share them.
    pub fn share(&self, page: u32, icount: u64) -> Contents {
        let versions = &self.versions[page as usize];
        let after = versions.partition_point(|version| version.since <= icount);
        versions[..after].last().and_then(|version| version.contents.clone())
    }

    /// Adds a version that is valid from `icount` to the next version.
    pub fn insert(&mut self, page: u32, icount: u64, contents: Contents) {
        self.kept += usize::from(contents.is_some());
        let versions = &mut self.versions[page as usize];
        match versions.binary_search_by_key(&icount, |version| version.since) {
            Ok(index) => {
                self.kept -= usize::from(versions[index].contents.is_some());
                versions[index].contents = contents;
            }
            Err(index) => {
                self.count += 1;
                self.changed += usize::from(versions.is_empty());
                versions.insert(index, Version { since: icount, contents });
            }
        }
    }

    /// Moves the start of a version from `icount` to `later`, or removes it if another starts there. Returns true if it moved.
    pub fn postpone(&mut self, page: u32, icount: u64, later: u64) -> bool {
        let versions = &mut self.versions[page as usize];
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
        let versions = &mut self.versions[page as usize];
        if let Ok(index) = versions.binary_search_by_key(&icount, |version| version.since) {
            let removed = versions.remove(index);
            self.count -= 1;
            self.changed -= usize::from(versions.is_empty());
            self.kept -= usize::from(removed.contents.is_some());
        }
    }
}
