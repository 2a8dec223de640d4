//! [`fuzz::blob_data_of`] by libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::blob_data_of(input));
