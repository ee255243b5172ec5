//! Finds what an image knows of an instruction: its line, the functions that contain it, their callers. It does not read debug information
//! itself.

use super::lines::Frame;
use super::{Image, Line, Place, ReadMemory, unwind};
use crate::riscv::{Address, Registers};

/// How far before an instruction without a line one is looked for, in bytes.
const LINE_WITHIN: u64 = 64;

impl Image {
    /// The source line of the instruction at `address`, if known.
    pub fn line(&self, address: Address) -> Option<Line> {
        self.lines().find(self.linked(address))
    }

    /// Everything known about `address`: its function or object, and for an instruction the source line.
    pub fn place(&self, address: Address) -> Place {
        let linked = self.linked(address);
        let section = self.section_around(linked);
        let symbol = section.and_then(|section| self.symbols.around(self.symbol_bytes(), section, linked));
        // Compilers give some instructions no line: then that of the nearest one before it in its function.
        let within = symbol.as_ref().map_or(0, |(_, offset)| (*offset).min(LINE_WITHIN));
        let before = || (2..=within).step_by(2).find_map(|bytes| self.line(address - bytes));
        let line = section.filter(|section| section.code).and_then(|_| self.line(address).or_else(before));
        Place { address, symbol, line, inlined: false }
    }

    /// The backtrace, innermost first: pc, then where each caller continues after its call.
    ///
    /// It uses call frame information (.debug_frame, .eh_frame). Without it, as in assembly, it uses the return address in ra and the frame
    /// pointers from s0. It ends at the entry function, at unreadable memory, at a value that cannot be a caller, and after 64 functions.
    /// Inlined functions come before the function that contains them. The lines are those of the calls.
    pub fn backtrace(&self, registers: &Registers, read: &mut ReadMemory<'_>) -> Vec<Place> {
        unwind::backtrace(self, registers, read)
    }

    /// The functions that contain the instruction at `address` by the debug information, innermost first: inlined ones, then the one with
    /// the frame. Empty if not known.
    pub(super) fn frames(&self, address: Address) -> Vec<Frame> {
        if self.is_code(address) { self.lines().frames(self.linked(address)) } else { Vec::new() }
    }

    /// The functions that contain the instruction at `address`, innermost first: inlined ones by the debug information, then the one that was
    /// called. The lines are those of the instruction and of what was inlined. Empty outside of code.
    pub fn functions(&self, address: Address) -> Vec<Place> {
        let frames = self.frames(address);
        let outer = self.place(address);
        if frames.len() < 2 || outer.symbol.is_none() {
            return if self.is_code(address) { vec![outer] } else { Vec::new() };
        }
        let last = frames.len() - 1;
        let place = |(index, frame): (usize, Frame)| match index == last {
            true => Place { line: frame.line, ..outer.clone() },
            false => {
                let symbol = Some((frame.function.unwrap_or_else(|| "?".into()), 0));
                Place { address, symbol, line: frame.line, inlined: true }
            }
        };
        frames.into_iter().enumerate().map(place).collect()
    }
}
