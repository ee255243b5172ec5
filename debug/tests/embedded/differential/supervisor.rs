//! What enters S-mode in a program of 32 bits, in place of a firmware: it leaves S-mode all that OpenSBI leaves it, and every trap. It does
//! not know the program.

use super::program::TEXT;
use crate::assembler::*;

/// Where a machine without a firmware starts.
pub const START: u64 = 0x8000_0000;

const MSTATUS: u32 = 0x300;
const MEDELEG: u32 = 0x302;
const MIDELEG: u32 = 0x303;
const MCOUNTEREN: u32 = 0x306;
const MENVCFG: u32 = 0x30a;
const MENVCFGH: u32 = 0x31a;
const MEPC: u32 = 0x341;
const PMPCFG0: u32 = 0x3a0;
const PMPADDR0: u32 = 0x3b0;
const MRET: u32 = 0x3020_0073;

/// Half a MiB of RAM and the CLINT are nobody's but M-mode's; the rest is everybody's.
pub fn code() -> Vec<u8> {
    const NOBODYS: u64 = 0x18;
    const EVERYBODYS: u64 = 0x1f;
    let napot = |start: u64, size: u64| start >> 2 | (size / 8 - 1);
    let values = [
        (PMPADDR0, napot(START, 0x8_0000)),
        (PMPADDR0 + 1, napot(0x200_0000, 0x1_0000)),
        (PMPADDR0 + 2, 0xffff_ffff),
        (PMPCFG0, EVERYBODYS << 16 | NOBODYS << 8 | NOBODYS),
        (MEDELEG, 0xb3ff),
        (MIDELEG, 0x222),
        (MCOUNTEREN, u64::from(u32::MAX)),
        // Cache blocks; the supervisor's own timer, and marks in page tables.
        (MENVCFG, 0xf0),
        (MENVCFGH, 1 << 31 | 1 << 29),
        (MSTATUS, 1 << 11),
        (MEPC, TEXT),
    ];
    let mut code = Vec::new();
    for (csr, value) in values {
        code.extend(li(5, value));
        code.push(csrw(csr, 5));
    }
    code.push(MRET);
    code.iter().flat_map(|instruction| instruction.to_le_bytes()).collect()
}
