//! Feeds libFuzzer's inputs to `heartwire_fuzz::protocol_in`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| heartwire_fuzz::protocol_in::run(input));
