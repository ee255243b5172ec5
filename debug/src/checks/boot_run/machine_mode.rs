//! A kernel that starts in M-mode, without a firmware, in the words of one that starts in S-mode: its trap CSRs are those of
//! M-mode, and they say the same at other numbers and bits. It does not judge.
//!
//! Source: the RISC-V privileged manual, "Machine Status Registers", "Machine Interrupt Registers", "Machine Cause Register".

use crate::checks::fact::Fact;
use crate::checks::finding::Finding;
use crate::image::Image;
use crate::machine::{Error, Machine, Register, csr};
use crate::riscv::board::{MTIMECMP, RAM_BASE};
use crate::riscv::cause::{self, is_interrupt};
use crate::riscv::pmp::{self, Pmp};
use crate::riscv::status::{MACHINE_MODE, SUPERVISOR_MODE, interrupt};
use crate::riscv::{Address, Xlen};

/// Whether a kernel with this entry is one: where RAM begins there is no room for a firmware.
pub fn starts_there(image: &Image, entry: Address) -> bool {
    image.physical(entry).0 == RAM_BASE
}

/// Whether the hart is in M-mode now.
pub fn is_in(machine: &mut dyn Machine) -> bool {
    machine.read_register(Register::Priv).is_ok_and(|mode| mode == MACHINE_MODE)
}

/// Whether the hart of such a kernel is in a lower mode, and M-mode has left registers of its own.
pub fn is_below(machine: &mut dyn Machine) -> bool {
    // A hart in M-mode shows M-mode's registers for both.
    const TOLD_APART: [Register; 4] = [csr::STVEC, csr::SEPC, csr::SSCRATCH, csr::STVAL];
    TOLD_APART.into_iter().any(|register| {
        let own = counterpart(register).and_then(|own| machine.read_register(own).ok());
        own.is_some() && machine.read_register(register).ok() != own
    })
}

/// When M-mode's timer comes to a hart, in ticks; `None` where the machine does not tell.
pub fn timer(machine: &mut dyn Machine) -> Option<u64> {
    let hart = machine.read_register(csr::MHARTID).ok()?;
    let mut bytes = [0; 8];
    machine.read_physical(Address(MTIMECMP + hart * 8), &mut bytes).ok()?;
    Some(u64::from_le_bytes(bytes))
}

/// Whether M-mode lets S-mode have a timer of its own (privileged manual, "Sstc", menvcfg.STCE); so it is where the machine does not tell.
pub fn gives_timer(machine: &mut dyn Machine, xlen: Xlen) -> bool {
    let (register, bit) = match xlen {
        Xlen::Rv32 => (csr::MENVCFGH, 31),
        Xlen::Rv64 => (csr::MENVCFG, 63),
    };
    machine.read_register(register).map_or(true, |value| value >> bit & 1 != 0)
}

/// M-mode's CSR for one of S-mode's.
pub fn counterpart(register: Register) -> Option<Register> {
    Some(match register {
        csr::SSTATUS => csr::MSTATUS,
        csr::SIE => csr::MIE,
        csr::SIP => csr::MIP,
        csr::STVEC => csr::MTVEC,
        csr::SSCRATCH => csr::MSCRATCH,
        csr::SEPC => csr::MEPC,
        csr::SCAUSE => csr::MCAUSE,
        csr::STVAL => csr::MTVAL,
        _ => return None,
    })
}

/// Reads what `register` means in M-mode, with bits as in S-mode.
pub fn read(machine: &mut dyn Machine, register: Register) -> Result<u64, Error> {
    let Some(own) = counterpart(register) else {
        let value = machine.read_register(register)?;
        return Ok(if register == Register::Priv && value == MACHINE_MODE { SUPERVISOR_MODE } else { value });
    };
    let value = machine.read_register(own)?;
    Ok(match register {
        csr::SSTATUS => status(value),
        csr::SIE | csr::SIP => (value >> 2) & interrupt::ALL,
        csr::SCAUSE => cause(value),
        _ => value,
    })
}

/// MIE, MPIE and MPP where SIE, SPIE and SPP are; the rest has the same places.
fn status(value: u64) -> u64 {
    let (mie, mpie, mpp) = (value >> 3 & 1, value >> 7 & 1, value >> 11 & 3);
    value & !0x19aa | mie << 1 | mpie << 5 | u64::from(mpp != 0) << 8
}

/// The timer of M-mode is 7, that of S-mode 5, and so on.
pub fn cause(value: u64) -> u64 {
    match value {
        _ if is_interrupt(value) && is_machines_own(cause::code(value)) => value - 2,
        _ => value,
    }
}

fn is_machines_own(interrupt: u64) -> bool {
    matches!(interrupt, cause::MACHINE_SOFTWARE | cause::MACHINE_TIMER | cause::MACHINE_EXTERNAL)
}

/// Whether the finding is about a trap that M-mode takes: an exception that the kernel has not delegated, an interrupt that only M-mode
/// has enabled.
pub fn takes(machine: &mut dyn Machine, finding: &Finding) -> bool {
    let Some(Fact::Register(scause)) = finding.data.get("scause") else { return false };
    if is_interrupt(*scause) {
        let enabled = machine.read_register(csr::SIE).unwrap_or(0);
        return is_below(machine) && enabled >> (cause::code(*scause) & 63) & 1 == 0;
    }
    let delegated = machine.read_register(csr::MEDELEG).unwrap_or(0);
    delegated >> (cause::code(*scause) & 63) & 1 == 0
}

/// What the PMP entries mean; `None` where the machine does not show them.
pub fn protection(machine: &mut dyn Machine, xlen: Xlen) -> Option<pmp::Rules> {
    let (mut configurations, mut addresses) = ([0; pmp::ENTRIES], [0; pmp::ENTRIES]);
    // A register has as many configurations as bytes. On RV64 those with odd numbers do not exist.
    let registers = csr::PMP_CONFIGURATIONS.step_by(xlen.bytes() / 4);
    for (held, number) in configurations.chunks_exact_mut(xlen.bytes()).zip(registers) {
        let value = machine.read_register(Register::Csr(number)).ok()?;
        held.copy_from_slice(&value.to_le_bytes()[..xlen.bytes()]);
    }
    for (address, number) in addresses.iter_mut().zip(csr::PMP_ADDRESSES) {
        *address = machine.read_register(Register::Csr(number)).ok()?;
    }
    Some(Pmp::new(configurations, addresses).rules())
}

/// Names M-mode's registers in a finding about such a kernel.
pub fn rename(finding: &mut Finding) {
    const NAMES: [(&str, &str); 15] = [
        // What M-mode has at another place than S-mode.
        ("sstatus.SIE", "mstatus.MIE"),
        ("csrsi sstatus, 2", "csrsi mstatus, 8"),
        ("(sie is", "(mie is"),
        ("in sie", "in mie"),
        ("in sip", "in mip"),
        ("scause", "mcause"),
        ("sepc", "mepc"),
        ("stval", "mtval"),
        ("stvec", "mtvec"),
        ("sstatus", "mstatus"),
        ("sscratch", "mscratch"),
        ("S-mode", "M-mode"),
        ("supervisor timer interrupt", "machine timer interrupt"),
        ("supervisor software interrupt", "machine software interrupt"),
        ("supervisor external interrupt", "machine external interrupt"),
    ];
    // Who calls is in the cause, whoever takes it.
    const AS_IT_IS: &str = "environment call from S-mode";
    let renamed = |text: &str| NAMES.iter().fold(text.to_owned(), |text, (theirs, own)| text.replace(theirs, own));
    let texts = [&mut finding.summary, &mut finding.expected, &mut finding.found];
    for text in texts.into_iter().chain(&mut finding.advice) {
        *text = text.split(AS_IT_IS).map(renamed).collect::<Vec<_>>().join(AS_IT_IS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::riscv::Xlen;

    #[test]
    fn bits_and_causes_are_those_of_s_mode() {
        assert_eq!(status(1 << 3), 1 << 1);
        assert_eq!(status(1 << 7 | 3 << 11) & 0x122, 1 << 5 | 1 << 8);
        assert_eq!(status(0) & 0x100, 0, "from U-mode");
        assert_eq!((cause(5), cause(11)), (5, 11));
        for interrupt in [Xlen::Rv64, Xlen::Rv32].map(Xlen::top_bit) {
            assert_eq!(cause(interrupt | 7), interrupt | 5);
        }
    }
}
