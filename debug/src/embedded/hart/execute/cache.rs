//! Cache blocks: this machine has no caches, so that only zeroing does something; what is allowed is asked for all.
//!
//! Source: unprivileged manual, "Cache-Block Management Instructions" and "Cache-Block Zero Instructions".

use super::Interruption;
use crate::embedded::bus::memory::Memory;
use crate::embedded::hart::decode::Operation;
use crate::embedded::hart::state::{Hart, Privilege, senvcfg};
use crate::embedded::hart::trap::{AccessType, Trap};
use crate::riscv::CacheBlock;
use crate::riscv::board::CACHE_BLOCK;

pub(super) fn access(
    hart: &mut Hart,
    memory: &mut Memory,
    operation: &Operation,
    what: CacheBlock,
) -> Result<(), Interruption> {
    let by_user = hart.privilege == Privilege::User;
    if hart.privilege != Privilege::Machine && !allowed(hart.menvcfg(), what) {
        return Err(Trap::illegal(operation.bits).into());
    }
    if hart.virtualized && !(allowed(hart.guest.henvcfg, what) && (!by_user || allowed(hart.senvcfg, what))) {
        return Err(Trap::virtual_instruction(operation.bits).into());
    }
    if by_user && !allowed(hart.senvcfg, what) {
        return Err(Trap::illegal(operation.bits).into());
    }
    let address = hart.x(operation.rs1);
    match what {
        CacheBlock::Zero => memory.zero_block(address, CACHE_BLOCK),
        // Who may load from it or store to it may manage it; where neither is allowed, a store was refused.
        _ => match memory.check(address, 1, AccessType::Load) {
            Err(Interruption::Trap(_)) => memory.check(address, 1, AccessType::Store),
            checked => checked,
        },
    }
}

/// Whether U-mode may, by senvcfg, or the guest, by henvcfg.
fn allowed(held: u64, what: CacheBlock) -> bool {
    let enabled = match what {
        CacheBlock::Invalidate => senvcfg::CBIE,
        CacheBlock::Clean | CacheBlock::Flush => senvcfg::CBCFE,
        CacheBlock::Zero => senvcfg::CBZE,
    };
    held & enabled != 0
}
