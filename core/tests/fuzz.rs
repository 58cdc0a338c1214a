//! The fuzz targets with their corpus, on any compiler and in every run of the tests; core/fuzz/run.py searches further.

#[allow(unreachable_pub, reason = "a crate of its own exports them to the fuzzers")]
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

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

#[test]
fn session() {
    replay("session", targets::session::run);
}

#[test]
fn proxy() {
    replay("proxy", targets::proxy::run);
}

#[test]
fn client() {
    replay("client", targets::client::run);
}

/// Random inputs, the same in each run: the fuzzers search for others. `PROPTEST_RNG_SEED=n` takes others, `PROPTEST_CASES=n` more.
fn chance(cases: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { cases };
    let rng_seed = if config.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { config.rng_seed };
    ProptestConfig { cases, rng_seed, failure_persistence: None, ..config }
}

proptest! {
    #![proptest_config(chance(3000))]

    #[test]
    fn whatever_happens_to_a_session_the_rules_hold(input in prop::collection::vec(any::<u8>(), 20..600)) {
        targets::session::run(&input);
    }

    #[test]
    fn the_same_seed_and_story_give_the_same_life(input in prop::collection::vec(any::<u8>(), 20..300)) {
        prop_assert_eq!(targets::session::trace(&input), targets::session::trace(&input));
    }
}

proptest! {
    #![proptest_config(chance(1500))]

    #[test]
    fn whatever_happens_to_a_client_the_order_holds_and_nothing_is_lost_in_silence(input in prop::collection::vec(any::<u8>(), 20..700)) {
        targets::client::run(&input);
    }

    #[test]
    fn the_same_seed_and_story_give_a_client_the_same_life(input in prop::collection::vec(any::<u8>(), 20..400)) {
        prop_assert_eq!(targets::client::trace(&input), targets::client::trace(&input));
    }
}
