//! Exceptions and their causes, with the manual's numbers. It does not know who takes them.

use std::fmt;

use crate::riscv::{Extension, cause};

/// Why an instruction could not complete (privileged manual, table "Supervisor cause register (scause) values after trap").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Cause {
    /// An instruction access fault.
    InstructionAccess = cause::INSTRUCTION_ACCESS,
    /// An illegal instruction.
    IllegalInstruction = cause::ILLEGAL_INSTRUCTION,
    /// A breakpoint (`ebreak`).
    Breakpoint = cause::BREAKPOINT,
    /// A misaligned load.
    LoadMisaligned = cause::LOAD_MISALIGNED,
    /// A load access fault.
    LoadAccess = cause::LOAD_ACCESS,
    /// A misaligned store or AMO.
    StoreMisaligned = cause::STORE_MISALIGNED,
    /// A store or AMO access fault.
    StoreAccess = cause::STORE_ACCESS,
    /// An `ecall` from U-mode.
    UserCall = cause::USER_CALL,
    /// An `ecall` from S-mode, where the firmware is code.
    SupervisorCall = cause::SUPERVISOR_CALL,
    /// An `ecall` from VS-mode.
    GuestCall = cause::GUEST_CALL,
    /// An `ecall` from M-mode.
    MachineCall = cause::MACHINE_CALL,
    /// An instruction page fault.
    InstructionPage = cause::INSTRUCTION_PAGE,
    /// A load page fault.
    LoadPage = cause::LOAD_PAGE,
    /// A store or AMO page fault.
    StorePage = cause::STORE_PAGE,
    /// An instruction guest-page fault.
    InstructionGuestPage = cause::INSTRUCTION_GUEST_PAGE,
    /// A load guest-page fault.
    LoadGuestPage = cause::LOAD_GUEST_PAGE,
    /// A virtual instruction.
    VirtualInstruction = cause::VIRTUAL_INSTRUCTION,
    /// A store or AMO guest-page fault.
    StoreGuestPage = cause::STORE_GUEST_PAGE,
}

impl Cause {
    /// The value of scause.
    pub fn code(self) -> u64 {
        self as u64
    }

    /// A hypervisor's translation refused it.
    pub fn is_guest_page(self) -> bool {
        cause::is_guest_page(self.code())
    }

    /// A load or a store failed, by whatever.
    pub fn is_data_access(self) -> bool {
        cause::is_of_data(self.code())
    }

    /// stval is an address.
    pub fn has_address(self) -> bool {
        cause::has_address(self.code())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(cause::cause(self.code()))
    }
}

/// An exception that was not taken yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The cause.
    pub cause: Cause,
    /// The value for stval: the address, or the bits of an illegal instruction.
    pub value: u64,
}

impl Trap {
    /// A trap with this cause and value for stval.
    pub fn new(cause: Cause, value: u64) -> Trap {
        Trap { cause, value }
    }

    /// The trap of an illegal instruction with these bits.
    pub fn illegal(instruction: u32) -> Trap {
        Trap::new(Cause::IllegalInstruction, instruction.into())
    }

    /// The trap of what a guest may not do, though a hypervisor may.
    pub fn virtual_instruction(instruction: u32) -> Trap {
        Trap::new(Cause::VirtualInstruction, instruction.into())
    }
}

/// The type of a memory access. It determines the required permission and the cause of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessType {
    Fetch,
    Load,
    /// By a hypervisor, of what its guest may execute: `hlvx`.
    LoadExecutable,
    Store,
}

impl AccessType {
    /// The address is not mapped, or the permission is missing.
    pub fn page_fault(self, address: u64) -> Trap {
        let cause = match self {
            AccessType::Fetch => Cause::InstructionPage,
            AccessType::Load | AccessType::LoadExecutable => Cause::LoadPage,
            AccessType::Store => Cause::StorePage,
        };
        Trap::new(cause, address)
    }

    /// The hypervisor does not map the guest-physical address, or not for this.
    pub fn guest_page_fault(self, address: u64) -> Trap {
        let cause = match self {
            AccessType::Fetch => Cause::InstructionGuestPage,
            AccessType::Load | AccessType::LoadExecutable => Cause::LoadGuestPage,
            AccessType::Store => Cause::StoreGuestPage,
        };
        Trap::new(cause, address)
    }

    /// The address is misaligned, on a machine that requires alignment.
    pub fn misaligned(self, address: u64) -> Trap {
        let cause = if self == AccessType::Store { Cause::StoreMisaligned } else { Cause::LoadMisaligned };
        Trap::new(cause, address)
    }

    /// There is nothing at the physical address, or the firmware protects it.
    pub fn access_fault(self, address: u64) -> Trap {
        let cause = match self {
            AccessType::Fetch => Cause::InstructionAccess,
            AccessType::Load | AccessType::LoadExecutable => Cause::LoadAccess,
            AccessType::Store => Cause::StoreAccess,
        };
        Trap::new(cause, address)
    }
}

/// Why the instruction at pc was not executed; it has had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    Trap(Trap),
    Breakpoint,
    /// The instruction makes a watched access; with the first watched byte.
    Watchpoint(u64),
    /// Only the board can execute it: it uses a device or a CSR, or changes the privilege.
    NeedsBoard,
    /// The instruction accesses a device that this machine lacks.
    MissingDevice(&'static str),
    /// The instruction belongs to an extension that this machine lacks.
    MissingExtension(Extension),
}

impl From<Trap> for Interruption {
    fn from(trap: Trap) -> Interruption {
        Interruption::Trap(trap)
    }
}
