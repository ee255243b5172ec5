//! Programs under Sv32: pages of every permission, of both sizes, in S-mode and U-mode. It does not know how slots are run.

use debug::riscv::Xlen;

use super::cpu;
use super::generate::plain;
use super::paging::{EXECUTE, READ, USER, WRITE, access, status};
use super::program::*;
use crate::random::Random;

pub const SV32: u64 = 1 << 31;
const POINTER: u64 = 1;
/// Valid, readable, writable, executable, accessed, dirty.
const ALL_FOR_SUPERVISOR: u64 = 0xcf;
/// What a page of the root's covers.
const LARGE_PAGE: u64 = 4 << 20;
const ROOT: u64 = TABLES;
const LEAVES: u64 = TABLES + 0x1000;
/// Protected.
const FIRMWARE: u64 = 0x8000_0000;
/// The user's view of the slots.
const USER_SLOTS: u64 = 0x2000_0000 + (SLOTS & (LARGE_PAGE - 1));
/// 2048 small pages, then 64 large ones.
const SMALL: u64 = 0x4000_0000;
const LARGE: u64 = SMALL + 2 * LARGE_PAGE;

/// Where nothing is: beyond 32 bits, which QEMU 7.2 cuts off (privileged manual, "Sv32": physical addresses have 34).
fn nowhere() -> u64 {
    if cpu::is_old() { 0xc000_0000 } else { 0x2_0000_0000 }
}

pub fn programs(random: &mut Random, slots: usize) -> Vec<Program> {
    vec![
        under_translation("Sv32 in S-mode", random, slots, false),
        under_translation("Sv32 in U-mode", random, slots, true),
    ]
}

fn under_translation(name: &str, random: &mut Random, slots: usize, user: bool) -> Program {
    let program = plain(name, random, slots, |random| access(random, user));
    let integers = (0..POOL_ENTRIES).map(|_| address(random)).collect();
    let statuses = (0..POOL_ENTRIES).map(|_| status(random, user)).collect();
    let slots_seen_at = if user { USER_SLOTS } else { SLOTS };
    let (satp, tables, cpu) = (SV32 | ROOT >> 12, tables(random), cpu::full(Xlen::Rv32).clone());
    Program { integers, statuses, satp, tables, slots_seen_at, cpu, ..program }
}

fn address(random: &mut Random) -> u64 {
    let within = random.below(0x1000);
    let within = if random.one_in(4) { within } else { within & !7 };
    match random.below(16) {
        0..=9 => SMALL + (random.below(2048) << 12) + within,
        10 | 11 => SMALL + (random.below(2048) << 12) - 8 + random.below(16),
        12 => SMALL + (random.below(2048) << 12) + 0xffe,
        13 | 14 => LARGE + random.below(64) * LARGE_PAGE + (random.below(16) << 12) + within,
        // Not where the program lies.
        _ => random.next() | 3 << 30,
    }
}

fn tables(random: &mut Random) -> Vec<u8> {
    let mut tables = vec![0; TABLES_SIZE];
    let mut set = |address: u64, entry: u64| {
        let offset = (address - TABLES) as usize;
        tables[offset..offset + 4].copy_from_slice(&(entry as u32).to_le_bytes());
    };
    let root_entry = |virtual_address: u64| ROOT + virtual_address / LARGE_PAGE * 4;
    // All of the program, where it lies.
    for index in 0..8 {
        let at = 0x8000_0000 + index * LARGE_PAGE;
        set(root_entry(at), at >> 12 << 10 | ALL_FOR_SUPERVISOR);
    }
    set(root_entry(USER_SLOTS), (SLOTS & !(LARGE_PAGE - 1)) >> 12 << 10 | ALL_FOR_SUPERVISOR | USER);
    set(root_entry(SMALL), LEAVES >> 12 << 10 | POINTER);
    let half_right = random.pick(&[0, 0x10, 0x40, 0x80]);
    set(root_entry(SMALL + LARGE_PAGE), (LEAVES + 0x1000) >> 12 << 10 | POINTER | half_right);
    for large in 0..64 {
        let misaligned = DATA + ((1 + random.below(1023)) << 12);
        let target = random.pick(&[DATA, DATA, misaligned, FIRMWARE, nowhere()]);
        let permissions = data(random);
        set(root_entry(LARGE + large * LARGE_PAGE), leaf(random, target, permissions));
    }
    for small in 0..2048 {
        let page = DATA + (random.below(16) << 12);
        let target = random.pick(&[page, page, page, FIELD, FIELD, 0x8800_0000, 0x87ff_f000, 0, nowhere()]);
        // Every third page has what the others leave out: each set of permissions is there as often, so that none is missing by chance.
        let entry = match small % 3 {
            0 => leaf(random, FIRMWARE, (1 + small / 3 % 7) << 1),
            _ if target == FIELD => {
                let permissions = random.pick(&[EXECUTE, READ | EXECUTE]);
                leaf(random, target, permissions)
            }
            _ => {
                let permissions = data(random);
                leaf(random, target, permissions)
            }
        };
        set(LEAVES + small * 4, entry);
    }
    tables
}

/// Permissions of what is not executed: what can be stored to may hold any instruction.
fn data(random: &mut Random) -> u64 {
    random.pick(&[READ, READ, WRITE, READ | WRITE, READ | WRITE])
}

/// Usually valid, but for permissions the rest at random. There must be some: without any it would be a pointer.
fn leaf(random: &mut Random, target: u64, permissions: u64) -> u64 {
    let valid = u64::from(!random.one_in(8));
    let others = u64::from(random.bits(10)) & !0xf;
    target >> 12 << 10 | others | permissions | valid
}
