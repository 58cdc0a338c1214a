//! The text heartbeat.

use serde_json::{Value, json};

use super::{Sim, reconnecting, secs};
use crate::event::ReadyState;
use crate::options::{HeartbeatOptions, Matcher, Options, Payload};
use crate::session::Session;

fn beating(heartbeat: HeartbeatOptions) -> Options {
    Options { heartbeat: Some(heartbeat), ping_interval: None, ..Options::default() }
}

fn text() -> HeartbeatOptions {
    HeartbeatOptions { message: Payload::Text("hb".into()), ..HeartbeatOptions::default() }
}

fn function() -> HeartbeatOptions {
    HeartbeatOptions { message: Payload::Function, ..HeartbeatOptions::default() }
}

/// The lines of the log without those of the heartbeat event.
fn wire(sim: &mut Sim) -> Vec<String> {
    sim.take().into_iter().filter(|line| !line.starts_with("beat")).collect()
}

#[test]
fn a_text_is_sent_each_interval() {
    let mut sim = Sim::open(beating(text()));
    sim.pass(59.9);
    assert!(sim.take().is_empty());
    sim.pass(240.2);
    assert_eq!(sim.times_of("transmit hb"), [60.0, 120.0, 180.0, 240.0, 300.0]);
    assert_eq!(sim.take()[..2], ["transmit hb", "beat sent"]);
}

#[test]
fn bytes_are_sent_as_bytes() {
    let mut sim = Sim::open(beating(HeartbeatOptions { message: Payload::Binary(vec![9]), ..text() }));
    sim.pass(60.0);
    assert_eq!(sim.take(), ["transmit b\"\\t\"", "beat sent"]);
}

#[test]
fn the_rhythm_does_not_drift_but_a_late_caller_gets_no_burst() {
    let mut sim = Sim::open(beating(text()));
    sim.now += secs(61);
    sim.go(Session::handle_timeout);
    sim.pass(59.5);
    assert_eq!(sim.times_of("transmit"), [61.0, 120.0]);
    sim.now += secs(1000);
    sim.take();
    sim.go(Session::handle_timeout);
    sim.pass(59.0);
    assert_eq!(sim.take(), ["transmit hb", "beat sent"]);
}

#[test]
fn a_function_is_called_each_time() {
    let mut sim = Sim::open(beating(function()));
    for (n, value) in
        [json!("one"), json!({"op": 1, "d": null}), json!([3]), json!(4), json!({"$bytes": "Zml2ZQ=="})].into_iter().enumerate()
    {
        sim.pass(60.0);
        assert_eq!(sim.take(), ["ask heartbeat"], "{n}");
        sim.answer(value);
        let sent = ["one", r#"{"op":1,"d":null}"#, "[3]", "4", "b\"five\""][n];
        assert_eq!(sim.take(), [format!("transmit {sent}"), "beat sent".into()]);
    }
}

#[test]
fn a_function_that_gives_nothing_skips_the_beat() {
    let mut sim = Sim::open(beating(function()));
    sim.pass(60.0);
    sim.answer(Value::Null);
    sim.pass(60.0);
    assert_eq!(sim.take(), ["ask heartbeat", "ask heartbeat"]);
}

#[test]
fn if_the_host_is_blocked_the_last_value_is_sent_again() {
    let mut sim = Sim::open(beating(function()));
    sim.pass(60.0);
    sim.answer(json!("first"));
    sim.take();
    sim.pass(300.0);
    assert_eq!(
        sim.times_of("transmit first"),
        [125.0, 180.0, 240.0, 300.0, 360.0],
        "5 s of patience once, then the host is known to be busy"
    );
    assert_eq!(sim.times_of("ask"), [120.0], "the host does not find a pile of questions");
    sim.take();
    sim.answer(json!("second"));
    assert!(sim.take().is_empty(), "this beat was sent already");
    sim.pass(60.0);
    assert_eq!(sim.take(), ["ask heartbeat"]);
    sim.pass(5.0);
    assert_eq!(wire(&mut sim), ["transmit second"], "the late answer is the newest value");
}

#[test]
fn patience_is_half_an_interval_at_most() {
    let mut sim = Sim::open(beating(HeartbeatOptions { interval: secs(1), ..function() }));
    sim.pass(1.0);
    sim.answer(json!("x"));
    sim.pass(1.6);
    assert_eq!(sim.times_of("transmit"), [1.0, 2.5]);
}

#[test]
fn a_slow_answer_within_the_patience_is_what_is_sent() {
    let mut sim = Sim::open(beating(function()));
    sim.pass(60.0);
    sim.answer(json!("first"));
    sim.pass(63.0);
    sim.answer(json!("second"));
    sim.pass(50.0);
    assert_eq!(wire(&mut sim), ["ask heartbeat", "transmit first", "ask heartbeat", "transmit second"]);
}

#[test]
fn a_function_declared_mandatory_is_waited_for() {
    let mut sim = Sim::open(beating(HeartbeatOptions { mandatory: true, ..function() }));
    sim.pass(60.0);
    sim.answer(json!("first"));
    sim.take();
    sim.pass(300.0);
    assert_eq!(sim.take(), ["ask heartbeat"]);
    sim.answer(json!("second"));
    assert_eq!(wire(&mut sim), ["transmit second"]);
}

#[test]
fn before_the_first_answer_there_is_nothing_to_send_again() {
    let mut sim = Sim::open(beating(function()));
    sim.pass(200.0);
    assert_eq!(sim.take(), ["ask heartbeat"]);
    sim.answer(json!("first"));
    assert_eq!(wire(&mut sim), ["transmit first"]);
}

#[test]
fn a_function_that_fails_costs_a_fresh_value_not_the_connection() {
    let mut sim = Sim::open(beating(function()));
    sim.pass(60.0);
    sim.answer(json!("first"));
    sim.pass(60.0);
    let id = *sim.asks.last().unwrap();
    sim.take();
    sim.go(|session, now| session.handle_answer(now, id, Err("KeyError".into())));
    assert_eq!((wire(&mut sim), sim.state()), (vec!["transmit first".to_owned()], ReadyState::Open));
}

#[test]
fn a_response_of_exactly_this_text_is_matched() {
    let mut sim = Sim::open(beating(HeartbeatOptions { response: Some(Matcher::Text("pong".into())), timeout: Some(secs(10)), ..text() }));
    assert!(!sim.session.looks_at_messages());
    sim.message("pong");
    sim.pass(60.0);
    assert!(sim.session.looks_at_messages());
    sim.take();
    sim.pass(2.0);
    sim.message("pong ");
    sim.received();
    assert!(sim.take().is_empty());
    sim.message("pong");
    assert_eq!(sim.take(), ["beat answered 2"]);
    assert!(!sim.session.looks_at_messages());
    sim.pass(50.0);
    assert!(sim.take().is_empty(), "no miss");
}

#[test]
fn a_response_has_its_full_time_once_more_while_the_peer_takes_what_waits_to_leave() {
    let mut sim = Sim::open(beating(HeartbeatOptions { response: Some(Matcher::Text("pong".into())), timeout: Some(secs(10)), ..text() }));
    sim.pass(60.0);
    sim.take();
    for _ in 0..4 {
        sim.pass(9.0);
        sim.go(Session::handle_progress);
    }
    assert!(sim.take().is_empty());
    sim.pass(10.1);
    assert_eq!(sim.take()[0], "beat missed 1");
}

#[test]
fn a_response_is_matched_by_a_json_subset() {
    let wanted = json!({"op": 11, "d": {"ok": true}, "l": [{"a": 1}, null]});
    let response = Some(Matcher::Json(wanted));
    let mut sim = Sim::open(beating(HeartbeatOptions { response, timeout: Some(secs(10)), ..text() }));
    sim.pass(60.0);
    sim.take();
    for other in [
        "",
        "{",
        "11",
        r#"{"op":11}"#,
        r#"{"op":"11","d":{"ok":true},"l":[{"a":1},null]}"#,
        r#"{"op":11,"d":{"ok":false},"l":[{"a":1},null]}"#,
        r#"{"op":11,"d":{"ok":true},"l":[{"a":1,"b":2},null]}"#,
        r#"{"op":11,"d":{"ok":true},"l":[{"a":1}]}"#,
        r#"{"op":11,"d":true,"l":[{"a":1},null]}"#,
    ] {
        sim.message(other);
        assert!(sim.take().is_empty(), "{other}");
    }
    sim.message(r#" {"l": [{"a": 1.0}, null], "x": 1, "op": 11.0, "d": {"x": 2, "ok": true}} "#);
    assert_eq!(sim.take(), ["beat answered 0"]);
}

#[test]
fn binary_messages_are_no_response() {
    let mut sim = Sim::open(beating(HeartbeatOptions { response: Some(Matcher::Text("pong".into())), timeout: Some(secs(10)), ..text() }));
    sim.pass(60.0);
    sim.take();
    sim.go(|session, now| session.handle_message(now, crate::message::Data::Binary(b"pong")));
    assert!(sim.take().is_empty());
}

#[test]
fn without_a_response_any_inbound_frame_answers() {
    let mut sim = Sim::open(beating(HeartbeatOptions { timeout: Some(secs(10)), ..text() }));
    sim.pass(61.0);
    sim.received();
    sim.received();
    assert_eq!(sim.take(), ["transmit hb", "beat sent", "beat answered 1"]);
    assert!(!sim.session.looks_at_messages(), "messages need not be looked at");
}

#[test]
fn without_timeout_nothing_is_missed_and_an_answer_is_still_told() {
    let mut sim = Sim::open(beating(text()));
    sim.pass(1000.0);
    sim.received();
    assert!(sim.take().iter().all(|line| line == "transmit hb" || line == "beat sent"));

    let mut sim = Sim::open(beating(HeartbeatOptions { response: Some(Matcher::Text("pong".into())), ..text() }));
    sim.pass(601.0);
    sim.take();
    sim.message("pong");
    sim.message("pong");
    assert_eq!(sim.take(), ["beat answered 1"]);
}

#[test]
fn max_missed_responses_in_a_row_close_with_heartbeat_missed() {
    let options = HeartbeatOptions { timeout: Some(secs(10)), max_missed: 2, ..text() };
    let mut sim = Sim::open(beating(options));
    sim.pass(75.0);
    assert_eq!(sim.take(), ["transmit hb", "beat sent", "beat missed 1"]);
    sim.pass(46.0);
    sim.received();
    assert_eq!(sim.take(), ["transmit hb", "beat sent", "beat answered 1"], "in a row");
    sim.pass(150.0);
    assert_eq!(
        sim.take(),
        [
            "transmit hb",
            "beat sent",
            "beat missed 1",
            "transmit hb",
            "beat sent",
            "beat missed 2",
            "send close 1001 heartbeat_missed",
            "drop",
            "error heartbeat_missed",
            "close 1006 unclean heartbeat_missed final"
        ]
    );
    assert_eq!(sim.errors[0].message, "2 heartbeats in a row got no response within 10 s");
}

#[test]
fn beats_faster_than_their_responses_are_answered_in_order() {
    let response = Some(Matcher::Text("ok".into()));
    let mut sim = Sim::open(beating(HeartbeatOptions { interval: secs(1), timeout: Some(secs(5)), response, ..text() }));
    sim.pass(2.5);
    sim.message("ok");
    sim.pass(1.0);
    sim.message("ok");
    assert_eq!(sim.take().into_iter().filter(|line| line.starts_with("beat a")).collect::<Vec<_>>(), ["beat answered 1.5"; 2]);
}

#[test]
fn only_when_idle_sends_only_if_nothing_was_sent_for_an_interval() {
    let mut sim = Sim::open(beating(HeartbeatOptions { only_when_idle: true, ..text() }));
    for _ in 0..10 {
        sim.pass(50.0);
        sim.send("busy").unwrap();
    }
    sim.go(Session::handle_sent);
    assert!(sim.take().is_empty());
    sim.pass(59.0);
    assert!(sim.take().is_empty());
    sim.pass(121.0);
    assert_eq!(wire(&mut sim), ["transmit hb"; 3]);
}

#[test]
fn jitter_makes_a_share_of_the_first_interval_random() {
    let first = |jitter, seed| {
        let mut sim = Sim::with(beating(HeartbeatOptions { jitter, ..text() }), crate::options::Providers::default(), seed);
        sim.go(Session::start);
        sim.opened();
        sim.pass(130.0);
        let beats = sim.times_of("transmit");
        assert!((beats[1] - beats[0] - 60.0).abs() < 1e-6, "only the first");
        beats[0]
    };
    let half: Vec<_> = (0..50).map(|seed| first(0.5, seed)).collect();
    assert!(half.iter().all(|beat| (30.0..=60.0).contains(beat)), "{half:?}");
    assert!(half.iter().any(|beat| *beat < 37.0) && half.iter().any(|beat| *beat > 53.0), "{half:?}");
    assert!((0..50).any(|seed| first(1.0, seed) < 15.0));
    assert!((first(0.0, 1) - 60.0).abs() < 1e-9);
}

#[test]
fn the_heartbeat_restarts_clean_on_each_connection() {
    let heartbeat = HeartbeatOptions { timeout: Some(secs(10)), max_missed: 2, ..function() };
    let mut sim = Sim::open(Options { heartbeat: Some(heartbeat), ping_interval: None, ..reconnecting() });
    sim.pass(60.0);
    sim.answer(json!("old"));
    sim.pass(70.0);
    assert!(sim.take().contains(&"beat missed 1".to_owned()));
    let stale = *sim.asks.last().unwrap();
    sim.lost();
    sim.pass(1.0);
    sim.opened();
    sim.take();
    sim.go(|session, now| session.handle_answer(now, stale, Ok(json!("stale"))));
    assert!(sim.take().is_empty(), "a question of the old connection");
    sim.pass(65.0);
    assert_eq!(sim.take(), ["ask heartbeat"], "a full interval, and no value of the old connection");
    sim.answer(json!("new"));
    sim.pass(10.0);
    assert_eq!(sim.take(), ["transmit new", "beat sent", "beat missed 1"]);
}

#[test]
fn a_jump_of_the_clock_beats_at_once_where_pings_are_off() {
    let mut sim = Sim::open(beating(text()));
    sim.pass(10.0);
    sim.go(Session::handle_clock_jump);
    assert_eq!(wire(&mut sim), ["transmit hb"]);
    sim.pass(60.0);
    assert_eq!(wire(&mut sim).len(), 1);
}

#[test]
fn while_we_do_not_read_no_response_is_missed_and_beats_go_on() {
    let response = Some(Matcher::Text("pong".into()));
    let mut sim = Sim::open(beating(HeartbeatOptions { timeout: Some(secs(10)), response, ..text() }));
    sim.pass(59.0);
    sim.go(|session, now| session.handle_reading(now, false));
    sim.pass(62.0);
    assert_eq!(wire(&mut sim), ["transmit hb", "transmit hb"]);
    sim.go(|session, now| session.handle_reading(now, true));
    sim.pass(9.0);
    sim.message("pong");
    sim.message("pong");
    assert_eq!(sim.take(), ["beat answered 70", "beat answered 10"]);
}

#[test]
fn no_beat_while_closing() {
    let mut sim = Sim::open(Options { close_timeout: secs(1000), ..beating(function()) });
    sim.pass(60.0);
    sim.close(1000, "");
    sim.answer(json!("late"));
    sim.pass(500.0);
    assert_eq!(sim.take(), ["ask heartbeat", "send close 1000"]);
}
