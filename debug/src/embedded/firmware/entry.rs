//! The hart's state at the kernel's entry, as OpenSBI leaves it. It does not know the calls.
//!
//! Source: what OpenSBI 1.1 leaves in the registers.

use crate::embedded::bus::map;
use crate::embedded::conditions::Conditions;
use crate::embedded::hart::state::{Hart, Lifecycle, sstatus};
use crate::riscv::{Isa, Register};

/// The registers at the kernel's first instruction, as OpenSBI 1.1 leaves them on QEMU 7.2. a0 and a1 are arguments, and sp is
/// OpenSBI's stack; a kernel must not rely on the others. s2 and s3 repeat the entry and a1.
const HANDED_OVER: [(u8, u64); 21] = [
    (1, 0x8000_982a),
    (2, 0x8004_6ef0),
    (4, 0x8004_7000),
    (6, 2),
    (7, 0x1000),
    (8, 0x8004_6f30),
    (9, 1),
    (12, 7),
    (13, 0x19),
    (14, 0x80),
    (15, 1),
    (16, 1),
    (17, 5),
    (22, 0x8000_000a_0000_6800),
    (23, 0x7f),
    (24, 0x8001_9038),
    (25, 0x8003_d6a8),
    (28, 0x10),
    (29, 0x8001_77e6),
    (30, 0x8004_6ef0),
    (31, 0x27),
];

/// The hart at the kernel's `entry`: in S-mode, interrupts off, stvec = `entry`, floating point on.
pub fn hand_over(entry: u64, device_tree: u64, id: u64, isa: Isa, conditions: &Conditions) -> Hart {
    let mut hart = Hart::new(entry, isa);
    for (register, value) in HANDED_OVER {
        hart.set_x(register, isa.xlen.truncate(value));
    }
    hart.set_x(18, entry);
    hart.set_x(19, device_tree);
    // Singles of 0, boxed.
    hart.f = [0xffff_ffff_0000_0000; 32];
    if let Some(fill) = conditions.registers {
        (1..32).for_each(|register| hart.set_x(register, isa.xlen.truncate(fill)));
        hart.f = [fill; 32];
    }
    hart.id = id;
    hart.set_x(Register::A0, id);
    hart.set_x(Register::A1, device_tree);
    hart.sstatus = if conditions.float_off { 0 } else { sstatus::FS };
    hart.stimecmp = if conditions.timer_due { 0 } else { u64::MAX };
    hart.scounteren = 7;
    hart
}

/// A hart that waits in the firmware to be started.
pub fn stopped(isa: Isa) -> Hart {
    let mut hart = Hart::new(map::RAM_BASE, isa);
    (hart.lifecycle, hart.waiting) = (Lifecycle::Stopped, true);
    hart
}
