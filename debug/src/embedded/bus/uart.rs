//! The 16550 UART: the kernel's output and input. It does not know its address.
//!
//! It follows QEMU's, whose output leaves at once too. Source: "PC16550D Universal Asynchronous Receiver/Transmitter with FIFOs", section 8.

use crate::embedded::bus::console::Console;

const RECEIVE_TRANSMIT: u64 = 0;
const INTERRUPT_ENABLE: u64 = 1;
const INTERRUPT_IDENTITY: u64 = 2;
const LINE_CONTROL: u64 = 3;
const MODEM_CONTROL: u64 = 4;
const LINE_STATUS: u64 = 5;
const MODEM_STATUS: u64 = 6;

const DIVISOR_LATCH: u8 = 0x80;

/// Interrupt enable: of received data, an empty transmitter, the line's errors.
const RECEIVED: u8 = 0x01;
const TRANSMITTED: u8 = 0x02;
const LINE: u8 = 0x04;

/// Values of IIR, in order of priority.
const LINE_PENDING: u8 = 0x06;
const RECEIVED_PENDING: u8 = 0x04;
/// Fewer bytes than the trigger level were received, and no more followed. Here no time has to pass for this.
const TIMEOUT_PENDING: u8 = 0x0c;
const TRANSMITTED_PENDING: u8 = 0x02;
const NONE_PENDING: u8 = 0x01;
const FIFOS_ENABLED: u8 = 0xc0;

/// FCR: FIFOs on, clear the receiver's, clear the transmitter's; and the bits that are kept.
const FIFO: u8 = 0x01;
const EMPTY_RECEIVER: u8 = 0x02;
const EMPTY_TRANSMITTER: u8 = 0x04;
const FIFO_HELD: u8 = 0xc9;
const FIFO_SIZE: usize = 16;

/// MCR: the output OUT2, which is on after a reset.
const SECOND_OUTPUT: u8 = 0x08;
/// MCR: loopback, the transmitter's output goes to the receiver.
const LOOPBACK: u8 = 0x10;

const DATA_READY: u8 = 0x01;
const OVERRUN: u8 = 0x02;
/// Both the holding register and the shift register are empty, always.
const TRANSMITTER_EMPTY: u8 = 0x60;
/// Carrier, data set ready and clear to send, as QEMU's UART has them with nobody at the other end.
const MODEM_LINES: u8 = 0xb0;

/// What was written to it, but for what was printed.
#[derive(Clone, Debug)]
pub struct Registers {
    divisor: [u8; 2],
    interrupt_enable: u8,
    fifo_control: u8,
    line_control: u8,
    modem_control: u8,
    scratch: u8,
    /// Bytes that were sent in loopback and not received yet.
    looped: Vec<u8>,
    /// Without FIFOs, the last received byte, which can be read again.
    received: u8,
    overrun: bool,
    /// A THRE interrupt is pending: the transmitter became empty.
    transmitted: bool,
}

impl Default for Registers {
    /// The registers as OpenSBI leaves them: FIFOs on, 8 bits, 115200 baud at 3.6864 MHz, and output sent.
    fn default() -> Registers {
        Registers {
            divisor: [2, 0],
            interrupt_enable: 0,
            fifo_control: FIFO,
            line_control: 3,
            modem_control: 0,
            scratch: 0,
            looped: Vec::new(),
            received: 0,
            overrun: false,
            transmitted: true,
        }
    }
}

impl Registers {
    /// As they are before any software has seen them; what QEMU's hold then.
    pub fn reset() -> Registers {
        let (divisor, modem_control) = ([12, 0], SECOND_OUTPUT);
        Registers {
            divisor,
            fifo_control: 0,
            line_control: 0,
            modem_control,
            transmitted: false,
            ..Registers::default()
        }
    }

    fn has(&self, bits: u8) -> bool {
        self.fifo_control & bits != 0
    }

    fn loops(&self) -> bool {
        self.modem_control & LOOPBACK != 0
    }

    fn control_fifos(&mut self, value: u8) {
        let switched = (value ^ self.fifo_control) & FIFO != 0;
        if switched || value & EMPTY_RECEIVER != 0 {
            self.looped.clear();
        }
        if switched || value & EMPTY_TRANSMITTER != 0 {
            self.transmitted = true;
        }
        self.fifo_control = value & FIFO_HELD;
    }

    fn enable_interrupts(&mut self, value: u8) {
        if (value ^ self.interrupt_enable) & TRANSMITTED != 0 {
            self.transmitted = value & TRANSMITTED != 0;
        }
        self.interrupt_enable = value & 0x0f;
    }

    /// Receives a byte, if there is room. Without FIFOs the newest byte is kept, with FIFOs the oldest are.
    fn send_to_itself(&mut self, byte: u8) {
        let room = if self.has(FIFO) { FIFO_SIZE } else { 1 };
        if self.looped.len() < room {
            self.looped.push(byte);
        } else {
            self.overrun = true;
            if !self.has(FIFO) {
                self.looped[0] = byte;
            }
        }
        if !self.has(FIFO) {
            self.received = byte;
        }
    }

    /// The trigger level: how many received bytes raise an interrupt.
    fn trigger(&self) -> usize {
        match self.fifo_control >> 6 {
            _ if !self.has(FIFO) => 1,
            0 => 1,
            1 => 4,
            2 => 8,
            _ => 14,
        }
    }
}

/// Whether to write register `number` says anew how the interrupt's line is.
pub fn writing_tells_interrupt(number: u64) -> bool {
    matches!(number, RECEIVE_TRANSMIT | INTERRUPT_ENABLE | INTERRUPT_IDENTITY)
}

#[derive(Default)]
pub struct Uart {
    pub registers: Registers,
    pub console: Console,
}

impl Uart {
    /// Which of its interrupts are enabled.
    pub fn interrupt_enable(&self) -> u8 {
        self.registers.interrupt_enable
    }

    /// Reads register `number`, 0 to 7, after `now` instructions.
    pub fn read(&mut self, number: u64, now: u64) -> u8 {
        let latch = self.registers.line_control & DIVISOR_LATCH != 0;
        match number {
            RECEIVE_TRANSMIT if latch => self.registers.divisor[0],
            INTERRUPT_ENABLE if latch => self.registers.divisor[1],
            RECEIVE_TRANSMIT => self.receive(now),
            INTERRUPT_ENABLE => self.registers.interrupt_enable,
            INTERRUPT_IDENTITY => self.identify(now),
            LINE_CONTROL => self.registers.line_control,
            MODEM_CONTROL => self.registers.modem_control,
            LINE_STATUS => {
                let errors = if std::mem::take(&mut self.registers.overrun) { OVERRUN } else { 0 };
                TRANSMITTER_EMPTY | errors | if self.has_data(now) { DATA_READY } else { 0 }
            }
            MODEM_STATUS if self.registers.loops() => {
                // In loopback the modem outputs are the inputs: RTS becomes CTS, DTR becomes DSR, and so on.
                let control = self.registers.modem_control;
                (control & 0x0c) << 4 | (control & 0x02) << 3 | (control & 0x01) << 5
            }
            MODEM_STATUS => MODEM_LINES,
            _ => self.registers.scratch,
        }
    }

    pub fn write(&mut self, number: u64, value: u8) {
        let registers = &mut self.registers;
        let latch = registers.line_control & DIVISOR_LATCH != 0;
        match number {
            RECEIVE_TRANSMIT if latch => registers.divisor[0] = value,
            INTERRUPT_ENABLE if latch => registers.divisor[1] = value,
            RECEIVE_TRANSMIT => {
                registers.transmitted = true;
                if registers.loops() { registers.send_to_itself(value) } else { self.console.print(value) }
            }
            INTERRUPT_ENABLE => registers.enable_interrupts(value),
            INTERRUPT_IDENTITY => registers.control_fifos(value),
            LINE_CONTROL => registers.line_control = value,
            MODEM_CONTROL => registers.modem_control = value & 0x1f,
            LINE_STATUS | MODEM_STATUS => {}
            _ => registers.scratch = value,
        }
    }

    /// Whether reading register `number` asks for input, and there is none.
    pub fn is_asked_in_vain(&self, number: u64, now: u64) -> bool {
        let latch = self.registers.line_control & DIVISOR_LATCH != 0;
        let asks = number == LINE_STATUS || number == RECEIVE_TRANSMIT && !latch;
        asks && !self.has_data(now)
    }

    /// Whether to read register `number` says anew how the interrupt's line is.
    pub fn reading_tells_interrupt(&self, number: u64, now: u64) -> bool {
        match number {
            RECEIVE_TRANSMIT => self.registers.line_control & DIVISOR_LATCH == 0,
            INTERRUPT_IDENTITY => self.pending(now) == TRANSMITTED_PENDING,
            LINE_STATUS => self.registers.overrun,
            _ => false,
        }
    }

    /// Whether the line of its interrupt is up.
    pub fn interrupts(&self, now: u64) -> bool {
        self.pending(now) != NONE_PENDING
    }

    /// In loopback no byte comes from outside.
    fn has_data(&self, now: u64) -> bool {
        !self.registers.looped.is_empty() || (!self.registers.loops() && self.console.has_input(now))
    }

    fn receive(&mut self, now: u64) -> u8 {
        let registers = &mut self.registers;
        let byte = if !registers.looped.is_empty() {
            Some(registers.looped.remove(0))
        } else if registers.loops() {
            None
        } else {
            self.console.take_input(now)
        };
        if registers.has(FIFO) {
            return byte.unwrap_or(0);
        }
        registers.received = byte.unwrap_or(registers.received);
        registers.received
    }

    /// What is pending, of what is enabled.
    fn pending(&self, now: u64) -> u8 {
        let enabled = |bit| self.registers.interrupt_enable & bit != 0;
        if enabled(LINE) && self.registers.overrun {
            LINE_PENDING
        } else if enabled(RECEIVED) && self.has_data(now) {
            let outside = if self.registers.loops() { 0 } else { self.console.waiting(now) };
            let triggered = self.registers.trigger() <= self.registers.looped.len().max(outside);
            if triggered { RECEIVED_PENDING } else { TIMEOUT_PENDING }
        } else if enabled(TRANSMITTED) && self.registers.transmitted {
            TRANSMITTED_PENDING
        } else {
            NONE_PENDING
        }
    }

    /// The value of IIR. Reading IIR clears a pending THRE interrupt.
    fn identify(&mut self, now: u64) -> u8 {
        let pending = self.pending(now);
        self.registers.transmitted &= pending != TRANSMITTED_PENDING;
        pending | if self.registers.has(FIFO) { FIFOS_ENABLED } else { 0 }
    }
}
