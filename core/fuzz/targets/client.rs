//! Feeds libFuzzer's inputs to `heartwire_fuzz::client`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| heartwire_fuzz::client::run(input));
