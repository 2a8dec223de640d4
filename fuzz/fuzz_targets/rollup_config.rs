//! [`fuzz::rollup_config`] by libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::rollup_config(input));
