//! Feeds libFuzzer's inputs to `heartwire_fuzz::extension`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| heartwire_fuzz::extension::run(input));
