//! `reconnect.on`: the server asks its clients to connect again.

use serde_json::json;

use super::{Sim, reconnecting_with};
use crate::options::{Matcher, ReconnectOptions};
use crate::pointer::Pointer;

fn announced(overlap: bool) -> ReconnectOptions {
    ReconnectOptions {
        on: Some(Matcher::Json(json!({"type": "session_reconnect"}))),
        url: Pointer::parse("/session/url"),
        overlap,
        close_code: 4000,
        ..ReconnectOptions::default()
    }
}

#[test]
fn the_url_is_taken_from_the_message() {
    let mut sim = Sim::open(reconnecting_with(announced(false)));
    sim.message(r#"{"type":"other","session":{"url":"wss://other.example/"}}"#);
    assert!(sim.take().is_empty());
    sim.message(r#"{"type":"session_reconnect","session":{"url":"wss://other.example/"}}"#);
    assert_eq!(sim.take(), [r#"replace Some("wss://other.example/") 4000"#]);
}

#[test]
fn without_a_url_that_can_be_used_it_goes_where_every_attempt_goes() {
    for message in [
        r#"{"type":"session_reconnect"}"#,
        r#"{"type":"session_reconnect","session":{"url":null}}"#,
        r#"{"type":"session_reconnect","session":{"url":"ftp://other.example/"}}"#,
        r#"{"type":"session_reconnect","session":{"url":7}}"#,
    ] {
        let mut sim = Sim::open(reconnecting_with(announced(false)));
        sim.message(message);
        assert_eq!(sim.take(), ["replace None 4000"], "{message}");
    }
}

#[test]
fn the_url_holds_where_the_connection_ends_before() {
    let mut sim = Sim::open(reconnecting_with(announced(false)));
    sim.message(r#"{"type":"session_reconnect","session":{"url":"wss://other.example/"}}"#);
    sim.lost();
    sim.pass(1.0);
    assert_eq!(sim.take().last().unwrap(), r#"dial Some("wss://other.example/") None None"#);
}

#[test]
fn with_overlap_the_other_connection_is_opened_first() {
    let mut sim = Sim::open(reconnecting_with(announced(true)));
    sim.message(r#"{"type":"session_reconnect","session":{"url":"wss://other.example/"}}"#);
    assert_eq!(sim.take(), ["reconnecting 1", r#"beside: dial Some("wss://other.example/") None None"#]);
}

#[test]
fn after_close_it_is_only_a_message() {
    let mut sim = Sim::open(reconnecting_with(announced(true)));
    sim.close(1000, "");
    sim.take();
    sim.message(r#"{"type":"session_reconnect"}"#);
    assert!(sim.take().is_empty());
}
