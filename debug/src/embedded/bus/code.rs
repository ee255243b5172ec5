//! Decoded instructions, kept by page of RAM so that each is decoded once. It does not know what they do.

use std::collections::HashMap;

use crate::embedded::bus::ram::{PAGE, Ram};
use crate::embedded::bus::tlb::Tlb;
use crate::embedded::hart::decode::{self, Extensions, Kind, Operation};

/// Pages kept; beyond, all are dropped and decoded again. 16 MiB.
const KEPT_PAGES: usize = 512;

/// One page's instructions: one for each halfword, as any may be jumped to.
pub struct Page {
    operations: Box<[Operation; PAGE / 2]>,
    /// Where in RAM it lies.
    offset: usize,
}

impl Page {
    #[inline(always)]
    pub fn operation(&self, half: usize) -> &Operation {
        &self.operations[half % (PAGE / 2)]
    }

    /// Looks at the instruction there for the first time; `true` where it is the page's first.
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
    /// From virtual pages to indices of `pages`.
    pub tlb: Tlb,
}

impl Code {
    pub fn new() -> Code {
        Code { pages: Vec::new(), by_ram_page: HashMap::new(), tlb: Tlb::new() }
    }

    pub fn page(&mut self, index: usize) -> &mut Page {
        &mut self.pages[index]
    }

    /// The index of the page for this page of RAM.
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

    /// Decodes again what was written over. An instruction of four bytes may begin two bytes before.
    pub fn forget(&mut self, overwritten: &[(usize, usize)]) {
        for (offset, length) in overwritten {
            let Some(index) = self.by_ram_page.get(&(offset / PAGE)) else { continue };
            let first = (offset % PAGE / 2).saturating_sub(1);
            let end = (offset % PAGE + length).div_ceil(2);
            self.pages[*index].operations[first..end].fill(Operation::UNDECODED);
        }
    }
}
