//! The page tables of a moment as a tree: tables, and runs of pages that lie side by side and allow the same. It does not draw.
//!
//! Source: privileged manual, "Virtual Address Translation Process".

use crate::embedded::Embedded;
use crate::machine::{Address, Machine, Register, csr};
use crate::riscv::page_table::{self, PAGE, Scheme};

/// More tables than this are not read: a table may lead to itself.
const MOST_TABLES: usize = 4096;
/// More branches than this are not kept.
const MOST_BRANCHES: usize = 2000;
/// The bits of an entry that tell pages apart: A and D change by themselves.
const ALLOWED: u64 = page_table::READ | page_table::WRITE | page_table::EXECUTE | page_table::USER | page_table::GLOBAL;

/// What satp, hgatp or vsatp translates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageTables {
    /// satp; for a guest vsatp, and hgatp for what it takes for physical addresses.
    pub register: Register,
    /// Its value.
    pub value: u64,
    /// `Sv39`.
    pub mode: &'static str,
    /// The root table's entries.
    pub root: Vec<Branch>,
    /// The pages that hold tables, by physical address, in order; of a guest's own tables as far as hgatp maps them.
    pub tables: Vec<Address>,
    /// All bytes that are mapped, as far as was read.
    pub mapped: u64,
    /// There is more than was read.
    pub is_cut: bool,
}

/// What one entry leads to, or several entries side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Branch {
    /// Another table.
    Table {
        /// The first address that it translates.
        start: Address,
        /// Where it lies; in a guest's own tables, where it takes it to be.
        at: Address,
        /// Its level; 0 is the one of the smallest pages.
        level: u32,
        /// Its entries.
        branches: Vec<Branch>,
    },
    /// Pages that lie side by side, here and there, and allow the same.
    Pages {
        /// The first address.
        start: Address,
        /// How many bytes they are.
        bytes: u64,
        /// The bytes of one page.
        page: u64,
        /// Where the first byte lies.
        physical: Address,
        /// `RWX`, U and G: what they allow.
        letters: String,
    },
}

impl PageTables {
    /// They are a guest's own, whose addresses hgatp translates again.
    pub fn is_of_guest(&self) -> bool {
        self.register == csr::VSATP
    }

    /// Where the address leads.
    fn find(&self, address: u64) -> Option<u64> {
        find(&self.root, address)
    }
}

fn find(branches: &[Branch], address: u64) -> Option<u64> {
    branches.iter().find_map(|branch| match branch {
        Branch::Table { branches, .. } => find(branches, address),
        Branch::Pages { start, bytes, physical, .. } => {
            let offset = address.checked_sub(start.0).filter(|offset| offset < bytes)?;
            Some(physical.0 + offset)
        }
    })
}

/// The page tables that the hart has now: of the kernel, and of a hypervisor's guest.
pub fn page_tables(machine: &mut Embedded) -> Vec<PageTables> {
    let own = tables_of(machine, csr::SATP, None);
    let second = tables_of(machine, csr::HGATP, None);
    let of_guest = tables_of(machine, csr::VSATP, second.as_ref());
    [own, second, of_guest].into_iter().flatten().collect()
}

/// What a register translates; `through`: what its tables' own addresses are translated by.
fn tables_of(machine: &mut Embedded, register: Register, through: Option<&PageTables>) -> Option<PageTables> {
    let value = machine.read_register(register).ok()?;
    let (is_second, xlen) = (register == csr::HGATP, machine.isa().xlen);
    let scheme = if is_second { Scheme::of_guest(value, xlen) } else { Scheme::of(value, xlen) }?;
    let mut reading = Reading { machine, scheme, tables: Vec::new(), branches: 0, mapped: 0, is_cut: false, through };
    let root = reading.table(scheme.root(value), scheme.levels - 1, 0);
    let Reading { mut tables, mapped, is_cut, .. } = reading;
    tables.sort_unstable();
    tables.dedup();
    Some(PageTables { register, value, mode: scheme.name(), root, tables, mapped, is_cut })
}

struct Reading<'a> {
    machine: &'a mut Embedded,
    scheme: Scheme,
    tables: Vec<Address>,
    branches: usize,
    mapped: u64,
    is_cut: bool,
    through: Option<&'a PageTables>,
}

impl Reading<'_> {
    /// The table at `at`, which translates the addresses from `start` on.
    fn table(&mut self, at: u64, level: u32, start: u64) -> Vec<Branch> {
        let (scheme, xlen) = (self.scheme, self.scheme.xlen);
        let mut branches: Vec<Branch> = Vec::new();
        let mut bytes = vec![0; xlen.bytes() * scheme.entries(level)];
        let place = self.through.map_or(Some(at), |second| second.find(at)).map(Address);
        let place = place.filter(|_| self.tables.len() < MOST_TABLES);
        let read = place.filter(|place| self.machine.read_physical(*place, &mut bytes).is_ok());
        let Some(Address(at)) = read else {
            self.is_cut |= self.tables.len() >= MOST_TABLES;
            return branches;
        };
        self.tables.extend((0..bytes.len() as u64 / PAGE).map(|page| Address(at + page * PAGE)));
        for (index, entry) in bytes.chunks_exact(xlen.bytes()).map(|bytes| xlen.read(bytes)).enumerate() {
            if entry & page_table::VALID == 0 {
                continue;
            }
            let address = start | (index as u64) << scheme.shift(level);
            let address = scheme.sign_extended(address);
            let target = page_table::target(entry);
            if page_table::is_leaf(entry) {
                self.pages(&mut branches, address, target, level, entry);
            } else if level > 0 && self.has_room() {
                let within = self.table(target, level - 1, address);
                let (start, at) = (Address(address), Address(target));
                branches.push(Branch::Table { start, at, level: level - 1, branches: within });
            }
        }
        branches
    }

    fn has_room(&mut self) -> bool {
        self.branches += 1;
        self.is_cut |= self.branches > MOST_BRANCHES;
        self.branches <= MOST_BRANCHES
    }

    /// A page, which is added to those before it where it follows them.
    fn pages(&mut self, branches: &mut Vec<Branch>, address: u64, target: u64, level: u32, entry: u64) {
        let size = self.scheme.size(level);
        let entry = entry & ALLOWED;
        let set = page_table::LETTERS.iter().filter(|(bit, _)| entry & bit != 0);
        let own: String = set.map(|(_, letter)| *letter).collect();
        self.mapped = self.mapped.saturating_add(size);
        if let Some(Branch::Pages { start, bytes, page, physical, letters }) = branches.last_mut()
            && start.0.wrapping_add(*bytes) == address
            && physical.0.wrapping_add(*bytes) == target
            && (*page, &*letters) == (size, &own)
        {
            *bytes += size;
        } else if self.has_room() {
            let (start, physical) = (Address(address), Address(target));
            branches.push(Branch::Pages { start, bytes: size, page: size, physical, letters: own });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::embedded::Options;
    use crate::image::{self, Image};
    use crate::riscv::Xlen;

    const ROOT: u64 = 0x8100_0000;
    const SV39: u64 = 8 << 60;
    const CODE: u64 = 0xcb;
    const DATA: u64 = 0xc7;

    /// A machine on which these tables are on; each entry with its table and its index.
    fn read(entries: &[(u64, u64, u64)]) -> PageTables {
        let image = Image::parse(Path::new("kernel"), image::neutral(Xlen::Rv64)).unwrap();
        let mut machine = Embedded::load(&image, &Options::default()).unwrap();
        for (table, index, entry) in entries {
            machine.write_physical(Address(table + 8 * index), &entry.to_le_bytes()).unwrap();
        }
        machine.write_register(csr::SATP, SV39 | ROOT >> 12).unwrap();
        page_tables(&mut machine).remove(0)
    }

    fn leads(to: u64, bits: u64) -> u64 {
        to >> 12 << 10 | bits
    }

    #[test]
    fn neighbours_are_one_and_the_upper_half_is_sign_extended() {
        let [middle, low] = [ROOT + 0x1000, ROOT + 0x2000];
        let tables = read(&[
            (ROOT, 2, leads(0x8000_0000, DATA)),
            (ROOT, 511, leads(middle, 1)),
            (middle, 0, leads(low, 1)),
            (low, 3, leads(0x8020_0000, CODE)),
            (low, 4, leads(0x8020_1000, CODE & !0x40)),
            (low, 5, leads(0x8020_2000, DATA)),
            (low, 6, leads(0x8020_9000, DATA)),
        ]);
        let pages = |start, bytes, page, physical, letters: &str| {
            let (start, physical) = (Address(start), Address(physical));
            Branch::Pages { start, bytes, page, physical, letters: letters.into() }
        };
        let base = 0xffff_ffff_c000_0000;
        let leaves = vec![
            pages(base + 0x3000, 0x2000, 0x1000, 0x8020_0000, "RX"),
            pages(base + 0x5000, 0x1000, 0x1000, 0x8020_2000, "RW"),
            pages(base + 0x6000, 0x1000, 0x1000, 0x8020_9000, "RW"),
        ];
        let table = |at, level, branches| Branch::Table { start: Address(base), at: Address(at), level, branches };
        let gigabyte = pages(0x8000_0000, 1 << 30, 1 << 30, 0x8000_0000, "RW");
        assert_eq!(tables.root, [gigabyte, table(middle, 1, vec![table(low, 0, leaves)])]);
        assert_eq!(tables.tables, [ROOT, middle, low].map(Address));
        assert_eq!((tables.mode, tables.mapped, tables.is_cut), ("Sv39", (1 << 30) + 0x4000, false));
    }

    #[test]
    fn tables_of_two_levels_have_entries_of_four_bytes() {
        let mut machine = Embedded::load(&image::neutral_image(Xlen::Rv32), &Options::default()).unwrap();
        let low = ROOT + 0x1000;
        let entries = [
            (ROOT + 4 * 512, leads(0x8000_0000, DATA)),
            (ROOT + 4 * 768, leads(low, 1)),
            (low + 4 * 3, leads(0x8020_0000, CODE)),
        ];
        for (at, entry) in entries {
            machine.write_physical(Address(at), &entry.to_le_bytes()[..4]).unwrap();
        }
        machine.write_register(csr::SATP, 1 << 31 | ROOT >> 12).unwrap();
        let tables = page_tables(&mut machine).remove(0);
        let pages = |start, size, physical, letters: &str| {
            let (start, physical) = (Address(start), Address(physical));
            Branch::Pages { start, bytes: size, page: size, physical, letters: letters.into() }
        };
        let branches = vec![pages(0xc000_3000, 0x1000, 0x8020_0000, "RX")];
        let table = Branch::Table { start: Address(0xc000_0000), at: Address(low), level: 0, branches };
        assert_eq!(tables.root, [pages(0x8000_0000, 4 << 20, 0x8000_0000, "RW"), table]);
        assert_eq!(
            (tables.mode, tables.mapped, tables.tables),
            ("Sv32", (4 << 20) + 0x1000, vec![Address(ROOT), Address(low)])
        );
    }

    /// The guest's root lies where hgatp puts it, and so does what it maps.
    #[test]
    fn a_guest_s_tables_are_found_through_its_hypervisor_s() {
        let [guest_root, guest_physical] = [ROOT + 0x8000, 0x4000_0000];
        let image = Image::parse(Path::new("kernel"), image::neutral(Xlen::Rv64)).unwrap();
        let mut machine = Embedded::load(&image, &Options::default()).unwrap();
        let user = page_table::USER | CODE;
        // The second stage maps 1 GiB from 0x40000000 on to RAM; the guest maps one more in its own address space.
        for (at, entry) in [(ROOT + 8, leads(0x8000_0000, user)), (guest_root + 16, leads(guest_physical, DATA))] {
            machine.write_physical(Address(at), &entry.to_le_bytes()).unwrap();
        }
        let guest_satp = SV39 | (guest_root - 0x8000_0000 + guest_physical) >> 12;
        machine.write_register(csr::HGATP, SV39 | ROOT >> 12).unwrap();
        machine.write_register(csr::VSATP, guest_satp).unwrap();
        let [second, own] = page_tables(&mut machine).try_into().unwrap();
        assert_eq!((second.register, second.tables.len()), (csr::HGATP, 4));
        assert_eq!((own.register, &*own.tables, own.is_of_guest()), (csr::VSATP, &[Address(guest_root)][..], true));
        let pages = Branch::Pages {
            start: Address(0x8000_0000),
            bytes: 1 << 30,
            page: 1 << 30,
            physical: Address(guest_physical),
            letters: "RW".into(),
        };
        assert_eq!(own.root, [pages]);
    }

    #[test]
    fn tables_that_lead_to_themselves_end() {
        let entries: Vec<_> = (0..512).map(|index| (ROOT, index, leads(ROOT, 1))).collect();
        let tables = read(&entries);
        assert!(tables.is_cut && tables.tables == [Address(ROOT)], "{tables:?}");
    }
}
