//! What becomes of memory in a run of which every store is seen: facts, for the checks to ask. It does not judge.
//!
//! Addresses here are those that symbols know, wherever the image was loaded.

pub mod clearing;
pub mod code_writes;

use self::clearing::Clearing;
use self::code_writes::CodeWrites;
use crate::checks::boot_run::layout::Layout;
use crate::image::Image;
use crate::machine::Store;

/// Gathered by an observer, kept when the run is over.
pub struct MemoryFacts<'a> {
    image: &'a Image,
    pub clearing: Clearing,
    pub code_writes: CodeWrites,
}

impl<'a> MemoryFacts<'a> {
    pub fn new(image: &'a Image, layout: &Layout) -> MemoryFacts<'a> {
        MemoryFacts { image, clearing: Clearing::new(layout), code_writes: CodeWrites::new(image) }
    }

    pub fn store(&mut self, store: &Store) {
        let store = Store { address: self.image.linked(store.physical), ..*store };
        self.clearing.store(&store);
        self.code_writes.store(&store);
    }
}
