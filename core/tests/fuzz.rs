//! The fuzz targets with their corpus, on any compiler and in every run of the tests; core/fuzz/run.py looks for more.

#[allow(unreachable_pub, reason = "a crate of its own exports them to the fuzzers")]
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

/// Runs each input of a target's corpus, and each of its beginnings.
fn replay(target: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&corpus).expect("a folder of inputs") {
        let input = std::fs::read(entry.expect("an input").path()).expect("an input");
        let step = 1 + input.len() / 16;
        for end in (0..input.len()).step_by(step).chain([input.len()]) {
            run(&input[..end]);
        }
        count += 1;
    }
    assert!(count > 0, "{} is empty", corpus.display());
}

#[test]
fn protocol_in() {
    replay("protocol_in", targets::protocol_in::run);
}

#[test]
fn deflate() {
    replay("deflate", targets::deflate::run);
}

#[test]
fn extension() {
    replay("extension", targets::extension::run);
}

#[test]
fn upgrade() {
    replay("upgrade", targets::upgrade::run);
}

#[test]
fn options() {
    replay("options", targets::options::run);
}
