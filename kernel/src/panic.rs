//! The panic record: there is no console, so a panic leaves its place and message in memory, where a debugger finds them.
//!
//! The symbol `panic_record` names 4096 bytes of .bss. They are zero until a panic happens:
//!
//! | offset | bytes | content |
//! | ---    | ---   | --- |
//! | 0      | 8     | the characters `panicked`, stored first |
//! | 8      | 4     | line, little endian |
//! | 12     | 4     | column, little endian |
//! | 16     | 240   | file, UTF-8, with a zero byte at its end; a longer name is cut |
//! | 256    | 3840  | message, in the same form |

use core::cell::UnsafeCell;
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU64, Ordering};

const MAGIC: u64 = u64::from_le_bytes(*b"panicked");

#[repr(C)]
struct Record {
    magic: AtomicU64,
    panic: UnsafeCell<Panic>,
}

#[repr(C)]
struct Panic {
    line: u32,
    column: u32,
    file: Text<240>,
    message: Text<3840>,
}

/// UTF-8 text with a zero byte at its end. A text that does not fit is cut.
struct Text<const SIZE: usize>([u8; SIZE]);

/// The part of a [`Text`] that is still free.
struct Rest<'a>(&'a mut [u8]);

// SAFETY: only the first panic uses `panic`: the one that finds no magic and stores it.
unsafe impl Sync for Record {}

#[unsafe(export_name = "panic_record")]
#[unsafe(link_section = ".bss.panic_record")]
#[used]
static RECORD: Record = Record {
    magic: AtomicU64::new(0),
    panic: UnsafeCell::new(Panic { line: 0, column: 0, file: Text([0; 240]), message: Text([0; 3840]) }),
};

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    // Writing the message can panic again (in a Display), which comes here a second time. The record keeps the first panic.
    if RECORD.magic.swap(MAGIC, Ordering::Relaxed) != MAGIC {
        // SAFETY: only one panic finds no magic, so this is the only reference.
        unsafe { &mut *RECORD.panic.get() }.record(info);
    }
    crate::idle()
}

impl Panic {
    fn record(&mut self, info: &PanicInfo) {
        if let Some(location) = info.location() {
            self.line = location.line();
            self.column = location.column();
            self.file.write(format_args!("{}", location.file()));
        }
        self.message.write(format_args!("{}", info.message()));
    }
}

impl<const SIZE: usize> Text<SIZE> {
    fn write(&mut self, text: fmt::Arguments) {
        self.0.fill(0); // a panic may come before the BSS clear, when memory may hold any value
        // An error only says that the text was cut. That is all right.
        let _ = Rest(&mut self.0[..SIZE - 1]).write_fmt(text);
    }
}

impl Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Cut between two characters, so that the rest is still UTF-8.
        let length = text.floor_char_boundary(self.0.len());
        let (now, later) = core::mem::take(&mut self.0).split_at_mut(length);
        now.copy_from_slice(&text.as_bytes()[..length]);
        self.0 = later;
        if length == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
