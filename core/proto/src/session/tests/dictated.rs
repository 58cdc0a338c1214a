//! Heartbeats that a server dictates: `set_heartbeat` and `fill`.

use super::{Sim, reconnecting, secs};
use crate::close::CloseCode;
use crate::event::ReadyState;
use crate::options::{HeartbeatOptions, Matcher, Options, Payload};
use crate::pointer::Pointer;
use crate::session::Session;

fn fill(target: &str, source: &str) -> (Pointer, Pointer) {
    (Pointer::parse(target).unwrap(), Pointer::parse(source).unwrap())
}

/// As Discord's gateway wants it.
fn discord(interval: u64) -> HeartbeatOptions {
    HeartbeatOptions {
        message: Payload::Text(r#"{"op":1,"d":null}"#.into()),
        interval: secs(interval),
        response: Some(Matcher::Json(serde_json::json!({"op": 11}))),
        timeout: Some(secs(interval)),
        close_code: 4000,
        fill: vec![fill("/d", "/s")],
        ..HeartbeatOptions::default()
    }
}

fn set(sim: &mut Sim, options: Option<HeartbeatOptions>) {
    sim.go(|session, now| session.set_heartbeat(now, options)).unwrap();
}

fn quiet() -> Options {
    Options { ping_interval: None, ..reconnecting() }
}

#[test]
fn the_last_value_that_came_is_put_into_each_heartbeat() {
    let mut sim = Sim::open(quiet());
    set(&mut sim, Some(discord(40)));
    sim.pass(40.0);
    assert_eq!(sim.take(), [r#"transmit {"op":1,"d":null}"#, "beat sent"], "nothing came yet");
    sim.message(r#"{"op":11}"#);
    sim.message(r#"{"op":0,"s":41,"d":{"s":7}}"#);
    sim.message(r#"{"op":0,"s":42}"#);
    sim.message(r#"{"op":11,"s":null}"#);
    sim.message("no JSON");
    sim.take();
    sim.pass(40.0);
    assert_eq!(sim.take(), [r#"transmit {"op":1,"d":42}"#, "beat sent"], "null and what is missing do not count");
}

#[test]
fn messages_are_looked_at_only_while_somebody_needs_them() {
    let mut sim = Sim::open(quiet());
    assert!(!sim.session.looks_at_messages());
    set(&mut sim, Some(discord(40)));
    assert!(sim.session.looks_at_messages(), "a value for `fill` may come at any time");
    set(&mut sim, Some(HeartbeatOptions { fill: Vec::new(), ..discord(40) }));
    assert!(!sim.session.looks_at_messages());
}

#[test]
fn a_missed_response_is_a_reconnection_with_the_code_that_was_asked_for() {
    let mut sim = Sim::open(quiet());
    set(&mut sim, Some(discord(40)));
    sim.pass(80.0);
    let log = sim.take();
    assert!(log.contains(&"send close 4000 heartbeat_missed".to_owned()), "{log:?}");
    assert!(log.contains(&"close 1006 unclean heartbeat_missed again".to_owned()), "{log:?}");
}

#[test]
fn the_next_connection_begins_with_the_heartbeat_of_the_options() {
    let options = HeartbeatOptions { message: Payload::Text("mine".into()), interval: secs(50), ..HeartbeatOptions::default() };
    let mut sim = Sim::open(Options { heartbeat: Some(options), ..quiet() });
    set(&mut sim, Some(discord(10)));
    sim.lost();
    sim.pass(1.0);
    sim.opened();
    sim.take();
    sim.pass(50.0);
    assert_eq!(sim.take(), ["transmit mine", "beat sent"]);
}

#[test]
fn none_turns_it_off() {
    let mut sim = Sim::open(Options { heartbeat: Some(discord(40)), ..quiet() });
    set(&mut sim, None);
    sim.pass(400.0);
    assert!(sim.take().is_empty());
}

#[test]
fn what_the_options_already_watched_stays_known() {
    let mut sim = Sim::open(Options { heartbeat: Some(discord(400)), ..quiet() });
    sim.message(r#"{"op":0,"s":5}"#);
    set(&mut sim, Some(discord(40)));
    sim.pass(40.0);
    assert_eq!(sim.take(), [r#"transmit {"op":1,"d":5}"#, "beat sent"]);
}

#[test]
fn a_function_of_set_heartbeat_is_asked_by_its_own_name() {
    let mut sim = Sim::open(quiet());
    set(&mut sim, Some(HeartbeatOptions { message: Payload::Function, timeout: None, response: None, ..discord(40) }));
    sim.message(r#"{"s":1}"#);
    sim.pass(40.0);
    assert_eq!(sim.take(), ["ask dictated heartbeat"]);
    sim.answer(serde_json::json!({"op": 1}));
    assert_eq!(sim.take(), [r#"transmit {"d":1,"op":1}"#, "beat sent"]);
}

#[test]
fn it_needs_an_open_connection() {
    let mut sim = Sim::new(quiet());
    let error = sim.go(|session, now| session.set_heartbeat(now, None)).unwrap_err();
    assert_eq!(error.code(), crate::error::ErrorCode::InvalidState);
    sim.go(Session::start);
    sim.opened();
    sim.go(|session, now| session.close(now, Some(CloseCode::NORMAL), "")).unwrap();
    assert_eq!(sim.state(), ReadyState::Closing);
    assert!(sim.go(|session, now| session.set_heartbeat(now, None)).is_err());
}
