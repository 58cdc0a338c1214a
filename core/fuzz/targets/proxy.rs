//! Feeds libFuzzer's inputs to `heartwire_fuzz::proxy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| heartwire_fuzz::proxy::run(input));
