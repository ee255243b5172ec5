//! The real-time clock, Goldfish's: nanoseconds since 1970, and an alarm. It does not ask the host for the time: a run is the same at any hour.
//!
//! Source: QEMU, hw/rtc/goldfish_rtc.c, and Android's "Goldfish virtual hardware" page, section "Goldfish timer".

const TIME_LOW: u64 = 0x00;
const TIME_HIGH: u64 = 0x04;
const ALARM_LOW: u64 = 0x08;
const ALARM_HIGH: u64 = 0x0c;
const INTERRUPT_ENABLED: u64 = 0x10;
const CLEAR_ALARM: u64 = 0x14;
const ALARM_STATUS: u64 = 0x18;
const CLEAR_INTERRUPT: u64 = 0x1c;

/// The machine begins at 2025-01-01 00:00:00 UTC, in nanoseconds.
pub const BEGINNING: u64 = 1_735_689_600_000_000_000;
/// In nanoseconds: 100 million instructions are a second, as for the `time` CSR.
const INSTRUCTION: u64 = 10;
const LOW: u64 = 0xffff_ffff;

/// Whether to write the word at `offset` says anew how the interrupt's line is; an alarm that is due at once does.
pub fn writing_tells_interrupt(offset: u64) -> bool {
    matches!(offset, INTERRUPT_ENABLED | CLEAR_INTERRUPT | ALARM_LOW)
}

#[derive(Clone, Debug)]
pub struct Clock {
    /// What is added to the time that passed.
    offset: u64,
    /// The upper half of what was read last.
    high: u32,
    alarm: u64,
    alarm_is_set: bool,
    pending: bool,
    enabled: bool,
}

impl Clock {
    pub fn new() -> Clock {
        Clock { offset: BEGINNING, high: 0, alarm: 0, alarm_is_set: false, pending: false, enabled: false }
    }

    /// `now`, here and below, is the time that passed since the beginning, in instructions.
    fn time(&self, now: u64) -> u64 {
        now.wrapping_mul(INSTRUCTION).wrapping_add(self.offset)
    }

    /// Whether its interrupt's line is up.
    pub fn level(&self) -> bool {
        self.pending && self.enabled
    }

    /// When the alarm goes off, in instructions.
    pub fn next_event(&self) -> u64 {
        if self.alarm_is_set { self.alarm.saturating_sub(self.offset).div_ceil(INSTRUCTION) } else { u64::MAX }
    }

    /// Lets the alarm go off, where it is time; `true` where it did.
    pub fn advance(&mut self, now: u64) -> bool {
        let due = self.alarm_is_set && self.alarm <= self.time(now);
        if due {
            self.alarm_is_set = false;
            self.pending = true;
        }
        due
    }

    pub fn read(&mut self, offset: u64, now: u64) -> u32 {
        match offset {
            TIME_LOW => {
                let time = self.time(now);
                self.high = (time >> 32) as u32;
                time as u32
            }
            TIME_HIGH => self.high,
            ALARM_LOW => self.alarm as u32,
            ALARM_HIGH => (self.alarm >> 32) as u32,
            INTERRUPT_ENABLED => self.enabled.into(),
            ALARM_STATUS => self.alarm_is_set.into(),
            _ => 0,
        }
    }

    pub fn write(&mut self, offset: u64, value: u32, now: u64) {
        let value = u64::from(value);
        let time = self.time(now);
        match offset {
            TIME_LOW => self.set_time(time, time & !LOW | value),
            TIME_HIGH => self.set_time(time, time & LOW | value << 32),
            ALARM_LOW => {
                self.alarm = self.alarm & !LOW | value;
                self.alarm_is_set = true;
                self.advance(now);
            }
            ALARM_HIGH => self.alarm = self.alarm & LOW | value << 32,
            INTERRUPT_ENABLED => self.enabled = value & 1 != 0,
            CLEAR_ALARM => self.alarm_is_set = false,
            CLEAR_INTERRUPT => self.pending = false,
            _ => {}
        }
    }

    fn set_time(&mut self, old: u64, new: u64) {
        self.offset = self.offset.wrapping_add(new.wrapping_sub(old));
    }
}
