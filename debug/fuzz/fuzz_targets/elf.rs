//! Hands libFuzzer's bytes to debug_fuzz::elf.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| debug_fuzz::elf::survive(bytes));
