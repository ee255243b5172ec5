//! The cache of decoded instructions, by page of RAM. It does not know what they do.

use std::collections::HashMap;

use crate::embedded::bus::ram::{PAGE, Ram};
use crate::embedded::bus::tlb::Tlb;
use crate::embedded::hart::decode::{self, Extensions, Kind, Operation};

/// How many pages are kept (16 MiB). If there are more, all are dropped and decoded again.
const KEPT_PAGES: usize = 512;

/// The instructions of a page: one for each halfword, because code may jump to any.
pub struct Page {
    operations: Box<[Operation; PAGE / 2]>,
    /// Its offset in RAM.
    offset: usize,
}

impl Page {
    #[inline(always)]
    pub fn operation(&self, half: usize) -> &Operation {
        &self.operations[half % (PAGE / 2)]
    }

    /// Decodes an instruction for the first time. Returns true if it is the first of its page.
    pub fn decode(&mut self, half: usize, ram: &mut Ram, extensions: Extensions) -> bool {
        let offset = self.offset + 2 * half;
        let low = u16::from_le_bytes(ram.load(offset).expect("a page is within RAM"));
        let operation = if !decode::is_full_length(low) {
            decode::decode_half(low)
        } else if half == PAGE / 2 - 1 {
            Operation { kind: Kind::Crossing, ..Operation::UNDECODED }
        } else {
            decode::decode_word(extensions, u32::from_le_bytes(ram.load(offset).expect("a page is within RAM")))
        };
        self.operations[half % (PAGE / 2)] = operation;
        ram.mark_decoded(offset, operation.length.into())
    }
}

pub struct Code {
    pages: Vec<Page>,
    by_ram_page: HashMap<usize, usize>,
    /// Maps virtual pages to indices of `pages`.
    pub tlb: Tlb,
}

impl Code {
    pub fn new() -> Code {
        Code { pages: Vec::new(), by_ram_page: HashMap::new(), tlb: Tlb::new() }
    }

    pub fn page(&mut self, index: usize) -> &mut Page {
        &mut self.pages[index]
    }

    /// The index for this page of RAM.
    pub fn enter(&mut self, ram_page: usize, ram: &mut Ram) -> usize {
        if let Some(index) = self.by_ram_page.get(&ram_page) {
            return *index;
        }
        if self.pages.len() == KEPT_PAGES {
            self.pages.clear();
            self.by_ram_page.clear();
            self.tlb.flush();
            ram.forget_decoded();
        }
        self.pages.push(Page { operations: Box::new([Operation::UNDECODED; PAGE / 2]), offset: ram_page * PAGE });
        self.by_ram_page.insert(ram_page, self.pages.len() - 1);
        self.pages.len() - 1
    }

    /// Drops overwritten instructions. One of four bytes may start two bytes before.
    pub fn forget(&mut self, overwritten: &[(usize, usize)]) {
        for (offset, length) in overwritten {
            let Some(index) = self.by_ram_page.get(&(offset / PAGE)) else { continue };
            let first = (offset % PAGE / 2).saturating_sub(1);
            let end = (offset % PAGE + length).div_ceil(2);
            self.pages[*index].operations[first..end].fill(Operation::UNDECODED);
        }
    }
}
