//! virtio-blk: requests to read and write a disk. It does not know where the disk's bytes are kept.
//!
//! Source: "Virtual I/O Device (VIRTIO) Version 1.2", section "Block Device"; for the used length and for requests that are wrong
//! QEMU, hw/block/virtio-blk.c.

use super::disk::{Disk, SECTOR, Trouble};
use super::queue::{self, Broken, Buffer, Chain, Queue};
use crate::embedded::bus::dma::Dma;

/// From a notification to the answer, in instructions: 20 microseconds. A driver has to wait, as it has to for any disk.
pub const LATENCY: u64 = 2000;

const SEGMENTS: u64 = 1 << 2;
const READ_ONLY: u64 = 1 << 5;
const BLOCK_SIZE: u64 = 1 << 6;
const FLUSH: u64 = 1 << 9;
const CONFIGURABLE_CACHE: u64 = 1 << 11;

/// The requests.
const READ: u32 = 0;
const WRITE: u32 = 1;
const FLUSH_CACHE: u32 = 4;
const GET_ID: u32 = 8;
/// How they end.
const OK: u8 = 0;
const FAILED: u8 = 1;
const UNSUPPORTED: u8 = 2;

const HEADER: u64 = 16;
/// The most sectors that a request may have: what QEMU allows, of bytes that its integers count.
const LONGEST: u64 = (i32::MAX as u64) >> 9;
/// In the configuration: where it is said whether a cache is written back.
const CACHE: usize = 32;
const CONFIGURATION: usize = 60;
/// Buffers of a request besides header and status; QEMU's number for a queue of 256.
const MOST_SEGMENTS: u32 = 254;

pub struct Block {
    pub disk: Disk,
    state: State,
}

#[derive(Clone, Copy)]
pub struct State {
    write_back: bool,
}

const RESET: State = State { write_back: true };

impl Block {
    pub fn new(disk: Disk) -> Block {
        Block { disk, state: RESET }
    }

    pub fn features(&self) -> u64 {
        let read_only = if self.disk.is_read_only() { READ_ONLY } else { 0 };
        SEGMENTS | BLOCK_SIZE | FLUSH | CONFIGURABLE_CACHE | read_only
    }

    pub fn configuration(&self) -> [u8; CONFIGURATION] {
        let mut bytes = [0; CONFIGURATION];
        bytes[..8].copy_from_slice(&self.disk.sectors().to_le_bytes());
        bytes[12..16].copy_from_slice(&MOST_SEGMENTS.to_le_bytes());
        bytes[20..24].copy_from_slice(&(SECTOR as u32).to_le_bytes());
        bytes[CACHE] = self.state.write_back.into();
        bytes[34] = 1; // one queue
        bytes
    }

    /// How the cache is, of which there is none, can be said.
    pub fn write_configuration(&mut self, offset: u64, value: u64, length: usize) {
        if offset == CACHE as u64 && length == 1 {
            self.state.write_back = value & 1 != 0;
        }
    }

    pub fn reset(&mut self) {
        self.state = RESET;
    }

    pub fn state(&self) -> State {
        self.state
    }

    pub fn restore(&mut self, state: &State) {
        self.state = *state;
    }

    pub fn serve(&mut self, queue: &mut Queue, memory: &mut dyn Dma, events: bool) -> Result<u32, Broken> {
        let mut done = 0;
        while let Some(chain) = queue.take(memory, events)? {
            let Some(status) = self.request(memory, &chain)? else {
                // The disk cannot be read; the machine stops for it.
                queue.put_back();
                return Ok(done);
            };
            let last = chain.writable.last().ok_or(Broken)?;
            if !memory.device_writes(last.address + u64::from(last.length) - 1, &[status]) {
                return Err(Broken);
            }
            queue.give_back(memory, &chain, queue::length(&chain.writable) as u32)?;
            done += 1;
        }
        Ok(done)
    }

    /// Does what a request says; the value is its status, or nothing where the disk is in trouble.
    fn request(&mut self, memory: &mut dyn Dma, chain: &Chain) -> Result<Option<u8>, Broken> {
        let header = queue::gather(memory, &queue::part(&chain.readable, 0, HEADER))?;
        let header: [u8; HEADER as usize] = header.try_into().map_err(|_| Broken)?;
        let [kind, _, low, high] =
            [0, 4, 8, 12].map(|from| u32::from_le_bytes(std::array::from_fn(|index| header[from + index])));
        let sector = u64::from(high) << 32 | u64::from(low);
        let data = queue::length(&chain.readable) - HEADER;
        let room = queue::length(&chain.writable).checked_sub(1).ok_or(Broken)?;
        let done = match kind {
            READ if !self.holds(sector, room) => return Ok(Some(FAILED)),
            READ => self.read(memory, sector, &queue::part(&chain.writable, 0, room))?,
            WRITE if self.disk.is_read_only() || !self.holds(sector, data) => return Ok(Some(FAILED)),
            WRITE => self.write(memory, sector, &queue::part(&chain.readable, HEADER, data))?,
            FLUSH_CACHE => Ok(()),
            GET_ID => {
                // It has no name: this is the end of one.
                queue::scatter(memory, &chain.writable, &[0][..room.min(1) as usize])?;
                Ok(())
            }
            _ => return Ok(Some(UNSUPPORTED)),
        };
        Ok(match done {
            Ok(()) => Some(OK),
            Err(trouble) => {
                memory.device_fails(trouble);
                None
            }
        })
    }

    fn read(&mut self, memory: &mut dyn Dma, sector: u64, buffers: &[Buffer]) -> Result<Result<(), Trouble>, Broken> {
        let mut offset = sector * SECTOR;
        for buffer in buffers {
            buffer.read(memory)?; // it is in RAM, and no longer than that
            let mut bytes = vec![0; buffer.length as usize];
            if let Err(trouble) = self.disk.read(offset, &mut bytes) {
                return Ok(Err(trouble));
            }
            queue::scatter(memory, std::slice::from_ref(buffer), &bytes)?;
            offset += u64::from(buffer.length);
        }
        Ok(Ok(()))
    }

    fn write(&mut self, memory: &dyn Dma, sector: u64, buffers: &[Buffer]) -> Result<Result<(), Trouble>, Broken> {
        let mut offset = sector * SECTOR;
        for buffer in buffers {
            if let Err(trouble) = self.disk.write(offset, buffer.read(memory)?) {
                return Ok(Err(trouble));
            }
            offset += u64::from(buffer.length);
        }
        Ok(Ok(()))
    }

    /// Whether the disk has so many bytes from this sector on, in whole sectors.
    fn holds(&self, sector: u64, length: u64) -> bool {
        let count = length / SECTOR;
        let end = sector.checked_add(count);
        length.is_multiple_of(SECTOR) && count <= LONGEST && end.is_some_and(|end| end <= self.disk.sectors())
    }
}
