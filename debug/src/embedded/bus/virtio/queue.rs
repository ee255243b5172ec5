//! A split virtqueue: available buffers from the driver, used buffers from the device. It does not know their contents.
//!
//! Source: "Virtual I/O Device (VIRTIO) Version 1.2", section "Split Virtqueues"; for legacy queues its "Legacy Interface" parts.

use crate::embedded::bus::dma::Dma;

/// The most entries of a queue, as QEMU has it.
pub const LARGEST: u32 = 1024;

const DESCRIPTOR: u64 = 16;
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;
/// In the available ring's flags: the driver wants no interrupt.
const NO_INTERRUPT: u16 = 1;
/// Of a ring: the offsets of its index and its entries.
const INDEX: u64 = 2;
const ENTRIES: u64 = 4;
const AVAILABLE_ENTRY: u64 = 2;
const USED_ENTRY: u64 = 8;

/// The driver wrote what no queue can mean: the device does nothing more until it is reset.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

/// Where the three parts of a queue are, and how far the device is in it.
#[derive(Clone, Debug)]
pub struct Queue {
    /// How many entries it may have, and how many it has.
    pub most: u32,
    pub size: u32,
    pub ready: bool,
    pub descriptors: u64,
    pub available: u64,
    pub used: u64,
    /// Of the used ring, in a legacy queue.
    pub alignment: u64,
    next_available: u16,
    next_used: u16,
    /// What `next_used` was when the driver was interrupted last.
    told: Option<u16>,
}

/// A part of memory.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    pub address: u64,
    pub length: u32,
}

/// One request: what the device may read, and after it what the device may write.
#[derive(Debug)]
pub struct Chain {
    head: u16,
    pub readable: Vec<Buffer>,
    pub writable: Vec<Buffer>,
}

impl Queue {
    pub fn new(size: u32) -> Queue {
        Queue {
            most: size,
            size,
            ready: false,
            descriptors: 0,
            available: 0,
            used: 0,
            alignment: 4096,
            next_available: 0,
            next_used: 0,
            told: None,
        }
    }

    /// A legacy queue's parts follow each other, from here on.
    pub fn lay_out(&mut self, start: u64) {
        self.descriptors = start;
        self.available = start.wrapping_add(DESCRIPTOR * u64::from(self.size));
        let end = self.available.wrapping_add(ENTRIES + AVAILABLE_ENTRY * u64::from(self.size));
        self.used = end.checked_next_multiple_of(self.alignment).unwrap_or(end);
        self.ready = start != 0;
    }

    /// Whether the driver has made something available that was not taken.
    ///
    /// # Errors
    /// Where the ring is not in memory, or its index is further than the queue is long.
    pub fn has_next(&self, memory: &dyn Dma) -> Result<bool, Broken> {
        if !self.ready || self.size == 0 {
            return Ok(false);
        }
        let waiting = read_half(memory, self.available + INDEX)?.wrapping_sub(self.next_available);
        if u32::from(waiting) > self.size { Err(Broken) } else { Ok(waiting != 0) }
    }

    /// The next request; with `events` the driver is told that it was seen.
    ///
    /// # Errors
    /// Where its descriptors are no chain.
    pub fn take(&mut self, memory: &mut dyn Dma, events: bool) -> Result<Option<Chain>, Broken> {
        if !self.has_next(memory)? {
            return Ok(None);
        }
        let slot = u64::from(self.next_available) % u64::from(self.size);
        let head = read_half(memory, self.available + ENTRIES + AVAILABLE_ENTRY * slot)?;
        let chain = self.chain(memory, head)?;
        self.next_available = self.next_available.wrapping_add(1);
        if events {
            let event = self.used + ENTRIES + USED_ENTRY * u64::from(self.size);
            write(memory, event, &self.next_available.to_le_bytes())?;
        }
        Ok(Some(chain))
    }

    /// Puts back what was taken last: there is no use for it yet.
    pub fn put_back(&mut self) {
        self.next_available = self.next_available.wrapping_sub(1);
    }

    fn chain(&self, memory: &dyn Dma, head: u16) -> Result<Chain, Broken> {
        let mut chain = Chain { head, readable: Vec::new(), writable: Vec::new() };
        let (mut table, mut count, mut index) = (self.descriptors, self.size, u32::from(head));
        let mut indirect = false;
        loop {
            if index >= count {
                return Err(Broken);
            }
            let descriptor = Descriptor::read(memory, table + DESCRIPTOR * u64::from(index))?;
            if descriptor.flags & INDIRECT != 0 {
                let entries = descriptor.length / DESCRIPTOR as u32;
                if indirect || entries == 0 || !descriptor.length.is_multiple_of(DESCRIPTOR as u32) {
                    return Err(Broken);
                }
                (table, count, index, indirect) = (descriptor.address, entries, 0, true);
                continue;
            }
            chain.add(&descriptor)?;
            if descriptor.flags & NEXT == 0 {
                return Ok(chain);
            }
            index = descriptor.next.into();
        }
    }

    /// The device is done with this request, and wrote so many bytes of it.
    pub fn give_back(&mut self, memory: &mut dyn Dma, chain: &Chain, written: u32) -> Result<(), Broken> {
        let slot = u64::from(self.next_used) % u64::from(self.size);
        let mut entry = [0; USED_ENTRY as usize];
        entry[..4].copy_from_slice(&u32::from(chain.head).to_le_bytes());
        entry[4..].copy_from_slice(&written.to_le_bytes());
        write(memory, self.used + ENTRIES + USED_ENTRY * slot, &entry)?;
        self.next_used = self.next_used.wrapping_add(1);
        write(memory, self.used + INDEX, &self.next_used.to_le_bytes())
    }

    /// Whether the driver wants to be interrupted for what was given back since it was last.
    pub fn is_to_interrupt(&mut self, memory: &dyn Dma, events: bool) -> Result<bool, Broken> {
        let told = self.told.replace(self.next_used);
        if !events {
            return Ok(read_half(memory, self.available)? & NO_INTERRUPT == 0);
        }
        let event = read_half(memory, self.available + ENTRIES + AVAILABLE_ENTRY * u64::from(self.size))?;
        let since = |from: u16| self.next_used.wrapping_sub(from);
        Ok(told.is_none_or(|told| since(event.wrapping_add(1)) < since(told)))
    }
}

impl Chain {
    /// Those that are read come first.
    fn add(&mut self, descriptor: &Descriptor) -> Result<(), Broken> {
        let Descriptor { address, length, .. } = *descriptor;
        let is_written = descriptor.flags & WRITE != 0;
        let parts = self.readable.len() + self.writable.len();
        // A chain that comes to where it has been would never end.
        if length == 0 || parts >= LARGEST as usize || !is_written && !self.writable.is_empty() {
            return Err(Broken);
        }
        let buffers = if is_written { &mut self.writable } else { &mut self.readable };
        buffers.push(Buffer { address, length });
        Ok(())
    }
}

/// How many bytes buffers have.
pub fn length(buffers: &[Buffer]) -> u64 {
    buffers.iter().map(|buffer| u64::from(buffer.length)).sum()
}

/// `count` bytes of the buffers from the byte `from` on, as buffers.
pub fn part(buffers: &[Buffer], from: u64, count: u64) -> Vec<Buffer> {
    let mut begin = 0;
    let mut parts = Vec::new();
    for buffer in buffers {
        let end = begin + u64::from(buffer.length);
        let (first, last) = (begin.max(from), end.min(from.saturating_add(count)));
        if first < last {
            parts.push(Buffer { address: buffer.address + (first - begin), length: (last - first) as u32 });
        }
        begin = end;
    }
    parts
}

/// All that the buffers hold.
pub fn gather(memory: &dyn Dma, buffers: &[Buffer]) -> Result<Vec<u8>, Broken> {
    let mut bytes = Vec::new();
    for buffer in buffers {
        bytes.extend_from_slice(buffer.read(memory)?);
    }
    Ok(bytes)
}

/// Fills the buffers from the first on; what is left of them stays.
pub fn scatter(memory: &mut dyn Dma, buffers: &[Buffer], mut bytes: &[u8]) -> Result<(), Broken> {
    for buffer in buffers {
        let (now, later) = bytes.split_at(bytes.len().min(buffer.length as usize));
        write(memory, buffer.address, now)?;
        bytes = later;
    }
    Ok(())
}

impl Buffer {
    pub fn read<'a>(&self, memory: &'a dyn Dma) -> Result<&'a [u8], Broken> {
        memory.device_reads(self.address, self.length as usize).ok_or(Broken)
    }
}

struct Descriptor {
    address: u64,
    length: u32,
    flags: u16,
    next: u16,
}

impl Descriptor {
    fn read(memory: &dyn Dma, at: u64) -> Result<Descriptor, Broken> {
        let bytes: [u8; DESCRIPTOR as usize] = read(memory, at)?;
        let [address, rest] = [0, 8].map(|from| u64::from_le_bytes(std::array::from_fn(|index| bytes[from + index])));
        Ok(Descriptor { address, length: rest as u32, flags: (rest >> 32) as u16, next: (rest >> 48) as u16 })
    }
}

fn read<const N: usize>(memory: &dyn Dma, at: u64) -> Result<[u8; N], Broken> {
    memory.device_reads(at, N).and_then(|bytes| bytes.first_chunk().copied()).ok_or(Broken)
}

fn read_half(memory: &dyn Dma, at: u64) -> Result<u16, Broken> {
    read(memory, at).map(u16::from_le_bytes)
}

fn write(memory: &mut dyn Dma, at: u64, bytes: &[u8]) -> Result<(), Broken> {
    if memory.device_writes(at, bytes) { Ok(()) } else { Err(Broken) }
}
