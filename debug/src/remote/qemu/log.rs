//! Parses QEMU's log of the hart before each instruction (`-d cpu,fpu`): bytes in, entries out. Pure.
//!
//! ```text
//!  pc       0000000080200000            one register a line, CSRs by name; QEMU 11 writes all that it has
//!  mstatus  8000000a00006000
//!  x0/zero  0000000000000000 x1/ra    000000008000c38a x2/sp    0000000080046ef0 x3/gp    0000000000000000
//!  f0/ft0   0000000000000000 ...
//! ```
//! Source: QEMU, target/riscv/cpu.c, riscv_cpu_dump_state. Entries in M-mode are left out. The log does not show the mode; it is
//! derived from traps and returns.

use crate::machine::{Moment, Register, Registers, csr};
use crate::riscv::status::{MACHINE_MODE, interrupt};

const SSTATUS: u16 = csr::SSTATUS.csr_number();
const SIE: u16 = csr::SIE.csr_number();
const STVEC: u16 = csr::STVEC.csr_number();
const SIP: u16 = csr::SIP.csr_number();
const MSTATUS: u16 = csr::MSTATUS.csr_number();
const MIDELEG: u16 = csr::MIDELEG.csr_number();
const MIE: u16 = csr::MIE.csr_number();
const MTVEC: u16 = csr::MTVEC.csr_number();
const MEPC: u16 = csr::MEPC.csr_number();
const MIP: u16 = csr::MIP.csr_number();

/// Bits of mstatus that are sstatus's (privileged manual, "Supervisor Status (sstatus) Register").
/// SD is the highest of either width.
const SSTATUS_BITS: u64 = 0x8000_0003_800d_e762;

/// The parser of the log.
pub struct Log {
    wanted: Vec<Register>,
    /// The meaning of the lines of the last dump, in order: most dumps are alike.
    plan: Vec<Line>,
    line: usize,
    /// The end of an incomplete line.
    rest: Vec<u8>,
    dump: Dump,
    mode: Mode,
}

struct Line {
    name: Vec<u8>,
    field: Field,
}

#[derive(Clone, Copy, PartialEq)]
enum Field {
    None,
    Pc,
    Csr(Csr),
    /// The first of four on the line.
    General(u8),
    Float(u8),
}

/// The CSRs that are compared or that determine the mode.
#[derive(Clone, Copy, PartialEq)]
struct Csr(u16);

/// One dump.
#[derive(Clone, Default)]
struct Dump {
    begun: bool,
    general: Registers,
    float: [Option<u64>; 32],
    csrs: Vec<(u16, u64)>,
}

/// The hart's mode: the firmware's, or a lower one.
enum Mode {
    Supervisor(Option<Before>),
    Machine(Before),
}

/// The values that determine the mode of the next instruction.
#[derive(Clone, Copy)]
struct Before {
    mtvec: u64,
    stvec: u64,
    mepc: u64,
    mstatus: u64,
}

impl Log {
    /// For a hart in S-mode or U-mode.
    pub fn new(wanted: &[Register]) -> Log {
        Log {
            wanted: wanted.to_vec(),
            plan: Vec::new(),
            line: 0,
            rest: Vec::new(),
            dump: Dump::default(),
            mode: Mode::Supervisor(None),
        }
    }

    /// Parses the next bytes, and passes each complete dump to `take`.
    pub fn push(&mut self, mut bytes: &[u8], take: &mut impl FnMut(Moment)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, more) = bytes.split_at(end);
            bytes = &more[1..];
            if self.rest.is_empty() {
                self.take_line(line, take);
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(line);
                self.take_line(&whole, take);
                whole.clear();
                self.rest = whole;
            }
        }
        self.rest.extend_from_slice(bytes);
    }

    fn take_line(&mut self, line: &[u8], take: &mut impl FnMut(Moment)) {
        let Some((name, values)) = name_and_values(line) else { return };
        let planned = self.plan.get(self.line).filter(|planned| planned.name == name);
        let field = match planned {
            Some(planned) => planned.field,
            None => {
                self.plan.truncate(self.line);
                let field = field(name);
                self.plan.push(Line { name: name.to_vec(), field });
                field
            }
        };
        self.line += 1;
        match field {
            Field::None => {}
            Field::Pc => {
                let Some(pc) = hexadecimal(values) else { return };
                self.dump = Dump { begun: true, csrs: std::mem::take(&mut self.dump.csrs), ..Dump::default() };
                self.dump.csrs.clear();
                self.dump.general.pc = pc;
            }
            Field::Csr(Csr(number)) => self.dump.csrs.extend(hexadecimal(values).map(|value| (number, value))),
            Field::General(first) => {
                for (register, value) in self.dump.general.x[usize::from(first)..].iter_mut().zip(four(line)) {
                    *register = value;
                }
            }
            Field::Float(first) => {
                for (register, value) in self.dump.float[usize::from(first)..].iter_mut().zip(four(line)) {
                    *register = Some(value);
                }
                if first == 28 {
                    self.complete(take);
                }
            }
        }
    }

    /// A dump ends with its last line of f registers.
    fn complete(&mut self, take: &mut impl FnMut(Moment)) {
        self.line = 0;
        if !std::mem::take(&mut self.dump.begun) {
            return;
        }
        let now = Before {
            mtvec: self.csr(MTVEC).unwrap_or(0),
            stvec: self.csr(STVEC).unwrap_or(0),
            mepc: self.csr(MEPC).unwrap_or(0),
            mstatus: self.csr(MSTATUS).unwrap_or(0),
        };
        let pc = self.dump.general.pc;
        let in_firmware = match &self.mode {
            Mode::Supervisor(None) => false,
            Mode::Supervisor(Some(before)) => before.enters_firmware(pc),
            Mode::Machine(before) => !before.leaves_firmware(pc),
        };
        self.mode = if in_firmware { Mode::Machine(now) } else { Mode::Supervisor(Some(now)) };
        if !in_firmware {
            let others = self.wanted.iter().map(|register| self.value(*register)).collect();
            take(Moment { general: self.dump.general.clone(), others });
        }
    }

    fn csr(&self, number: u16) -> Option<u64> {
        self.dump.csrs.iter().find(|(known, _)| *known == number).map(|(_, value)| *value)
    }

    /// A register of the dump. If the dump has only the machine's CSR, the supervisor's view of it.
    fn value(&self, register: Register) -> Option<u64> {
        match register {
            Register::Fpr(number) => self.dump.float.get(usize::from(number)).copied().flatten(),
            Register::Csr(number) => self.csr(number).or_else(|| match number {
                SSTATUS => Some(self.csr(MSTATUS)? & SSTATUS_BITS),
                SIE => Some(self.csr(MIE)? & self.csr(MIDELEG)? & interrupt::ALL),
                SIP => Some(self.csr(MIP)? & self.csr(MIDELEG)? & interrupt::ALL),
                _ => None,
            }),
            _ => None,
        }
    }
}

impl Before {
    /// Only a trap leads to the firmware's handler, because the kernel cannot execute it.
    fn enters_firmware(&self, pc: u64) -> bool {
        const ENTRIES: u64 = 64;
        let base = self.mtvec & !3;
        let vectored = self.mtvec & 3 == 1;
        pc == base || (vectored && pc > base && pc < base + 4 * ENTRIES)
    }

    /// `mret` returns to the mode in mstatus.MPP; or its target could not be fetched, and S-mode takes that trap.
    fn leaves_firmware(&self, pc: u64) -> bool {
        (pc == self.mepc && self.mstatus >> 11 & 3 != MACHINE_MODE) || (self.stvec & !3 != 0 && pc == self.stvec & !3)
    }
}

/// ` sepc     0000000000000000` and ` V      =   0`.
fn name_and_values(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.strip_prefix(b" ")?;
    let end = line.iter().position(|byte| *byte == b' ')?;
    (end > 0).then(|| line.split_at(end))
}

fn field(name: &[u8]) -> Field {
    let number = |digits: &[u8]| str::from_utf8(digits).ok()?.parse::<u8>().ok().filter(|number| *number < 32);
    match name {
        b"pc" => return Field::Pc,
        [b'x', rest @ ..] | [b'f', rest @ ..] => {
            if let Some(slash) = rest.iter().position(|byte| *byte == b'/')
                && let Some(first) = number(&rest[..slash])
            {
                return if name[0] == b'x' { Field::General(first) } else { Field::Float(first) };
            }
        }
        _ => {}
    }
    let known = csr::NAMES.iter().find(|(_, known)| known.as_bytes() == name);
    known.map_or(Field::None, |(number, _)| Field::Csr(Csr(*number)))
}

/// The values of a line with four names.
fn four(line: &[u8]) -> impl Iterator<Item = u64> + '_ {
    line.split(|byte| *byte == b' ').filter_map(hexadecimal)
}

/// 16 digits, or 8 of a register of 32 bits, after spaces.
fn hexadecimal(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    if !matches!(digits.len(), 8 | 16) {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| Some(value << 4 | u64::from(char::from(*digit).to_digit(16)?)))
}
