//! The cache of decoded instructions: blocks, by page of RAM. It does not know what they do.

use std::collections::HashMap;

use crate::embedded::bus::ram::{PAGE, Ram};
use crate::embedded::bus::tlb::Tlb;
use crate::embedded::hart::decode::{self, Isa, Kind, Operation};
use crate::embedded::hart::execute::{Block, LONGEST, ends_block};
use crate::embedded::hart::state::Privilege;

/// How many pages are kept, of 8 KiB each, and steps of all blocks, of 64 bytes. If there are more, all are dropped and decoded again.
const KEPT_PAGES: usize = 512;
const KEPT_STEPS: usize = 1 << 18;

const NONE: u32 = u32::MAX;

/// The blocks of a page: one may begin at each halfword, because code may jump to any.
struct Page {
    blocks: Box<[u32; PAGE / 2]>,
    /// Its offset in RAM.
    offset: usize,
}

pub struct Code {
    blocks: Vec<Block>,
    /// Numbers of blocks that were forgotten.
    free: Vec<u32>,
    steps: usize,
    pages: Vec<Page>,
    by_ram_page: HashMap<usize, usize>,
    /// Maps virtual pages to indices of `pages`.
    tlb: Tlb,
    /// Maps addresses, in halfwords, to blocks.
    entries: Tlb<1024>,
    /// Changes when parked harts have to look up everything again.
    generation: u64,
}

/// What a parked hart knows of code.
pub struct View {
    tlb: Tlb,
    entries: Tlb<1024>,
    generation: u64,
}

impl Default for View {
    fn default() -> View {
        View { tlb: Tlb::new(), entries: Tlb::new(), generation: 0 }
    }
}

impl View {
    /// Forgets what virtual addresses lead to.
    pub fn forget(&mut self) {
        self.tlb.flush();
        self.entries.flush();
    }
}

impl Code {
    pub fn new() -> Code {
        Code {
            blocks: Vec::new(),
            free: Vec::new(),
            steps: 0,
            pages: Vec::new(),
            by_ram_page: HashMap::new(),
            tlb: Tlb::new(),
            entries: Tlb::new(),
            generation: 0,
        }
    }

    /// Takes this hart's view, and leaves that of the other in its place.
    pub fn exchange(&mut self, view: &mut View) {
        std::mem::swap(&mut self.tlb, &mut view.tlb);
        std::mem::swap(&mut self.entries, &mut view.entries);
        if std::mem::replace(&mut view.generation, self.generation) != self.generation {
            self.flush();
        }
    }

    /// Forgets what virtual addresses lead to.
    pub fn flush(&mut self) {
        self.tlb.flush();
        self.entries.flush();
    }

    pub fn select(&mut self, privilege: Privilege) {
        self.tlb.select(privilege);
        self.entries.select(privilege);
    }

    /// Forgets everything if it is too much.
    pub fn limit(&mut self, ram: &mut Ram) {
        if self.pages.len() >= KEPT_PAGES || self.steps >= KEPT_STEPS {
            self.generation += 1;
            self.flush();
            self.blocks.clear();
            self.free.clear();
            self.steps = 0;
            self.pages.clear();
            self.by_ram_page.clear();
            ram.forget_decoded();
        }
    }

    /// The block of this number; there is none where a number means something else.
    #[inline(always)]
    pub fn block(&self, number: u32) -> Option<&Block> {
        self.blocks.get(number as usize)
    }

    /// The block at `address`, if it was there lately.
    #[inline(always)]
    pub fn known(&self, address: u64) -> Option<u32> {
        self.entries.get(address / 2).map(|number| number as u32)
    }

    /// The index of the page that lies at this virtual page.
    pub fn known_page(&self, page: u64) -> Option<usize> {
        self.tlb.get(page).map(|index| index as usize)
    }

    /// The index of the page that this virtual page was translated to.
    pub fn enter(&mut self, page: u64, ram_page: usize) -> usize {
        let index = match self.by_ram_page.get(&ram_page) {
            Some(index) => *index,
            None => self.add(ram_page),
        };
        self.tlb.insert(page, index as u64);
        index
    }

    fn add(&mut self, ram_page: usize) -> usize {
        self.pages.push(Page { blocks: Box::new([NONE; PAGE / 2]), offset: ram_page * PAGE });
        self.by_ram_page.insert(ram_page, self.pages.len() - 1);
        self.pages.len() - 1
    }

    /// The instruction at `address`, in the page of this index.
    pub fn instruction(&self, index: usize, address: u64, ram: &Ram, isa: Isa) -> Operation {
        decoded(self.pages[index].offset, address as usize % PAGE, ram, isa)
    }

    /// The block at `address`, in the page of this index; and whether nothing of the page was decoded before.
    pub fn block_at(&mut self, index: usize, address: u64, ram: &mut Ram, isa: Isa) -> (u32, bool) {
        let within = address as usize % PAGE;
        let page = &mut self.pages[index];
        let known = page.blocks[within / 2];
        if known != NONE {
            self.entries.insert(address / 2, known.into());
            return (known, false);
        }
        let (block, is_first) = made(page.offset, within, ram, isa);
        self.steps += block.steps();
        let number = match self.free.pop() {
            Some(number) => {
                self.steps -= std::mem::replace(&mut self.blocks[number as usize], block).steps();
                number
            }
            None => {
                self.blocks.push(block);
                self.blocks.len() as u32 - 1
            }
        };
        page.blocks[within / 2] = number;
        self.entries.insert(address / 2, number.into());
        (number, is_first)
    }

    /// Forgets the blocks of pages of which decoded instructions were overwritten.
    pub fn forget(&mut self, ram: &mut Ram) {
        for (offset, _) in ram.take_overwritten() {
            let Some(index) = self.by_ram_page.get(&(offset / PAGE)) else { continue };
            for number in self.pages[*index].blocks.iter_mut().filter(|number| **number != NONE) {
                // The number is given to another block, which must not be linked to by then: only this page's are.
                self.free.push(std::mem::replace(number, NONE));
            }
            ram.forget_decoded_of(offset / PAGE);
        }
        self.generation += 1;
        self.entries.flush();
    }
}

/// The block that begins there, and whether nothing of the page was decoded before.
fn made(page: usize, within: usize, ram: &mut Ram, isa: Isa) -> (Block, bool) {
    let (mut operations, mut at, mut is_first) = (Vec::with_capacity(LONGEST), within, false);
    while operations.len() < LONGEST && at < PAGE {
        let operation = decoded(page, at, ram, isa);
        is_first |= ram.mark_decoded(page + at, operation.length.into());
        operations.push(operation);
        at += usize::from(operation.length);
        if ends_block(operation.kind) {
            break;
        }
    }
    (Block::new(isa.xlen, &operations, page, within), is_first)
}

fn decoded(page: usize, within: usize, ram: &Ram, isa: Isa) -> Operation {
    let low = u16::from_le_bytes(ram.load(page + within).expect("a page is within RAM"));
    if !decode::is_full_length(low) {
        decode::decode_half(isa, low)
    } else if within == PAGE - 2 {
        Operation { kind: Kind::Crossing, ..Operation::UNDECODED }
    } else {
        decode::decode_word(isa, u32::from_le_bytes(ram.load(page + within).expect("a page is within RAM")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_two_pages_are_not_beside_each_other() {
        let (mut code, mut ram) = (Code::new(), Ram::new(2 * PAGE));
        let mut block_in = |ram_page, address| {
            let index = code.enter(address / PAGE as u64, ram_page);
            let (number, _) = code.block_at(index, address, &mut ram, Isa::default());
            number
        };
        // The same address leads to another page of RAM in between.
        let [first, behind, other] = [block_in(0, 0x1000), block_in(0, 0x1008), block_in(1, 0x1000)];
        let [first, behind, other] = [first, behind, other].map(|number| code.block(number).unwrap());
        assert!(first.is_beside(behind) && !first.is_beside(other));
    }
}
