//! `reconnect()` with `overlap`: the next connection is opened first.

use serde_json::json;
use url::Url;

use super::{Sim, open_event, reconnecting, reconnecting_with, refused, secs};
use crate::close::{CloseCode, CloseFrame};
use crate::error::ErrorCode;
use crate::event::ReadyState;
use crate::message::{Data, RequestCall};
use crate::options::{HeartbeatOptions, Matcher, Options, Payload, Providers, RateLimitOptions, ReadyOptions, ReconnectOptions};
use crate::session::Session;

fn begin(sim: &mut Sim) {
    beside(sim, None).unwrap();
    assert_eq!(sim.take(), ["reconnecting 1", "beside: dial"]);
}

fn beside(sim: &mut Sim, url: Option<&str>) -> Result<(), ErrorCode> {
    let url = url.map(|url| Url::parse(url).unwrap());
    sim.go(|session, now| session.reconnect_beside(now, url, None, "")).map_err(|error| error.code())
}

fn next_opens(sim: &mut Sim) {
    sim.go(|session, now| session.beside(|next| next.handle_opened(now, open_event()), now));
}

fn next_hears(sim: &mut Sim, text: &str) {
    sim.go(|session, now| session.beside(|next| next.handle_message(now, Data::Text(text)), now));
}

fn next_is_refused(sim: &mut Sim, status: u16) {
    sim.go(|session, now| session.beside(|next| next.handle_dial_failed(now, refused(status)), now));
}

/// The host reaches the barrier.
fn hand_over(sim: &mut Sim) -> bool {
    sim.go(Session::handle_hand_over)
}

fn old_answers(sim: &mut Sim, code: u16) {
    let frame = CloseFrame { code: Some(CloseCode(code)), reason: String::new() };
    sim.go(|session, now| session.handle_parting_close(now, frame));
}

fn logging_in() -> Options {
    let ready = ReadyOptions {
        send: Some(Payload::Text("login".into())),
        expect: Some(Matcher::Json(json!({"op": "welcome"}))),
        reject: Some(Matcher::Json(json!({"op": "refused"}))),
        ..ReadyOptions::default()
    };
    Options { ready: Some(ready), ..reconnecting() }
}

fn logged_in() -> Sim {
    let mut sim = Sim::open(logging_in());
    sim.message(r#"{"op":"welcome"}"#);
    sim.take();
    sim
}

const CLOSE: &str = "close 1000 clean again";

#[test]
fn the_next_one_is_opened_and_then_the_old_one_is_closed_and_drained() {
    let mut sim = Sim::open(reconnecting());
    begin(&mut sim);
    next_opens(&mut sim);
    assert!(sim.take().is_empty(), "before the host has come so far");
    assert!(hand_over(&mut sim));
    assert_eq!(sim.take(), ["send close 1000", "hand over"]);
    assert_eq!(sim.state(), ReadyState::Open);
    old_answers(&mut sim, 1000);
    assert_eq!(sim.take(), ["drop old", CLOSE, "open", "held is told"]);
    assert_eq!((sim.last_close().retry_in, sim.last_close().overlapped), (Some(secs(0)), true));
    sim.lost();
    assert_eq!(sim.take()[..2], ["drop", "close 1006 unclean connection_lost again"]);
}

/// The server may ask for another connection on the next one, while the host is busy on the old one.
#[test]
fn an_announcement_on_the_next_connection_counts_when_that_is_the_present_one() {
    let reconnect = ReconnectOptions { on: Some(Matcher::Json(json!({"op": 7}))), overlap: true, ..ReconnectOptions::default() };
    let mut sim = Sim::open(reconnecting_with(reconnect.clone()));
    begin(&mut sim);
    next_opens(&mut sim);
    next_hears(&mut sim, r#"{"op":7}"#);
    assert!(sim.take().is_empty(), "one at a time");
    assert!(hand_over(&mut sim));
    old_answers(&mut sim, 1000);
    let log = sim.take();
    assert_eq!(log[..6], ["send close 1000", "hand over", "drop old", CLOSE, "open", "held is told"]);
    assert!(log[6].starts_with("reconnecting ") && log[7..] == ["beside: dial"], "{log:?}");
    // The same where the old connection is lost before.
    let mut sim = Sim::open(reconnecting_with(reconnect));
    begin(&mut sim);
    next_opens(&mut sim);
    next_hears(&mut sim, r#"{"op":7}"#);
    sim.lost();
    let log = sim.take();
    assert!(log.contains(&"promote".to_owned()) && log.last().is_some_and(|line| line == "beside: dial"), "{log:?}");
}

#[test]
fn it_is_logged_in_first() {
    let mut sim = logged_in();
    begin(&mut sim);
    next_opens(&mut sim);
    assert_eq!(sim.take(), ["beside: transmit login"]);
    assert!(!hand_over(&mut sim));
    sim.message(r#"{"op":"welcome"}"#);
    assert!(!hand_over(&mut sim), "the old one's messages log nobody in");
    next_hears(&mut sim, r#"{"op":"welcome"}"#);
    assert!(hand_over(&mut sim));
    old_answers(&mut sim, 1000);
    assert_eq!(sim.take(), ["send close 1000", "hand over", "drop old", CLOSE, "open", "ready", "held is told"]);
}

#[test]
fn a_peer_that_does_not_answer_the_close_is_dropped() {
    let mut sim = Sim::open(reconnecting());
    begin(&mut sim);
    next_opens(&mut sim);
    hand_over(&mut sim);
    sim.take();
    sim.go(|session, now| session.handle_parting_reading(now, false));
    sim.pass(9.0);
    assert!(sim.take().is_empty(), "nobody reads what it says");
    sim.go(|session, now| session.handle_parting_reading(now, true));
    sim.pass(5.0);
    assert_eq!(sim.take(), ["drop old", "close 1006 unclean close_timeout again", "open", "held is told"]);
}

#[test]
fn if_the_next_one_fails_the_old_one_stays_and_another_attempt_follows() {
    let mut sim = logged_in();
    begin(&mut sim);
    next_is_refused(&mut sim, 503);
    assert_eq!(sim.take(), ["held is dropped", "reconnecting 2"]);
    sim.pass(2.0);
    assert_eq!(sim.take(), ["beside: dial"]);
    next_opens(&mut sim);
    next_hears(&mut sim, r#"{"op":"refused"}"#);
    assert_eq!(sim.take(), ["beside: transmit login", "beside: send close 1001 ready_rejected", "beside: drop", "held is dropped"]);
    sim.pass(19.0);
    assert!(!sim.take().contains(&"beside: dial".to_owned()), "it is not welcome");
    assert_eq!(sim.state(), ReadyState::Open);
    sim.lost();
    assert_eq!(sim.take()[1], "close 1006 unclean connection_lost again");
}

#[test]
fn without_reconnect_one_attempt_is_made_and_the_end_tells_of_its_failure() {
    let mut sim = Sim::open(Options::default());
    begin(&mut sim);
    next_is_refused(&mut sim, 503);
    assert_eq!(sim.take(), ["held is dropped"]);
    sim.peer_closes(Some(1000), "");
    sim.lost();
    assert_eq!(sim.take().last().unwrap(), "close 1000 clean http_refused final");
}

#[test]
fn if_the_old_one_ends_the_next_one_goes_on_as_the_sockets_own() {
    // While it is dialled.
    let mut sim = Sim::open(reconnecting());
    begin(&mut sim);
    sim.lost();
    assert_eq!(sim.take(), ["drop", "close 1006 unclean connection_lost again", "reconnecting 2", "promote", "held is told"]);
    sim.opened();
    assert_eq!(sim.take(), ["open"]);
    // While it logs in.
    let mut sim = logged_in();
    begin(&mut sim);
    next_opens(&mut sim);
    sim.lost();
    assert_eq!(sim.take()[1..], ["drop", "close 1006 unclean connection_lost again", "reconnecting 2", "promote", "open", "held is told"]);
    sim.message(r#"{"op":"welcome"}"#);
    assert_eq!(sim.take(), ["ready"]);
    // While it waits for its next attempt.
    let mut sim = Sim::open(reconnecting_with(ReconnectOptions { min_delay: secs(20), ..ReconnectOptions::default() }));
    begin(&mut sim);
    next_is_refused(&mut sim, 503);
    sim.lost();
    sim.take();
    sim.pass(41.0);
    assert_eq!(sim.take(), ["dial"]);
}

#[test]
fn close_ends_both() {
    let mut sim = Sim::open(reconnecting());
    begin(&mut sim);
    sim.close(4001, "bye");
    assert_eq!(sim.take(), ["beside: cancel dial", "held is dropped", "send close 4001 bye"]);
    let mut sim = Sim::open(reconnecting());
    begin(&mut sim);
    next_opens(&mut sim);
    sim.close(4001, "bye");
    assert_eq!(sim.take(), ["beside: send close 4001 bye", "beside: drop", "held is told", "send close 4001 bye"]);
    let mut sim = Sim::open(reconnecting());
    begin(&mut sim);
    next_opens(&mut sim);
    hand_over(&mut sim);
    sim.take();
    sim.close(4001, "bye");
    assert_eq!(sim.take(), ["drop old", "held is told", "send close 4001 bye"]);
    sim.peer_closes(Some(4001), "bye");
    sim.lost();
    assert_eq!(sim.take(), ["drop", "close 4001 \"bye\" clean final"]);
}

#[test]
fn once_more_while_one_is_under_way() {
    let mut sim = Sim::open(reconnecting());
    begin(&mut sim);
    beside(&mut sim, None).unwrap();
    assert!(sim.take().is_empty());
    beside(&mut sim, Some("wss://other.example/")).unwrap();
    let dial = r#"beside: dial Some("wss://other.example/") None None"#;
    assert_eq!(sim.take(), ["beside: cancel dial", "held is dropped", "reconnecting 2", dial]);
    next_opens(&mut sim);
    hand_over(&mut sim);
    beside(&mut sim, None).unwrap();
    old_answers(&mut sim, 1000);
    assert_eq!(sim.take()[2..], ["drop old", CLOSE, "open", "held is told", "reconnecting 3", "beside: dial"]);
}

#[test]
fn without_overlap_while_one_is_under_way_the_old_one_ends_at_once() {
    let mut sim = Sim::open(reconnecting());
    begin(&mut sim);
    sim.go(|session, now| session.reconnect(now, None, None, "")).unwrap();
    assert_eq!(sim.take(), ["send close 1000", "drop", "close 1006 unclean replaced again", "reconnecting 2", "promote", "held is told"]);
}

#[test]
fn requests_get_their_replies_from_either_connection() {
    let mut sim = Sim::open(reconnecting());
    for ticket in 1..=3 {
        sim.request(ticket, "{}", &RequestCall { resend: Some(ticket == 3), ..RequestCall::default() }).unwrap();
    }
    begin_after(&mut sim);
    next_opens(&mut sim);
    hand_over(&mut sim);
    sim.take();
    sim.request(4, "{}", &RequestCall::default()).unwrap();
    sim.go(|session, _| assert!(!session.handle_parting_message(Data::Text(r#"{"id":1}"#))));
    sim.message(r#"{"id":4}"#);
    old_answers(&mut sim, 1000);
    assert_eq!(
        sim.take(),
        [
            r#"transmit {"id":4}"#,
            r#"settled 1 {"id":1}"#,
            r#"settled 4 {"id":4}"#,
            "drop old",
            "settled 2 connection_lost",
            CLOSE,
            "open",
            "held is told",
            r#"transmit {"id":3}"#
        ]
    );
}

fn begin_after(sim: &mut Sim) {
    sim.take();
    begin(sim);
}

#[test]
fn heartbeats_keep_their_rhythm_on_each_connection() {
    let heartbeat = HeartbeatOptions { message: Payload::Text("beat".into()), interval: secs(10), ..HeartbeatOptions::default() };
    let options = Options { heartbeat: Some(heartbeat), ping_interval: None, ..logging_in() };
    let mut sim = Sim::open(options);
    sim.message(r#"{"op":"welcome"}"#);
    sim.pass(4.0);
    begin_after(&mut sim);
    next_opens(&mut sim);
    sim.take();
    sim.pass(6.5);
    assert_eq!(sim.take(), ["transmit beat", "beat sent"], "the old one's");
    sim.pass(3.0);
    assert!(sim.take().is_empty());
    next_hears(&mut sim, r#"{"op":"welcome"}"#);
    hand_over(&mut sim);
    old_answers(&mut sim, 1000);
    sim.take();
    sim.pass(0.5);
    assert_eq!(sim.take(), ["transmit beat", "beat sent"], "10 s after the next one has opened");
}

#[test]
fn what_the_limit_holds_back_leaves_on_the_next_one_within_its_limit() {
    let limit = RateLimitOptions { messages: 3, per: secs(10), reserve: Some(1), ..RateLimitOptions::default() };
    let mut sim = Sim::open(Options { rate_limit: Some(limit), ..reconnecting() });
    for text in ["1", "2", "3", "4"] {
        let _ = sim.send(text);
    }
    begin_after(&mut sim);
    next_opens(&mut sim);
    hand_over(&mut sim);
    assert_eq!(sim.take(), ["send close 1000", "hand over", "transmit 3", "transmit 4"]);
    let _ = sim.send("5");
    assert_eq!(sim.take(), ["throttled 1 10.2"]);
}

#[test]
fn a_function_that_logs_in_would_not_know_which_connection_it_has() {
    let mut sim = Sim::with(logging_in(), Providers { ready: true, ..Providers::default() }, 7);
    sim.go(Session::start);
    sim.opened();
    assert_eq!(beside(&mut sim, None), Err(ErrorCode::InvalidState));
    let mut sim = Sim::open(reconnecting());
    sim.close(1000, "");
    assert_eq!(beside(&mut sim, None), Err(ErrorCode::InvalidState));
}

#[test]
fn urls_of_functions_are_asked_for_and_answered_beside() {
    let mut sim = Sim::with(reconnecting(), Providers { url: true, ..Providers::default() }, 7);
    sim.go(Session::start);
    sim.answer("wss://im.example/1".into());
    sim.opened();
    sim.take();
    beside(&mut sim, None).unwrap();
    assert_eq!(sim.take(), ["reconnecting 1", "ask url"]);
    sim.answer("wss://im.example/2".into());
    assert_eq!(sim.take(), [r#"beside: dial Some("wss://im.example/2") None None"#]);
    assert_ne!(sim.asks[0], sim.asks[1]);
}
