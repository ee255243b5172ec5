//! What came to the machine from outside, and when: with the kernel and the options it determines the run. It does not know who keeps it.

use crate::embedded::Embedded;
use crate::embedded::bus::ram::PAGE;
use crate::embedded::hart::csr as hart_csr;
use crate::machine::{Address, Machine, Observed, Register};
use crate::riscv::csr;

/// The registers of S-mode that belong to a [`Digest`]. Time and what is pending because of it are none of them.
const DIGESTED: [Register; 9] =
    [csr::SSTATUS, csr::SIE, csr::STVEC, csr::SSCRATCH, csr::SEPC, csr::SCAUSE, csr::STVAL, csr::SATP, csr::FCSR];

/// A change from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Typed on the console.
    Input(Vec<u8>),
    /// A register was set.
    Register(Register, u64),
    /// Memory was written.
    Memory {
        /// The first byte.
        start: Address,
        /// `start` is a physical address.
        physical: bool,
        /// What was written.
        bytes: Contents,
    },
    /// Time passed without instructions, in ticks of `time`.
    Time(u64),
    /// The hart was put into a guest (V), or out of it.
    Guest(bool),
    /// The hart of this number is the one that the next changes concern, on a machine with several.
    Hart(usize),
    /// The harts of these bits stand still until the next such change.
    Held(u32),
}

/// Bytes that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// The same byte so many times: a poison.
    Fill(u8, u64),
    /// Others.
    Bytes(Vec<u8>),
}

impl Contents {
    fn of(bytes: &[u8]) -> Contents {
        match bytes.first() {
            Some(first) if bytes.len() > 16 && bytes.iter().all(|byte| byte == first) => {
                Contents::Fill(*first, bytes.len() as u64)
            }
            _ => Contents::Bytes(bytes.to_vec()),
        }
    }
}

/// The changes from outside, each with the number of instructions before it.
#[derive(Default)]
pub struct Journal(Vec<(u64, Change)>);

impl Journal {
    /// A change now: what was to come after it will not.
    fn note(&mut self, icount: u64, change: Change) {
        self.0.truncate(self.0.partition_point(|(when, _)| *when <= icount));
        self.0.push((icount, change));
    }
}

/// A short sum of the machine's state at a moment: different states have different ones but for rare luck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Of the registers.
    pub hart: u32,
    /// Of RAM and of what was written to drives.
    pub memory: u32,
    /// Of what was printed.
    pub console: u32,
}

impl Embedded {
    /// All changes from outside until now.
    pub fn changes(&self) -> &[(u64, Change)] {
        let until = self.journal.0.partition_point(|(when, _)| *when <= self.board.icount);
        &self.journal.0[..until]
    }

    pub(in crate::embedded) fn note(&mut self, change: Change) {
        if !self.board.harts.is_one() {
            self.journal.note(self.board.icount, Change::Hart(self.board.hart.number));
        }
        self.journal.note(self.board.icount, change);
    }

    pub(in crate::embedded) fn note_memory(&mut self, start: Address, bytes: &[u8], physical: bool) {
        self.note(Change::Memory { start, physical, bytes: Contents::of(bytes) });
    }

    /// Makes a change again; false where it cannot be made.
    pub fn change(&mut self, change: &Change) -> bool {
        match change {
            Change::Input(bytes) => self.input(bytes).is_ok(),
            Change::Register(register, value) => self.write_register(*register, *value).is_ok(),
            Change::Memory { start, physical, bytes } => {
                let size = self.board.memory.ram.size() as u64;
                let bytes = match bytes {
                    Contents::Fill(_, length) if *length > size => return false,
                    Contents::Fill(byte, length) => &vec![*byte; *length as usize],
                    Contents::Bytes(bytes) => bytes,
                };
                match physical {
                    true => self.write_physical(*start, bytes).is_ok(),
                    false => self.write_memory(*start, bytes).is_ok(),
                }
            }
            Change::Time(ticks) => {
                self.skip_time(*ticks);
                true
            }
            Change::Guest(in_guest) => self.set_in_guest(*in_guest),
            Change::Hart(number) => self.select(*number),
            Change::Held(harts) => self.hold(*harts),
        }
    }

    /// The present state's digest.
    pub fn digest(&mut self) -> Digest {
        let mut hart = crc32fast::Hasher::new();
        let selected = self.board.hart.number;
        for number in 0..self.board.harts.count() {
            self.board.select(number);
            self.digest_hart(&mut hart);
        }
        self.board.select(selected);
        let mut console = crc32fast::Hasher::new();
        console.update(&self.console());
        let mut memory = crc32fast::Hasher::new();
        for page in self.history.changed_pages(&self.board.memory) {
            // A page of zeros may be one that nobody has written.
            if let Some(contents) =
                self.board.memory.keep_page(page, &mut Vec::new()).filter(|contents| **contents != [0; PAGE])
            {
                memory.update(&page.to_le_bytes());
                memory.update(&*contents);
            }
        }
        Digest { hart: hart.finalize(), memory: memory.finalize(), console: console.finalize() }
    }

    /// Adds the selected hart.
    fn digest_hart(&mut self, hart: &mut crc32fast::Hasher) {
        // A fault shows causes in the registers that are not there.
        let fault = self.fault.take();
        let registers = self.general_registers();
        let mut csrs = DIGESTED.map(|number| self.read_register(number).unwrap_or(0)).to_vec();
        self.fault = fault;
        if self.board.hart.machine.is_some() {
            let number = self.board.hart.number;
            let clint = &self.board.memory.devices.clint;
            csrs.extend(hart_csr::all_set_by_machine_mode(&self.board));
            csrs.extend([clint.compare(number), clint.software_interrupt(number).into(), clint.time(0)]);
        }
        let hart_now = &self.board.hart;
        let all = registers.x.iter().chain([&registers.pc]).chain(&hart_now.f).chain(&csrs);
        all.for_each(|value| hart.update(&value.to_le_bytes()));
        hart.update(&[hart_now.privilege as u8, hart_now.virtualized.into()]);
    }
}
