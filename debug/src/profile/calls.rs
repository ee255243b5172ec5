//! Follows calls, returns and traps, and counts the stretches of instructions between jumps. It does not know names.

use std::collections::HashMap;
use std::ops::Range;

use crate::image::Image;
use crate::machine::{Address, HartEvent, Interest, Jump, JumpKind, Observer, Store, TakenTrap};

/// Deeper calls are counted for the function at this depth, so that an endless recursion makes no endless tree.
const DEEPEST: usize = 200;
/// More functions in contexts than this are counted for their callers.
const MOST: usize = 50_000;

/// What a frame is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// The whole run.
    Run,
    /// The function that begins there.
    Function(u64),
    /// The trap with this cause.
    Trap(u64),
}

/// A function in the context of its callers.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    pub key: Key,
    pub parent: Option<usize>,
    pub calls: u64,
}

/// A stretch of instructions that was executed without a jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stretch {
    pub context: usize,
    pub start: u64,
    pub count: u64,
}

struct Frame {
    context: usize,
    /// Where its caller continues; for a trap, where the interrupted code does.
    back: u64,
    is_trap: bool,
}

/// Counts of a run, as they come.
pub struct Calls<'a> {
    image: &'a Image,
    pub(super) contexts: Vec<Context>,
    children: HashMap<(usize, Key), usize>,
    pub(super) stretches: HashMap<Stretch, u64>,
    /// The stretch that was executed last, and how often since it was counted.
    latest: (Stretch, u64),
    frames: Vec<Frame>,
    /// Calls deeper than [`DEEPEST`].
    deeper: u64,
    /// The addresses of the present function.
    function: Range<u64>,
    functions: HashMap<u64, Range<u64>>,
    /// Where and when the present stretch began.
    start: u64,
    since: u64,
}

impl<'a> Calls<'a> {
    /// Nothing is counted; the hart stands at `pc` after `icount` instructions.
    pub fn new(image: &'a Image, pc: Address, icount: u64) -> Calls<'a> {
        let run = Context { key: Key::Run, parent: None, calls: 0 };
        let none = Stretch { context: 0, start: 0, count: 0 };
        let mut calls = Calls {
            image,
            contexts: vec![run],
            children: HashMap::new(),
            stretches: HashMap::new(),
            latest: (none, 0),
            frames: Vec::new(),
            deeper: 0,
            function: 0..0,
            functions: HashMap::new(),
            start: pc.0,
            since: icount,
        };
        calls.enter(pc.0, 0, false);
        calls
    }

    /// Counts what was executed until now.
    pub fn finish(&mut self, icount: u64) {
        self.end_stretch(icount, 0);
        self.flush();
    }

    /// How deep the calls are.
    pub fn depth(&self) -> usize {
        self.frames.len()
    }

    /// The first address of the function that is executed.
    pub fn present(&self) -> Address {
        Address(self.function.start)
    }

    fn function_at(&mut self, address: u64) -> Range<u64> {
        if let Some(known) = self.functions.get(&address) {
            return known.clone();
        }
        let start = self.image.function(Address(address)).map_or(address, |(_, offset)| address - offset);
        let size = self.image.symbols().find(|symbol| symbol.address.0 == start && symbol.size > 0);
        let least = (address - start).saturating_add(2);
        let range = start..start.saturating_add(size.map_or(least, |symbol| symbol.size.max(least)));
        self.functions.insert(address, range.clone());
        range
    }

    fn top(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.context)
    }

    fn child(&mut self, parent: usize, key: Key) -> usize {
        if let Some(known) = self.children.get(&(parent, key)) {
            return *known;
        }
        if self.contexts.len() >= MOST {
            return parent;
        }
        self.contexts.push(Context { key, parent: Some(parent), calls: 0 });
        self.children.insert((parent, key), self.contexts.len() - 1);
        self.contexts.len() - 1
    }

    /// A call of what begins at `to`.
    fn enter(&mut self, to: u64, back: u64, is_trap: bool) {
        self.function = self.function_at(to);
        if self.frames.len() >= DEEPEST {
            self.deeper += 1;
            return;
        }
        let context = self.child(self.top(), Key::Function(self.function.start));
        self.contexts[context].calls += 1;
        self.frames.push(Frame { context, back, is_trap });
    }

    /// Control goes to `to` without a call.
    fn move_to(&mut self, to: u64) {
        if self.function.contains(&to) {
            return;
        }
        let function = self.function_at(to);
        if function.start == self.function.start {
            // Nobody knows how long the function is, and it is longer than was seen.
            self.function = function;
            return;
        }
        let frame = self.frames.pop();
        let (back, is_trap) = frame.map_or((0, false), |frame| (frame.back, frame.is_trap));
        self.enter(to, back, is_trap);
    }

    fn leave(&mut self, to: u64, from_trap: bool) {
        if self.deeper > 0 && !from_trap {
            self.deeper -= 1;
            self.function = self.function_at(to);
            return;
        }
        let caller = self.frames.iter().rposition(|frame| frame.back == to && (!from_trap || frame.is_trap));
        let trap = || self.frames.iter().rposition(|frame| frame.is_trap).filter(|_| from_trap);
        match caller.or_else(trap) {
            Some(place) if place > 0 => {
                self.frames.truncate(place);
                self.deeper = 0;
                self.function = self.function_at(to);
                let key = Key::Function(self.function.start);
                if self.contexts[self.top()].key != key {
                    // It came back elsewhere: to another task, or behind what was interrupted.
                    self.move_to_other(to);
                }
            }
            _ => self.move_to(to),
        }
    }

    fn move_to_other(&mut self, to: u64) {
        let frame = self.frames.pop();
        let (back, is_trap) = frame.map_or((0, false), |frame| (frame.back, frame.is_trap));
        self.enter(to, back, is_trap);
        let context = self.top();
        self.contexts[context].calls -= 1;
    }

    /// The stretch ends before the instruction after `icount` others, of which it has `more`.
    fn end_stretch(&mut self, icount: u64, more: u64) {
        let count = icount + more - self.since;
        if count == 0 {
            return;
        }
        let stretch = Stretch { context: self.top(), start: self.start, count };
        if stretch == self.latest.0 {
            self.latest.1 += 1;
        } else {
            self.flush();
            self.latest = (stretch, 1);
        }
    }

    fn flush(&mut self) {
        if self.latest.1 > 0 {
            *self.stretches.entry(self.latest.0).or_insert(0) += self.latest.1;
            self.latest.1 = 0;
        }
    }

    fn trap(&mut self, trap: &TakenTrap) {
        self.end_stretch(trap.icount, 0);
        // A handler that traps without end never returns to what it interrupted.
        if self.frames.len() >= 2 * DEEPEST {
            self.frames.truncate(DEEPEST);
            self.deeper = 0;
        }
        let context = self.child(self.top(), Key::Trap(trap.cause));
        self.contexts[context].calls += 1;
        self.frames.push(Frame { context, back: trap.pc.0, is_trap: true });
        // The trap counts as an instruction, of its own.
        *self.stretches.entry(Stretch { context, start: trap.pc.0, count: 1 }).or_insert(0) += 1;
        self.enter(trap.handler.0, u64::MAX, false);
        (self.start, self.since) = (trap.handler.0, trap.icount + 1);
    }
}

impl Observer for Calls<'_> {
    fn interest(&self) -> Interest {
        Interest { stores: Some(Vec::new()), jumps: true, ..Interest::default() }
    }

    fn store(&mut self, _store: &Store) {}

    fn jump(&mut self, jump: &Jump) {
        self.end_stretch(jump.icount, 1);
        (self.start, self.since) = (jump.to.0, jump.icount + 1);
        match jump.kind {
            JumpKind::Call(back) => self.enter(jump.to.0, back.0, false),
            JumpKind::Return => self.leave(jump.to.0, false),
            JumpKind::Other => self.move_to(jump.to.0),
        }
    }

    fn event(&mut self, event: &HartEvent) {
        match event {
            HartEvent::Trap(trap) => self.trap(trap),
            // Its jump was not told as a return.
            HartEvent::TrapReturn { icount, to, .. } => {
                self.end_stretch(*icount, 1);
                (self.start, self.since) = (to.0, *icount + 1);
                self.leave(to.0, true);
            }
            _ => {}
        }
    }
}
