//! Goldfish's real-time clock: nanoseconds since 1970, and an alarm. It does not read the host's clock, so every run is the same.
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
/// Nanoseconds for each instruction: 100 million instructions are a second, as for the `time` CSR.
const INSTRUCTION: u64 = 10;
const LOW: u64 = 0xffff_ffff;

/// Whether a write to `offset` updates the interrupt line. An alarm that is due at once does.
pub fn writing_tells_interrupt(offset: u64) -> bool {
    matches!(offset, INTERRUPT_ENABLED | CLEAR_INTERRUPT | ALARM_LOW)
}

#[derive(Clone, Debug)]
pub struct Clock {
    /// The offset to the elapsed time.
    offset: u64,
    /// The upper half of the last value that was read.
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

    /// `now`, here and below, is the elapsed time in instructions.
    fn time(&self, now: u64) -> u64 {
        now.wrapping_mul(INSTRUCTION).wrapping_add(self.offset)
    }

    /// Whether its interrupt line is high.
    pub fn level(&self) -> bool {
        self.pending && self.enabled
    }

    /// The time of the alarm, in instructions.
    pub fn next_event(&self) -> u64 {
        if self.alarm_is_set { self.alarm.saturating_sub(self.offset).div_ceil(INSTRUCTION) } else { u64::MAX }
    }

    /// Triggers the alarm if it is due. Returns whether it was.
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
