//! Bytes and numbers as the protocol writes them: in hexadecimal. Pure.

use super::frame::{HEX, digit};

/// A number in big-endian hexadecimal, at most 64 bits.
pub fn hex_number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 16 {
        return None;
    }
    text.iter().try_fold(0, |value, &byte| Some(value << 4 | u64::from(digit(byte)?)))
}

/// Appends two digits for each byte.
pub fn to_hex(bytes: &[u8], text: &mut Vec<u8>) {
    text.extend(bytes.iter().flat_map(|byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]));
}

/// Whether `text` is exactly as many bytes, in hexadecimal, as `bytes` holds; then they are in it.
pub fn from_hex(text: &[u8], bytes: &mut [u8]) -> bool {
    if text.len() != 2 * bytes.len() {
        return false;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let Some((high, low)) = digit(pair[0]).zip(digit(pair[1])) else { return false };
        *byte = high << 4 | low;
    }
    true
}
