//! Follows sp from stack to stack, and gathers what of memory was used as one: of tasks, traps and users as well. It does not know names.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::machine::{Address, StackPointerMove, Store};

/// More stacks than this, and more pieces of memory used as one, are not followed.
const MOST: usize = 1024;
/// One store does not deepen a stack by more: sp went to another place, which nobody saw.
const LARGEST_FRAME: u64 = 64 << 10;
const PAGE: u64 = 4096;

/// All stacks of a run.
#[derive(Default)]
pub struct Stacks {
    /// By virtual addresses: how deep sp was, and where it began.
    known: Vec<(u64, u64)>,
    /// The one that sp is in.
    present: Option<usize>,
    /// sp was set, and nothing has used its value.
    is_fresh: bool,
    /// That added the last one that is known.
    is_new: bool,
    /// The bytes between sp and its stack's top where something was stored, physical: from the first to behind the last.
    used: BTreeMap<u64, u64>,
    latest: (u64, u64),
    has_changed: bool,
}

impl Stacks {
    /// Where sp may move unseen: nothing of it is new.
    pub fn quiet(&self) -> impl Iterator<Item = Range<Address>> + '_ {
        self.known.iter().map(|(low, top)| Address(*low)..Address(*top))
    }

    /// Whether [`Stacks::quiet`] has changed since the last call.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    /// sp was moved: computed from itself it makes or leaves a frame, any other value is a place in some stack.
    pub fn moved(&mut self, moved: &StackPointerMove) {
        let (old, new) = (moved.old.0, moved.new.0);
        // `la sp, stack` and `add sp, sp, size` set it in two parts.
        if !moved.relative || self.is_fresh && new > old {
            self.set(new);
            return;
        }
        (self.is_fresh, self.is_new) = (false, false);
        if let Some((low, top)) = self.present.map(|index| &mut self.known[index]) {
            self.has_changed |= !(*low..=*top).contains(&new);
            (*low, *top) = ((*low).min(new), (*top).max(new));
        }
    }

    fn set(&mut self, sp: u64) {
        if std::mem::take(&mut self.is_new) {
            self.known.pop();
        }
        self.is_fresh = true;
        self.present = self.known.iter().position(|(low, top)| (*low..=*top).contains(&sp));
        if self.present.is_none() && self.known.len() < MOST {
            self.known.push((sp, sp));
            (self.present, self.is_new) = (Some(self.known.len() - 1), true);
        }
    }

    /// Something was stored; a user's program moves sp as well, which is seen here.
    pub fn store(&mut self, store: &Store) {
        let (sp, address) = (store.sp.0, store.address.0);
        let Some((low, top)) = self.present.map(|index| &mut self.known[index]) else { return };
        if !(sp..*top).contains(&address) || low.saturating_sub(sp) > LARGEST_FRAME {
            return;
        }
        *low = (*low).min(sp);
        (self.is_fresh, self.is_new) = (false, false);
        let page = address & !(PAGE - 1);
        let physical = |address: u64| address.wrapping_sub(store.address.0).wrapping_add(store.physical.0);
        let (start, end) = (physical(sp.max(page)), physical((*top).min(page.saturating_add(PAGE))));
        if self.latest != (start, end) {
            self.latest = (start, end);
            self.use_bytes(start, end);
        }
    }

    fn use_bytes(&mut self, mut start: u64, mut end: u64) {
        while let Some((from, to)) = self.used.range(..=end).next_back().filter(|(_, to)| **to >= start) {
            let (from, to) = (*from, *to);
            if from <= start && to >= end {
                return;
            }
            self.used.remove(&from);
            (start, end) = (start.min(from), end.max(to));
        }
        if self.used.len() < MOST {
            self.used.insert(start, end);
        }
    }

    /// What was used, by physical addresses.
    pub fn used(self) -> BTreeMap<u64, u64> {
        self.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two stacks of 0x400 bytes beside each other, the second mapped elsewhere.
    const FIRST: u64 = 0x8030_0400;
    const SECOND: u64 = FIRST + 0x400;

    fn after(moves: &[(u64, u64, bool, Option<u64>)]) -> Vec<(u64, u64)> {
        let mut stacks = Stacks::default();
        for (icount, (old, new, relative, stored)) in (0..).zip(moves) {
            let (pc, old, new) = (Address(0x8020_0000), Address(*old), Address(*new));
            stacks.moved(&StackPointerMove { icount, pc, old, new, relative: *relative, partial: false });
            let Some(address) = stored.map(Address) else { continue };
            stacks.store(&Store { icount, pc, sp: new, address, physical: address, length: 8, old: 0, new: 1 });
        }
        stacks.used().into_iter().collect()
    }

    #[test]
    fn each_stack_is_used_from_its_deepest_frame_to_its_top() {
        let used = after(&[
            (0, FIRST, false, None),
            (FIRST, FIRST - 32, true, Some(FIRST - 8)),
            (FIRST - 32, SECOND, false, None),
            (SECOND, SECOND - 16, true, Some(SECOND - 16)),
            // Back to the first task, which goes deeper.
            (SECOND - 16, FIRST - 32, false, None),
            (FIRST - 32, FIRST - 96, true, Some(FIRST - 90)),
        ]);
        assert_eq!(used, [(FIRST - 96, FIRST), (SECOND - 16, SECOND)]);
    }

    #[test]
    fn what_is_above_a_stack_and_what_nobody_stored_to_is_none() {
        let used = after(&[(0, FIRST, false, Some(FIRST)), (FIRST, FIRST - 64, true, Some(FIRST + 8))]);
        assert_eq!(used, []);
    }

    #[test]
    fn an_address_and_a_size_make_one_value() {
        let used = after(&[
            (0, FIRST, false, None),
            (FIRST, SECOND, true, None),
            (SECOND, SECOND - 16, true, Some(SECOND - 8)),
            (SECOND - 16, FIRST, false, None),
            (FIRST, FIRST - 16, true, Some(FIRST - 16)),
        ]);
        assert_eq!(used, [(FIRST - 16, FIRST), (SECOND - 16, SECOND)]);
    }

    #[test]
    fn a_stack_of_several_pages_is_used_where_it_is_mapped() {
        let mut stacks = Stacks::default();
        let (top, pc) = (0xffff_ffc0_0000_2000, Address(0xffff_ffc8_0000_0000));
        let moved = |old, new, relative| StackPointerMove {
            icount: 0,
            pc,
            old: Address(old),
            new: Address(new),
            relative,
            partial: false,
        };
        stacks.moved(&moved(0, top, false));
        stacks.moved(&moved(top, top - 0x1800, true));
        for (below, physical) in [(8, 0x8100_0ff8), (0x1800, 0x8500_0800)] {
            let (sp, address) = (Address(top - 0x1800), Address(top - below));
            let physical = Address(physical);
            stacks.store(&Store { icount: 0, pc, sp, address, physical, length: 8, old: 0, new: 1 });
        }
        let used: Vec<_> = stacks.used().into_iter().collect();
        assert_eq!(used, [(0x8100_0000, 0x8100_1000), (0x8500_0800, 0x8500_1000)]);
    }
}
