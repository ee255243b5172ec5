//! The kinds of virtio devices behind one interface. It does not know a slot's registers.

use super::block::{self, Block};
use super::disk::Disk;
use super::network::{self, Network};
use super::queue::{Broken, Queue};
use super::random::Random;
use super::{VERSION_1, console};
use crate::embedded::bus::dma::{Dma, Moment};

pub enum Device {
    Block(Block),
    Console,
    Random(Random),
    Network(Network),
}

/// What a device holds at one moment, but for a disk's contents and packets.
#[derive(Clone)]
pub enum DeviceState {
    Block(block::State),
    Console,
    Random(Random),
    Network(network::State),
}

impl Device {
    /// The device id ("Device Types").
    pub fn number(&self) -> u32 {
        match self {
            Device::Network(_) => 1,
            Device::Block(_) => 2,
            Device::Console => 3,
            Device::Random(_) => 4,
        }
    }

    /// Its own features, as bits.
    pub fn features(&self) -> u64 {
        match self {
            Device::Block(block) => block.features(),
            Device::Console | Device::Random(_) => 0,
            Device::Network(_) => network::FEATURES,
        }
    }

    /// The size of each of its queues, until the driver says another.
    pub fn queues(&self) -> &'static [u32] {
        match self {
            Device::Block(_) => &[256],
            Device::Console => &[128, 128],
            Device::Random(_) => &[8],
            Device::Network(_) => &[256, 256],
        }
    }

    /// How long it takes until it looks at a queue, in instructions: 0 where it does so at once.
    pub fn latency(&self) -> u64 {
        if let Device::Block(_) = self { block::LATENCY } else { 0 }
    }

    /// When it does something by itself, in [`Moment::time`].
    pub fn next_event(&self) -> u64 {
        if let Device::Network(network) = self { network.next_event() } else { u64::MAX }
    }

    /// The queue to look at when something has come from outside: typed, or a packet.
    pub fn receiving_queue(&self, memory: &dyn Dma, now: Moment) -> Option<usize> {
        let has_come = match self {
            Device::Console => memory.has_input(now),
            Device::Network(network) => network.next_event() <= now.time,
            Device::Block(_) | Device::Random(_) => false,
        };
        has_come.then_some(console::RECEIVE)
    }

    /// `length` bytes of its configuration; all ones beyond it.
    pub fn read_configuration(&self, offset: u64, length: usize) -> u64 {
        let block;
        let configuration: &[u8] = match self {
            Device::Block(device) => {
                block = device.configuration();
                &block
            }
            Device::Console => &console::CONFIGURATION,
            Device::Random(_) => &[],
            Device::Network(_) => &network::CONFIGURATION,
        };
        let found = usize::try_from(offset).ok().and_then(|offset| configuration.get(offset..)?.get(..length));
        found.map_or(u64::MAX >> (64 - 8 * length), |bytes| {
            bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
        })
    }

    pub fn write_configuration(&mut self, offset: u64, value: u64, length: usize) {
        if let Device::Block(block) = self {
            block.write_configuration(offset, value, length);
        }
    }

    pub fn disk(&self) -> Option<&Disk> {
        if let Device::Block(block) = self { Some(&block.disk) } else { None }
    }

    pub fn disk_mut(&mut self) -> Option<&mut Disk> {
        if let Device::Block(block) = self { Some(&mut block.disk) } else { None }
    }

    pub fn network(&self) -> Option<&Network> {
        if let Device::Network(network) = self { Some(network) } else { None }
    }

    pub fn network_mut(&mut self) -> Option<&mut Network> {
        if let Device::Network(network) = self { Some(network) } else { None }
    }

    pub fn reset(&mut self) {
        match self {
            Device::Block(block) => block.reset(),
            Device::Network(network) => network.reset(),
            Device::Console | Device::Random(_) => {}
        }
    }

    pub fn state(&self) -> DeviceState {
        match self {
            Device::Block(block) => DeviceState::Block(block.state()),
            Device::Console => DeviceState::Console,
            Device::Random(random) => DeviceState::Random(*random),
            Device::Network(network) => DeviceState::Network(network.state()),
        }
    }

    pub fn restore(&mut self, state: &DeviceState) {
        match (self, state) {
            (Device::Block(block), DeviceState::Block(state)) => block.restore(state),
            (Device::Random(random), DeviceState::Random(state)) => *random = *state,
            (Device::Network(network), DeviceState::Network(state)) => network.restore(state),
            // A slot's device stays the same.
            _ => {}
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
        features: u64,
        now: Moment,
    ) -> Result<u32, Broken> {
        let events = features & super::EVENT_INDEX != 0;
        match self {
            Device::Block(block) => block.serve(queue, memory, events),
            Device::Console => console::serve(number, queue, memory, events, now),
            Device::Random(random) => random.serve(queue, memory, events),
            Device::Network(network) => {
                let header = if features & VERSION_1 != 0 { 12 } else { 10 };
                network.serve(number, queue, memory, (events, header), now)
            }
        }
    }
}
