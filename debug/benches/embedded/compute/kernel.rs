//! A kernel that computes: CRC, a shell sort, products of matrices, a sieve; with `--cfg floating` products of doubles as well. It prints
//! a checksum and powers off; with `--cfg harts` it starts all harts, and each computes for ever. ROUNDS says how much of it, a round being about eight million instructions.
//!
//! Compiled with optimisation: it measures how fast a machine executes what compilers make.

#![no_std]
#![no_main]

use core::arch::{asm, naked_asm};

const ROUNDS: u32 = parsed(env!("ROUNDS"));

const fn parsed(text: &str) -> u32 {
    let (digits, mut number, mut at) = (text.as_bytes(), 0, 0);
    while at < digits.len() {
        number = 10 * number + (digits[at] - b'0') as u32;
        at += 1;
    }
    number
}

static mut WORDS: [u32; 8192] = [0; 8192];
static mut MATRICES: [[[u64; 40]; 40]; 3] = [[[0; 40]; 40]; 3];
static mut DOUBLES: [[[f64; 40]; 40]; 3] = [[[0.0; 40]; 40]; 3];
static mut COMPOSITE: [bool; 65536] = [false; 65536];

/// What one of several harts computes with, and its stack.
#[repr(C, align(16))]
struct Share {
    stack: [u8; 8192],
    words: [u32; 8192],
    matrices: [[[u64; 40]; 40]; 3],
    composite: [bool; 65536],
}

static mut SHARES: [Share; 8] =
    [const { Share { stack: [0; 8192], words: [0; 8192], matrices: [[[0; 40]; 40]; 3], composite: [false; 65536] } }; 8];

/// Starts the other harts, and is one of them.
fn all_compute() -> ! {
    for hart in 0..8 {
        let share = unsafe { &raw mut SHARES[hart] };
        unsafe {
            asm!("ecall", in("a7") 0x48_534d_u64, in("a6") 0, inlateout("a0") hart => _,
                inlateout("a1") second as *const () as usize => _, in("a2") share)
        };
    }
    compute(unsafe { &mut *(&raw mut SHARES[0]) })
}

/// Where another hart begins, with its share in a1.
#[unsafe(naked)]
extern "C" fn second() -> ! {
    naked_asm!("li sp, 8192", "add sp, sp, a1", "mv a0, a1", "j {compute}", compute = sym compute)
}

extern "C" fn compute(share: &mut Share) -> ! {
    let mut sum = 1;
    loop {
        fill(&mut share.words, sum);
        sum = sum.wrapping_add(crc(&share.words).into());
        sort(&mut share.words);
        sum = sum.wrapping_add(multiply(&mut share.matrices, sum)).wrapping_add(sieve(&mut share.composite));
    }
}

#[unsafe(naked)]
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.boot")]
extern "C" fn boot() -> ! {
    naked_asm!(
        "la sp, __stack_top",
        "la t0, __bss",
        "la t1, __bss_end",
        "1: bgeu t0, t1, 2f",
        "sd zero, 0(t0)",
        "addi t0, t0, 8",
        "j 1b",
        "2: j {main}",
        main = sym main,
    )
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    power_off()
}

extern "C" fn main() -> ! {
    if cfg!(harts) {
        all_compute();
    }
    let mut sum = 1_u64;
    for _ in 0..ROUNDS {
        let words = unsafe { &mut *(&raw mut WORDS) };
        fill(words, sum);
        sum = sum.wrapping_mul(31).wrapping_add(crc(words).into());
        sort(words);
        sum = sum.wrapping_mul(31).wrapping_add(words[words.len() / 2].into());
        sum = sum.wrapping_mul(31).wrapping_add(multiply(unsafe { &mut *(&raw mut MATRICES) }, sum));
        sum = sum.wrapping_mul(31).wrapping_add(sieve(unsafe { &mut *(&raw mut COMPOSITE) }));
        if cfg!(floating) {
            sum = sum.wrapping_mul(31).wrapping_add(floating(unsafe { &mut *(&raw mut DOUBLES) }, sum));
        }
    }
    for digit in (0..16).rev() {
        print(b"0123456789abcdef"[(sum >> (4 * digit) & 15) as usize]);
    }
    print(b'\n');
    power_off()
}

#[inline(never)]
fn fill(words: &mut [u32], seed: u64) {
    let mut random = seed | 1;
    for word in words {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        *word = random as u32;
    }
}

/// Bit by bit, without a table.
#[inline(never)]
fn crc(words: &[u32]) -> u32 {
    let mut crc = !0_u32;
    for word in words {
        crc ^= word;
        for _ in 0..16 {
            crc = crc >> 1 ^ if crc & 1 != 0 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

#[inline(never)]
fn sort(words: &mut [u32]) {
    let mut gap = words.len() / 2;
    while gap > 0 {
        for start in gap..words.len() {
            let word = words[start];
            let mut at = start;
            while at >= gap && words[at - gap] > word {
                words[at] = words[at - gap];
                at -= gap;
            }
            words[at] = word;
        }
        gap /= 2;
    }
}

#[inline(never)]
fn multiply([one, other, product]: &mut [[[u64; 40]; 40]; 3], seed: u64) -> u64 {
    for row in 0..40 {
        for column in 0..40 {
            one[row][column] = seed.rotate_left((row + column) as u32);
            other[row][column] = seed.rotate_right((row * column) as u32);
        }
    }
    let mut sum = 0_u64;
    for row in 0..40 {
        for column in 0..40 {
            product[row][column] =
                (0..40).fold(0, |sum: u64, at| sum.wrapping_add(one[row][at].wrapping_mul(other[at][column])));
            sum ^= product[row][column];
        }
    }
    sum
}

#[inline(never)]
fn sieve(composite: &mut [bool; 65536]) -> u64 {
    composite.fill(false);
    let mut count = 0;
    for number in 2..composite.len() {
        if !composite[number] {
            count += 1;
            for multiple in (number * number..composite.len()).step_by(number) {
                composite[multiple] = true;
            }
        }
    }
    count
}

#[inline(never)]
fn floating([one, other, product]: &mut [[[f64; 40]; 40]; 3], seed: u64) -> u64 {
    for row in 0..40 {
        for column in 0..40 {
            one[row][column] = (seed >> (row + column) % 40 & 0xffff) as f64 / (row + 1) as f64;
            other[row][column] = (seed >> (row * column) % 40 & 0xffff) as f64 - 0.1 * column as f64;
        }
    }
    let mut sum = 0.0;
    for row in 0..40 {
        for column in 0..40 {
            product[row][column] = (0..40).fold(0.0, |sum, at| sum + one[row][at] * other[at][column]);
            sum += if product[row][column] < 0.0 { 1.0 } else { product[row][column] / 3.0 };
        }
    }
    f64::to_bits(sum)
}

fn print(byte: u8) {
    unsafe { asm!("ecall", in("a7") 1, inlateout("a0") u64::from(byte) => _) };
}

/// SBI's system reset.
fn power_off() -> ! {
    loop {
        unsafe {
            asm!("ecall", in("a7") 0x5352_5354_u64, in("a6") 0, inlateout("a0") 0_u64 => _, inlateout("a1") 0_u64 => _)
        };
    }
}
