//! Follows the stacks of a run: the boot's stack, and every other that sp was set to. It knows the deepest use of the boot's
//! stack, and the frame that did not fit into its stack. It does not judge.
//!
//! A function makes a frame by computing sp from sp. Any other write of sp switches to another stack. Only writes of sp are
//! observed: so a frame is known before anything is stored in it, and the many stores of a long run are not observed.

use std::ops::Range;

use super::frame_origin::is_of_sp;
use crate::checks::boot_run::event::StackOverflow;
use crate::checks::boot_run::layout::Layout;
use crate::image::{Image, Symbol, is_stack_name};
use crate::machine::{Address, HartEvent, StackPointerMove, TakenTrap};

/// How many stacks are followed. A kernel with more allocates them.
const MOST: usize = 256;
/// The smallest memory between two labels that counts as a stack, in bytes.
const SMALLEST: u64 = 64;
/// In bytes. A handler returns to the instruction that it interrupted, or behind it.
const LONGEST_INSTRUCTION: u64 = 4;
/// An object smaller than this, without the name of a stack, holds no stack.
const SMALLEST_HOLDER: u64 = 512;

pub struct Stacks {
    /// The first is the boot's stack.
    stacks: Vec<Stack>,
    /// The index of the stack that sp is in, if it is a known one.
    current: Option<usize>,
    /// The last instruction that set sp, until a frame is made.
    fresh: Option<StackPointerMove>,
    /// That instruction added the last stack.
    fresh_is_new: bool,
    /// The range of the image and the boot's stack. Memory outside has no names.
    kernel: Range<Address>,
    /// Check `stack` found the boot's sp right.
    armed: bool,
    overflow: Option<StackOverflow>,
    /// The traps from S-mode that were not returned from, the outermost first, and how their handlers set sp over live frames.
    live: Vec<(TakenTrap, Option<StackPointerMove>)>,
    reused: Option<Reused>,
    changed: bool,
}

/// A handler set sp over the frames of the code that it interrupted, and returned to that code.
#[derive(Clone, Copy, Debug)]
pub struct Reused {
    pub interrupted: TakenTrap,
    pub moved: StackPointerMove,
}

struct Stack {
    /// From the lowest byte to sp of an empty stack.
    range: Range<Address>,
    /// The name of the lowest byte.
    bottom_name: String,
    /// The instruction that set the lowest sp.
    deepest: Option<StackPointerMove>,
}

impl Stack {
    fn has(&self, sp: Address) -> bool {
        self.range.start <= sp && sp <= self.range.end
    }

    fn lowest(&self) -> Address {
        self.deepest.map_or(self.range.end, |moved| moved.new)
    }
}

impl Stacks {
    pub fn new(image: &Image, layout: &Layout) -> Stacks {
        let boot = Stack { range: layout.stack.clone(), bottom_name: layout.stack_bottom_name.clone(), deepest: None };
        let starts = image.segments().iter().map(|segment| segment.address).chain([layout.stack.start]);
        let ends = image.segments().iter().map(|segment| segment.end()).chain([layout.stack.end]);
        let kernel = starts.min().unwrap_or_default()..ends.max().unwrap_or_default();
        Stacks {
            stacks: vec![boot],
            current: Some(0),
            fresh: None,
            fresh_is_new: false,
            kernel,
            armed: false,
            overflow: None,
            live: Vec::new(),
            reused: None,
            changed: false,
        }
    }

    /// Starts to follow sp, which is in the boot's stack.
    pub fn arm(&mut self) {
        self.armed = true;
    }

    /// The first frame that did not fit into its stack.
    pub fn overflow(&self) -> Option<&StackOverflow> {
        self.overflow.as_ref()
    }

    /// The first handler that used the memory of live frames for its own.
    pub fn reused(&self) -> Option<Reused> {
        self.reused
    }

    /// Follows traps and returns.
    pub fn event(&mut self, event: &HartEvent) {
        match event {
            HartEvent::Trap(trap) if self.live.len() < MOST => self.live.push((*trap, None)),
            HartEvent::TrapReturn { to_user: true, .. } => self.live.clear(),
            HartEvent::TrapReturn { to, .. } => {
                // A scheduler returns to another thread, whose frames may lie below in the same array of stacks.
                if let Some((interrupted, Some(moved))) = self.live.pop()
                    && (interrupted.pc..=interrupted.pc + LONGEST_INSTRUCTION).contains(to)
                {
                    self.reused = self.reused.or(Some(Reused { interrupted, moved }));
                }
            }
            _ => {}
        }
    }

    /// sp was set to the end of a stack, or into it. Over frames of the interrupted code, if they are in the same stack, and below.
    fn covers_frames(&mut self, moved: &StackPointerMove) {
        let Some((trap, covered)) = self.live.last_mut() else { return };
        let Some(stack) = self.current.map(|index| &self.stacks[index]) else { return };
        if !trap.from_user && stack.has(trap.sp) && trap.sp < moved.new {
            covered.get_or_insert(*moved);
        }
    }

    /// Whether sp was set to another stack than the boot's, and this is a place in it.
    pub fn is_another(&self, sp: Address) -> bool {
        self.stacks.iter().skip(1).any(|stack| stack.range.start < sp && stack.has(sp))
    }

    /// The instruction that set the lowest sp in the boot's stack.
    pub fn deepest(&self) -> Option<StackPointerMove> {
        self.stacks[0].deepest
    }

    /// The range in which sp may change without being observed; `None` if its changes do not matter.
    pub fn quiet(&self) -> Option<Vec<Range<Address>>> {
        if !self.armed || self.overflow.is_some() {
            return None;
        }
        let known = self.stacks.iter().map(|stack| stack.lowest()..stack.range.end);
        let outside = [Address(0)..self.kernel.start - 1, self.kernel.end + 1..Address(u64::MAX)];
        Some(known.chain(outside).collect())
    }

    /// Whether [`Stacks::quiet`] has changed since the last call.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Handles a write of sp, in linked addresses.
    pub fn moved(&mut self, moved: &StackPointerMove, image: &Image) {
        let second_half = self.fresh.is_some_and(|set| set.partial && moved.icount == set.icount + 1);
        let upwards = self.fresh.is_some_and(|set| set.new == moved.old) && moved.new > moved.old;
        let is_frame = moved.relative || moved.new < moved.old && is_of_sp(image, moved.pc);
        if !is_frame || second_half || upwards {
            // The value was not complete yet: `la sp, top` takes two instructions, `stack + size` three or more.
            if (second_half || upwards) && std::mem::take(&mut self.fresh_is_new) {
                self.stacks.pop();
            }
            self.set(moved, image);
            return;
        }
        self.fresh = None;
        self.fresh_is_new = false;
        let from = self.current.filter(|index| self.stacks[*index].has(moved.old)).or_else(|| self.find(moved.old));
        self.current = from;
        let Some(index) = from else { return };
        let stack = &mut self.stacks[index];
        if moved.new < stack.range.start {
            self.overflow = Some(StackOverflow {
                pc: moved.pc,
                sp: moved.new,
                frame: Some(moved.old.0 - moved.new.0),
                stack: stack.range.clone(),
                bottom_name: stack.bottom_name.clone(),
                stored: None,
            });
            self.changed = true;
        } else if moved.new < stack.lowest() {
            stack.deepest = Some(*moved);
            self.changed = true;
        }
    }

    fn set(&mut self, moved: &StackPointerMove, image: &Image) {
        self.fresh = Some(*moved);
        self.fresh_is_new = false;
        self.current = self.stacks.iter().position(|stack| stack.range.start < moved.new && stack.has(moved.new));
        self.covers_frames(moved);
        if self.current.is_some() || !self.kernel.contains(&(moved.new - 1)) || self.stacks.len() >= MOST {
            return;
        }
        if let Some(stack) = stack_at(image, moved.new) {
            self.stacks.push(stack);
            self.fresh_is_new = true;
            self.current = Some(self.stacks.len() - 1);
            self.changed = true;
        }
    }

    fn find(&self, sp: Address) -> Option<usize> {
        self.stacks.iter().position(|stack| stack.has(sp))
    }
}

/// The stack that belongs to an sp: the object that contains it or ends there, else the memory between two labels. A stack that
/// begins there, behind what is none, is the one that was meant: sp was set to its low end.
fn stack_at(image: &Image, sp: Address) -> Option<Stack> {
    let last = sp - 1;
    let holder = image
        .symbols()
        .filter(|symbol| symbol.address <= last && last.0 - symbol.address.0 < symbol.size)
        .max_by_key(|symbol| symbol.address);
    let holds_none = |object: &Symbol| object.size < SMALLEST_HOLDER && !is_stack_name(&object.name);
    let meant = stack_from(image, sp).filter(|_| holder.as_ref().is_none_or(holds_none));
    let part = holder.as_ref().filter(|_| meant.is_none()).and_then(|holder| image.array_within(holder, last));
    if let Some((bottom_name, range)) = part.filter(|(_, range)| range.end.0 - range.start.0 >= SMALLEST_HOLDER) {
        return Some(Stack { range, bottom_name, deepest: None });
    }
    if let Some(object) = meant.or(holder) {
        let range = object.address..object.address + object.size;
        return Some(Stack { range, bottom_name: object.name, deepest: None });
    }
    let below = image.symbol_below(sp)?;
    let bottom = below.address + below.size;
    let far_enough = sp.0.checked_sub(bottom.0).is_some_and(|bytes| bytes >= SMALLEST);
    far_enough.then_some(Stack { range: bottom..sp, bottom_name: below.name, deepest: None })
}

/// The stack that begins at an address, if that is no other's end.
fn stack_from(image: &Image, start: Address) -> Option<Symbol> {
    let here: Vec<Symbol> = image.symbols().filter(|symbol| symbol.address == start).collect();
    let is_label = here.iter().any(|symbol| symbol.size == 0);
    here.into_iter().find(|symbol| !is_label && symbol.size >= SMALLEST_HOLDER && is_stack_name(&symbol.name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::checks::Names;
    use crate::image::fixture::{BASE, Elf, OBJECT};

    const TOP: u64 = BASE + 0x4000;
    const BOTTOM: u64 = BASE + 0x2000;
    const TASK: u64 = BASE + 0x1800;

    /// The boot's stack from __bss_end to __stack_top; in BSS an object of 1 KiB, right behind a small one.
    fn image() -> Image {
        let mut elf = Elf::default();
        elf.symbols.push(("victim", TASK - 0x100, 0x100, OBJECT, Some(".bss")));
        elf.symbols.push(("task_stack", TASK, 0x400, OBJECT, Some(".bss")));
        Image::parse(Path::new("kernel"), elf.bytes()).unwrap()
    }

    /// After moves of sp: from, to, and whether it was computed from sp; ten instructions lie between two of them.
    fn after(moves: &[(u64, u64, bool)]) -> Stacks {
        let image = image();
        let mut stacks = Stacks::new(&image, &Layout::of(&image, Names::default()).unwrap());
        stacks.arm();
        for (icount, (old, new, relative)) in (0..).step_by(10).zip(moves) {
            let (pc, old, new) = (Address(BASE), Address(*old), Address(*new));
            stacks.moved(&StackPointerMove { icount, pc, old, new, relative: *relative, partial: false }, &image);
        }
        stacks
    }

    #[test]
    fn a_frame_that_goes_below_the_bottom_does_not_fit() {
        assert!(after(&[(TOP, BOTTOM, true)]).overflow().is_none(), "it fits to the byte");
        let stacks = after(&[(TOP, TOP - 16, true), (TOP - 16, BOTTOM - 16, true)]);
        let overflow = stacks.overflow().unwrap();
        assert_eq!((overflow.sp, overflow.frame), (Address(BOTTOM - 16), Some(0x2000)));
        assert_eq!(overflow.bottom_name, "__bss_end");
    }

    #[test]
    fn to_set_sp_elsewhere_is_to_go_to_another_stack() {
        let stacks = after(&[(TOP, TASK + 0x400, false), (TASK + 0x400, TASK + 0x10, true)]);
        assert!(stacks.overflow().is_none());
        assert_eq!(stacks.deepest(), None, "the boot's stack was not used");
        assert!(stacks.is_another(Address(TASK + 0x10)) && !stacks.is_another(Address(TOP - 16)));
        let stacks = after(&[(TOP, TASK + 0x400, false), (TASK + 0x400, TASK - 16, true)]);
        assert_eq!(stacks.overflow().unwrap().bottom_name, "task_stack");
    }

    #[test]
    fn a_handler_that_begins_at_the_top_again_covers_the_frames_there() {
        let image = image();
        let reused_behind = |interrupted: u64, from_user, to: u64| {
            let mut stacks = Stacks::new(&image, &Layout::of(&image, Names::default()).unwrap());
            stacks.arm();
            let (pc, sp, handler) = (Address(BASE), Address(interrupted), Address(BASE + 0x40));
            let (icount, cause, value, sscratch, instruction) = (3, 1 << 63 | 5, 0, TOP, None);
            let (from_guest, by_guest, guest_physical) = (false, false, None);
            let trap = TakenTrap {
                icount,
                pc,
                cause,
                value,
                from_user,
                from_guest,
                by_guest,
                guest_physical,
                overdue: 0,
                sp,
                sscratch,
                handler,
                instruction,
            };
            stacks.event(&HartEvent::Trap(trap));
            let (old, new) = (sp, Address(TOP));
            stacks.moved(&StackPointerMove { icount: 4, pc, old, new, relative: false, partial: false }, &image);
            assert!(stacks.reused().is_none(), "a handler that does not return may take all of the stack");
            stacks.event(&HartEvent::TrapReturn { icount: 9, to: Address(to), sp: Address(TOP), to_user: false });
            stacks.reused().is_some()
        };
        let reused = |interrupted, from_user| reused_behind(interrupted, from_user, BASE);
        assert!(reused(TOP - 64, false));
        assert!(!reused(TOP, false), "there is no frame");
        assert!(!reused(TASK + 0x100, false), "another stack");
        assert!(!reused(TOP - 64, true), "sp is the program's");
        assert!(!reused_behind(TOP - 64, false, BASE + 0x80), "it returns to another thread");
    }

    #[test]
    fn sp_at_the_low_end_of_a_stack_has_no_room() {
        let stacks = after(&[(TOP, TASK, false), (TASK, TASK - 64, true)]);
        let overflow = stacks.overflow().unwrap();
        assert_eq!((&*overflow.bottom_name, overflow.stack.start), ("task_stack", Address(TASK)));
        let upwards = [(TOP, TASK, false), (TASK, TASK + 0x400, true), (TASK + 0x400, TASK + 0x200, true)];
        assert!(after(&upwards).overflow().is_none(), "the size is added to the low end");
    }

    #[test]
    fn only_a_value_in_parts_has_a_second_half() {
        let image = image();
        let overflows = |partial| {
            let mut stacks = Stacks::new(&image, &Layout::of(&image, Names::default()).unwrap());
            stacks.arm();
            let (pc, old, new) = (Address(BASE), Address(TOP), Address(TASK + 0x400));
            stacks.moved(&StackPointerMove { icount: 7, pc, old, new, relative: false, partial }, &image);
            let (old, new) = (new, Address(TASK - 16));
            stacks.moved(&StackPointerMove { icount: 8, pc, old, new, relative: true, partial: false }, &image);
            stacks.overflow().is_some()
        };
        assert!(overflows(false), "a frame right behind `csrrw sp, sscratch, sp`");
        assert!(!overflows(true), "`auipc` and `addi`");
    }

    #[test]
    fn the_way_back_to_the_boot_s_stack_is_no_frame() {
        let there_and_back = [(TOP, TASK + 0x400, false), (TASK + 0x400, TOP - 64, false), (TOP - 64, TOP - 128, true)];
        let stacks = after(&there_and_back);
        assert!(stacks.overflow().is_none());
        assert_eq!(stacks.deepest().unwrap().new, Address(TOP - 128));
    }

    #[test]
    fn where_nobody_reserved_a_stack_nothing_overflows() {
        let heap = TOP + 0x10_0000;
        assert!(after(&[(TOP, heap, false), (heap, heap - 0x4000, true)]).overflow().is_none());
    }

    #[test]
    fn only_moves_that_tell_something_new_are_of_interest() {
        let image = image();
        let mut stacks = Stacks::new(&image, &Layout::of(&image, Names::default()).unwrap());
        assert_eq!(stacks.quiet(), None, "sp may pass through anything first");
        stacks.arm();
        let quiet = |stacks: &Stacks, sp: u64| stacks.quiet().unwrap().iter().any(|range| range.contains(&Address(sp)));
        assert!(!quiet(&stacks, TOP - 256));
        let stacks = after(&[(TOP, TOP - 512, true)]);
        assert!(quiet(&stacks, TOP - 256) && !quiet(&stacks, TOP - 1024));
    }
}
