//! What is plugged into the machine's board, in words of the caller. It does not know how a device works.

use std::path::PathBuf;

use crate::embedded::bus;
use crate::embedded::bus::virtio::block::Block;
use crate::embedded::bus::virtio::disk::Disk;
use crate::embedded::bus::virtio::{self, Slot};
use crate::embedded::firmware::load::Error;
use crate::riscv::board::VIRTIO_SLOTS;

/// The virtio devices, in the order in which QEMU would be given them: the first takes the last slot that is free.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    /// The devices on the virtio bus.
    pub virtio: Vec<Device>,
    /// The registers of virtio 1.0 and later in place of those before it: QEMU's `-global virtio-mmio.force-legacy=false`.
    pub modern: bool,
}

/// A virtio device.
#[derive(Clone, Debug)]
pub enum Device {
    /// A disk: QEMU's `virtio-blk-device`.
    Block(Drive),
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
        }
    }

    fn name(&self) -> String {
        match self {
            Device::Block(drive) => format!("drive {}", drive.path.display()),
        }
    }

    fn open(&self, number: usize) -> Result<virtio::Device, Error> {
        match self {
            Device::Block(drive) => match Disk::open(number, &drive.path, drive.read_only) {
                Ok(disk) => Ok(virtio::Device::Block(Block::new(disk))),
                Err(cause) => Err(Error::Drive { path: drive.path.clone(), cause }),
            },
        }
    }
}

impl Devices {
    /// The board's devices, with these among them.
    pub(super) fn open(&self) -> Result<bus::devices::Devices, Error> {
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
        Ok(bus::devices::Devices::new(slots.map(|device| Slot::new(device, self.modern))))
    }
}
