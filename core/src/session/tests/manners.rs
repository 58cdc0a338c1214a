//! Manners: how often a server that does not want us, or cannot have us, sees us within a minute. `DESIGN.md` section 3, Reconnect;
//! `field/features.md` section 0e shows the peers under the same trials.

use super::{Sim, reconnecting, refused, secs};
use crate::options::Providers;
use crate::session::Session;

/// When the dials of a simulated minute come, in seconds; `serve` does what the server does with each.
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

#[test]
fn hundred_clients_that_lose_one_server_come_back_spread() {
    let mut delays: Vec<_> = (0..100)
        .map(|seed| {
            let mut sim = Sim::with(reconnecting(), Providers::default(), seed);
            sim.go(Session::start);
            sim.opened();
            sim.lost();
            sim.last_close().retry_in.unwrap().as_secs_f64()
        })
        .collect();
    delays.sort_by(f64::total_cmp);
    for tenth in 1..10 {
        let expected = 0.05 * f64::from(tenth);
        assert!((delays[10 * usize::try_from(tenth).unwrap()] - expected).abs() < 0.1, "{delays:?}");
    }
}
