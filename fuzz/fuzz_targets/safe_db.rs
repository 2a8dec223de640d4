//! [`fuzz::safe_db`] by libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::safe_db(input));
