//! Reads what a verdict needs from a flattened device tree: its size, the RAM, and the reserved parts of RAM. Pure.
//!
//! Source: the Devicetree Specification 0.4, chapters "Flattened Devicetree (DTB) Format" and "Device Node Requirements".

use std::ops::Range;

use crate::riscv::Address;
use crate::riscv::board::DEVICE_TREE_MAGIC;

/// The part of the header that holds the tree's size, in bytes.
pub const HEADER: usize = 40;
/// Larger trees are not read, in bytes. The trees of large boards have about 100 KiB.
const LARGEST: usize = 2 << 20;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;

/// What the tree says about memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub ram: Vec<Range<Address>>,
    /// With the names of their nodes: `mmode_resv0@80000000`.
    pub reserved: Vec<(String, Range<Address>)>,
}

/// The size in bytes of the tree that starts with `header`; `None` if it is not a device tree.
pub fn size(header: &[u8]) -> Option<usize> {
    let size = word(header, 4)? as usize;
    (word(header, 0)? == DEVICE_TREE_MAGIC && (HEADER..=LARGEST).contains(&size)).then_some(size)
}

/// Reads a whole tree, or up to the first damaged part.
pub fn memory(tree: &[u8]) -> Memory {
    let mut memory = Memory::default();
    let (Some(structure), Some(strings)) = (word(tree, 8), word(tree, 12)) else { return memory };
    let mut reader = Reader { tree, at: structure as usize, strings: strings as usize, path: Vec::new() };
    while reader.token(&mut memory).is_some() {}
    memory
}

struct Reader<'a> {
    tree: &'a [u8],
    at: usize,
    strings: usize,
    /// The enclosing nodes, from the root on.
    path: Vec<Node<'a>>,
}

struct Node<'a> {
    name: &'a str,
    /// The number of 32-bit words in the addresses and sizes of its children.
    address_cells: u32,
    size_cells: u32,
}

impl<'a> Reader<'a> {
    fn token(&mut self, memory: &mut Memory) -> Option<()> {
        let token = word(self.tree, self.at)?;
        self.at += 4;
        match token {
            BEGIN_NODE => {
                let name = text(self.tree, self.at)?;
                self.at = (self.at + name.len() + 1).next_multiple_of(4);
                self.path.push(Node { name, address_cells: 2, size_cells: 1 });
            }
            END_NODE => {
                self.path.pop()?;
            }
            PROPERTY => {
                let (length, name) = (word(self.tree, self.at)? as usize, word(self.tree, self.at + 4)? as usize);
                let value = self.tree.get(self.at + 8..)?.get(..length)?;
                let name = text(self.tree, self.strings.checked_add(name)?)?;
                self.at = (self.at + 8 + length).next_multiple_of(4);
                self.property(name, value, memory);
            }
            NOP => {}
            _ => return None, // the end, or a damaged part
        }
        Some(())
    }

    fn property(&mut self, name: &str, value: &[u8], memory: &mut Memory) {
        let Some((node, around)) = self.path.split_last_mut() else { return };
        match (name, around) {
            ("#address-cells", _) => node.address_cells = word(value, 0).unwrap_or(2),
            ("#size-cells", _) => node.size_cells = word(value, 0).unwrap_or(1),
            ("reg", [root]) if node.name.split('@').next() == Some("memory") => memory.ram.extend(ranges(value, root)),
            ("reg", [_, parent]) if parent.name == "reserved-memory" => {
                memory.reserved.extend(ranges(value, parent).map(|range| (node.name.to_owned(), range)));
            }
            _ => {}
        }
    }
}

/// The address ranges in a `reg` property.
fn ranges<'a>(value: &'a [u8], parent: &Node<'_>) -> impl Iterator<Item = Range<Address>> + use<'a> {
    let (address, size) = (parent.address_cells.min(4) as usize, parent.size_cells.min(4) as usize);
    let number =
        |cells: &[u8]| cells.chunks(4).filter_map(|cell| word(cell, 0)).fold(0, |n, cell| n << 32 | u64::from(cell));
    value.chunks_exact(4 * (address + size).max(1)).map(move |pair| {
        let (start, length) = pair.split_at(4 * address.min(pair.len() / 4));
        let start = Address(number(start));
        start..Address(start.0.saturating_add(number(length)))
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn text(bytes: &[u8], at: usize) -> Option<&str> {
    let rest = bytes.get(at..)?;
    str::from_utf8(&rest[..rest.iter().position(|byte| *byte == 0)?]).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vm_fdt::FdtWriter;

    use super::*;

    fn tree() -> Vec<u8> {
        let mut tree = FdtWriter::new().unwrap();
        let root = tree.begin_node("").unwrap();
        tree.property_u32("#address-cells", 2).unwrap();
        tree.property_u32("#size-cells", 2).unwrap();
        let memory = tree.begin_node("memory@80000000").unwrap();
        tree.property_array_u64("reg", &[0x8000_0000, 0x800_0000]).unwrap();
        tree.end_node(memory).unwrap();
        let reserved = tree.begin_node("reserved-memory").unwrap();
        tree.property_u32("#address-cells", 2).unwrap();
        tree.property_u32("#size-cells", 2).unwrap();
        for (name, reg) in [("one@80000000", [0x8000_0000, 0x4_0000]), ("two@80040000", [0x8004_0000, 0x2_0000])] {
            let node = tree.begin_node(name).unwrap();
            tree.property_array_u64("reg", &reg).unwrap();
            tree.end_node(node).unwrap();
        }
        tree.end_node(reserved).unwrap();
        tree.end_node(root).unwrap();
        tree.finish().unwrap()
    }

    #[test]
    fn says_where_memory_is_and_what_is_reserved_of_it() {
        let range = |start, end| Address(start)..Address(end);
        assert_eq!(size(&tree()[..HEADER]), Some(tree().len()));
        let memory = memory(&tree());
        assert_eq!(memory.ram, [range(0x8000_0000, 0x8800_0000)]);
        assert_eq!(
            memory.reserved,
            [
                ("one@80000000".to_owned(), range(0x8000_0000, 0x8004_0000)),
                ("two@80040000".to_owned(), range(0x8004_0000, 0x8006_0000))
            ]
        );
    }

    #[test]
    fn what_is_no_tree_has_no_size() {
        assert_eq!(size(&[0; HEADER]), None);
        assert_eq!(size(&tree()[..6]), None);
    }

    proptest! {
        #[test]
        fn damage_is_survived(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
            let mut tree = tree();
            for (index, byte) in changes {
                *index.get_mut(&mut tree) = byte;
            }
            memory(&tree);
        }
    }
}
