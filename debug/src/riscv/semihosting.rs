//! Semihosting: calls to the host of a machine or of a debugger, by a breakpoint between two instructions without effect.
//!
//! Sources: RISC-V Semihosting, "Semihosting Trap Instruction Sequence"; Arm, "Semihosting for AArch32 and AArch64", "Semihosting
//! operations".

use super::Xlen;

/// `slli x0, x0, 0x1f; ebreak; srai x0, x0, 7`. Each has 4 bytes, and they lie in one page.
const SEQUENCE: [u32; 3] = [0x01f0_1013, 0x0010_0073, 0x4070_5013];
/// How many bytes the sequence has.
pub const LENGTH: usize = 12;
/// How many of them lie before the breakpoint.
pub const BEFORE: u64 = 4;
/// How many bytes the breakpoint has.
pub const BREAKPOINT_BYTES: u64 = 4;

/// Prints the character at an address. The operation is in a0, its argument in a1.
pub const WRITE_CHARACTER: u64 = 0x03;
/// Prints the text at an address, up to a zero.
pub const WRITE_TEXT: u64 = 0x04;
/// Ends the machine.
const EXIT: u64 = 0x18;
/// Likewise; also with 32 bits its argument is the address of two words.
const EXIT_EXTENDED: u64 = 0x20;
/// The reason of an exit that the program wanted: ADP_Stopped_ApplicationExit.
const APPLICATION_EXIT: u64 = 0x20026;
/// The status of any other reason.
const FAILURE: u64 = 1;

/// Whether these bytes are the sequence.
pub fn is_call(bytes: &[u8; LENGTH]) -> bool {
    SEQUENCE.iter().flat_map(|word| word.to_le_bytes()).eq(bytes.iter().copied())
}

/// The exit status of a call that ends the machine; `None` if it does not. `word` reads the word at an address.
pub fn exit_status(
    xlen: Xlen,
    [operation, argument]: [u64; 2],
    mut word: impl FnMut(u64) -> Option<u64>,
) -> Option<u64> {
    let (reason, code) = match (operation, xlen) {
        (EXIT, Xlen::Rv32) => (Some(argument), Some(0)),
        (EXIT | EXIT_EXTENDED, _) => (word(argument), word(argument + xlen.bytes() as u64)),
        _ => return None,
    };
    Some(if reason == Some(APPLICATION_EXIT) { code.unwrap_or(FAILURE) } else { FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_exit_that_was_wanted_has_a_status_of_its_own() {
        let status = |xlen: Xlen, call, words: [u64; 2]| {
            let word = |at: u64| words.get((at.wrapping_sub(0x1000) / xlen.bytes() as u64) as usize).copied();
            exit_status(xlen, call, word)
        };
        for xlen in [Xlen::Rv32, Xlen::Rv64] {
            assert_eq!(status(xlen, [0x20, 0x1000], [0x20026, 7]), Some(7));
            assert_eq!(status(xlen, [0x20, 0x1000], [0x20023, 0]), Some(1), "another reason");
            assert_eq!(status(xlen, [0x20, 0x9000], [0x20026, 0]), Some(1), "there is no block");
            assert_eq!(status(xlen, [0x04, 0x1000], [0x20026, 7]), None);
        }
        assert_eq!(status(Xlen::Rv64, [0x18, 0x1000], [0x20026, 7]), Some(7));
        assert_eq!(status(Xlen::Rv32, [0x18, 0x20026], [0, 0]), Some(0), "the reason is in a1");
        assert_eq!(status(Xlen::Rv32, [0x18, 0x1000], [0x20026, 0]), Some(1));
    }
}
