//! The panic record: with no console, a panic's place and message are left in memory, where a debugger finds them.
//!
//! The symbol `panic_record` names 4096 bytes of .bss, all zero while nothing has panicked:
//!
//! | offset | bytes | content |
//! | ---    | ---   | --- |
//! | 0      | 8     | the characters `panicked`, stored first |
//! | 8      | 4     | line, little endian |
//! | 12     | 4     | column, little endian |
//! | 16     | 240   | file, UTF-8, ended by a zero byte, cut where it is longer |
//! | 256    | 3840  | message, likewise |

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

/// Bytes that end in a zero byte; what does not fit is cut.
struct Text<const SIZE: usize>([u8; SIZE]);

/// The part of a [`Text`] that is still free.
struct Rest<'a>(&'a mut [u8]);

// SAFETY: `panic` is touched once only, by whoever finds the magic missing and stores it.
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
    // A Display that panics while its message is written comes here again: the first panic is the one to know.
    if RECORD.magic.swap(MAGIC, Ordering::Relaxed) != MAGIC {
        // SAFETY: the magic lets one panic through, so this is the only reference.
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
        self.0.fill(0); // before the clear, memory holds anything
        // An error says that the text was cut, which is what is wanted.
        let _ = Rest(&mut self.0[..SIZE - 1]).write_fmt(text);
    }
}

impl Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Cut between characters, so that what remains is still UTF-8.
        let length = text.floor_char_boundary(self.0.len());
        let (now, later) = core::mem::take(&mut self.0).split_at_mut(length);
        now.copy_from_slice(&text.as_bytes()[..length]);
        self.0 = later;
        if length == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
