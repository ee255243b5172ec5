//! Hands libFuzzer's bytes to debug_fuzz::recording.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| debug_fuzz::recording::survive(bytes));
