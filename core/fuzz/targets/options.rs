//! Feeds libFuzzer's inputs to `heartwire_fuzz::options`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| heartwire_fuzz::options::run(input));
