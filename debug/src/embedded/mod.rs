//! A deterministic RV64GC or RV32GC machine in this process, with its whole history. To a kernel it looks like QEMU's `virt` board.
//!
//! It does not know GDB, sockets, symbols or verdicts.

mod board;
mod bus;
mod clock;
mod conditions;
mod devices;
mod firmware;
mod hart;
mod harts;
mod history;
mod host_calls;
mod interrupted;
mod interrupts;
mod journal;
mod machine;
mod observe;
mod races;
mod run;
mod schedule;
mod search;
mod steps;
mod traps;
mod turns;

use std::path::Path;
use std::sync::Arc;

use crate::image::Image;
use crate::machine::{Fault, MOST_HARTS, Sharing};
use crate::riscv::board::DEFAULT_MEMORY_MIB;
use crate::riscv::{Cpu, Extension, Isa, Xlen};

pub use board::World;
pub use bus::console::TooMuch;
pub use bus::memory::Ended;
pub use clock::ClockAnswers;
pub use conditions::{Conditions, Fill};
pub use devices::{Device, Devices, Drive, Network};
pub use firmware::code::Choice as Firmware;
pub use firmware::error::Error;
pub use hart::trap::{Cause, Trap};
pub use journal::{Change, Contents, Digest};
pub use search::{Arrival, Arrivals, GoesOn, Loads};

use board::Board;
use bus::devices::clock::BEGINNING;
use bus::ram::Ram;
use bus::virtio::pcap;
use hart::state::Hart;
use harts::Harts;
use history::checkpoints::History;
use races::Races;
use schedule::Schedule;

/// The sizes of RAM that a machine can have, in MiB.
pub const MEMORY_MIB: std::ops::RangeInclusive<u64> = 8..=16384;

/// The sizes of a machine's memory and history.
#[derive(Clone, Debug)]
pub struct Options {
    /// RAM, in MiB: 8 to 16384.
    pub memory_mib: u64,
    /// The memory for checkpoints, in MiB. The newest and the oldest are always kept. With 0 there are no others, and going back
    /// executes from the start.
    pub history_mib: usize,
    /// The kernel's command line, in the device tree.
    pub append: Option<String>,
    /// The bytes of an initial RAM disk, which is placed as QEMU places it.
    pub initrd: Option<Arc<[u8]>>,
    /// The hart's width and extensions. The default has the kernel's width.
    pub cpu: Cpu,
    /// What is below the kernel.
    pub firmware: Firmware,
    /// What is plugged into the board.
    pub devices: Devices,
    /// How many harts there are: 1 to [`MOST_HARTS`].
    pub harts: usize,
    /// In which order several harts execute. 0: each so many instructions, one after the other. Other numbers: turns of random length, and harts
    /// that are starved or favoured for a while. The same number is the same order.
    pub schedule: u64,
    /// From so many instructions on the order is that of 0: to find out which turns matter.
    pub schedule_until: Option<u64>,
    /// Which of several harts a firmware in the host boots; by default it follows from the schedule.
    pub boot_hart: Option<u64>,
    /// Looks for races between several harts: [`Embedded::sharing`]. Accesses to the kernel's variables are slower then.
    pub races: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            memory_mib: DEFAULT_MEMORY_MIB,
            history_mib: 256,
            append: None,
            initrd: None,
            cpu: Cpu::default(),
            firmware: Firmware::default(),
            devices: Devices::default(),
            harts: 1,
            schedule: 0,
            schedule_until: None,
            boot_hart: None,
            races: false,
        }
    }
}

impl Options {
    /// The ids of all harts. A machine with one hart may give it another than 0.
    fn hart_ids(&self, conditions: &Conditions) -> Vec<u64> {
        if self.harts == 1 { vec![conditions.hart] } else { (0..self.harts as u64).collect() }
    }

    /// Which hart is the first: the one that a firmware boots, where it is in the host.
    fn first_hart(&self, conditions: &Conditions) -> Result<usize, Error> {
        if !(1..=MOST_HARTS).contains(&self.harts) {
            return Err(Error::Harts { harts: self.harts, most: MOST_HARTS });
        }
        if self.harts == 1 || self.firmware != Firmware::Host {
            return Ok(0);
        }
        let drawn = || Schedule::draw(self.schedule, self.harts);
        let asked = self.boot_hart.or(Some(conditions.hart).filter(|hart| *hart != 0));
        match asked.map_or_else(|| Ok(drawn()), usize::try_from) {
            Ok(first) if first < self.harts => Ok(first),
            _ => Err(Error::BootHart { hart: asked.unwrap_or_default(), harts: self.harts }),
        }
    }
}

/// A kernel on the embedded machine, at a moment of its run. It can go to any other moment.
///
/// Moments are counted in instructions; an interrupt counts as one too. The `time` CSR advances by one tick of 100 ns every ten
/// instructions, and jumps to the next timer event in a `wfi`.
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
    /// The fault that stopped it, if any.
    fault: Option<Fault>,
    /// The hart that it stopped.
    fault_on: usize,
    /// The moment of the last stop, if that was at a watchpoint: the access passes then.
    watched_at: Option<u64>,
    /// Changes from outside, all of them.
    journal: journal::Journal,
    clock: clock::Clock,
    /// Registers or memory were changed from outside since the last instruction.
    changed: bool,
    /// When a run or steps end, in executed instructions.
    interrupt_at: u64,
}

impl Embedded {
    /// Like [`Embedded::load`], for the kernel at `path`.
    ///
    /// # Errors
    /// If the file cannot be read, is not a kernel, or does not fit.
    pub fn open(path: &Path, options: &Options) -> Result<Embedded, Error> {
        Embedded::load(&Image::open(path)?, options)
    }

    /// Loads the kernel. The machine starts at the kernel's first instruction.
    ///
    /// # Errors
    /// If it does not fit, or the host has too little memory.
    pub fn load(image: &Image, options: &Options) -> Result<Embedded, Error> {
        Embedded::load_under(image, options, &Conditions::default())
    }

    /// Like [`Embedded::load`], on a machine with other conditions.
    ///
    /// # Errors
    /// Those of [`Embedded::load`]. A device tree at another address may overlap the kernel.
    pub fn load_under(image: &Image, options: &Options, conditions: &Conditions) -> Result<Embedded, Error> {
        if !MEMORY_MIB.contains(&options.memory_mib) {
            return Err(Error::MemorySize { mebibytes: options.memory_mib, range: MEMORY_MIB });
        }
        if let Some(property) = options.cpu.unknown().first() {
            return Err(Error::Cpu { property: property.clone() });
        }
        let isa = isa_for(image, &options.cpu)?;
        let first = options.first_hart(conditions)?;
        let size = options.memory_mib << 20;
        // Probe first: a failed allocation aborts the process.
        if Vec::<u8>::new().try_reserve_exact(size as usize).is_err() {
            return Err(Error::NoMemory { mebibytes: options.memory_mib });
        }
        let mut ram = Ram::new(size as usize);
        let firmware = firmware::code::Firmware::of(&options.firmware, isa.xlen, size)?;
        let loaded = firmware::load::load(image, &firmware, &mut ram, options, isa, conditions)?;
        let mut devices = options.devices.open(options.harts)?;
        let in_host = options.firmware == Firmware::Host;
        if !in_host {
            ram.set_rom(&firmware::code::reset_rom(isa.xlen, loaded.device_tree, loaded.entry));
            devices = devices.reset(options.harts);
        }
        let hart = |(number, id): (usize, u64)| {
            let mut hart = match in_host {
                true if number == first => {
                    firmware::entry::hand_over(loaded.entry, loaded.device_tree, id, isa, conditions)
                }
                true => firmware::entry::stopped(isa),
                false => firmware::code::reset(isa, conditions),
            };
            (hart.number, hart.id, hart.entry) = (number, id, loaded.entry);
            hart
        };
        let mut all: Vec<Hart> = options.hart_ids(conditions).into_iter().enumerate().map(hart).collect();
        let selected = all.swap_remove(first);
        let until = options.schedule_until.unwrap_or(u64::MAX);
        let harts = Harts::new(all, Schedule::new(options.schedule, until, first));
        let mut board = Board::new(selected, harts, ram, devices, *conditions);
        board.firmware_is_code = matches!(firmware, firmware::code::Firmware::Code { .. });
        if options.races && options.harts > 1 {
            board.memory.races = Some(Box::new(Races::new(variables(image), first, !in_host)));
        }
        let history = History::new(&mut board, options.history_mib.saturating_mul(1 << 20));
        let (journal, clock) = Default::default();
        let interrupt_at = u64::MAX;
        Ok(Embedded {
            board,
            history,
            fault: None,
            fault_on: first,
            watched_at: None,
            journal,
            clock,
            changed: false,
            interrupt_at,
        })
    }

    /// The number of executed instructions; each interrupt counts as one.
    pub fn icount(&self) -> u64 {
        self.board.icount
    }

    /// The earliest moment that can be reached: 0, unless changes from outside alone exceed the history's memory.
    pub fn beginning(&self) -> u64 {
        self.history.beginning()
    }

    /// The memory of the checkpoints in bytes.
    pub fn history_bytes(&self) -> usize {
        self.history.bytes()
    }

    /// Why the machine stopped with [`crate::machine::Stop::Fault`], while it is there.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// How the machine ended, while it is there. It can still be read, and can go back.
    pub fn ended(&self) -> Option<Ended> {
        self.board.memory.ended
    }

    /// The kernel's output until now, through the firmware or the UART; at most the latest MiB.
    pub fn console(&self) -> Vec<u8> {
        self.board.memory.devices.uart.console.output()
    }

    /// The kernel's output that no call has returned yet; at most the latest MiB. Use this to show output while the kernel runs. Going
    /// back in time and executing again print nothing, unless something was typed or changed there.
    pub fn new_console_output(&mut self) -> Vec<u8> {
        self.board.memory.devices.uart.console.take_new()
    }

    /// Fills `bytes` from virtual memory at `start`. Returns false if any byte is not in RAM.
    pub fn peek(&self, start: crate::machine::Address, bytes: &mut [u8]) -> bool {
        self.board.memory.peek(start.0, bytes)
    }

    /// The packets that the kernel has sent by the present moment, as a pcap file; the latest 64 MiB of them.
    pub fn sent_packets(&self) -> Vec<u8> {
        let sent = self.board.memory.devices.networks().flat_map(|network| network.sent());
        pcap::write(sent, BEGINNING)
    }

    /// Writes what the kernel has written to its drives by the present moment to their files; how many bytes that were. Until then
    /// nothing of it is in the files. The machine cannot be used any more: what it read from the files is not there now.
    ///
    /// # Errors
    /// Where a file cannot be written to; some of it may have been.
    pub fn write_back(self) -> Result<u64, Error> {
        let mut count = 0;
        for disk in self.board.memory.devices.disks() {
            count += disk.write_back().map_err(|cause| Error::Drive { path: disk.path().to_owned(), cause })?;
        }
        Ok(count)
    }

    /// What the harts have shared; `None` where [`Options::races`] is not set, there is one hart, or the machine went back in time.
    pub fn sharing(&self) -> Option<Sharing> {
        Some(self.board.memory.races.as_ref()?.sharing())
    }

    /// Types to the console. Going back and forth over this moment repeats it. The history after this moment is dropped.
    ///
    /// # Errors
    /// [`TooMuch`]: nothing is typed.
    pub fn input(&mut self, bytes: &[u8]) -> Result<(), TooMuch> {
        self.history.forget_after(self.board.icount);
        self.board.memory.devices.forget_future(self.board.now());
        let typed = self.board.memory.devices.uart.console.type_in(self.board.icount, bytes);
        if typed.is_ok() {
            self.note(Change::Input(bytes.to_vec()));
        }
        self.board.memory.advance_devices(self.board.now());
        typed
    }
}

/// Where the kernel's variables are in memory.
fn variables(image: &Image) -> impl Iterator<Item = std::ops::Range<u64>> {
    let written = image.segments().iter().filter(|segment| segment.writable).map(|segment| segment.loaded());
    written.map(|range| range.start.0..range.end.0)
}

/// What the hart executes: a kernel's width is its own.
fn isa_for(image: &Image, cpu: &Cpu) -> Result<Isa, Error> {
    let xlen = image.xlen();
    let isa = if *cpu == Cpu::default() { Cpu::of(xlen).isa() } else { cpu.isa() };
    if isa.xlen != xlen {
        return Err(Error::Width { path: image.path().to_owned(), kernel: xlen.bits(), cpu: cpu.to_string() });
    }
    // Guests of 32 bits it has not.
    if xlen == Xlen::Rv32 && isa.has(Extension::Hypervisor) {
        return Err(Error::Cpu { property: "h=on".into() });
    }
    Ok(isa)
}
