//! Why a hart trapped, in the manual's words. It does not know where a cause was read.

use super::Xlen;

/// The bit of a cause that tells an interrupt from an exception.
pub const INTERRUPT: u64 = Xlen::Rv64.top_bit();
/// That of RV32. No code is so high, so that either bit tells it of either width.
const INTERRUPT_32: u64 = Xlen::Rv32.top_bit();

macro_rules! causes {
    ($function:ident: $($(#[$about:meta])* $name:ident = $number:literal $text:literal,)* [$($others:pat => $words:literal,)*]) => {
        $(#[doc = concat!("Cause: ", $text, ".")] $(#[$about])* pub const $name: u64 = $number;)*

        fn $function(code: u64) -> &'static str {
            match code {
                $($name => $text,)*
                $($others => $words,)*
            }
        }
    };
}

causes! { exception:
    INSTRUCTION_MISALIGNED = 0 "instruction address misaligned",
    INSTRUCTION_ACCESS = 1 "instruction access fault",
    ILLEGAL_INSTRUCTION = 2 "illegal instruction",
    BREAKPOINT = 3 "breakpoint",
    LOAD_MISALIGNED = 4 "load address misaligned",
    LOAD_ACCESS = 5 "load access fault",
    STORE_MISALIGNED = 6 "store/AMO address misaligned",
    STORE_ACCESS = 7 "store/AMO access fault",
    USER_CALL = 8 "environment call from U-mode",
    SUPERVISOR_CALL = 9 "environment call from S-mode",
    GUEST_CALL = 10 "environment call from VS-mode",
    MACHINE_CALL = 11 "environment call from M-mode",
    INSTRUCTION_PAGE = 12 "instruction page fault",
    LOAD_PAGE = 13 "load page fault",
    STORE_PAGE = 15 "store/AMO page fault",
    DOUBLE_TRAP = 16 "double trap",
    SOFTWARE_CHECK = 18 "software check",
    HARDWARE_ERROR = 19 "hardware error",
    INSTRUCTION_GUEST_PAGE = 20 "instruction guest-page fault",
    LOAD_GUEST_PAGE = 21 "load guest-page fault",
    VIRTUAL_INSTRUCTION = 22 "virtual instruction",
    STORE_GUEST_PAGE = 23 "store/AMO guest-page fault",
    [24..=31 | 48..=63 => "exception of the machine's own kind", _ => "reserved exception",]
}

causes! { interrupt:
    SUPERVISOR_SOFTWARE = 1 "supervisor software interrupt",
    GUEST_SOFTWARE = 2 "virtual supervisor software interrupt",
    MACHINE_SOFTWARE = 3 "machine software interrupt",
    SUPERVISOR_TIMER = 5 "supervisor timer interrupt",
    GUEST_TIMER = 6 "virtual supervisor timer interrupt",
    MACHINE_TIMER = 7 "machine timer interrupt",
    SUPERVISOR_EXTERNAL = 9 "supervisor external interrupt",
    GUEST_EXTERNAL = 10 "virtual supervisor external interrupt",
    MACHINE_EXTERNAL = 11 "machine external interrupt",
    HOST_EXTERNAL = 12 "supervisor guest external interrupt",
    COUNTER_OVERFLOW = 13 "counter-overflow interrupt",
    [16.. => "interrupt of the platform's own kind", _ => "reserved interrupt",]
}

/// What a value of scause (or mcause) means, as in `load access fault`.
///
/// The words are those of the RISC-V privileged manual, tables "Supervisor cause register (scause) values after trap" and
/// "Machine cause register (mcause) values after trap", with those that its chapter on the hypervisor extension adds.
pub fn cause(value: u64) -> &'static str {
    let code = code(value);
    if is_interrupt(value) { interrupt(code) } else { exception(code) }
}

/// The same with its article: `a load access fault`, `an illegal instruction`.
pub fn a_cause(value: u64) -> String {
    let words = cause(value);
    let article = if words.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {words}")
}

/// Whether a value of scause (or mcause) is of an interrupt: it came from outside, no instruction is to blame.
pub fn is_interrupt(value: u64) -> bool {
    value & (INTERRUPT | INTERRUPT_32) != 0
}

/// The number of the interrupt or the exception.
pub fn code(value: u64) -> u64 {
    value & !(INTERRUPT | INTERRUPT_32)
}

/// The bits of medeleg or hedeleg for exceptions with these codes.
pub const fn bits(codes: &[u64]) -> u64 {
    let (mut bits, mut index) = (0, 0);
    while index < codes.len() {
        bits |= 1 << codes[index];
        index += 1;
    }
    bits
}

/// Whether an exception with this code came from fetching the instruction.
pub fn is_of_fetch(code: u64) -> bool {
    matches!(code, INSTRUCTION_MISALIGNED | INSTRUCTION_ACCESS | INSTRUCTION_PAGE | INSTRUCTION_GUEST_PAGE)
}

/// Whether an exception with this code came from a load or a store.
pub fn is_of_data(code: u64) -> bool {
    let of_load = matches!(code, LOAD_MISALIGNED | LOAD_ACCESS | LOAD_PAGE | LOAD_GUEST_PAGE);
    of_load || matches!(code, STORE_MISALIGNED | STORE_ACCESS | STORE_PAGE | STORE_GUEST_PAGE)
}

/// Whether an exception with this code came from the second stage of a guest's translation.
pub fn is_guest_page(code: u64) -> bool {
    matches!(code, INSTRUCTION_GUEST_PAGE | LOAD_GUEST_PAGE | STORE_GUEST_PAGE)
}

/// Whether an exception with this code came from a store or an AMO.
pub fn is_of_store(code: u64) -> bool {
    matches!(code, STORE_MISALIGNED | STORE_ACCESS | STORE_PAGE | STORE_GUEST_PAGE)
}

/// Whether page tables, of either stage, refused the access.
pub fn is_page(code: u64) -> bool {
    matches!(code, INSTRUCTION_PAGE | LOAD_PAGE | STORE_PAGE) || is_guest_page(code)
}

/// Whether stval holds an address after an exception with this code.
pub fn has_address(code: u64) -> bool {
    is_of_fetch(code) || is_of_data(code)
}

/// The page fault by the same kind of access as this page fault, of either stage, or access fault; `None` for other exceptions.
pub fn page_fault(code: u64) -> Option<u64> {
    match code {
        INSTRUCTION_ACCESS | INSTRUCTION_PAGE | INSTRUCTION_GUEST_PAGE => Some(INSTRUCTION_PAGE),
        LOAD_ACCESS | LOAD_PAGE | LOAD_GUEST_PAGE => Some(LOAD_PAGE),
        STORE_ACCESS | STORE_PAGE | STORE_GUEST_PAGE => Some(STORE_PAGE),
        _ => None,
    }
}

/// Where a hart goes that takes a trap with this cause: the handler in stvec, or with stvec's mode 1 an interrupt's own one (privileged
/// manual, "Supervisor Trap Vector Base Address Register").
pub fn handler(stvec: u64, value: u64) -> u64 {
    let offset = if stvec & 3 == 1 && is_interrupt(value) { 4 * (value & 0xff) } else { 0 };
    (stvec & !3).wrapping_add(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_are_those_of_the_words() {
        assert_eq!(a_cause(2), "an illegal instruction");
        assert_eq!(a_cause(13), "a load page fault");
        assert_eq!(a_cause(8), "an environment call from U-mode");
    }

    #[test]
    fn exceptions_have_the_manuals_words() {
        assert_eq!(cause(2), "illegal instruction");
        assert_eq!(cause(5), "load access fault");
        assert_eq!(cause(15), "store/AMO page fault");
        assert_eq!(cause(14), "reserved exception");
        assert_eq!(cause(24), "exception of the machine's own kind");
        assert_eq!(cause(64), "reserved exception");
        assert!(!is_interrupt(15));
        assert_eq!(bits(&[ILLEGAL_INSTRUCTION, STORE_ACCESS]), 0x84);
    }

    #[test]
    fn interrupts_have_the_top_bit() {
        assert_eq!(cause(0x8000_0000_0000_0005), "supervisor timer interrupt");
        assert_eq!(cause(0x8000_0000_0000_0000), "reserved interrupt");
        assert_eq!(cause(u64::MAX), "interrupt of the platform's own kind");
        assert!(is_interrupt(0x8000_0000_0000_0009));
        assert_eq!(cause(0x8000_0005), "supervisor timer interrupt", "RV32");
    }

    #[test]
    fn with_vectors_each_interrupt_has_its_handler() {
        assert_eq!(handler(0x1000, INTERRUPT | 5), 0x1000);
        assert_eq!(handler(0x1001, INTERRUPT | 5), 0x1014);
        assert_eq!(handler(0x1001, 5), 0x1000);
    }
}
