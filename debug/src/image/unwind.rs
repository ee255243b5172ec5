//! Backtraces: from the registers of one function to those of its caller, and so on. It does not know where memory is read.
//!
//! Sources: DWARF 5, section 6.4 "Call Frame Information"; the RISC-V ELF psABI, chapter "DWARF" (registers 0 to 31 are x0
//! to x31) and section "Frame Pointer Convention" (s0 is the frame's upper end; ra lies one register below, the caller's s0 two).

use gimli::{
    BaseAddresses, CfaRule, DebugFrame, EhFrame, EndianSlice, LittleEndian, RegisterRule, UnwindContext, UnwindSection,
};

use super::{Image, Place};
use crate::riscv::{self, Address, Registers, Xlen};

/// Deeper stacks are cut: a kernel that recurses without end must not keep us busy.
const MOST_FRAMES: usize = 64;

const RA: usize = riscv::Register::RA as usize;
const SP: usize = riscv::Register::SP as usize;
const S0: usize = 8;

/// Fills the bytes from memory, or says that it cannot.
pub type ReadMemory<'a> = dyn FnMut(Address, &mut [u8]) -> bool + 'a;

/// The functions on the stack, innermost first.
pub(super) fn backtrace(image: &Image, registers: &Registers, read: &mut ReadMemory<'_>) -> Vec<Place> {
    let mut frame = Frame { registers: registers.clone(), innermost: true };
    let (mut places, mut frames) = (Vec::new(), 0);
    loop {
        frames += 1;
        frame.places(image, &mut places);
        if frames == MOST_FRAMES || frame.is_entry(image) {
            return places;
        }
        match frame.caller(image, read) {
            Some(caller) if image.is_code(caller.instruction()) => frame = caller,
            _ => return places,
        }
    }
}

impl Image {
    /// The function whose frame lies across the lowest byte of a stack, which sp is below; `None` without call frame information.
    pub fn frame_across(&self, registers: &Registers, bottom: Address, read: &mut ReadMemory<'_>) -> Option<Place> {
        let mut frame = Frame { registers: registers.clone(), innermost: true };
        for _ in 0..MOST_FRAMES {
            match frame.by_call_frame_information(self, read) {
                Unwound::Caller(caller) if caller.sp() < bottom => {
                    frame = Frame { registers: *caller, innermost: false }
                }
                Unwound::NoInformation => return None,
                _ => break,
            }
        }
        let mut places = Vec::new();
        frame.places(self, &mut places);
        places.pop()
    }
}

struct Frame {
    registers: Registers,
    /// Of an outer frame, pc is where its callee returns to.
    innermost: bool,
}

impl Frame {
    /// An address within the instruction that is being executed: of an outer frame, the call's last byte, as what follows a
    /// call that does not return may be another function.
    fn instruction(&self) -> Address {
        let pc = Address(self.registers.pc);
        if self.innermost { pc } else { pc - 1 }
    }

    /// The frame's function, after those that the compiler inlined where it stands.
    fn places(&self, image: &Image, places: &mut Vec<Place>) {
        let within = self.instruction();
        let address = Address(self.registers.pc);
        let found = image.place(within);
        let mut line = found.line;
        let mut frames = image.frames(within);
        if let Some(own) = frames.pop().filter(|_| !frames.is_empty()) {
            line = own.line;
            places.extend(frames.into_iter().map(|frame| Place {
                address,
                symbol: frame.function.map(|name| (name, 0)),
                line: frame.line,
                inlined: true,
            }));
        }
        let symbol = found.symbol.map(|(name, offset)| (name, offset + (address.0.wrapping_sub(within.0))));
        places.push(Place { address, symbol, line, inlined: false });
    }

    /// Nobody called the function that the firmware jumps to.
    fn is_entry(&self, image: &Image) -> bool {
        let start = |address: Address| Some(address.0 - image.function(address)?.1);
        let function = start(self.instruction());
        function.is_some() && function == start(image.entry())
    }

    fn caller(&self, image: &Image, read: &mut ReadMemory<'_>) -> Option<Frame> {
        let registers = match self.by_call_frame_information(image, read) {
            Unwound::Caller(registers) => *registers,
            Unwound::Nobody => return None,
            Unwound::NoInformation => {
                self.by_return_address(image).or_else(|| self.by_frame_pointer(image.xlen(), read))?
            }
        };
        let before = &self.registers;
        // A caller's frame lies above; only a leaf function may have none of its own.
        let progress = registers.x[SP] > before.x[SP] || self.innermost && registers.x[SP] == before.x[SP];
        progress.then_some(Frame { registers, innermost: false })
    }

    fn by_call_frame_information(&self, image: &Image, read: &mut ReadMemory<'_>) -> Unwound {
        let bases = BaseAddresses::default().set_eh_frame(image.section_address(".eh_frame").unwrap_or_default());
        if !image.call_frames().is_empty() {
            let mut table = DebugFrame::new(image.call_frames(), LittleEndian);
            table.set_address_size(image.xlen().bytes() as u8);
            let unwound = self.by_table(&table, &bases, image.xlen(), read);
            if !matches!(unwound, Unwound::NoInformation) {
                return unwound;
            }
        }
        match image.section(".eh_frame") {
            Some(bytes) => {
                let mut table = EhFrame::new(&bytes, LittleEndian);
                table.set_address_size(image.xlen().bytes() as u8);
                self.by_table(&table, &bases, image.xlen(), read)
            }
            None => Unwound::NoInformation,
        }
    }

    fn by_table<'a, Table>(
        &self,
        table: &Table,
        bases: &BaseAddresses,
        xlen: Xlen,
        read: &mut ReadMemory<'_>,
    ) -> Unwound
    where
        Table: UnwindSection<EndianSlice<'a, LittleEndian>>,
    {
        let address = self.instruction().0;
        let Ok(entry) = table.fde_for_address(bases, address, Table::cie_from_offset) else {
            return Unwound::NoInformation;
        };
        let mut context = UnwindContext::new();
        let Ok(row) = entry.unwind_info_for_address(table, bases, &mut context, address) else {
            return Unwound::NoInformation;
        };
        let before = &self.registers;
        let CfaRule::RegisterAndOffset { register, offset } = row.cfa() else {
            return Unwound::NoInformation; // an expression: no compiler of kernels writes one for RISC-V
        };
        let Some(base) = before.x.get(usize::from(register.0)) else {
            return Unwound::NoInformation;
        };
        let cfa = base.wrapping_add_signed(*offset);
        if usize::from(entry.cie().return_address_register().0) != RA {
            return Unwound::Nobody;
        }
        // Where an outer frame does not tell where it kept ra, ra is still what led to it: such a function never returns.
        let keeps_ra = matches!(row.register(gimli::Register(RA as u16)), None | Some(RegisterRule::SameValue));
        if keeps_ra && !self.innermost {
            return Unwound::Nobody;
        }
        let mut after = before.clone();
        after.x[SP] = cfa;
        for number in 1..32_u16 {
            let value = match row.register(gimli::Register(number)) {
                None | Some(RegisterRule::SameValue) => continue,
                Some(RegisterRule::Offset(offset)) => {
                    read_register(xlen, Address(cfa.wrapping_add_signed(offset)), read)
                }
                Some(RegisterRule::ValOffset(offset)) => Some(cfa.wrapping_add_signed(offset)),
                Some(RegisterRule::Register(other)) => before.x.get(usize::from(other.0)).copied(),
                // Undefined: of ra it says that nobody called. The others are as rare as expressions.
                Some(_) if usize::from(number) != RA => continue,
                Some(_) => None,
            };
            let Some(value) = value else {
                return Unwound::Nobody;
            };
            after.x[usize::from(number)] = value;
        }
        after.pc = after.x[RA];
        Unwound::Caller(Box::new(after))
    }

    /// In assembly without call frame information, ra is where the caller goes on as long as nothing else was called.
    fn by_return_address(&self, image: &Image) -> Option<Registers> {
        let before = &self.registers;
        let back = Address(before.x[RA]);
        // A function that has called another still has that call's return address in ra, which lies within itself.
        let function = |address| image.function(address).map(|(name, _)| name);
        let own = function(back - 1) == function(self.instruction());
        (image.is_code(back - 1) && !own).then(|| Registers { pc: back.0, ..before.clone() })
    }

    fn by_frame_pointer(&self, xlen: Xlen, read: &mut ReadMemory<'_>) -> Option<Registers> {
        let before = &self.registers;
        let frame_end = before.x[S0];
        let size = xlen.bytes() as u64;
        if !frame_end.is_multiple_of(size) || frame_end < before.x[SP].checked_add(2 * size)? {
            return None;
        }
        let mut after = before.clone();
        after.x[SP] = frame_end;
        after.x[S0] = read_register(xlen, Address(frame_end - 2 * size), read)?;
        after.x[RA] = read_register(xlen, Address(frame_end - size), read)?;
        after.pc = after.x[RA];
        Some(after)
    }
}

enum Unwound {
    Caller(Box<Registers>),
    /// It is known that there is none.
    Nobody,
    NoInformation,
}

/// A register that was kept in memory.
fn read_register(xlen: Xlen, address: Address, read: &mut ReadMemory<'_>) -> Option<u64> {
    let mut bytes = [0; 8];
    let bytes = &mut bytes[..xlen.bytes()];
    read(address, bytes).then(|| xlen.read(bytes))
}
