//! What is plugged into the machine's board, in words of the caller. It does not know how a device works.

use std::path::PathBuf;
use std::{fs, io};

use crate::embedded::bus;
use crate::embedded::bus::virtio::block::Block;
use crate::embedded::bus::virtio::disk::Disk;
use crate::embedded::bus::virtio::random::Random;
use crate::embedded::bus::virtio::{self, Slot, network, pcap};
use crate::embedded::firmware::error::Error;
use crate::riscv::board::VIRTIO_SLOTS;

/// The virtio devices, in the order in which QEMU would be given them: the first takes the last slot that is free.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    /// The devices on the virtio bus.
    pub virtio: Vec<Device>,
    /// The registers of virtio 1.0 and later in place of those before it: QEMU's `-global virtio-mmio.force-legacy=false`.
    pub modern: bool,
    /// Semihosting calls are answered: QEMU's `-semihosting`.
    pub semihosting: bool,
}

/// A virtio device.
#[derive(Clone, Debug)]
pub enum Device {
    /// A disk: QEMU's `virtio-blk-device`.
    Block(Drive),
    /// A second way to the machine's console: QEMU's `virtio-serial-device` with a `virtconsole`.
    Console,
    /// Random numbers: QEMU's `virtio-rng-device`.
    Random {
        /// What they begin with: the same seed gives the same numbers.
        seed: u64,
    },
    /// A network card: QEMU's `virtio-net-device`.
    Network(Network),
}

/// A network of files: nothing leaves the machine. What the kernel sends is [`crate::Embedded::sent_packets`].
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// A pcap file of the packets that arrive: the first when the driver has made room for it, the others at their distance in time.
    pub receive: Option<PathBuf>,
}

/// A file as a disk.
#[derive(Clone, Debug)]
pub struct Drive {
    /// The file.
    pub path: PathBuf,
    /// The kernel cannot write to it.
    pub read_only: bool,
    /// The slot, 0 to 7, where it is not to be the last that is free.
    pub bus: Option<usize>,
}

impl Drive {
    /// This file, to be written to: what is written is the machine's alone until [`crate::Embedded::write_back`].
    pub fn new(path: impl Into<PathBuf>) -> Drive {
        Drive { path: path.into(), read_only: false, bus: None }
    }
}

impl Device {
    fn bus(&self) -> Option<usize> {
        match self {
            Device::Block(drive) => drive.bus,
            Device::Console | Device::Random { .. } | Device::Network(_) => None,
        }
    }

    fn name(&self) -> String {
        match self {
            Device::Block(drive) => format!("drive {}", drive.path.display()),
            Device::Console => "virtio console".into(),
            Device::Random { .. } => "source of random numbers".into(),
            Device::Network(_) => "network device".into(),
        }
    }

    fn open(&self, number: usize) -> Result<virtio::Device, Error> {
        Ok(match self {
            Device::Block(drive) => match Disk::open(number, &drive.path, drive.read_only) {
                Ok(disk) => virtio::Device::Block(Block::new(disk)),
                Err(cause) => return Err(Error::Drive { path: drive.path.clone(), cause }),
            },
            Device::Console => virtio::Device::Console,
            Device::Random { seed } => virtio::Device::Random(Random::new(*seed)),
            Device::Network(Network { receive: None }) => virtio::Device::Network(network::Network::new(Vec::new())),
            Device::Network(Network { receive: Some(path) }) => {
                let packets = fs::read(path).and_then(|bytes| pcap::parse(&bytes).map_err(io::Error::other));
                let packets = packets.map_err(|cause| Error::Packets { path: path.clone(), cause })?;
                virtio::Device::Network(network::Network::new(packets))
            }
        })
    }
}

impl Devices {
    /// The devices of a board with so many harts, with these among them.
    pub(super) fn open(&self, harts: usize) -> Result<bus::devices::Devices, Error> {
        let mut slots: [Option<virtio::Device>; VIRTIO_SLOTS] = Default::default();
        let mut drives = 0;
        for device in &self.virtio {
            drives += usize::from(matches!(device, Device::Block(_)));
            let no_slot = |why| Error::NoSlot { device: device.name(), why };
            let slot = match device.bus() {
                Some(bus) => slots.get_mut(bus).ok_or_else(|| no_slot("there is no such slot"))?,
                None => {
                    slots.iter_mut().rev().find(|slot| slot.is_none()).ok_or_else(|| no_slot("all slots are taken"))?
                }
            };
            if slot.is_some() {
                return Err(no_slot("its slot is taken"));
            }
            *slot = Some(device.open(drives)?);
        }
        let mut devices = bus::devices::Devices::new(slots.map(|device| Slot::new(device, self.modern)), harts);
        devices.semihosting = self.semihosting;
        Ok(devices)
    }
}
