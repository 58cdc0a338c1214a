//! Feeds libFuzzer's inputs to `heartwire_fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| heartwire_fuzz::session::run(input));
