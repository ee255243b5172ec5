//! The parts of a variable by its type in the debug information: members of structures, elements of arrays. It does not know symbols.
//!
//! Source: DWARF 5, sections 4.1 "Data Object Entries", 5.5 "Array Type Entries", 5.7 "Structure, Union, Class and Interface Type Entries".

use std::cell::OnceCell;
use std::ops::Range;

use gimli::{AttributeValue, Reader as _, Section as _, UnitOffset, constants as dwarf};

use super::split::Reader;
use crate::riscv::Address;

/// Debug information that is larger, in bytes, would take too long to read.
const LARGEST: usize = 16 << 20;
/// How deep types may be nested.
const DEEPEST: u32 = 32;

type Unit = gimli::Unit<Reader>;
type Entry = gimli::DebuggingInformationEntry<Reader>;

/// The debug information, in which variables are looked for at its first use.
pub(super) struct Members {
    dwarf: gimli::Dwarf<Reader>,
    found: OnceCell<Variables>,
}

/// The variables with a fixed address.
#[derive(Default)]
struct Variables {
    units: Vec<Unit>,
    /// Their addresses, units and types.
    places: Vec<(u64, usize, UnitOffset)>,
}

/// An array within a variable.
pub(super) struct Array {
    pub range: Range<Address>,
    /// The way to it: `[1].stack`.
    pub path: String,
    /// It is one of several, side by side: what begins in one may go on in the next.
    pub adjoins_others: bool,
}

impl Members {
    pub fn of(dwarf: gimli::Dwarf<Reader>) -> Members {
        Members { dwarf, found: OnceCell::new() }
    }

    /// The smallest array that holds the byte at `at`, within the variable at `start`.
    pub fn array_at(&self, start: Address, at: Address) -> Option<Array> {
        let found = self.found.get_or_init(|| Variables::of(&self.dwarf));
        let (_, unit, of) = found.places.iter().find(|(address, ..)| *address == start.0)?;
        let unit = &found.units[*unit];
        let mut search = Search { dwarf: &self.dwarf, unit, at: at.0, path: String::new(), stride: None, depth: 0 };
        let range = search.array(*of, start.0)?;
        let adjoins_others = search.stride == Some(range.end - range.start);
        Some(Array { range: Address(range.start)..Address(range.end), path: search.path, adjoins_others })
    }
}

impl Variables {
    fn of(dwarf: &gimli::Dwarf<Reader>) -> Variables {
        let mut variables = Variables::default();
        let is_small = dwarf.debug_info.reader().len() <= LARGEST;
        let mut headers = dwarf.units();
        while is_small && let Ok(Some(header)) = headers.next() {
            let Ok(unit) = dwarf.unit(header) else { continue };
            let index = variables.units.len();
            variables.add_variables(&unit, index);
            variables.units.push(unit);
        }
        variables
    }

    fn add_variables(&mut self, unit: &Unit, index: usize) {
        let mut entries = unit.entries();
        while let Ok(Some(entry)) = entries.next_dfs() {
            let location =
                if entry.tag() == dwarf::DW_TAG_variable { entry.attr_value(dwarf::DW_AT_location) } else { None };
            // What was declared before has its type there.
            let declared = |entry: &Entry| match entry.attr_value(dwarf::DW_AT_specification)? {
                AttributeValue::UnitRef(offset) => type_of(&unit.entry(offset).ok()?),
                _ => None,
            };
            if let (Some(AttributeValue::Exprloc(location)), Some(of)) =
                (location, type_of(entry).or_else(|| declared(entry)))
            {
                let mut operations = location.operations(unit.encoding());
                if let (Ok(Some(gimli::Operation::Address { address })), Ok(None)) =
                    (operations.next(), operations.next())
                {
                    self.places.push((address, index, of));
                }
            }
        }
    }
}

struct Search<'a> {
    dwarf: &'a gimli::Dwarf<Reader>,
    unit: &'a Unit,
    at: u64,
    path: String,
    /// The size of the elements of the innermost array of arrays on the way.
    stride: Option<u64>,
    depth: u32,
}

impl Search<'_> {
    /// The array that holds the byte, in an object of this type at `base`.
    fn array(&mut self, of: UnitOffset, base: u64) -> Option<Range<u64>> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let entry = self.unit.entry(of).ok()?;
        match entry.tag() {
            dwarf::DW_TAG_array_type => self.element(of, &entry, base),
            dwarf::DW_TAG_structure_type | dwarf::DW_TAG_class_type | dwarf::DW_TAG_union_type => self.member(of, base),
            dwarf::DW_TAG_pointer_type => None,
            // A typedef, or a qualifier.
            _ => self.array(type_of(&entry)?, base),
        }
    }

    fn element(&mut self, of: UnitOffset, array: &Entry, base: u64) -> Option<Range<u64>> {
        let element = type_of(array)?;
        let counts = self.counts(of)?;
        let mut base = base;
        let mut size = counts.iter().try_fold(self.size(element)?, |size, count| size.checked_mul(*count))?;
        // Each but the last dimension is an array of arrays.
        let (_, outer) = counts.split_last()?;
        for count in outer {
            size = size.checked_div(*count)?;
            base = self.step_into(base, size)?;
        }
        let whole = base..base.checked_add(size)?;
        let size = self.size(element)?;
        let (path, stride) = (self.path.len(), self.stride);
        let within = self.step_into(base, size).and_then(|base| self.array(element, base));
        within.or_else(|| {
            self.path.truncate(path);
            self.stride = stride;
            Some(whole)
        })
    }

    /// Where the element with the byte begins, where each has this size.
    fn step_into(&mut self, base: u64, size: u64) -> Option<u64> {
        let index = self.at.checked_sub(base)?.checked_div(size)?;
        self.path.push_str(&format!("[{index}]"));
        self.stride = Some(size);
        base.checked_add(index.checked_mul(size)?)
    }

    fn member(&mut self, of: UnitOffset, base: u64) -> Option<Range<u64>> {
        let mut tree = self.unit.entries_tree(Some(of)).ok()?;
        let mut children = tree.root().ok()?.children();
        while let Ok(Some(child)) = children.next() {
            let entry = child.entry();
            if entry.tag() != dwarf::DW_TAG_member {
                continue;
            }
            // Members of a union have none.
            let offset =
                entry.attr_value(dwarf::DW_AT_data_member_location).map_or(Some(0), |value| value.udata_value());
            let (Some(offset), Some(of)) = (offset, type_of(entry)) else { continue };
            let (Some(start), Some(size)) = (base.checked_add(offset), self.size(of)) else { continue };
            if self.at.checked_sub(start).is_none_or(|behind| behind >= size) {
                continue;
            }
            let path = self.path.len();
            self.path.push_str(&self.name(entry).map_or_else(String::new, |name| format!(".{name}")));
            if let Some(found) = self.array(of, start) {
                return Some(found);
            }
            self.path.truncate(path);
        }
        None
    }

    fn name(&self, entry: &Entry) -> Option<String> {
        let name = self.dwarf.attr_string(self.unit, entry.attr_value(dwarf::DW_AT_name)?).ok()?;
        Some(name.to_string_lossy().ok()?.into_owned())
    }

    /// The number of elements in each dimension.
    fn counts(&self, of: UnitOffset) -> Option<Vec<u64>> {
        let mut tree = self.unit.entries_tree(Some(of)).ok()?;
        let mut children = tree.root().ok()?.children();
        let mut counts = Vec::new();
        while let Ok(Some(child)) = children.next() {
            let entry = child.entry();
            if entry.tag() == dwarf::DW_TAG_subrange_type {
                let number = |name| entry.attr_value(name).and_then(|value| value.udata_value());
                counts.push(number(dwarf::DW_AT_count).or_else(|| number(dwarf::DW_AT_upper_bound)?.checked_add(1))?);
            }
        }
        Some(counts)
    }

    /// In bytes.
    fn size(&self, of: UnitOffset) -> Option<u64> {
        self.size_within(of, DEEPEST)
    }

    fn size_within(&self, of: UnitOffset, depth: u32) -> Option<u64> {
        let entry = self.unit.entry(of).ok()?;
        if let Some(size) = entry.attr_value(dwarf::DW_AT_byte_size).and_then(|size| size.udata_value()) {
            return Some(size);
        }
        let depth = depth.checked_sub(1)?;
        match entry.tag() {
            dwarf::DW_TAG_array_type => {
                let element = self.size_within(type_of(&entry)?, depth)?;
                self.counts(of)?.into_iter().try_fold(element, u64::checked_mul)
            }
            dwarf::DW_TAG_pointer_type => Some(self.unit.encoding().address_size.into()),
            _ => self.size_within(type_of(&entry)?, depth),
        }
    }
}

/// Its type, in the same unit.
fn type_of(entry: &Entry) -> Option<UnitOffset> {
    match entry.attr_value(dwarf::DW_AT_type)? {
        AttributeValue::UnitRef(offset) => Some(offset),
        _ => None,
    }
}
