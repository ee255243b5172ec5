//! The virtio devices that there are, as a slot sees them. It does not know the slot's registers.

use super::block::Block;
use super::disk::Disk;
use super::queue::{Broken, Queue};
use crate::embedded::bus::dma::{Dma, Moment};

pub enum Device {
    Block(Block),
}

/// What a device holds at one moment, but for a disk's contents.
#[derive(Clone)]
pub enum DeviceState {
    Block(super::block::State),
}

impl Device {
    /// The device id ("Device Types").
    pub fn number(&self) -> u32 {
        match self {
            Device::Block(_) => 2,
        }
    }

    /// Its own features, as bits.
    pub fn features(&self) -> u64 {
        match self {
            Device::Block(block) => block.features(),
        }
    }

    /// The size of each of its queues, until the driver says another.
    pub fn queues(&self) -> &'static [u32] {
        match self {
            Device::Block(_) => &[256],
        }
    }

    /// How long it takes until it looks at a queue, in instructions: 0 where it does so at once.
    pub fn latency(&self) -> u64 {
        match self {
            Device::Block(_) => super::block::LATENCY,
        }
    }

    /// `length` bytes of its configuration; all ones beyond it.
    pub fn read_configuration(&self, offset: u64, length: usize) -> u64 {
        let configuration = match self {
            Device::Block(block) => block.configuration(),
        };
        let found = usize::try_from(offset).ok().and_then(|offset| configuration.get(offset..)?.get(..length));
        found.map_or(u64::MAX >> (64 - 8 * length), |bytes| {
            bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
        })
    }

    pub fn write_configuration(&mut self, offset: u64, value: u64, length: usize) {
        match self {
            Device::Block(block) => block.write_configuration(offset, value, length),
        }
    }

    pub fn disk(&self) -> Option<&Disk> {
        match self {
            Device::Block(block) => Some(&block.disk),
        }
    }

    pub fn disk_mut(&mut self) -> Option<&mut Disk> {
        match self {
            Device::Block(block) => Some(&mut block.disk),
        }
    }

    pub fn reset(&mut self) {
        match self {
            Device::Block(block) => block.reset(),
        }
    }

    pub fn state(&self) -> DeviceState {
        match self {
            Device::Block(block) => DeviceState::Block(block.state()),
        }
    }

    pub fn restore(&mut self, state: &DeviceState) {
        match (self, state) {
            (Device::Block(block), DeviceState::Block(state)) => block.restore(state),
        }
    }

    /// Uses what is available in queue `number`; how many requests it gave back.
    ///
    /// # Errors
    /// Where the queue, or a request in it, is none.
    pub fn serve(
        &mut self,
        number: usize,
        queue: &mut Queue,
        memory: &mut dyn Dma,
        events: bool,
        now: Moment,
    ) -> Result<u32, Broken> {
        let _ = (number, now);
        match self {
            Device::Block(block) => block.serve(queue, memory, events),
        }
    }
}
