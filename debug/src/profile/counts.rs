//! Gives counted stretches their names: each instruction its functions, inlined ones too, and its line. It does not know how a run goes.

use std::collections::HashMap;

use super::calls::{Calls, Key};
use super::{By, Node, Profile, name_of};
use crate::image::{Image, Line};
use crate::machine::Address;
use crate::riscv::cause;

/// The name and line of an instruction's function within the one that was called, the outermost first.
type Inlined = Vec<(String, Option<Line>)>;

impl Calls<'_> {
    /// The profile of what was counted.
    pub fn profile(&self, image: &Image, by: By) -> Profile {
        let mut tree = Tree { profile: Profile::default(), children: HashMap::new(), image, by, known: HashMap::new() };
        let contexts = self.contexts.iter().map(|context| {
            let parent = context.parent;
            (parent, context.key, context.calls)
        });
        let mut places: Vec<usize> = Vec::new();
        for (parent, key, calls) in contexts {
            let parent = parent.map(|parent| places[parent]);
            let place = tree.context(parent, key);
            tree.profile.nodes[place].calls += calls;
            places.push(place);
        }
        let mut stretches: Vec<_> = self.stretches.iter().collect();
        stretches.sort_by_key(|(stretch, _)| (stretch.context, stretch.start, stretch.count));
        for (stretch, times) in stretches {
            tree.count(places[stretch.context], stretch.start, stretch.count, *times);
        }
        tree.sum()
    }
}

struct Tree<'a> {
    profile: Profile,
    children: HashMap<(usize, String, Option<Line>), usize>,
    image: &'a Image,
    by: By,
    known: HashMap<u64, (Inlined, u64)>,
}

impl Tree<'_> {
    fn context(&mut self, parent: Option<usize>, key: Key) -> usize {
        let (name, address, is_trap) = match key {
            Key::Run => ("the run".into(), 0, false),
            Key::Function(start) => (name_of(&self.image.place(Address(start))), start, false),
            Key::Trap(number) => (cause::cause(number).to_string(), 0, true),
        };
        let Some(parent) = parent else { return self.push(None, name, None, is_trap, address) };
        self.child(parent, name, None, is_trap, address)
    }

    fn child(&mut self, parent: usize, name: String, line: Option<Line>, is_trap: bool, address: u64) -> usize {
        if let Some(known) = self.children.get(&(parent, name.clone(), line.clone())) {
            return *known;
        }
        let index = self.push(Some(parent), name.clone(), line.clone(), is_trap, address);
        self.children.insert((parent, name, line), index);
        index
    }

    fn push(&mut self, parent: Option<usize>, name: String, line: Option<Line>, is_trap: bool, address: u64) -> usize {
        let address = Address(address);
        self.profile.nodes.push(Node { name, line, is_trap, parent, own: 0, total: 0, calls: 0, address });
        self.profile.nodes.len() - 1
    }

    /// Counts each instruction of a stretch where it belongs.
    fn count(&mut self, context: usize, start: u64, count: u64, times: u64) {
        let mut pc = start;
        let mut left = count;
        while left > 0 {
            let (inlined, length) = self.instruction(pc);
            // Outside of the image nothing is known of lengths: all of the stretch is of one place.
            let instructions = if length == 0 { left } else { 1 };
            let mut node = context;
            for (name, line) in inlined {
                node = self.child(node, name, line, false, pc);
            }
            self.profile.nodes[node].own += instructions * times;
            left -= instructions;
            pc = pc.wrapping_add(length);
        }
    }

    /// What is within the called function at an instruction, and the instruction's length; 0 outside of the image.
    fn instruction(&mut self, pc: u64) -> (Inlined, u64) {
        if let Some(known) = self.known.get(&pc) {
            return known.clone();
        }
        let places = self.image.functions(Address(pc));
        let mut inlined: Inlined = Vec::new();
        if self.by != By::Symbol {
            let inner = places.iter().rev().skip(1);
            inlined.extend(inner.map(|place| (name_of(place), None)));
        }
        if self.by == By::Line
            && let Some(line) = places.first().and_then(|place| place.line.clone())
        {
            inlined.push((line.short(), Some(line)));
        }
        let found = (inlined, length(self.image, pc));
        self.known.insert(pc, found.clone());
        found
    }
}

impl Tree<'_> {
    /// Adds what was called to its callers, which come before it.
    fn sum(mut self) -> Profile {
        let nodes = &mut self.profile.nodes;
        for index in (0..nodes.len()).rev() {
            nodes[index].total += nodes[index].own;
            if let Some(parent) = nodes[index].parent {
                nodes[parent].total += nodes[index].total;
            }
        }
        self.profile
    }
}

fn length(image: &Image, pc: u64) -> u64 {
    let linked = image.linked(Address(pc));
    let at = |(start, bytes): (Address, &[u8])| {
        let offset = usize::try_from(linked.0.checked_sub(start.0)?).ok()?;
        bytes.get(offset).map(|byte| if byte & 3 == 3 { 4 } else { 2 })
    };
    image.code().find_map(at).unwrap_or(0)
}
