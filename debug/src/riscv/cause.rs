//! Why a hart trapped, in the manual's words. It does not know where a cause was read.

/// The bit of a cause that tells an interrupt from an exception.
const INTERRUPT: u64 = 1 << 63;

/// What a value of scause (or mcause) means, as in `load access fault`.
///
/// The words are those of the RISC-V privileged manual, tables "Supervisor cause register (scause) values after trap" and
/// "Machine cause register (mcause) values after trap", with those that its chapter on the hypervisor extension adds.
pub fn cause(value: u64) -> &'static str {
    let code = value & !INTERRUPT;
    if is_interrupt(value) { interrupt(code) } else { exception(code) }
}

/// Whether a value of scause (or mcause) is of an interrupt: it came from outside, no instruction is to blame.
pub fn is_interrupt(value: u64) -> bool {
    value & INTERRUPT != 0
}

fn exception(code: u64) -> &'static str {
    match code {
        0 => "instruction address misaligned",
        1 => "instruction access fault",
        2 => "illegal instruction",
        3 => "breakpoint",
        4 => "load address misaligned",
        5 => "load access fault",
        6 => "store/AMO address misaligned",
        7 => "store/AMO access fault",
        8 => "environment call from U-mode",
        9 => "environment call from S-mode",
        10 => "environment call from VS-mode",
        11 => "environment call from M-mode",
        12 => "instruction page fault",
        13 => "load page fault",
        15 => "store/AMO page fault",
        16 => "double trap",
        18 => "software check",
        19 => "hardware error",
        20 => "instruction guest-page fault",
        21 => "load guest-page fault",
        22 => "virtual instruction",
        23 => "store/AMO guest-page fault",
        24..=31 | 48..=63 => "exception of the machine's own kind",
        _ => "reserved exception",
    }
}

fn interrupt(code: u64) -> &'static str {
    match code {
        1 => "supervisor software interrupt",
        2 => "virtual supervisor software interrupt",
        3 => "machine software interrupt",
        5 => "supervisor timer interrupt",
        6 => "virtual supervisor timer interrupt",
        7 => "machine timer interrupt",
        9 => "supervisor external interrupt",
        10 => "virtual supervisor external interrupt",
        11 => "machine external interrupt",
        12 => "supervisor guest external interrupt",
        13 => "counter-overflow interrupt",
        16.. => "interrupt of the platform's own kind",
        _ => "reserved interrupt",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_have_the_manuals_words() {
        assert_eq!(cause(2), "illegal instruction");
        assert_eq!(cause(5), "load access fault");
        assert_eq!(cause(15), "store/AMO page fault");
        assert_eq!(cause(14), "reserved exception");
        assert_eq!(cause(24), "exception of the machine's own kind");
        assert_eq!(cause(64), "reserved exception");
        assert!(!is_interrupt(15));
    }

    #[test]
    fn interrupts_have_the_top_bit() {
        assert_eq!(cause(0x8000_0000_0000_0005), "supervisor timer interrupt");
        assert_eq!(cause(0x8000_0000_0000_0000), "reserved interrupt");
        assert_eq!(cause(u64::MAX), "interrupt of the platform's own kind");
        assert!(is_interrupt(0x8000_0000_0000_0009));
    }
}
