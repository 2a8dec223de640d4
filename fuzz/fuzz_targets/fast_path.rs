//! [`fuzz::fast_path`] by libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::fast_path(input));
