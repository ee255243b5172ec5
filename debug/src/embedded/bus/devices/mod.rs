//! The board's devices and their interrupt lines. It knows neither the hart nor how time passes.

pub mod clint;
pub mod clock;
mod plic;

use crate::embedded::bus::dma::Moment;
use crate::embedded::bus::uart::{self, Uart};
use crate::embedded::bus::virtio::disk::{Disk, Trouble};
use crate::embedded::bus::virtio::network::Network;
use crate::embedded::bus::virtio::{Device, Slot, SlotState};
use crate::riscv::board::{CLOCK_INTERRUPT, UART_INTERRUPT, VIRTIO_INTERRUPT, VIRTIO_SLOTS};
use clint::Clint;
use clock::Clock;
use plic::Plic;

pub struct Devices {
    pub uart: Uart,
    plic: Plic,
    pub clint: Clint,
    clock: Clock,
    /// How many typed bytes the UART has announced.
    told: usize,
    pub(in crate::embedded::bus) slots: [Slot; VIRTIO_SLOTS],
    /// Semihosting calls are answered.
    pub semihosting: bool,
    /// Why the machine cannot continue.
    pub trouble: Option<Trouble>,
    outlook: Outlook,
}

/// What the hart needs between instructions. It is cached, so that reading it is cheap.
#[derive(Clone, Copy, Debug)]
struct Outlook {
    /// The harts for whose S-mode an external interrupt is pending: a bit for each.
    interrupts: u32,
    /// Those for whose M-mode one is.
    interrupts_machine: u32,
    /// The time of the next device event, in [`Moment::time`].
    time: u64,
    /// When typed input arrives that no device has announced, in [`Moment::icount`].
    input: u64,
}

/// The state of all devices, except what was printed and typed.
#[derive(Clone)]
pub struct State {
    uart: uart::Registers,
    plic: Plic,
    clint: Clint,
    clock: Clock,
    told: usize,
    slots: [SlotState; VIRTIO_SLOTS],
}

impl Devices {
    pub fn new(slots: [Slot; VIRTIO_SLOTS], harts: usize) -> Devices {
        Devices {
            uart: Uart::default(),
            plic: Plic::handed_over(harts),
            clint: Clint::new(harts),
            clock: Clock::new(),
            told: 0,
            slots,
            semihosting: false,
            trouble: None,
            outlook: Outlook { interrupts: 0, interrupts_machine: 0, time: u64::MAX, input: u64::MAX },
        }
    }

    /// As they are after a reset, which no firmware in the host has seen.
    pub fn reset(mut self, harts: usize) -> Devices {
        self.uart.registers = uart::Registers::reset();
        Devices { plic: Plic::new(harts), ..self }
    }

    pub fn state(&self) -> State {
        State {
            uart: self.uart.registers.clone(),
            plic: self.plic.clone(),
            clint: self.clint.clone(),
            clock: self.clock.clone(),
            told: self.told,
            slots: self.slots.each_ref().map(Slot::state),
        }
    }

    /// Goes to another moment of the recorded history. The console's position has to be set before.
    pub fn restore(&mut self, state: &State) {
        self.uart.registers = state.uart.clone();
        self.plic = state.plic.clone();
        self.clint = state.clint.clone();
        self.clock = state.clock.clone();
        self.told = state.told;
        for (slot, state) in self.slots.iter_mut().zip(&state.slots) {
            slot.restore(state);
        }
        self.trouble = None;
        self.look_ahead();
    }

    /// Whether an external interrupt is pending in this hart's S-mode.
    #[inline(always)]
    pub fn interrupts(&self, hart: usize) -> bool {
        self.outlook.interrupts >> hart & 1 != 0
    }

    /// Whether one is pending in its M-mode.
    pub fn interrupts_machine(&self, hart: usize) -> bool {
        self.outlook.interrupts_machine >> hart & 1 != 0
    }

    /// The time of the next device event, in [`Moment::time`].
    #[inline(always)]
    pub fn next_event(&self) -> u64 {
        self.outlook.time
    }

    /// When typed input will raise an interrupt, in [`Moment::icount`].
    #[inline(always)]
    pub fn next_input(&self) -> u64 {
        self.outlook.input
    }

    /// Handles the events that are due.
    pub fn advance(&mut self, now: Moment) {
        if self.clock.advance(now.time) {
            self.plic.tell(CLOCK_INTERRUPT, self.clock.level());
        }
        let arrived = self.uart.console.arrived(now.icount);
        if arrived > self.told {
            self.told = arrived;
            self.update_uart(now);
        }
        self.look_ahead();
    }

    /// Takes a typed byte, for the firmware.
    pub fn take_input(&mut self, now: Moment) -> Option<u8> {
        let byte = self.uart.console.take_input(now.icount);
        self.update_uart(now);
        self.look_ahead();
        byte
    }

    fn update_uart(&mut self, now: Moment) {
        let level = self.uart.interrupts(now.icount);
        self.plic.tell(UART_INTERRUPT, level);
    }

    fn look_ahead(&mut self) {
        self.outlook = Outlook {
            interrupts: self.plic.interrupts_supervisor(),
            interrupts_machine: self.plic.interrupts_machine(),
            time: self.slots.iter().map(Slot::next_event).fold(self.clock.next_event(), u64::min),
            input: self.uart.console.arrival(self.told).unwrap_or(u64::MAX),
        };
    }

    /// The UART's register `number`.
    pub fn read_uart(&mut self, number: u64, now: Moment) -> u8 {
        let tells = self.uart.reading_tells_interrupt(number, now.icount);
        let value = self.uart.read(number, now.icount);
        if tells {
            self.update_uart(now);
            self.look_ahead();
        }
        value
    }

    pub fn write_uart(&mut self, number: u64, value: u8, now: Moment) {
        self.uart.write(number, value);
        if uart::writing_tells_interrupt(number) {
            self.update_uart(now);
        }
        self.look_ahead();
    }

    pub fn read_plic(&mut self, offset: u64) -> u32 {
        let value = self.plic.read(offset);
        self.look_ahead();
        value
    }

    /// The same, and nothing is claimed.
    pub fn peek_plic(&self, offset: u64) -> u32 {
        self.plic.clone().read(offset)
    }

    pub fn write_plic(&mut self, offset: u64, value: u32) {
        self.plic.write(offset, value);
        self.look_ahead();
    }

    pub fn read_clock(&mut self, offset: u64, now: Moment) -> u32 {
        self.clock.read(offset, now.time)
    }

    pub fn write_clock(&mut self, offset: u64, value: u32, now: Moment) {
        self.clock.write(offset, value, now.time);
        if clock::writing_tells_interrupt(offset) {
            self.plic.tell(CLOCK_INTERRUPT, self.clock.level());
        }
        self.look_ahead();
    }

    /// Reads `length` bytes of a virtio slot's registers.
    pub fn read_virtio(&self, slot: usize, offset: u64, length: usize) -> u64 {
        self.slots[slot].read(offset, length)
    }

    /// Whether a virtio slot has no device.
    pub fn is_empty(&self, slot: usize) -> bool {
        self.slots[slot].device().is_none()
    }

    /// Updates the interrupt line of a slot.
    pub fn tell_of_slot(&mut self, number: usize) {
        self.plic.tell(VIRTIO_INTERRUPT + number as u32, self.slots[number].level());
        self.look_ahead();
    }

    /// The drives, in the order of their slots.
    pub fn disks(&self) -> impl Iterator<Item = &Disk> {
        self.slots.iter().filter_map(Slot::device).filter_map(Device::disk)
    }

    pub fn networks(&self) -> impl Iterator<Item = &Network> {
        self.slots.iter().filter_map(Slot::device).filter_map(Device::network)
    }

    /// Forgets everything after the present.
    pub fn forget_future(&mut self, now: Moment) {
        self.uart.console.forget_future(now.icount);
        self.slots
            .iter_mut()
            .filter_map(Slot::device_mut)
            .filter_map(Device::network_mut)
            .for_each(Network::forget_future);
    }

    pub fn disks_mut(&mut self) -> impl Iterator<Item = &mut Disk> {
        self.slots.iter_mut().filter_map(Slot::device_mut).filter_map(Device::disk_mut)
    }
}
