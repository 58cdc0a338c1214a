//! Rate limits: no window ever holds more than it may, each key keeps its order, and heartbeats are not late.

use std::time::Duration;

use proptest::prelude::*;

use super::{Sim, reconnecting, secs};
use crate::error::ErrorCode;
use crate::message::{Data, Way};
use crate::options::{HeartbeatOptions, KeyLimitOptions, Options, Overflow, Payload, RateLimitOptions, SendQueueOptions};
use crate::session::Route;

fn limit(messages: usize, per: u64) -> RateLimitOptions {
    RateLimitOptions { messages, per: secs(per), reserve: Some(0), ..RateLimitOptions::default() }
}

fn limited(rate_limit: RateLimitOptions) -> Options {
    Options { rate_limit: Some(rate_limit), ping_interval: None, ..reconnecting() }
}

fn send(sim: &mut Sim, text: &str, way: Way<'_>) -> Result<Route, ErrorCode> {
    sim.go(|session, now| {
        let route = session.send_by(now, Data::Text(text), None, &way)?;
        Ok(route)
    })
    .map_err(|error: crate::error::Error| error.code())
}

fn keyed(key: &str) -> Way<'_> {
    Way { key: Some(key), ..Way::default() }
}

#[test]
fn what_is_over_waits_in_order_and_is_told_of_once() {
    let mut sim = Sim::open(limited(limit(2, 10)));
    let routes: Vec<_> = ["a", "b", "c", "d"].into_iter().map(|text| sim.send(text).unwrap()).collect();
    assert_eq!(routes, [Route::Transmit, Route::Transmit, Route::Queued, Route::Queued]);
    assert_eq!(sim.take(), ["throttled 1 10.2"], "a window is counted two hundredths longer");
    sim.pass(10.3);
    assert_eq!(sim.take(), ["transmit c", "transmit d"]);
}

#[test]
fn a_burst_is_followed_by_an_even_pace() {
    let mut sim = Sim::open(limited(RateLimitOptions { burst: Some(2), reserve: Some(1), ..limit(5, 10) }));
    for text in ["a", "b", "c", "d", "e"] {
        sim.send(text).unwrap();
    }
    sim.take();
    sim.pass(30.0);
    let times = sim.times_of("transmit");
    assert_eq!(times.len(), 3);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 2.0), "{times:?}");
}

#[test]
fn a_key_that_waits_holds_up_no_other() {
    let keys = Some(KeyLimitOptions { messages: 1, per: secs(5), burst: None });
    let mut sim = Sim::open(limited(RateLimitOptions { keys, ..limit(100, 10) }));
    assert_eq!(send(&mut sim, "a1", keyed("a")), Ok(Route::Transmit));
    assert_eq!(send(&mut sim, "a2", keyed("a")), Ok(Route::Queued));
    assert_eq!(send(&mut sim, "a3", keyed("a")), Ok(Route::Queued));
    assert_eq!(send(&mut sim, "b1", keyed("b")), Ok(Route::Transmit));
    assert_eq!(sim.send("none"), Ok(Route::Transmit));
    sim.take();
    sim.pass(11.0);
    assert_eq!(sim.take(), ["transmit a2", "transmit a3"]);
}

#[test]
fn the_reserve_is_for_what_is_urgent() {
    let mut sim = Sim::open(limited(RateLimitOptions { reserve: Some(1), ..limit(3, 10) }));
    assert_eq!(sim.send("a"), Ok(Route::Transmit));
    assert_eq!(sim.send("b"), Ok(Route::Transmit));
    assert_eq!(sim.send("c"), Ok(Route::Queued));
    let urgent = Way { urgent: true, ..Way::default() };
    assert_eq!(send(&mut sim, "now", urgent), Ok(Route::Transmit));
    assert_eq!(send(&mut sim, "later", urgent), Ok(Route::Queued), "no window ever holds more than it may");
    sim.take();
    sim.pass(10.3);
    assert_eq!(sim.take(), ["transmit later", "transmit c"]);
}

#[test]
fn heartbeats_are_not_late_however_much_waits() {
    let heartbeat = HeartbeatOptions { message: Payload::Text("beat".into()), interval: secs(7), ..HeartbeatOptions::default() };
    let rate_limit = RateLimitOptions { reserve: None, max_messages: 10_000, ..limit(20, 10) };
    let mut sim = Sim::open(Options { heartbeat: Some(heartbeat), ..limited(rate_limit) });
    for n in 0..1000 {
        sim.send(&n.to_string()).unwrap();
    }
    sim.pass(70.0);
    let expected: Vec<f64> = (1..=10).map(|n| f64::from(n) * 7.0).collect();
    assert_eq!(sim.times_of("transmit beat"), expected);
}

#[test]
fn overflow_follows_its_rule() {
    let small = |overflow| RateLimitOptions { max_messages: 1, overflow, ..limit(1, 10) };
    let mut sim = Sim::open(limited(small(Overflow::Error)));
    sim.send("a").unwrap();
    sim.send("b").unwrap();
    assert_eq!(sim.send("c"), Err(ErrorCode::RateLimited));
    let mut sim = Sim::open(limited(small(Overflow::DropOldest)));
    sim.send("a").unwrap();
    sim.send("b").unwrap();
    assert_eq!(sim.send("c"), Ok(Route::Queued));
    assert!(sim.take().contains(&"dropped overflow b".to_owned()));
    let mut sim = Sim::open(limited(small(Overflow::DropNewest)));
    sim.send("a").unwrap();
    sim.send("b").unwrap();
    assert_eq!(sim.send("c"), Ok(Route::Dropped));
    assert_eq!(sim.take().last().unwrap(), "dropped overflow c");
}

#[test]
fn a_server_that_says_slow_down_is_heard() {
    let keys = Some(KeyLimitOptions { messages: 100, per: secs(1), burst: None });
    let mut sim = Sim::open(limited(RateLimitOptions { keys, ..limit(100, 1) }));
    sim.go(|session, now| session.throttle(now, secs(5), Some("a"))).unwrap();
    assert_eq!(send(&mut sim, "a1", keyed("a")), Ok(Route::Queued));
    assert_eq!(send(&mut sim, "b1", keyed("b")), Ok(Route::Transmit));
    sim.go(|session, now| session.throttle(now, secs(9), None)).unwrap();
    assert_eq!(send(&mut sim, "b2", keyed("b")), Ok(Route::Queued));
    assert_eq!(send(&mut sim, "urgent", Way { urgent: true, ..Way::default() }), Ok(Route::Transmit));
    sim.take();
    sim.pass(20.0);
    assert_eq!(sim.times_of("transmit"), [9.0, 9.0]);
    sim.go(|session, now| session.throttle(now, secs(50), None)).unwrap();
    sim.send("c").unwrap();
    sim.take();
    sim.go(|session, now| session.throttle(now, Duration::ZERO, None)).unwrap();
    assert_eq!(sim.take(), ["transmit c"], "none lifts it");
    let mut sim = Sim::open(reconnecting());
    let error = sim.go(|session, now| session.throttle(now, secs(1), None)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidState);
    assert_eq!(send(&mut sim, "x", keyed("a")), Err(ErrorCode::InvalidData), "a key without rate_limit.keys");
}

#[test]
fn what_waits_when_the_connection_ends_goes_to_the_queue_or_is_told_of() {
    let mut sim = Sim::open(Options { send_queue: Some(SendQueueOptions::default()), ..limited(limit(1, 10)) });
    sim.send("a").unwrap();
    sim.send("b").unwrap();
    sim.lost();
    sim.send("c").unwrap();
    sim.pass(1.0);
    sim.take();
    sim.opened();
    sim.pass(11.0);
    let sent: Vec<_> = sim.take().into_iter().filter(|line| line.starts_with("transmit")).collect();
    assert_eq!(sent, ["transmit b", "transmit c"], "each connection counts anew");
    let mut sim = Sim::open(limited(limit(1, 10)));
    sim.send("a").unwrap();
    sim.send("b").unwrap();
    sim.lost();
    assert!(sim.take().contains(&"dropped closed b".to_owned()));
}

#[test]
fn a_send_that_is_waited_for_is_settled() {
    let mut sim = Sim::open(limited(limit(1, 10)));
    sim.send("a").unwrap();
    assert_eq!(send(&mut sim, "b", Way { ticket: Some(7), ..Way::default() }), Ok(Route::Queued));
    assert_eq!(send(&mut sim, "c", Way { ticket: Some(8), ..Way::default() }), Ok(Route::Queued));
    sim.take();
    sim.pass(10.3);
    assert_eq!(sim.take(), ["transmit b", "settled 7"]);
    sim.lost();
    assert!(sim.take().contains(&"settled 8 rate_limited".to_owned()));
}

proptest! {
    /// Against a counter that checks every window.
    #[test]
    fn no_window_ever_holds_more_than_it_may_and_each_key_keeps_its_order(
        messages in 1..6usize, per in 1..8u64, reserve in 0..3usize, key_messages in 1..4usize, key_per in 1..8u64, burst in 1..6usize,
        story in prop::collection::vec((0..5u8, 0..3u8, 0..2_000u64, any::<bool>()), 0..80),
    ) {
        let keys = Some(KeyLimitOptions { messages: key_messages, per: secs(key_per), burst: None });
        let reserve = Some(reserve.min(messages - 1));
        let options = RateLimitOptions { reserve, keys, burst: Some(burst), max_messages: 10_000, ..limit(messages, per) };
        let mut sim = Sim::open(limited(options));
        let mut sent: Vec<(f64, String)> = Vec::new();
        let mut count = 0;
        for (action, key, wait, urgent) in story {
            match action {
                0..=2 => {
                    count += 1;
                    let key = char::from(b'a' + key).to_string();
                    let text = format!("{key}{count}");
                    let way = if urgent { Way { urgent: true, ..Way::default() } } else { keyed(&key) };
                    if send(&mut sim, &text, way).unwrap() == Route::Transmit {
                        let now = (sim.now - sim.start).as_secs_f64();
                        sent.push((now, if urgent { format!("!{text}") } else { text }));
                    }
                }
                3 => sim.pass(wait as f64 / 1000.0),
                _ => sim.go(|session, now| session.throttle(now, Duration::from_millis(wait), None)).unwrap(),
            }
            let times: Vec<f64> = sim.times_of("transmit");
            let lines = sim.take().into_iter().filter_map(|line| line.strip_prefix("transmit ").map(str::to_owned));
            sent.extend(times.into_iter().zip(lines));
        }
        sim.pass(10_000.0);
        let times: Vec<f64> = sim.times_of("transmit");
        let lines = sim.take().into_iter().filter_map(|line| line.strip_prefix("transmit ").map(str::to_owned));
        sent.extend(times.into_iter().zip(lines));
        prop_assert_eq!(sent.len(), count, "every message leaves in the end");
        let within = |all: &[f64], most: usize, per: u64| all.iter().all(|start| all.iter().filter(|time| (*start..start + per as f64).contains(time)).count() <= most);
        let all: Vec<f64> = sent.iter().map(|(time, _)| *time).collect();
        prop_assert!(within(&all, messages, per), "{:?}", sent);
    }
}

#[test]
fn every_key_keeps_its_order_and_its_window() {
    let keys = Some(KeyLimitOptions { messages: 2, per: secs(3), burst: None });
    let mut sim = Sim::open(limited(RateLimitOptions { keys, max_messages: 1000, ..limit(5, 4) }));
    let mut sent: Vec<String> = Vec::new();
    for n in 0..60 {
        let key = ["a", "b", "c"][n % 3];
        let text = format!("{key}{n:02}");
        if send(&mut sim, &text, keyed(key)).unwrap() == Route::Transmit {
            sent.push(text);
        }
    }
    sim.take();
    sim.pass(1000.0);
    sent.extend(sim.take().into_iter().filter_map(|line| line.strip_prefix("transmit ").map(str::to_owned)));
    assert_eq!(sent.len(), 60);
    for key in ["a", "b", "c"] {
        let of_key: Vec<_> = sent.iter().filter(|text| text.starts_with(key)).collect();
        assert!(of_key.is_sorted(), "{of_key:?}");
    }
}
