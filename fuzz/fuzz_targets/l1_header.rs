//! [`fuzz::l1_header`] by libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::l1_header(input));
