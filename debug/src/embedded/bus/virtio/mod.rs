//! The board's slots for virtio devices: the registers that all devices share. It knows neither what a device does nor its address.
//!
//! Source: "Virtual I/O Device (VIRTIO) Version 1.2", section "Virtio Over MMIO" with its "Legacy interface"; for what that leaves
//! open, and for empty slots, QEMU, hw/virtio/virtio-mmio.c.

pub mod block;
mod console;
mod device;
pub mod disk;
pub mod network;
pub mod pcap;
mod queue;
pub mod random;

use crate::embedded::bus::dma::{Dma, Moment};
pub use device::Device;
use device::DeviceState;
use queue::{LARGEST, Queue};

const MAGIC: u64 = 0x000;
const VERSION: u64 = 0x004;
const DEVICE: u64 = 0x008;
const VENDOR: u64 = 0x00c;
const DEVICE_FEATURES: u64 = 0x010;
const DEVICE_FEATURES_SELECT: u64 = 0x014;
const DRIVER_FEATURES: u64 = 0x020;
const DRIVER_FEATURES_SELECT: u64 = 0x024;
const PAGE_SIZE: u64 = 0x028;
const QUEUE_SELECT: u64 = 0x030;
const QUEUE_LARGEST: u64 = 0x034;
const QUEUE_SIZE: u64 = 0x038;
const QUEUE_ALIGNMENT: u64 = 0x03c;
const QUEUE_PAGE: u64 = 0x040;
const QUEUE_READY: u64 = 0x044;
const QUEUE_NOTIFY: u64 = 0x050;
const INTERRUPT_STATUS: u64 = 0x060;
const INTERRUPT_ACKNOWLEDGE: u64 = 0x064;
const STATUS: u64 = 0x070;
/// Where a queue's parts are: low halves, and high ones 4 bytes after them.
const QUEUE_DESCRIPTORS: u64 = 0x080;
const QUEUE_DESCRIPTORS_HIGH: u64 = 0x084;
const QUEUE_AVAILABLE: u64 = 0x090;
const QUEUE_AVAILABLE_HIGH: u64 = 0x094;
const QUEUE_USED: u64 = 0x0a0;
const QUEUE_USED_HIGH: u64 = 0x0a4;
/// Shared memory, of which there is none: its length and its place are all ones.
const SHARED: std::ops::RangeInclusive<u64> = 0x0b0..=0x0bc;
const CONFIGURATION: u64 = 0x100;

/// "virt", little-endian.
const IS_VIRTIO: u32 = 0x7472_6976;
/// "QEMU", little-endian.
const IS_QEMU: u32 = 0x554d_4551;

/// Bits of the status.
const FEATURES_OK: u8 = 8;
const NEEDS_RESET: u8 = 64;
/// Bits of the interrupt's status: buffers were used; the configuration changed, to which QEMU adds the other.
const USED_BUFFERS: u32 = 1;
const CONFIGURATION_CHANGED: u32 = 3;

/// Features that all devices have.
const INDIRECT_DESCRIPTORS: u64 = 1 << 28;
const EVENT_INDEX: u64 = 1 << 29;
/// Of the specification from 1.0 on.
const VERSION_1: u64 = 1 << 32;
/// A legacy driver may divide a request into buffers as it likes.
const ANY_LAYOUT: u64 = 1 << 27;

/// One slot, with a device or without.
#[derive(Default)]
pub struct Slot {
    device: Option<Device>,
    /// The registers of the specification from 1.0 on, and not those before it, which QEMU has unless it is told otherwise.
    modern: bool,
    registers: Registers,
}

/// What the driver wrote, and what the device did.
#[derive(Clone, Default)]
struct Registers {
    status: u8,
    device_features_select: u32,
    driver_features_select: u32,
    /// Written, and accepted.
    driver_features: [u32; 2],
    features: u64,
    /// The logarithm of a page's size: by it a legacy queue's place is given.
    page_shift: u32,
    queue_select: u32,
    queues: Vec<Queue>,
    interrupt: u32,
    broken: bool,
    /// The queues that the driver notified, one bit each, and when they are looked at: [`Moment::time`].
    notified: u32,
    due: Option<u64>,
}

/// What a slot holds at one moment.
#[derive(Clone)]
pub struct SlotState {
    registers: Registers,
    device: Option<DeviceState>,
}

impl Slot {
    pub fn new(device: Option<Device>, modern: bool) -> Slot {
        let mut slot = Slot { device, modern, registers: Registers::default() };
        slot.reset();
        slot
    }

    pub fn state(&self) -> SlotState {
        SlotState { registers: self.registers.clone(), device: self.device.as_ref().map(Device::state) }
    }

    pub fn restore(&mut self, state: &SlotState) {
        self.registers = state.registers.clone();
        if let (Some(device), Some(state)) = (&mut self.device, &state.device) {
            device.restore(state);
        }
    }

    pub fn device(&self) -> Option<&Device> {
        self.device.as_ref()
    }

    pub fn device_mut(&mut self) -> Option<&mut Device> {
        self.device.as_mut()
    }

    /// Whether the line of its interrupt is up.
    pub fn level(&self) -> bool {
        self.registers.interrupt != 0
    }

    /// When it does something by itself, in [`Moment::time`].
    pub fn next_event(&self) -> u64 {
        let device = self.device.as_ref().filter(|_| !self.registers.broken).map_or(u64::MAX, Device::next_event);
        self.registers.due.unwrap_or(u64::MAX).min(device)
    }

    fn reset(&mut self) {
        let queues = self.device.as_ref().map_or(&[][..], Device::queues);
        let queues = queues.iter().map(|size| Queue::new(*size)).collect();
        // What selects and measures is the transport's, and stays.
        let Registers { device_features_select, driver_features_select, page_shift, .. } = self.registers;
        self.registers =
            Registers { queues, device_features_select, driver_features_select, page_shift, ..Registers::default() };
        if let Some(device) = &mut self.device {
            device.reset();
        }
    }

    fn offered(&self) -> u64 {
        let own = self.device.as_ref().map_or(0, Device::features) | INDIRECT_DESCRIPTORS | EVENT_INDEX;
        own | if self.modern { VERSION_1 } else { ANY_LAYOUT }
    }

    fn queue(&self) -> Option<&Queue> {
        self.registers.queues.get(self.registers.queue_select as usize)
    }

    /// `length` bytes of the registers, whose words are four bytes.
    pub fn read(&self, offset: u64, length: usize) -> u64 {
        if length == 8 {
            return self.read(offset, 4) | self.read(offset + 4, 4) << 32;
        }
        match &self.device {
            None => self.read_word(offset).into(),
            Some(device) if offset >= CONFIGURATION => device.read_configuration(offset - CONFIGURATION, length),
            Some(_) if length == 4 => self.read_word(offset).into(),
            Some(_) => 0,
        }
    }

    fn read_word(&self, offset: u64) -> u32 {
        let registers = &self.registers;
        match offset {
            MAGIC => IS_VIRTIO,
            VERSION => 1 + u32::from(self.modern),
            VENDOR => IS_QEMU,
            _ if self.device.is_none() => 0,
            DEVICE => self.device.as_ref().map_or(0, Device::number),
            DEVICE_FEATURES if registers.device_features_select == 0 => self.offered() as u32,
            DEVICE_FEATURES if self.modern => (self.offered() >> 32) as u32,
            QUEUE_LARGEST => self.queue().map_or(0, |queue| queue.most),
            QUEUE_PAGE if !self.modern => {
                self.queue().map_or(0, |queue| (queue.descriptors >> registers.page_shift) as u32)
            }
            QUEUE_READY if self.modern => self.queue().map_or(0, |queue| queue.ready.into()),
            INTERRUPT_STATUS => registers.interrupt,
            STATUS => registers.status.into(),
            _ if self.modern && SHARED.contains(&offset) => u32::MAX,
            _ => 0,
        }
    }

    /// Writes `length` bytes; what the device does for it is done at once, or noted for later.
    pub fn write(&mut self, offset: u64, value: u64, length: usize, memory: &mut dyn Dma, now: Moment) {
        if length == 8 {
            self.write(offset, value & 0xffff_ffff, 4, memory, now);
            self.write(offset + 4, value >> 32, 4, memory, now);
            return;
        }
        let Some(device) = &mut self.device else { return };
        if offset >= CONFIGURATION {
            device.write_configuration(offset - CONFIGURATION, value, length);
        } else if length == 4 && offset == QUEUE_NOTIFY {
            self.notify(value as u32, memory, now);
        } else if length == 4 {
            self.write_word(offset, value as u32);
        }
    }

    fn write_word(&mut self, offset: u64, value: u32) {
        let modern = self.modern;
        let registers = &mut self.registers;
        match offset {
            DEVICE_FEATURES_SELECT => registers.device_features_select = value.min(1),
            DRIVER_FEATURES_SELECT => registers.driver_features_select = value.min(1),
            DRIVER_FEATURES => {
                registers.driver_features[registers.driver_features_select as usize] = value;
                if !modern && registers.driver_features_select == 0 {
                    self.accept_features();
                }
            }
            PAGE_SIZE if !modern => registers.page_shift = if value == 0 { 0 } else { value.trailing_zeros() },
            QUEUE_SELECT if value < LARGEST => registers.queue_select = value,
            INTERRUPT_ACKNOWLEDGE => registers.interrupt &= !value,
            STATUS => self.write_status(value as u8),
            _ => self.write_queue(offset, value),
        }
    }

    fn write_queue(&mut self, offset: u64, value: u32) {
        let (modern, page_shift) = (self.modern, self.registers.page_shift);
        if !modern && offset == QUEUE_PAGE && value == 0 {
            return self.reset();
        }
        let Some(queue) = self.registers.queues.get_mut(self.registers.queue_select as usize) else { return };
        match offset {
            QUEUE_SIZE if (1..=LARGEST).contains(&value) => {
                queue.size = value;
                if !modern {
                    queue.lay_out(queue.descriptors);
                }
            }
            QUEUE_ALIGNMENT if !modern && value.is_power_of_two() => {
                queue.alignment = value.into();
                queue.lay_out(queue.descriptors);
            }
            QUEUE_PAGE if !modern => queue.lay_out(u64::from(value) << page_shift),
            QUEUE_READY if modern => queue.ready = value & 1 != 0,
            _ if !modern => {}
            QUEUE_DESCRIPTORS => set_half(&mut queue.descriptors, 0, value),
            QUEUE_DESCRIPTORS_HIGH => set_half(&mut queue.descriptors, 32, value),
            QUEUE_AVAILABLE => set_half(&mut queue.available, 0, value),
            QUEUE_AVAILABLE_HIGH => set_half(&mut queue.available, 32, value),
            QUEUE_USED => set_half(&mut queue.used, 0, value),
            QUEUE_USED_HIGH => set_half(&mut queue.used, 32, value),
            _ => {}
        }
    }

    fn write_status(&mut self, value: u8) {
        if self.modern && value & FEATURES_OK != 0 {
            self.accept_features();
        }
        self.registers.status = value;
        if value == 0 {
            self.reset();
        }
    }

    /// Those that were not offered do not count.
    fn accept_features(&mut self) {
        let [low, high] = self.registers.driver_features.map(u64::from);
        self.registers.features = (low | high << 32) & self.offered();
    }

    fn notify(&mut self, queue: u32, memory: &mut dyn Dma, now: Moment) {
        let Some(device) = &self.device else { return };
        if queue as usize >= self.registers.queues.len() {
            return;
        }
        self.registers.notified |= 1 << queue;
        match device.latency() {
            0 => self.work(memory, now),
            latency => self.registers.due = self.registers.due.or(Some(now.time.saturating_add(latency))),
        }
    }

    /// Handles all events that are due; returns whether there were any.
    pub fn advance(&mut self, memory: &mut dyn Dma, now: Moment) -> bool {
        let is_due = self.registers.due.is_some_and(|due| due <= now.time);
        if is_due {
            self.work(memory, now);
        }
        let received = self.device.as_ref().and_then(|device| device.receiving_queue(memory, now));
        is_due | received.is_some_and(|queue| self.serve(queue, memory, now))
    }

    /// Looks at the queues that the driver notified.
    fn work(&mut self, memory: &mut dyn Dma, now: Moment) {
        self.registers.due = None;
        let notified = std::mem::take(&mut self.registers.notified);
        for number in (0..self.registers.queues.len()).filter(|number| notified >> number & 1 != 0) {
            self.serve(number, memory, now);
        }
    }

    /// Lets the device use what is available in one queue, and interrupts where the driver wants that; `true` where it does.
    fn serve(&mut self, number: usize, memory: &mut dyn Dma, now: Moment) -> bool {
        let Registers { features, broken, queues, interrupt, .. } = &mut self.registers;
        let (Some(device), Some(queue), false) = (&mut self.device, queues.get_mut(number), *broken) else {
            return false;
        };
        let wanted = match device.serve(number, queue, memory, *features, now) {
            Ok(0) => Ok(false),
            Ok(_) => queue.is_to_interrupt(memory, *features & EVENT_INDEX != 0),
            Err(broken) => Err(broken),
        };
        match wanted {
            Ok(true) => *interrupt |= USED_BUFFERS,
            Ok(false) => {}
            Err(queue::Broken) => self.break_down(),
        }
        wanted != Ok(false)
    }

    fn break_down(&mut self) {
        self.registers.broken = true;
        if self.registers.features & VERSION_1 != 0 {
            self.registers.status |= NEEDS_RESET;
            self.registers.interrupt |= CONFIGURATION_CHANGED;
        }
    }
}

fn set_half(address: &mut u64, shift: u32, value: u32) {
    *address = *address & !(0xffff_ffff << shift) | u64::from(value) << shift;
}
