//! Known differences between QEMU and the manual, with the versions that have them. Every other difference is a failure.
//!
//! `from` follows the last tested version that does it right, and `until` is the first tested one that does so again. 7.2, 10.0 and
//! 11.1 were tested, by a kernel that meets each of them (debug/tests/lockstep.rs) or, for what only guests and M-mode meet, by
//! generated programs (debug/tests/embedded/differential); versions in between are assumed to have the fault. The differential tests
//! and lockstep use this table.

mod explain;
mod guest;
mod guest_traps;
mod machine_mode;
mod rare;

use super::Version;
use crate::machine::Quirk;
use crate::machine::quirk::Case;
use crate::machine::quirk::Explains::All;
use explain::*;

struct Known {
    from: Version,
    /// The first version without it.
    until: Option<Version>,
    quirk: Quirk,
}

const OLD: Version = Version::new(7, 2);
/// For what 7.2 does not have, and 10.0 has: one of the versions between them began it.
const AFTER_OLD: Version = Version::new(7, 3);
const TEN: Version = Version::new(10, 0);
/// For what 10.0 does not have, and 11.1 has.
const AFTER_TEN: Version = Version::new(10, 1);
const ELEVEN: Version = Version::new(11, 1);

/// The versions on which all of the table was met.
pub const TESTED: [Version; 3] = [OLD, TEN, ELEVEN];

const TABLE: &[Known] = &[
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "AMOs and sc that fail do so as the load that QEMU begins them with",
            source: "privileged manual, \"Machine Cause (mcause) Register\": store, store-conditional and AMO instructions \
                     generate store/AMO exceptions",
            explains: All(calls_atomic_a_load),
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "stval of a misaligned load that fails is the first address of the aligned loads that QEMU takes it apart into",
            source: "privileged manual, \"Supervisor Trap Value (stval) Register\": the address of the portion that failed",
            explains: All(rounds_address),
        },
    },
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "sstatus.FS stays clean although fcsr was written",
            source: "privileged manual, \"Extension Context Status in mstatus Register\"; unprivileged manual, \"CSR \
                     Instructions\": csrrs and csrrc with a register other than x0 write",
            explains: All(leaves_float_clean),
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "a misaligned sc without a reservation fails quietly",
            source: "unprivileged manual, \"Load-Reserved/Store-Conditional Instructions\": an exception, if the address is \
                     not aligned",
            explains: All(misaligned_sc),
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "S-mode executes from a page of U-mode that a load through SUM has put into QEMU's TLB",
            source: "privileged manual, \"Supervisor Memory Privilege in sstatus Register\": never, whatever SUM is",
            explains: All(executes_user_page),
        },
    },
    Known {
        from: AFTER_OLD,
        until: None,
        quirk: Quirk {
            what: "ebreak leaves its address in stval",
            source: "privileged manual, \"Supervisor Trap Value (stval) Register\": that or 0, as the hart likes",
            explains: All(ebreak_tells_address),
        },
    },
    Known {
        from: AFTER_OLD,
        until: None,
        quirk: Quirk {
            what: "an sc without a reservation fails as a store would there",
            source: "unprivileged manual, \"Load-Reserved/Store-Conditional Instructions\": it may, or just fail",
            explains: All(sc_faults_without_reservation),
        },
    },
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "sc.w after lr.d stores, and returns 1",
            source: "unprivileged manual, \"Load-Reserved/Store-Conditional Instructions\": 0 if it stored; another size than \
                     that of lr may fail, and then stores nothing",
            explains: All(calls_stored_failed),
        },
    },
    Known {
        from: AFTER_TEN,
        until: None,
        quirk: Quirk {
            what: "sstatus.FS becomes dirty where a comparison or a conversion only met a subnormal number",
            source: "privileged manual, \"Extension Context Status in mstatus Register\": dirty may be set although nothing \
                     has changed",
            explains: All(marks_float_early),
        },
    },
    Known {
        from: AFTER_OLD,
        until: None,
        quirk: Quirk {
            what: "stval of a misaligned access to two pages, neither of which may be accessed, is the second page's address",
            source: "privileged manual, \"Supervisor Trap Value (stval) Register\": the address of the portion that failed",
            explains: All(tells_second_page),
        },
    },
    Known {
        from: AFTER_OLD,
        until: None,
        quirk: Quirk {
            what: "stval of a cache-block instruction that fails is the first address of the block",
            source: "unprivileged manual, \"Cache-Block Management Instructions\": the faulting address is the value of rs1",
            explains: All(rounds_to_block),
        },
    },
    Known {
        from: AFTER_OLD,
        until: None,
        quirk: Quirk {
            what: "sepc of an instruction on two pages that traps has the second page's number",
            source: "privileged manual, \"Supervisor Exception Program Counter (sepc) Register\": the address of the instruction",
            explains: All(takes_next_page),
        },
    },
    Known {
        from: AFTER_OLD,
        until: None,
        quirk: Quirk {
            what: "senvcfg.CBIE holds 2",
            source: "unprivileged manual, \"Cache-Block Management Instructions\": a reserved value of a WARL field",
            explains: All(holds_reserved_invalidation),
        },
    },
    Known {
        from: AFTER_OLD,
        until: None,
        quirk: Quirk {
            what: "A and D of a page are set although the access fails then, or is an sc that stores nothing",
            source: "privileged manual, \"Virtual Memory System\": A may be set by speculation; D only for a store that is made",
            explains: All(sets_bits_early),
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "A and D are set in the entry of a page of Svnapot whose size is reserved",
            source: "unprivileged manual, \"Svnapot\": such an entry raises a page fault",
            explains: All(sets_bits_of_reserved_size),
        },
    },
    Known {
        from: OLD,
        until: Some(ELEVEN),
        quirk: Quirk {
            what: "sepc holds bit 0",
            source: "privileged manual, \"Supervisor Exception Program Counter (sepc) Register\": the low bit is always zero",
            explains: All(holds_odd_sepc),
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "scounteren and hcounteren have 64 bits",
            source: "privileged manual, \"Counter-Enable (scounteren) Register\" and \"Hypervisor Counter-Enable (hcounteren) \
                     Register\": 32 bits",
            explains: All(holds_wide_counters),
        },
    },
    Known {
        from: AFTER_OLD,
        until: None,
        quirk: Quirk {
            what: "scounteren and hcounteren hold only the bits of counters that there are",
            source: "privileged manual, \"Counter-Enable (scounteren) Register\" and \"Hypervisor Counter-Enable (hcounteren) \
                     Register\": any of them may be read-only zero",
            explains: All(holds_narrow_counters),
        },
    },
    Known {
        from: OLD,
        until: None,
        quirk: Quirk {
            what: "sstatus.UXL holds other values than 2",
            source: "privileged manual, \"Base ISA Control in mstatus Register\": a WARL field; a hart need not have RV32 in U-mode",
            explains: All(holds_other_width),
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "csrrs and csrrc with a register that holds 0 do not write",
            source: "unprivileged manual, \"CSR Instructions\": only those with x0 do not; a write to a read-only CSR is illegal",
            explains: All(zero_is_no_write),
        },
    },
    Known {
        from: OLD,
        until: Some(TEN),
        quirk: Quirk {
            what: "senvcfg and sstatus hold bits of extensions that QEMU implements, whether this hart has them or not",
            source: "privileged manual, \"Supervisor Environment Configuration (senvcfg) Register\" and \"Supervisor Status \
                     (sstatus) Register\": zero without the extension",
            explains: All(holds_other_extensions),
        },
    },
];

/// The quirks of a version, first those that explain a part.
pub fn of(version: Version) -> Vec<Quirk> {
    let (guests, machine_mode) = (of_guests_traps(version), of_machine_mode(version));
    [guests, machine_mode, rare(version), in_version(TABLE, version), in_version(guest::TABLE, version)].concat()
}

/// Those of them that a hypervisor meets when its guest traps.
pub fn of_guests_traps(version: Version) -> Vec<Quirk> {
    in_version(guest_traps::TABLE, version)
}

/// Those of them that M-mode meets.
pub fn of_machine_mode(version: Version) -> Vec<Quirk> {
    in_version(machine_mode::TABLE, version)
}

/// Those of them that are rarely met.
pub fn rare(version: Version) -> Vec<Quirk> {
    in_version(rare::TABLE, version)
}

fn in_version(table: &[Known], version: Version) -> Vec<Quirk> {
    let has = |known: &&Known| known.from <= version && known.until.is_none_or(|until| version < until);
    table.iter().filter(has).map(|known| known.quirk).collect()
}

#[cfg(test)]
mod tests;
