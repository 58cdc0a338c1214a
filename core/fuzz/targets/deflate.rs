//! Feeds libFuzzer's inputs to `heartwire_fuzz::deflate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| heartwire_fuzz::deflate::run(input));
