//! Hypervisors and guests: a guest's instructions and CSRs under both stages of translation, its traps and interrupts; the hypervisor's
//! CSRs and its loads and stores in the guest's place. It does not know how slots are run.

use super::cpu;
use super::generate::{atomic, memory, plain};
use super::paging::{self, EXECUTE, READ, ROOT, SV39, USER, WRITE};
use super::program::*;
use crate::assembler::*;
use crate::random::Random;

const SPP: u64 = 1 << 8;
const SPVP: u64 = 1 << 8;
const HU: u64 = 1 << 9;
/// SUM and MXR.
const BOTH: u64 = 3 << 18;
const FS_DIRTY: u64 = 3 << 13;
const WFI: u32 = 0x1050_0073;
const ECALL: u32 = 0x73;
/// VTVM, VTW, VTSR.
const TRAPS: u64 = 7 << 20;
/// Valid, accessed, dirty, for a user.
const BASE: u64 = 0xd1;
const ALL: u64 = BASE | READ | WRITE | EXECUTE;
const SECOND_MIDDLE: u64 = SECOND_TABLES + 0x4000;
const SECOND_LEAVES: u64 = SECOND_TABLES + 0x5000;
const SV39X4: u64 = 8 << 60;
const SV48X4: u64 = 9 << 60;
const SV57X4: u64 = 10 << 60;
/// What the second stage has above Sv39x4's root: their first entries lead there.
const SECOND_ABOVE: u64 = SECOND_TABLES + 0x8000;
const SECOND_HIGHEST: u64 = SECOND_TABLES + 0xc000;
/// A root for Sv48x4 that does not lie at a multiple of its size, which QEMU takes.
const SECOND_UNALIGNED: u64 = SECOND_TABLES + 0x9000;

/// What a guest is made of.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    vsatp: u64,
    hgatp: u64,
    user: bool,
    hedeleg: u64,
}

const KINDS: [Kind; 7] = [
    Kind {
        name: "guest, Sv39 and Sv39x4",
        vsatp: SV39 | ROOT >> 12,
        hgatp: SV39X4 | SECOND_TABLES >> 12,
        user: false,
        hedeleg: 0,
    },
    Kind {
        name: "guest's user, Sv39 and Sv39x4",
        vsatp: SV39 | ROOT >> 12,
        hgatp: SV39X4 | SECOND_TABLES >> 12,
        user: true,
        hedeleg: 0,
    },
    Kind { name: "guest, bare and Sv39x4", vsatp: 0, hgatp: SV39X4 | SECOND_TABLES >> 12, user: false, hedeleg: 0 },
    Kind { name: "guest, Sv39 and bare", vsatp: SV39 | ROOT >> 12, hgatp: 0, user: false, hedeleg: 0xb1f7 },
    Kind {
        name: "guest, Sv39 and Sv48x4",
        vsatp: SV39 | ROOT >> 12,
        hgatp: SV48X4 | SECOND_ABOVE >> 12,
        user: false,
        hedeleg: 0xb1f7,
    },
    Kind {
        name: "guest, Sv39 and Sv48x4 with an unaligned root",
        vsatp: SV39 | ROOT >> 12,
        hgatp: SV48X4 | SECOND_UNALIGNED >> 12,
        user: false,
        hedeleg: 0xb1f7,
    },
    Kind {
        name: "guest, bare and Sv57x4",
        vsatp: 0,
        hgatp: SV57X4 | SECOND_HIGHEST >> 12,
        user: false,
        hedeleg: 0xb1f7,
    },
];

pub fn programs(random: &mut Random, slots: usize) -> Vec<Program> {
    let mut programs: Vec<Program> = KINDS.iter().map(|kind| guest(*kind, random, slots / 4)).collect();
    programs.push(with_slots("guest's CSRs", KINDS[2], random, slots / 4, csrs_of_guest));
    programs.push(with_slots("guest's interrupts", KINDS[2], random, slots / 4, interrupts));
    // QEMU 7.2 does not go by SPVP in the first stage (privileged manual, "Hypervisor Virtual-Machine Load and Store Instructions").
    let guest = KINDS[if cpu::is_old() { 2 } else { 0 }];
    for user in [false, true] {
        let name = if user { "hlv and hsv in U-mode" } else { "hlv, hsv and CSRs in HS-mode" };
        let mut program =
            with_slots(name, Kind { user, ..guest }, random, slots / 4, |random| hypervisor(random, user));
        program.slots_seen_at = SLOTS;
        if let Some(hypervisor) = &mut program.hypervisor {
            hypervisor.in_guest = false;
        }
        programs.push(program);
    }
    programs
}

fn guest(kind: Kind, random: &mut Random, slots: usize) -> Program {
    with_slots(kind.name, kind, random, slots, |random| match random.below(16) {
        0 => slot(&[random.pick(&[SRET, SFENCE_VMA, 0x1600_0073, ECALL, 0x2200_0073, 0x6200_0073, 0x6400_4073])]),
        1 if kind.vsatp == 0 => compressed_access(random),
        _ if kind.vsatp == 0 => memory_or_atomic(random),
        _ => paging::access(random, kind.user),
    })
}

fn memory_or_atomic(random: &mut Random) -> [u8; SLOT_SIZE] {
    if random.one_in(4) { atomic(random) } else { memory(random) }
}

/// c.lw, c.ld, c.sw, c.sd, c.fld, c.fsd with any registers.
fn compressed_access(random: &mut Random) -> [u8; SLOT_SIZE] {
    let funct3 = random.pick(&[1, 2, 3, 5, 6, 7]) as u16;
    short_slot(funct3 << 13 | (random.bits(11) as u16) << 2)
}

fn with_slots(
    name: &str,
    kind: Kind,
    random: &mut Random,
    slots: usize,
    generate: impl FnMut(&mut Random) -> [u8; SLOT_SIZE],
) -> Program {
    let program = plain(name, random, slots, generate);
    let pool =
        |random: &mut Random, entry: &dyn Fn(&mut Random) -> u64| (0..POOL_ENTRIES).map(|_| entry(random)).collect();
    let privilege = if kind.user { 0 } else { SPP };
    let status = move |random: &mut Random| privilege | FS_DIRTY | u64::from(random.bits(2)) << 18;
    let in_guest = kind.vsatp != 0;
    let statuses: Vec<u64> = pool(random, &status);
    let mut vsstatuses: Vec<u64> = pool(random, &|random| {
        let float = if random.one_in(8) { u64::from(random.bits(2)) << 13 } else { FS_DIRTY };
        float | u64::from(random.bits(2)) << 18
    });
    if cpu::is_old() {
        // QEMU 7.2 goes by the guest's MXR in both stages (privileged manual, "Two-Stage Address Translation": by the hypervisor's), and
        // for hlv by the hypervisor's SUM ("Hypervisor Virtual-Machine Load and Store Instructions": by the guest's).
        vsstatuses.iter_mut().zip(&statuses).for_each(|(guests, own)| *guests = *guests & !BOTH | own & BOTH);
    }
    Program {
        integers: pool(random, &|random| if in_guest { paging::address(random) } else { guest_physical(random) }),
        statuses,
        tables: paging::tables(random),
        slots_seen_at: if kind.user { paging::USER_SLOTS } else { SLOTS },
        cpu: cpu::hypervisor().clone(),
        hypervisor: Some(Hypervisor {
            in_guest: true,
            // QEMU 7.2 tells of memory that is protected as of what its hypervisor has not mapped, and not the guest.
            hedeleg: kind.hedeleg & if cpu::is_old() { !0xa2 } else { u64::MAX },
            vsatp: kind.vsatp,
            hgatp: kind.hgatp,
            second_tables: second_tables(random),
            hstatuses: pool(random, &|random| {
                let traps = if random.one_in(2) { u64::from(random.bits(3)) << 20 & TRAPS } else { 0 };
                let access = random.pick(&[0, SPVP, HU, SPVP | HU]);
                traps | access
            }),
            vsstatuses,
        }),
        ..program
    }
}

fn guest_physical(random: &mut Random) -> u64 {
    let within = random.below(0x1000);
    let within = if random.one_in(4) { within } else { within & !7 };
    match random.below(8) {
        0..=4 => DATA + (random.below(32) << 12) + within,
        5 => DATA + (random.below(32) << 12) - 8 + random.below(16),
        6 => {
            random.pick(&[0x8000_0000, 0x8800_0000, 0x1_0000_0000, 0x40_0000_0000, 1 << 41, 1 << 50, 1 << 63]) + within
        }
        _ => random.next(),
    }
}

/// Guest-physical addresses are physical ones, but for the pages of the data, which lie anywhere among themselves.
fn second_tables(random: &mut Random) -> Vec<u8> {
    let mut tables = vec![0; 0x1_0000];
    let mut set = |address: u64, entry: u64| {
        let offset = (address - SECOND_TABLES) as usize;
        tables[offset..offset + 8].copy_from_slice(&entry.to_le_bytes());
    };
    const POINTER: u64 = 1;
    set(SECOND_HIGHEST, SECOND_ABOVE >> 12 << 10 | POINTER);
    set(SECOND_ABOVE, SECOND_TABLES >> 12 << 10 | POINTER);
    set(SECOND_UNALIGNED, SECOND_TABLES >> 12 << 10 | POINTER);
    set(SECOND_TABLES + 2 * 8, SECOND_MIDDLE >> 12 << 10 | POINTER);
    // A gigabyte that is not aligned to its size, or that only a hypervisor may use.
    set(SECOND_TABLES + 4 * 8, random.pick(&[0x8020_0000, 0x8000_0000]) >> 12 << 10 | random.pick(&[ALL, ALL & !USER]));
    for large in 0..512 {
        let target = 0x8000_0000 + (large << 21);
        set(SECOND_MIDDLE + large * 8, target >> 12 << 10 | ALL);
    }
    let leaves = DATA >> 21 & 0x1ff;
    set(SECOND_MIDDLE + leaves * 8, SECOND_LEAVES >> 12 << 10 | POINTER);
    for small in 0..512 {
        let page = (DATA & !0x1f_ffff) + (small << 12);
        let is_data = (DATA..DATA + DATA_SIZE as u64).contains(&page);
        let is_table = (TABLES..TABLES + TABLES_SIZE as u64).contains(&page);
        let entry = if is_data {
            let target = DATA + (random.below(16) << 12);
            let permissions = random.pick(&[
                READ,
                READ,
                WRITE,
                EXECUTE,
                READ | EXECUTE,
                READ | WRITE,
                READ | WRITE,
                READ | WRITE,
                READ | WRITE,
            ]);
            let marks = u64::from(random.bits(2)) << 6;
            let bits = if random.one_in(8) { u64::from(random.bits(8)) & !0xe } else { 0x11 | marks };
            target >> 12 << 10 | bits | permissions
        } else if is_table && page != ROOT {
            // The last level's second half: entries that cannot be read, or not be marked.
            let hidden = page == TABLES + 0x3000 && random.one_in(2);
            page >> 12 << 10 | if hidden { random.pick(&[0, BASE | EXECUTE]) } else { BASE | READ | WRITE }
        } else {
            page >> 12 << 10 | ALL
        };
        set(SECOND_LEAVES + small * 8, entry);
    }
    tables
}

/// Any CSR read, and those that it has its own of written.
fn csrs_of_guest(random: &mut Random) -> [u8; SLOT_SIZE] {
    const OWN: [u32; 7] = [0x100, 0x104, 0x140, 0x141, 0x142, 0x143, 0x144];
    let (rd, rs1) = (random.register(), random.register());
    match random.below(4) {
        0 => {
            let csr = random.bits(12);
            let others = matches!(csr, 0xc00..=0xc1f | 0x7a0..=0x7af | 0x14d | 0x24d);
            if others { slot(&[csrr(0, csr)]) } else { slot(&[csrr(rd, csr)]) }
        }
        1 => slot(&[csrw(random.pick(&[0x200, 0x240, 0x600, 0x645, 0x680, 0xe12, 0xf14, 0xc00]), rs1)]),
        _ => {
            let csr = random.pick(&OWN);
            let mask = match csr {
                0x100 => 0x122,
                0x141 => -2,
                // QEMU takes the bits above, which are not the guest's, for those (privileged manual, "vsip and vsie").
                0x104 | 0x144 => 0x3bb,
                _ => 0x7ff,
            };
            slot(&[immediate_form(OP_IMMEDIATE, 7, rs1, rs1, mask), csrw(csr, rs1), csrr(rd, csr)])
        }
    }
}

/// What is pending, enabled and taken, in the guest; by software, and by a time that is past or never comes.
fn interrupts(random: &mut Random) -> [u8; SLOT_SIZE] {
    let set = |csr: u32, number: u32| csr << 20 | number << 15 | 6 << 12 | SYSTEM;
    let change = |random: &mut Random| match random.below(4) {
        0 => set(0x100, 2),
        1 => set(0x144, 2),
        2 => set(0x104, random.pick(&[2, 0, 18])),
        _ => csrw(0x14d, 0),
    };
    if random.one_in(8) {
        return slot(&[set(0x104, 2), set(0x144, 2), WFI]);
    }
    slot(&[change(random), change(random), change(random)])
}

/// Loads and stores as the guest, and the hypervisor's CSRs.
fn hypervisor(random: &mut Random, user: bool) -> [u8; SLOT_SIZE] {
    const CSRS: [u32; 17] = [
        0x200, 0x240, 0x241, 0x242, 0x243, 0x602, 0x603, 0x604, 0x605, 0x643, 0x644, 0x645, 0x204, 0x244, 0x205, 0x280,
        0x680,
    ];
    let (rd, rs1, rs2) = (random.register(), random.register(), random.register());
    let form = |funct7, rd, rs2| register_form(SYSTEM, funct7, 4, rd, rs1, rs2);
    match random.below(if user { 5 } else { 8 }) {
        0..=2 => {
            let (funct7, rs2) = random.pick(&[
                (0x30, 0),
                (0x30, 1),
                (0x32, 0),
                (0x32, 1),
                (0x32, 3),
                (0x34, 0),
                (0x34, 1),
                (0x34, 3),
                (0x36, 0),
            ]);
            // QEMU 7.2's hlvx asks for permission to read.
            let rs2 = if cpu::is_old() && rs2 == 3 { 1 } else { rs2 };
            slot(&[form(funct7, rd, rs2)])
        }
        3 => slot(&[form(random.pick(&[0x31, 0x33, 0x35, 0x37]), 0, rs2)]),
        4 => slot(&[random.pick(&[0x2200_0073, 0x6200_0073, 0x2600_0073, 0x6600_0073, 0x22b5_0073])]),
        _ => {
            let csr = random.pick(&CSRS);
            let mask = match csr {
                0x241 => -2,
                0x204 | 0x244 => 0x3bb,
                // Others QEMU holds though there are none.
                0x200 => 0x120,
                0x205 | 0x280 => 0x7f8,
                _ => 0x7ff,
            };
            let mask = if csr == 0x205 { 0x7fc } else { mask };
            slot(&[immediate_form(OP_IMMEDIATE, 7, rs1, rs1, mask), csrw(csr, rs1), csrr(rd, csr)])
        }
    }
}
