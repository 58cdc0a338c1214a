//! Manners: how often a server that does not want us, or cannot have us, sees us within a minute. `DESIGN.md` section 3, Reconnect;
//! `field/features.md` section 0e shows the peers under the same trials.

use std::fmt::Write as _;
use std::path::Path;

use super::{Sim, reconnecting, refused, secs};
use crate::options::Providers;
use crate::session::Session;

/// The times of the dials in a simulated minute, in seconds; `serve` plays the server for each.
fn dials(seed: u64, serve: fn(&mut Sim)) -> Vec<f64> {
    let mut sim = Sim::with(reconnecting(), Providers::default(), seed);
    sim.go(Session::start);
    let mut dials = Vec::new();
    loop {
        dials.extend(sim.times_of("dial"));
        if sim.take().contains(&"dial".to_owned()) {
            serve(&mut sim);
        }
        let Some(next) = sim.session.next_deadline().filter(|next| *next < sim.start + secs(60)) else { return dials };
        sim.pass((next - sim.now).as_secs_f64() + 1e-9);
    }
}

/// The fewest and the most dials of 200 sockets.
fn spread(serve: fn(&mut Sim)) -> (usize, usize) {
    let counts = || (0..200).map(|seed| dials(seed, serve).len());
    (counts().min().unwrap(), counts().max().unwrap())
}

#[test]
fn one_try_at_a_server_that_says_401() {
    assert_eq!(spread(|sim| sim.refused(401)), (1, 1));
}

#[test]
fn a_503_with_retry_after_is_asked_again_after_it_and_never_before() {
    let serve = |sim: &mut Sim| sim.dial_fails(refused(503).with(|detail| detail.retry_after = Some(secs(2))));
    for seed in 0..200 {
        let dials = dials(seed, serve);
        assert!(dials.windows(2).all(|pair| pair[1] - pair[0] > 2.0), "{dials:?}");
    }
    let (fewest, most) = spread(serve);
    assert!(fewest >= 4 && most <= 20, "{fewest} to {most}");
}

#[test]
fn a_503_without_a_word_is_asked_less_and_less() {
    let (fewest, most) = spread(|sim| sim.refused(503));
    assert!(fewest >= 4 && most <= 25, "{fewest} to {most}");
}

#[test]
fn a_server_that_accepts_and_kicks_at_once_is_asked_less_and_less() {
    let (fewest, most) = spread(|sim| {
        sim.opened();
        sim.peer_closes(Some(4000), "");
        sim.lost();
    });
    assert!(fewest >= 4 && most <= 25, "{fewest} to {most}");
}

#[test]
fn a_server_that_flaps_each_second_is_asked_less_and_less() {
    let (fewest, most) = spread(|sim| {
        sim.opened();
        sim.pass(1.0);
        sim.lost();
    });
    assert!(fewest >= 4 && most <= 20, "{fewest} to {most}");
}

#[test]
fn a_server_that_restarts_after_a_long_day_is_back_at_once() {
    for seed in 0..200 {
        let mut sim = Sim::with(reconnecting(), Providers::default(), seed);
        sim.go(Session::start);
        sim.opened();
        for _ in 0..4000 {
            sim.pass(19.0);
            sim.received();
        }
        sim.peer_closes(Some(1012), "restart");
        sim.lost();
        sim.pass(0.5);
        assert_eq!(sim.take().last().unwrap(), "dial");
    }
}

/// The delay of a socket that has lost its server.
fn first_delay(seed: u64) -> f64 {
    let mut sim = Sim::with(reconnecting(), Providers::default(), seed);
    sim.go(Session::start);
    sim.opened();
    sim.lost();
    sim.last_close().retry_in.unwrap().as_secs_f64()
}

#[test]
fn hundred_clients_that_lose_one_server_come_back_spread() {
    let mut delays: Vec<_> = (0..100).map(first_delay).collect();
    delays.sort_by(f64::total_cmp);
    for tenth in 1..10 {
        let expected = 0.05 * f64::from(tenth);
        assert!((delays[10 * usize::try_from(tenth).unwrap()] - expected).abs() < 0.1, "{delays:?}");
    }
}

const HOW: &str = "BLESS=1 cargo test -p heartwire-proto --lib manners";

/// A server, and its treatment of each attempt.
type Trial = (&'static str, fn(&mut Sim));

const TRIALS: [Trial; 7] = [
    ("refuses for ever with 401", |sim| sim.refused(401)),
    ("answers 503 with `Retry-After: 5`", |sim| sim.dial_fails(refused(503).with(|detail| detail.retry_after = Some(secs(5))))),
    ("answers 503 without a word", |sim| sim.refused(503)),
    ("accepts and kicks at once with 4000", |sim| kicks(sim, 4000)),
    ("accepts and kicks at once with 4001 (do not come back)", |sim| kicks(sim, 4001)),
    ("accepts and kicks at once with 1000", |sim| kicks(sim, 1000)),
    ("flaps: accepts, and is gone after a second", |sim| {
        sim.opened();
        sim.pass(1.0);
        sim.lost();
    }),
];

fn kicks(sim: &mut Sim, code: u16) {
    sim.opened();
    sim.peer_closes(Some(code), "");
    sim.lost();
}

#[test]
fn the_table_of_the_docs_is_what_the_simulation_gives() {
    let mut page = format!(
        "# Manners: how often a server sees us\n\n\
         With `reconnect: true` and nothing else, in a simulated minute, over 200 sockets with seeds 0 to 199.\n`{HOW}` writes this page.\n\n\
         | a server that | attempts in 60 s: fewest, median, most | delays of one socket (seed 7), in seconds |\n|---|---|---|\n"
    );
    for (name, serve) in TRIALS {
        let mut counts: Vec<_> = (0..200).map(|seed| dials(seed, serve).len()).collect();
        counts.sort_unstable();
        let one = dials(7, serve);
        let delays: Vec<_> = one.windows(2).map(|pair| format!("{:.1}", pair[1] - pair[0])).collect();
        let delays = if delays.is_empty() { "no second attempt".to_owned() } else { delays.join(", ") };
        let _ = writeln!(page, "| {name} | {}, {}, {} | {delays} |", counts[0], counts[100], counts[199]);
    }
    page += "\nA hundred clients lose one server at the same moment. How many are back in which tenth of a second,\nif it can take them at once:\n\n";
    page += "| 0 to 0.1 s | 0.1 to 0.2 s | 0.2 to 0.3 s | 0.3 to 0.4 s | 0.4 to 0.5 s |\n|---|---|---|---|---|\n|";
    let mut tenths = [0; 5];
    for seed in 0..100 {
        tenths[((first_delay(seed) * 10.0) as usize).min(4)] += 1;
    }
    for count in tenths {
        let _ = write!(page, " {count} |");
    }
    page += "\n\nThe first delay is random between 0 and `min_delay` (0.5 s), each further one between 0 and an upper\nbound that doubles up to `max_delay` (30 s).\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manners.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&file).unwrap_or_default() == page,
        "docs/manners.md is not what the simulation gives; write it anew with `{HOW}`"
    );
}
