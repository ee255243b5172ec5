//! Hands libFuzzer's bytes to debug_fuzz::code.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| debug_fuzz::code::survive(bytes));
