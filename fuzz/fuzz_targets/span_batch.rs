//! [`fuzz::span_batch`] by libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::span_batch(input));
