//! Hands libFuzzer's bytes to debug_fuzz::client.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| debug_fuzz::client::survive(bytes));
