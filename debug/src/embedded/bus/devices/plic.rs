//! The platform-level interrupt controller (PLIC) of QEMU's board: which interrupt goes to which hart, and which are claimed.
//!
//! It does not know what the sources are. Source: "RISC-V Platform-Level Interrupt Controller Specification"; QEMU, hw/intc/sifive_plic.c.
//! Like QEMU's, and unlike the specification's gateway for level-triggered interrupts, it makes a source pending again after completion
//! only if the device has raised its line since the claim.

use crate::machine::MOST_HARTS;
use crate::riscv::board::{INTERRUPT_PRIORITY, INTERRUPT_SOURCES};

/// The number of words with one bit for each source.
const WORDS: usize = (INTERRUPT_SOURCES as usize).div_ceil(32);
const SOURCES: usize = INTERRUPT_SOURCES as usize + 1;
/// Each hart has two contexts: M-mode, then S-mode.
const OF_HART: usize = 2;
const CONTEXTS: usize = OF_HART * MOST_HARTS;
const MACHINE: usize = 0;
const SUPERVISOR: usize = 1;

const PRIORITIES_END: u64 = 4 * SOURCES as u64;
const PENDING: u64 = 0x1000;
const PENDING_END: u64 = PENDING + 4 * WORDS as u64;
const ENABLE: u64 = 0x2000;
const ENABLE_STRIDE: u64 = 0x80;
const ENABLE_END: u64 = ENABLE + CONTEXTS as u64 * ENABLE_STRIDE;
const CONTEXT: u64 = 0x20_0000;
const CONTEXT_STRIDE: u64 = 0x1000;
const CONTEXT_END: u64 = CONTEXT + CONTEXTS as u64 * CONTEXT_STRIDE;
/// Offsets within a context.
const THRESHOLD: u64 = 0;
const CLAIM: u64 = 4;

/// One bit for each source.
type Bits = [u32; WORDS];

#[derive(Clone, Debug)]
pub struct Plic {
    /// How many of the contexts there are.
    contexts: usize,
    priorities: [u8; SOURCES],
    pending: Bits,
    claimed: Bits,
    enabled: [Bits; CONTEXTS],
    thresholds: [u8; CONTEXTS],
}

impl Plic {
    /// The state in which OpenSBI leaves it: no priority is above the thresholds.
    pub fn handed_over(harts: usize) -> Plic {
        Plic { thresholds: [INTERRUPT_PRIORITY as u8; CONTEXTS], ..Plic::new(harts) }
    }

    /// After a reset.
    pub fn new(harts: usize) -> Plic {
        Plic {
            contexts: OF_HART * harts,
            priorities: [0; SOURCES],
            pending: [0; WORDS],
            claimed: [0; WORDS],
            enabled: [[0; WORDS]; CONTEXTS],
            thresholds: [0; CONTEXTS],
        }
    }

    /// Sets the line of a source. A high line stays pending until it is claimed.
    pub fn tell(&mut self, source: u32, level: bool) {
        if level {
            let (word, bit) = place(source);
            self.pending[word] |= bit;
        }
    }

    /// The harts for whose S-mode an interrupt is pending: a bit for each.
    pub fn interrupts_supervisor(&self) -> u32 {
        self.interrupts(SUPERVISOR)
    }

    /// Those for whose M-mode one is.
    pub fn interrupts_machine(&self) -> u32 {
        self.interrupts(MACHINE)
    }

    fn interrupts(&self, of_mode: usize) -> u32 {
        let harts = 0..self.contexts / OF_HART;
        harts.fold(0, |all, hart| all | u32::from(self.best(OF_HART * hart + of_mode) != 0) << hart)
    }

    /// The pending source with the highest priority above the context's threshold, and among equals the lowest number; 0 for none.
    fn best(&self, context: usize) -> u32 {
        let mut best = (0, self.thresholds[context]);
        for word in 0..WORDS {
            let mut candidates = self.pending[word] & !self.claimed[word] & self.enabled[context][word];
            while candidates != 0 {
                let source = 32 * word as u32 + candidates.trailing_zeros();
                candidates &= candidates - 1;
                if self.priorities[source as usize] > best.1 {
                    best = (source, self.priorities[source as usize]);
                }
            }
        }
        best.0
    }

    /// Reads the word at `offset`, a multiple of 4. Reading a claim register claims the interrupt.
    pub fn read(&mut self, offset: u64) -> u32 {
        match offset {
            0..PRIORITIES_END => self.priorities[offset as usize / 4].into(),
            PENDING..PENDING_END => self.pending[(offset - PENDING) as usize / 4],
            ENABLE..ENABLE_END => self.enable_word(offset).map_or(0, |word| *word),
            CONTEXT..CONTEXT_END => match within_context(offset) {
                (context, _) if context >= self.contexts => 0,
                (context, THRESHOLD) => self.thresholds[context].into(),
                (context, CLAIM) => self.claim(context),
                _ => 0,
            },
            _ => 0,
        }
    }

    pub fn write(&mut self, offset: u64, value: u32) {
        let priority = (value % (INTERRUPT_PRIORITY + 1)) as u8;
        match offset {
            // There is no source 0.
            0..4 => {}
            4..PRIORITIES_END => self.priorities[offset as usize / 4] = priority,
            ENABLE..ENABLE_END => {
                if let Some(word) = self.enable_word(offset) {
                    *word = value;
                }
            }
            CONTEXT..CONTEXT_END => match within_context(offset) {
                (context, _) if context >= self.contexts => {}
                (context, THRESHOLD) => self.thresholds[context] = priority,
                (_, CLAIM) if value <= INTERRUPT_SOURCES => {
                    let (word, bit) = place(value);
                    self.claimed[word] &= !bit;
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn claim(&mut self, context: usize) -> u32 {
        let source = self.best(context);
        if source != 0 {
            let (word, bit) = place(source);
            self.pending[word] &= !bit;
            self.claimed[word] |= bit;
        }
        source
    }

    fn enable_word(&mut self, offset: u64) -> Option<&mut u32> {
        let within = (offset - ENABLE) as usize;
        let (context, word) = (within / ENABLE_STRIDE as usize, within % ENABLE_STRIDE as usize / 4);
        self.enabled[..self.contexts].get_mut(context)?.get_mut(word)
    }
}

/// The word and the bit of a source.
fn place(source: u32) -> (usize, u32) {
    (source as usize / 32, 1 << (source % 32))
}

fn within_context(offset: u64) -> (usize, u64) {
    ((((offset - CONTEXT) / CONTEXT_STRIDE) as usize), (offset - CONTEXT) % CONTEXT_STRIDE)
}
