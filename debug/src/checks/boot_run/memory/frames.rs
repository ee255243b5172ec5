//! Follows what is stored to the stack until BSS is clear, and finds the frame that a clear erases while it is in use.
//!
//! It does not know which stores are the clear's: it is told.

use std::collections::BTreeMap;
use std::ops::Range;

use super::sweep::{Course, SWEEP};
use crate::machine::{Address, Store};

/// A clear that erased its own stack.
#[derive(Clone, Copy, Debug)]
pub struct ErasedFrame {
    /// The store that wrote the erased value. Its function owns the frame, and its sp is the start of the frame.
    pub stored: Store,
    pub cleared: Store,
}

/// How many stores to the stack are kept. A boot with more stores before the clear reuses the same addresses.
const MOST: usize = 1 << 16;

pub struct Frames {
    bss: Range<Address>,
    stack: Range<Address>,
    /// The last store to each address.
    stores: BTreeMap<Address, Store>,
    erased: Option<ErasedFrame>,
    passage: Passage,
}

/// Zeros side by side through a stack that lies in BSS. They may turn out to be the clear's, which comes to a stack at the start of
/// BSS before it has cleared anything else.
#[derive(Default)]
struct Passage {
    course: Course,
    /// It began in the unused memory below sp.
    from_below: bool,
    erased: Option<ErasedFrame>,
}

impl Frames {
    pub fn new(bss: Range<Address>, stack: Range<Address>) -> Frames {
        Frames { bss, stack, stores: BTreeMap::new(), erased: None, passage: Passage::default() }
    }

    /// Handles a store, by an instruction that has cleared other bytes (`by_clear`) or has not.
    pub fn store(&mut self, store: &Store, by_clear: bool) {
        if !self.stack.contains(&store.address) {
            return;
        }
        let erased = self.hit(store);
        if by_clear && store.new == 0 {
            self.erased = self.erased.or(erased);
            return;
        }
        if store.new == 0 && self.bss.contains(&store.address) && self.passage.erased_frame().is_none() {
            self.passage.store(store, erased);
        }
        if self.stores.len() < MOST {
            self.stores.insert(store.address, *store);
        }
    }

    /// The clear made a store outside of the stack: zeros beside it were its own as well.
    pub fn clear_goes_on(&mut self, store: &Store) {
        if self.passage.course.goes_on(&range(store)) && self.passage.course.by.contains(&store.pc) {
            self.erased = self.erased.or(self.passage.erased);
        }
    }

    /// A frame that the clear erased before its function returned.
    pub fn erased(&self, is_clear: impl Fn(&Store) -> bool) -> Option<ErasedFrame> {
        self.erased.filter(|erased| is_clear(&erased.cleared)).or(self.passage.erased_frame())
    }

    /// The frame that a store of zero erases. Memory below sp is unused, and a value that is zero already is not lost.
    fn hit(&self, store: &Store) -> Option<ErasedFrame> {
        if store.new != 0 || store.old == 0 || store.address < store.sp {
            return None;
        }
        let zeroed = range(store);
        let mut near = self.stores.range(zeroed.start - 8..zeroed.end).map(|(_, stored)| stored);
        let stored = near.find(|stored| range(stored).end > zeroed.start)?;
        Some(ErasedFrame { stored: *stored, cleared: *store })
    }
}

impl Passage {
    fn store(&mut self, store: &Store, erased: Option<ErasedFrame>) {
        let zeroed = range(store);
        if !self.course.goes_on(&zeroed) {
            *self = Passage { from_below: store.address < store.sp, ..Passage::default() };
        }
        self.course.store(store.pc, &zeroed);
        self.erased = self.erased.or(erased);
    }

    /// A frame that these zeros erased. A variable that is set to zero does not reach below sp and over it.
    fn erased_frame(&self) -> Option<ErasedFrame> {
        self.erased.filter(|_| self.from_below && self.course.is_a_sweep(SWEEP))
    }
}

fn range(store: &Store) -> Range<Address> {
    store.address..store.address + u64::from(store.length)
}

#[cfg(test)]
mod tests {
    use super::super::clearing::tests::store;
    use super::*;

    const SP: u64 = 0x8fc0;
    const SAVED: u64 = 0x8fc8;

    /// The stack fills BSS up to its last word. A value was saved in a frame of it.
    fn frames() -> Frames {
        let mut frames = Frames::new(Address(0x8000)..Address(0x9008), Address(0x8000)..Address(0x9000));
        frames.store(&Store { sp: Address(SP), ..store(5, 0x80, SAVED, 0x1234) }, false);
        frames
    }

    fn zero(frames: &mut Frames, addresses: Range<u64>) -> Option<Address> {
        for address in addresses.step_by(8) {
            let old = if address == SAVED { 0x1234 } else { 0xa5 };
            frames.store(&Store { sp: Address(SP), old, ..store(10, 0x100, address, 0) }, false);
        }
        frames.erased(|_| true).map(|frame| frame.stored.pc)
    }

    #[test]
    fn a_frame_in_a_stack_that_is_cleared_first_is_told() {
        let mut frames = frames();
        assert_eq!(zero(&mut frames, 0x8000..SAVED), None, "the saved value is still there");
        assert_eq!(zero(&mut frames, SAVED..SAVED + 8), Some(Address(0x80)));
    }

    #[test]
    fn a_variable_of_the_frame_that_is_set_to_zero_is_none_of_the_clear() {
        let mut frames = frames();
        assert_eq!(zero(&mut frames, SP..0x9000), None);
        frames.clear_goes_on(&store(12, 0x200, 0x9000, 0));
        assert_eq!(zero(&mut frames, 0..0), None, "another instruction");
        frames.clear_goes_on(&store(12, 0x100, 0x9000, 0));
        assert_eq!(zero(&mut frames, 0..0), Some(Address(0x80)), "the clear goes on behind it");
    }
}
