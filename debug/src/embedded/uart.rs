//! The 16550 UART: what a kernel prints, and what is typed to it. It does not know where it is mapped.
//!
//! Its output leaves at once and its interrupts lead nowhere, as the board has no interrupt controller.

use super::console::Console;

const RECEIVE_TRANSMIT: u64 = 0;
const INTERRUPT_ENABLE: u64 = 1;
const INTERRUPT_IDENTITY: u64 = 2;
const LINE_CONTROL: u64 = 3;
const MODEM_CONTROL: u64 = 4;
const LINE_STATUS: u64 = 5;
const MODEM_STATUS: u64 = 6;

const DIVISOR_LATCH: u8 = 0x80;
const DATA_READY: u8 = 0x01;
/// Both the holding register and the shift register are empty, always.
const TRANSMITTER_EMPTY: u8 = 0x60;
const NO_INTERRUPT: u8 = 0x01;
const FIFOS_ENABLED: u8 = 0xc0;
/// Carrier, data set ready and clear to send, as QEMU's UART has them with nobody at the other end.
const MODEM_LINES: u8 = 0xb0;

/// The registers that hold what was written to them.
#[derive(Clone, Debug, Default)]
pub struct Registers {
    divisor: [u8; 2],
    interrupt_enable: u8,
    fifo_enabled: bool,
    line_control: u8,
    modem_control: u8,
    scratch: u8,
}

#[derive(Default)]
pub struct Uart {
    pub registers: Registers,
    pub console: Console,
}

impl Uart {
    /// The value of register `number`, 0 to 7, after `now` instructions.
    pub fn read(&mut self, number: u64, now: u64) -> u8 {
        let registers = &self.registers;
        let latch = registers.line_control & DIVISOR_LATCH != 0;
        match number {
            RECEIVE_TRANSMIT if latch => registers.divisor[0],
            INTERRUPT_ENABLE if latch => registers.divisor[1],
            RECEIVE_TRANSMIT => self.console.take_input(now).unwrap_or(0),
            INTERRUPT_ENABLE => registers.interrupt_enable,
            INTERRUPT_IDENTITY => NO_INTERRUPT | if registers.fifo_enabled { FIFOS_ENABLED } else { 0 },
            LINE_CONTROL => registers.line_control,
            MODEM_CONTROL => registers.modem_control,
            LINE_STATUS => TRANSMITTER_EMPTY | if self.console.has_input(now) { DATA_READY } else { 0 },
            MODEM_STATUS => MODEM_LINES,
            _ => registers.scratch,
        }
    }

    pub fn write(&mut self, number: u64, value: u8) {
        let registers = &mut self.registers;
        let latch = registers.line_control & DIVISOR_LATCH != 0;
        match number {
            RECEIVE_TRANSMIT if latch => registers.divisor[0] = value,
            INTERRUPT_ENABLE if latch => registers.divisor[1] = value,
            RECEIVE_TRANSMIT => self.console.print(value),
            INTERRUPT_ENABLE => registers.interrupt_enable = value & 0x0f,
            INTERRUPT_IDENTITY => registers.fifo_enabled = value & 1 != 0,
            LINE_CONTROL => registers.line_control = value,
            MODEM_CONTROL => registers.modem_control = value & 0x1f,
            LINE_STATUS | MODEM_STATUS => {}
            _ => registers.scratch = value,
        }
    }
}
