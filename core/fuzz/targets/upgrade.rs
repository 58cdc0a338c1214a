//! Feeds libFuzzer's inputs to `heartwire_fuzz::upgrade`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| heartwire_fuzz::upgrade::run(input));
