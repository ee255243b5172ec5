//! Programs under Sv39, and some under its longer forms: pages of every permission, of all three sizes, in S-mode and U-mode. It does not know how slots are run.

use super::cpu;
use super::generate::{atomic, memory, plain};
use super::program::*;
use crate::assembler::*;
use crate::random::Random;

pub const SV39: u64 = 8 << 60;
const SV48: u64 = 9 << 60;
const SV57: u64 = 10 << 60;
const POINTER: u64 = 1;
pub const SUM: u64 = 1 << 18;
/// Valid, readable, writable, executable, accessed, dirty.
const ALL_FOR_SUPERVISOR: u64 = 0xcf;
pub const READ: u64 = 2;
pub const WRITE: u64 = 4;
pub const EXECUTE: u64 = 8;
pub const USER: u64 = 0x10;
/// sfence.vma and sinval.vma.
const FENCES: [u32; 2] = [SFENCE_VMA, 0x1600_0073];
/// Svnapot's bit.
const NAPOT: u64 = 1 << 63;
pub const ROOT: u64 = TABLES;
const MIDDLE: u64 = TABLES + 0x1000;
const LEAVES: u64 = TABLES + 0x2000;
/// The levels that the longer forms add: their first entry leads to the root of the shorter one.
const ABOVE: u64 = TABLES + 0x5000;
const HIGHEST: u64 = TABLES + 0x6000;
/// Protected.
const FIRMWARE: u64 = 0x8000_0000;
/// The user's view of the slots.
pub const USER_SLOTS: u64 = 0x10_0000_0000 + (SLOTS & 0x1f_ffff);
/// 512 small pages, then 510 large ones of 2 MiB.
const SMALL: u64 = 0x4000_0000;
const LARGE: u64 = SMALL + 0x40_0000;
/// Eight of 1 GiB.
const HUGE: u64 = 0x20_0000_0000;

pub fn programs(random: &mut Random, slots: usize) -> Vec<Program> {
    vec![
        under_translation("Sv39 in S-mode", random, slots, SV39 | ROOT >> 12, false),
        under_translation("Sv39 in U-mode", random, slots, SV39 | ROOT >> 12, true),
        under_translation("Sv48", random, slots / 8, SV48 | ABOVE >> 12, false),
        under_translation("Sv57", random, slots / 8, SV57 | HIGHEST >> 12, false),
    ]
}

fn under_translation(name: &str, random: &mut Random, slots: usize, satp: u64, user: bool) -> Program {
    let program = plain(name, random, slots, |random| access(random, user));
    let integers = (0..POOL_ENTRIES).map(|_| address(random)).collect();
    let statuses = (0..POOL_ENTRIES).map(|_| status(random, user)).collect();
    let slots_seen_at = if user { USER_SLOTS } else { SLOTS };
    Program { integers, statuses, satp, tables: tables(random), slots_seen_at, ..program }
}

/// SUM and MXR at random.
pub fn status(random: &mut Random, user: bool) -> u64 {
    let from = if user { 0 } else { 1 << 8 };
    from | 3 << 13 | u64::from(random.bits(2)) << 18
}

pub fn access(random: &mut Random, user: bool) -> [u8; SLOT_SIZE] {
    match random.below(8) {
        0 | 1 => slot(&[immediate_form(JALR, 0, random.register(), random.register(), 0)]),
        3 if random.one_in(4) => super::bits::cache_block(random),
        3 => atomic(random),
        // What U-mode may not do, and S-mode may.
        2 if user => slot(&[random.pick(&[
            SRET,
            SFENCE_VMA,
            0x1600_0073,
            0x1050_0073,
            0x0000_0073,
            csrr(5, 0x100),
            csrr(0, 0xc01),
        ])]),
        2 => slot(&[random.pick(&FENCES) | random.register() << 15 | random.register() << 20]),
        _ => memory(random),
    }
}

pub fn address(random: &mut Random) -> u64 {
    let within = random.below(0x1000);
    let within = if random.one_in(4) { within } else { within & !7 };
    match random.below(16) {
        0..=9 => SMALL + (random.below(512) << 12) + within,
        10 => SMALL + (random.below(512) << 12) - 8 + random.below(16),
        13 => SMALL + (random.below(512) << 12) + 0xffe,
        11 => LARGE + (random.below(64) << 21) + (random.below(16) << 12) + within,
        12 => HUGE + (random.below(8) << 30) + DATA - 0x8000_0000 + within,
        _ => random.next(),
    }
}

pub fn tables(random: &mut Random) -> Vec<u8> {
    let mut tables = vec![0; TABLES_SIZE];
    let mut set = |address: u64, entry: u64| {
        let offset = (address - TABLES) as usize;
        tables[offset..offset + 8].copy_from_slice(&entry.to_le_bytes());
    };
    let root_entry = |virtual_address: u64| ROOT + (virtual_address >> 30 & 0x1ff) * 8;
    set(ABOVE, ROOT >> 12 << 10 | POINTER);
    set(HIGHEST, ABOVE >> 12 << 10 | POINTER);
    set(root_entry(TEXT), TEXT >> 30 << 28 | ALL_FOR_SUPERVISOR);
    set(root_entry(SMALL), MIDDLE >> 12 << 10 | POINTER);
    for gigabyte in 0..8 {
        let misaligned = 0x8000_0000 + (random.below(4) << 21);
        let target = random.pick(&[0x8000_0000, 0x8000_0000, misaligned, 0, 0x1_0000_0000]);
        let permissions = data(random);
        set(root_entry(HUGE) + gigabyte * 8, leaf(random, target, permissions));
    }
    // The user's slots: 2 MiB from where they lie, executable and accessed.
    let user_middle = TABLES + 0x4000;
    set(root_entry(USER_SLOTS), user_middle >> 12 << 10 | POINTER);
    for index in 0..4 {
        set(user_middle + index * 8, ((SLOTS >> 21) + index) << 19 | ALL_FOR_SUPERVISOR | USER);
    }
    set(MIDDLE, LEAVES >> 12 << 10 | POINTER);
    set(MIDDLE + 8, (LEAVES + 0x1000) >> 12 << 10 | POINTER | random.pick(&[0, 0x10, 0x40, 0x80]));
    for large in 2..512 {
        let target = random.pick(&[DATA & !0x1f_ffff, DATA & !0x1f_ffff, DATA, FIRMWARE, 0x1000_0000_0000]);
        set(MIDDLE + large * 8, entry(random, target));
    }
    for small in 0..1024 {
        let page = DATA + (random.below(16) << 12);
        let target = random.pick(&[page, page, page, FIELD, FIELD, 0x8800_0000, 0x87ff_f000, 0]);
        // Every third page has what the others leave out: each set of permissions is there as often, so that none is missing by chance.
        let entry = if small % 3 == 0 { protected(random, small / 3) } else { entry(random, target) };
        set(LEAVES + small * 8, entry);
    }
    tables
}

/// Of the firmware, with set `index` of the permissions: it decides between a page fault and an access fault.
fn protected(random: &mut Random, index: u64) -> u64 {
    let permissions = (1 + index % 7) << 1;
    let for_user = if (index / 7).is_multiple_of(2) { USER } else { 0 };
    let others = u64::from(random.bits(8)) & !0x1f;
    FIRMWARE >> 12 << 10 | others | for_user | permissions | 1
}

/// What can be stored to is not executed: it may hold any instruction. Where there is no RAM nothing is executed either: there
/// QEMU 7.2 fails an assertion of its own, where an instruction ends on such a page.
fn entry(random: &mut Random, target: u64) -> u64 {
    let permissions = if target == FIELD { random.pick(&[EXECUTE, READ | EXECUTE]) } else { data(random) };
    leaf(random, target, permissions)
}

/// Permissions of what is not executed.
fn data(random: &mut Random) -> u64 {
    random.pick(&[READ, READ, WRITE, READ | WRITE, READ | WRITE])
}

/// Usually valid, but for permissions the rest at random. There must be some: without any it would be a pointer, to a table in the
/// data, where the walk reads what stores have made of it.
fn leaf(random: &mut Random, target: u64, permissions: u64) -> u64 {
    let valid = u64::from(!random.one_in(8));
    let others = u64::from(random.bits(8)) & !0xf;
    let entry = target >> 12 << 10 | u64::from(random.bits(2)) << 8 | others | permissions | valid;
    match random.below(16) {
        // Of a page of 64 KiB, or nearly: all sixteen of its entries hold the same, and here each differs in the lowest bits alone.
        0 if target != 0 => entry & !(15 << 10) | random.pick(&[8, 8, 8, 4, 0]) << 10 | NAPOT,
        1 => entry | random.below(if cpu::is_old() { 3 } else { 4 }) << 61,
        // QEMU 7.2 ignores them where its hart has Svnapot (privileged manual, "Sv39": reserved for future standard use).
        2 if !cpu::is_old() => entry | 1 << (54 + random.below(7)),
        _ => entry,
    }
}
