//! A driver's side of a virtio device: its registers, legacy or not, and a queue of eight entries. It does not know what the device is.

use core::sync::atomic::{Ordering, fence};

use crate::*;

pub const SIZE: usize = 8;
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;
pub const INDIRECT_DESCRIPTORS: u64 = 1 << 28;
pub const EVENT_INDEX: u64 = 1 << 29;
const VERSION_1: u64 = 1 << 32;

/// Laid out as a legacy queue is.
#[repr(C, align(4096))]
pub struct Rings {
    descriptors: [[u64; 2]; SIZE],
    available_flags: u16,
    available_index: u16,
    available: [u16; SIZE],
    used_event: u16,
    _gap: [u8; 4096 - 16 * SIZE - 4 - 2 * SIZE - 2],
    used_flags: u16,
    used_index: u16,
    used: [[u32; 2]; SIZE],
    available_event: u16,
}

pub struct Slot {
    pub base: usize,
    modern: bool,
    pub features: u64,
}

impl Slot {
    /// Resets it, accepts those `features` that it offers, and says what it is.
    pub fn begin(number: usize, features: u64) -> Slot {
        let base = 0x1000_1000 + number * 0x1000;
        let [magic, version, device, vendor] = [0, 4, 8, 12].map(|offset| read32(base + offset));
        println!("slot {number}: {magic:x} version {version} device {device} vendor {vendor:x}");
        let mut slot = Slot { base, modern: version == 2, features: 0 };
        slot.set(0x70, 0);
        println!("status after reset {:x}", slot.get(0x70));
        slot.set(0x70, 1);
        slot.set(0x70, 3);
        slot.set(0x14, 1);
        let high = u64::from(slot.get(0x10));
        slot.set(0x14, 0);
        let offered = u64::from(slot.get(0x10)) | high << 32;
        println!("offered, of those that are asked for: {:x}", offered & (features | VERSION_1));
        slot.features = offered & (features | VERSION_1);
        slot.set(0x24, 0);
        slot.set(0x20, slot.features as u32);
        slot.set(0x24, 1);
        slot.set(0x20, (slot.features >> 32) as u32);
        if slot.modern {
            slot.set(0x70, 11);
            println!("status with features {:x}", slot.get(0x70));
        } else {
            slot.set(0x28, 4096);
        }
        slot
    }

    pub fn get(&self, offset: usize) -> u32 {
        read32(self.base + offset)
    }

    pub fn set(&self, offset: usize, value: u32) {
        write32(self.base + offset, value)
    }

    pub fn ready(&self) {
        self.set(0x70, self.get(0x70) | 4);
        println!("status {:x}", self.get(0x70));
    }

    /// Sets up queue `number`.
    pub fn queue(&self, number: u32, rings: *mut Rings) -> Queue {
        unsafe { core::ptr::write_bytes(rings, 0, 1) };
        self.set(0x30, number);
        // QEMU 7.2 says 1024 for each queue, later ones its own size.
        let most = self.get(0x34);
        println!("queue {number}: enough {}, before {:x}", most >= 8, self.get(if self.modern { 0x44 } else { 0x40 }));
        self.set(0x38, SIZE as u32);
        let at = rings as usize;
        if self.modern {
            for (offset, part) in [(0x80, at), (0x90, at + 16 * SIZE), (0xa0, at + 4096)] {
                self.set(offset, part as u32);
                self.set(offset + 4, (part >> 32) as u32);
            }
            self.set(0x44, 1);
            println!("ready {}", self.get(0x44));
        } else {
            self.set(0x3c, 4096);
            self.set(0x40, (at >> 12) as u32);
            println!("page is as it was set: {}", self.get(0x40) == (at >> 12) as u32);
        }
        self.set(0x30, number + 64);
        println!("no such queue: at most {}", self.get(0x34));
        Queue { base: self.base, number, rings, next_descriptor: 0, seen: 0 }
    }
}

pub struct Queue {
    base: usize,
    pub number: u32,
    rings: *mut Rings,
    next_descriptor: usize,
    /// Used entries that were looked at.
    pub seen: u16,
}

/// A buffer: address, length, and whether the device writes it.
pub type Part = (usize, usize, bool);

macro_rules! field {
    ($queue:expr, $($field:tt)*) => { unsafe { read_volatile(&raw const (*$queue.rings).$($field)*) } };
}

macro_rules! set_field {
    ($queue:expr, $value:expr, $($field:tt)*) => { unsafe { write_volatile(&raw mut (*$queue.rings).$($field)*, $value) } };
}

fn entries(parts: &[Part], first: usize, table: usize) -> impl Iterator<Item = (usize, [u64; 2])> + '_ {
    parts.iter().enumerate().map(move |(index, (address, length, write))| {
        let next = (first + index + 1) % table;
        let flags = if index + 1 < parts.len() { NEXT } else { 0 } | if *write { WRITE } else { 0 };
        ((first + index) % table, [*address as u64, *length as u64 | u64::from(flags) << 32 | (next as u64) << 48])
    })
}

impl Queue {
    /// Makes these buffers available as one request; the value is its head.
    pub fn add(&mut self, parts: &[Part]) -> u16 {
        let head = self.next_descriptor;
        for (index, descriptor) in entries(parts, head, SIZE) {
            set_field!(self, descriptor, descriptors[index]);
        }
        self.next_descriptor = (head + parts.len()) % SIZE;
        self.offer(head as u16)
    }

    /// The same by a table of its own.
    pub fn add_indirect(&mut self, parts: &[Part], table: &mut [[u64; 2]; 8]) -> u16 {
        for (index, descriptor) in entries(parts, 0, 8) {
            table[index] = descriptor;
        }
        let head = self.next_descriptor;
        let descriptor = [table.as_ptr() as u64, 16 * parts.len() as u64 | u64::from(INDIRECT) << 32];
        set_field!(self, descriptor, descriptors[head]);
        self.next_descriptor = (head + 1) % SIZE;
        self.offer(head as u16)
    }

    /// Makes what begins at this descriptor available.
    pub fn offer(&mut self, head: u16) -> u16 {
        let index = field!(self, available_index);
        set_field!(self, head, available[usize::from(index) % SIZE]);
        fence(Ordering::SeqCst);
        set_field!(self, index.wrapping_add(1), available_index);
        fence(Ordering::SeqCst);
        head
    }

    pub fn notify(&self) {
        write32(self.base + 0x50, self.number);
    }

    pub fn used_index(&self) -> u16 {
        field!(self, used_index)
    }

    pub fn available_event(&self) -> u16 {
        field!(self, available_event)
    }

    pub fn set_used_event(&self, value: u16) {
        set_field!(self, value, used_event);
    }

    pub fn no_interrupts(&self, value: u16) {
        set_field!(self, value, available_flags);
    }

    /// The next used entry, head and length, once it is there; none after two seconds.
    pub fn next_used(&mut self) -> Option<[u32; 2]> {
        let begin = time();
        while self.used_index() == self.seen {
            if time() - begin > 20_000_000 {
                return None;
            }
        }
        fence(Ordering::SeqCst);
        let entry = field!(self, used[usize::from(self.seen) % SIZE]);
        self.seen = self.seen.wrapping_add(1);
        Some(entry)
    }
}
