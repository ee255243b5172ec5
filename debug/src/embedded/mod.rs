//! A deterministic RV64GC machine in this process, with its whole history: QEMU's `virt` board as a kernel sees it.
//!
//! It does not know GDB, sockets, symbols or verdicts.

mod board;
mod bus;
mod conditions;
mod firmware;
mod hart;
mod history;
mod machine;
mod observe;

use std::path::Path;
use std::sync::Arc;

use crate::image::Image;
use crate::machine::Fault;
use crate::riscv::Cpu;
use crate::riscv::board::DEFAULT_MEMORY_MIB;

pub use bus::console::TooMuch;
pub use bus::memory::Ended;
pub use conditions::{Conditions, Fill};
pub use firmware::load::Error;
pub use hart::trap::{Cause, Trap};

use board::Board;
use bus::ram::Ram;
use history::checkpoints::History;

/// How large a machine and its memory of the past are.
#[derive(Clone, Debug)]
pub struct Options {
    /// RAM, in MiB: 8 to 16384.
    pub memory_mib: u64,
    /// What checkpoints may take, in MiB. The newest and the oldest are kept whatever their size; with 0 no others are made by
    /// themselves, and going back executes from the beginning.
    pub history_mib: usize,
    /// The kernel's command line, in the device tree.
    pub append: Option<String>,
    /// The bytes of an initial RAM disk, which is placed as QEMU places it.
    pub initrd: Option<Arc<[u8]>>,
    /// The hart's extensions.
    pub cpu: Cpu,
}

impl Default for Options {
    fn default() -> Options {
        Options { memory_mib: DEFAULT_MEMORY_MIB, history_mib: 256, append: None, initrd: None, cpu: Cpu::default() }
    }
}

/// A kernel on the embedded machine, at some moment of its run; it can go to any other.
///
/// Moments are counted in instructions: each instruction begun and each interrupt taken is one. The `time` CSR follows, one tick
/// of 100 ns every ten, and jumps to the next timer event in a `wfi`.
///
/// ```no_run
/// use debug::{Embedded, Machine};
/// use std::{path::Path, time::Duration};
///
/// let second = Duration::from_secs(1);
/// let mut machine = Embedded::open(Path::new("hypervisor.elf"), &Default::default())?;
/// machine.resume(second)?;
/// machine.reverse_step(1, second);
/// println!("pc = {:#x} after {} instructions", machine.registers()?.pc, machine.icount());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Embedded {
    board: Board,
    history: History,
    /// Why it stands still, when a fault is why.
    fault: Option<Fault>,
    /// Somebody changed registers or memory since the last instruction.
    changed: bool,
}

impl Embedded {
    /// As [`Embedded::load`], for the kernel at `path`.
    ///
    /// # Errors
    /// Where the file cannot be read or is no kernel that fits.
    pub fn open(path: &Path, options: &Options) -> Result<Embedded, Error> {
        Embedded::load(&Image::open(path)?, options)
    }

    /// Loads the kernel; the machine stands at its first instruction, where the firmware would jump.
    ///
    /// # Errors
    /// Where it does not fit, or the host has too little memory.
    pub fn load(image: &Image, options: &Options) -> Result<Embedded, Error> {
        Embedded::load_under(image, options, &Conditions::default())
    }

    /// As [`Embedded::load`], on a machine that differs from the usual one.
    ///
    /// # Errors
    /// As [`Embedded::load`]; a device tree elsewhere may be in the kernel's way.
    pub fn load_under(image: &Image, options: &Options, conditions: &Conditions) -> Result<Embedded, Error> {
        const POSSIBLE: std::ops::RangeInclusive<u64> = 8..=16384;
        if !POSSIBLE.contains(&options.memory_mib) {
            return Err(Error::MemorySize { mebibytes: options.memory_mib, range: POSSIBLE });
        }
        if let Some(property) = options.cpu.unknown().first() {
            return Err(Error::Cpu { property: property.clone() });
        }
        let extensions = options.cpu.extensions();
        let size = options.memory_mib << 20;
        // Probe first: a failed allocation aborts the process.
        if Vec::<u8>::new().try_reserve_exact(size as usize).is_err() {
            return Err(Error::NoMemory { mebibytes: options.memory_mib });
        }
        let mut ram = Ram::new(size as usize);
        let loaded = firmware::load::load(image, &mut ram, options, conditions)?;
        let hart = firmware::sbi::hand_over(loaded.entry, loaded.device_tree, extensions, conditions);
        let mut board = Board::new(hart, ram, *conditions);
        let history = History::new(&mut board, options.history_mib.saturating_mul(1 << 20));
        Ok(Embedded { board, history, fault: None, changed: false })
    }

    /// Instructions executed since the first; interrupts taken count as one each.
    pub fn icount(&self) -> u64 {
        self.board.icount
    }

    /// The earliest moment that can be gone back to: 0, unless changes from outside alone passed the bound of the history.
    pub fn beginning(&self) -> u64 {
        self.history.beginning()
    }

    /// What the checkpoints take, in bytes.
    pub fn history_bytes(&self) -> usize {
        self.history.bytes()
    }

    /// Why the machine stopped with [`crate::machine::Stop::Fault`], while it stands there.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// How the machine ended, while it stands there. It still answers, and can be gone back from.
    pub fn ended(&self) -> Option<Ended> {
        self.board.memory.ended
    }

    /// What the kernel has printed up to the present moment, through the firmware or the UART; the latest MiB of it.
    pub fn console(&self) -> Vec<u8> {
        self.board.memory.devices.uart.console.output()
    }

    /// What the kernel has printed since `seen` bytes had been printed, which follows: for those who show it as it comes.
    /// Going back in time prints nothing, and neither does executing the same again.
    pub fn console_after(&self, seen: &mut u64) -> Vec<u8> {
        self.board.memory.devices.uart.console.output_after(seen)
    }

    /// Fills all of `bytes` from memory at `start`, as the hart would see it; false where any byte of it is no RAM.
    pub fn peek(&self, start: crate::machine::Address, bytes: &mut [u8]) -> bool {
        self.board.memory.peek(start.0, bytes)
    }

    /// Types to the console. Going back and forth over this moment repeats it; what came after it has not happened.
    ///
    /// # Errors
    /// [`TooMuch`]: nothing of it is typed.
    pub fn input(&mut self, bytes: &[u8]) -> Result<(), TooMuch> {
        self.history.forget_after(self.board.icount);
        self.board.memory.devices.uart.console.forget_future(self.board.icount);
        let typed = self.board.memory.devices.uart.console.type_in(self.board.icount, bytes);
        self.board.memory.devices.advance(self.board.now());
        typed
    }
}
