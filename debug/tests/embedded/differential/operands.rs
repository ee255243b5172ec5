//! Operands that lie on edges more often than between them. It does not know which instructions get them.

use super::program::{DATA, DATA_SIZE};
use crate::random::Random;

pub fn integer_operand(random: &mut Random) -> u64 {
    const EDGES: [u64; 18] = [
        0,
        1,
        2,
        31,
        32,
        63,
        64,
        0x7f,
        0x80,
        0x7fff,
        0x8000,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0000,
        i64::MAX as u64,
        i64::MIN as u64,
        u64::MAX,
    ];
    match random.below(4) {
        0 => random.pick(&EDGES),
        1 => random.pick(&EDGES).wrapping_neg(),
        2 => random.next() >> random.below(64),
        _ => random.next() as i32 as u64,
    }
}

/// Mostly where there is data, aligned or not; sometimes where there is nothing, or the firmware, well within what each of its
/// versions protects.
pub fn address_operand(random: &mut Random) -> u64 {
    const PLACES: [u64; 11] = [
        0,
        8,
        0x8000_1000,
        0x8001_fffc,
        0x8001_fff9,
        0x87ff_fffd,
        0x8800_0000,
        0x40_0000_0000,
        u64::MAX,
        1 << 63,
        0x200_0000,
    ];
    let data = DATA + 0x1000 + random.below(DATA_SIZE as u64 - 0x2000);
    match random.below(8) {
        0 => random.pick(&PLACES).wrapping_add(random.below(8)),
        1 => random.next(),
        2 => data / 0x1000 * 0x1000 - 8 + random.below(16),
        3 => data,
        4 => integer_operand(random) & 0xff,
        _ => data & !7,
    }
}

pub fn float_operand(random: &mut Random) -> u64 {
    const DOUBLES: [u64; 16] = [
        0,
        1,
        0x000f_ffff_ffff_ffff,
        0x0010_0000_0000_0000,
        0x3ff0_0000_0000_0000,
        0x3fe0_0000_0000_0000,
        0x7fef_ffff_ffff_ffff,
        0x7ff0_0000_0000_0000,
        0x7ff0_0000_0000_0001,
        0x7ff8_0000_0000_0000,
        0x7fff_ffff_ffff_ffff,
        0x41df_ffff_ffc0_0000,
        0x43e0_0000_0000_0000,
        0x41f0_0000_0000_0000,
        0x3810_0000_0000_0000,
        0x47ef_ffff_e000_0000,
    ];
    const SINGLES: [u32; 14] = [
        0,
        1,
        0x007f_ffff,
        0x0080_0000,
        0x3f80_0000,
        0x3f00_0000,
        0x7f7f_ffff,
        0x7f80_0000,
        0x7f80_0001,
        0x7fc0_0000,
        0x7fff_ffff,
        0x4f00_0000,
        0x5f00_0000,
        0x4f80_0000,
    ];
    const BOX: u64 = 0xffff_ffff << 32;
    let sign = u64::from(random.bits(1));
    match random.below(8) {
        0 | 1 => random.pick(&DOUBLES) ^ sign << 63,
        2 => BOX | u64::from(random.pick(&SINGLES)) ^ sign << 31,
        3 => BOX | u64::from(near(u64::from(random.pick(&SINGLES)), random) as u32) ^ sign << 31,
        4 => near(random.pick(&DOUBLES), random) ^ sign << 63,
        // A number of middle size, so that sums and products of two of them round.
        5 => BOX | u64::from(random.bits(23) | (120 + random.bits(4)) << 23) ^ sign << 31,
        6 => (random.next() >> 12 | (1016 + u64::from(random.bits(4))) << 52) ^ sign << 63,
        _ => random.next(),
    }
}

/// A few units in the last place away.
fn near(bits: u64, random: &mut Random) -> u64 {
    bits.wrapping_add(random.below(8)).wrapping_sub(4)
}
