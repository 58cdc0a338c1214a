//! Requests and replies: each ends exactly once, whatever happens.

use proptest::prelude::*;
use serde_json::json;

use super::{Sim, reconnecting, secs};
use crate::error::ErrorCode;
use crate::event::ReadyState;
use crate::message::{Data, RequestCall};
use crate::options::{self, Matcher, Options};
use crate::pointer::Pointer;
use crate::session::Session;

const CALL: RequestCall<'static> = RequestCall { timeout: None, resend: None, deliver: None, key: None, urgent: false };

fn quiet() -> Options {
    Options { ping_interval: None, ..reconnecting() }
}

#[test]
fn an_id_is_put_in_and_the_reply_is_found_by_it() {
    let mut sim = Sim::open(quiet());
    sim.request(1, r#"{"action":"a"}"#, &CALL).unwrap();
    sim.request(2, r#"{"action":"b","id":"mine"}"#, &CALL).unwrap();
    assert_eq!(sim.take(), [r#"transmit {"id":1,"action":"a"}"#, r#"transmit {"action":"b","id":"mine"}"#]);
    sim.message(r#"{"id":"m\u0069ne","data":2}"#);
    sim.message(r#"{"id":1.0,"data":1}"#);
    assert_eq!(sim.take(), [r#"settled 2 {"id":"m\u0069ne","data":2}"#, r#"settled 1 {"id":1.0,"data":1}"#]);
}

#[test]
fn replies_are_no_messages_unless_that_is_wanted() {
    let mut sim = Sim::open(quiet());
    sim.request(1, "{}", &CALL).unwrap();
    sim.request(2, "{}", &RequestCall { deliver: Some(true), ..CALL }).unwrap();
    let shown = |sim: &mut Sim, text: &str| sim.go(|session, now| session.handle_message(now, Data::Text(text)));
    assert!(shown(&mut sim, r#"{"id":9}"#), "an unknown id");
    assert!(!shown(&mut sim, r#"{"id":1}"#));
    assert!(shown(&mut sim, r#"{"id":1}"#), "a second answer");
    assert!(shown(&mut sim, r#"{"id":2}"#));
    assert!(shown(&mut sim, "no JSON"));
}

#[test]
fn pointers_may_lead_anywhere() {
    let request = options::RequestOptions {
        id: Pointer::parse("/headers/req_id").unwrap(),
        response_id: Pointer::parse("/meta/re"),
        error: Some(Matcher::Json(json!({"ok": false}))),
        ..options::RequestOptions::default()
    };
    let mut sim = Sim::open(Options { request, ..quiet() });
    sim.request(1, r#"{"x":1}"#, &CALL).unwrap();
    sim.request(2, r#"{"headers":{"a":1}}"#, &CALL).unwrap();
    assert_eq!(sim.take(), [r#"transmit {"headers":{"req_id":1},"x":1}"#, r#"transmit {"headers":{"req_id":2,"a":1}}"#]);
    sim.message(r#"{"meta":{"re":1},"ok":true}"#);
    sim.message(r#"{"meta":{"re":2},"ok":false}"#);
    assert_eq!(sim.take(), [r#"settled 1 {"meta":{"re":1},"ok":true}"#, "settled 2 request_failed"]);
}

#[test]
fn what_cannot_be_a_request_is_refused_at_the_call() {
    let mut sim = Sim::open(quiet());
    for text in ["hello", "[]", "3", ""] {
        assert_eq!(sim.request(1, text, &CALL), Err(ErrorCode::InvalidData), "{text}");
    }
    sim.request(1, r#"{"id":5}"#, &CALL).unwrap();
    assert_eq!(sim.request(2, r#"{"id":5.0}"#, &CALL), Err(ErrorCode::InvalidData), "in use");
    assert_eq!(sim.request(2, "{}", &RequestCall { key: Some("chat"), ..CALL }), Err(ErrorCode::InvalidData), "no rate_limit.keys");
    sim.close(1000, "");
    assert_eq!(sim.request(3, "{}", &CALL), Err(ErrorCode::InvalidState));
}

#[test]
fn a_number_that_the_user_took_is_not_given_again() {
    let mut sim = Sim::open(quiet());
    sim.request(1, r#"{"id":1}"#, &CALL).unwrap();
    sim.request(2, "{}", &CALL).unwrap();
    assert_eq!(sim.take()[1], r#"transmit {"id":2}"#);
}

#[test]
fn how_many_may_be_open_is_bounded() {
    let request = options::RequestOptions { max_pending: 2, ..options::RequestOptions::default() };
    let mut sim = Sim::open(Options { request, ..quiet() });
    sim.request(1, "{}", &CALL).unwrap();
    sim.request(2, "{}", &CALL).unwrap();
    assert_eq!(sim.request(3, "{}", &CALL), Err(ErrorCode::QueueFull));
}

#[test]
fn without_a_reply_in_time_it_fails() {
    let mut sim = Sim::open(quiet());
    sim.request(1, "{}", &CALL).unwrap();
    sim.request(2, "{}", &RequestCall { timeout: Some(Some(secs(5))), ..CALL }).unwrap();
    sim.request(3, "{}", &RequestCall { timeout: Some(None), ..CALL }).unwrap();
    sim.pass(100.0);
    assert_eq!(sim.times_of("settled 2 request_timeout"), [5.0]);
    assert_eq!(sim.times_of("settled 1 request_timeout"), [30.0]);
    assert!(sim.times_of("settled 3").is_empty());
    assert!(sim.go(|session, now| session.handle_message(now, Data::Text(r#"{"id":1}"#))), "a late reply is a message");
}

#[test]
fn a_loss_rejects_at_once_and_resend_sends_again() {
    let mut sim = Sim::open(quiet());
    sim.request(1, "{}", &CALL).unwrap();
    sim.request(2, "{}", &RequestCall { resend: Some(true), ..CALL }).unwrap();
    sim.lost();
    assert_eq!(sim.take()[2..5], ["drop", "settled 1 connection_lost", "close 1006 unclean connection_lost again"]);
    sim.pass(1.0);
    sim.opened();
    assert_eq!(sim.take().last().unwrap(), r#"transmit {"id":2}"#);
    sim.message(r#"{"id":2}"#);
    assert_eq!(sim.take(), [r#"settled 2 {"id":2}"#]);
}

#[test]
fn one_that_was_not_sent_waits_for_the_next_connection_within_its_time() {
    let mut sim = Sim::new(quiet());
    sim.go(Session::start);
    sim.request(1, "{}", &CALL).unwrap();
    sim.refused(503);
    sim.pass(1.0);
    sim.opened();
    assert_eq!(sim.take().last().unwrap(), r#"transmit {"id":1}"#);
    let mut sim = Sim::new(quiet());
    sim.go(Session::start);
    sim.request(1, "{}", &CALL).unwrap();
    sim.pass(30.0);
    assert_eq!(sim.take(), ["dial", "settled 1 request_timeout"]);
}

#[test]
fn the_end_of_the_socket_is_the_end_of_all() {
    let mut sim = Sim::open(Options { reconnect: None, ..quiet() });
    sim.request(1, "{}", &RequestCall { resend: Some(true), timeout: Some(None), ..CALL }).unwrap();
    sim.lost();
    assert_eq!(sim.state(), ReadyState::Closed);
    assert!(sim.take().contains(&"settled 1 connection_lost".to_owned()));
    assert_eq!(sim.session.next_deadline(), None);
}

#[test]
fn one_that_is_cancelled_is_told_no_more() {
    let mut sim = Sim::open(quiet());
    sim.request(1, "{}", &CALL).unwrap();
    sim.go(|session, now| session.cancel_request(now, 1));
    sim.take();
    sim.message(r#"{"id":1}"#);
    sim.pass(60.0);
    sim.lost();
    assert!(!sim.take().iter().any(|line| line.starts_with("settled")));
}

#[derive(Clone, Debug)]
enum Step {
    Request { resend: bool, timeout: u64, urgent: bool },
    Reply(u64),
    Cancel(u64),
    Lose,
    Opened,
    Refused,
    Pass(u64),
    Again,
    PeerCloses,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (any::<bool>(), 1..40u64, any::<bool>()).prop_map(|(resend, timeout, urgent)| Step::Request { resend, timeout, urgent }),
        4 => (1..30u64).prop_map(Step::Reply),
        1 => (1..30u64).prop_map(Step::Cancel),
        1 => Just(Step::Lose),
        3 => Just(Step::Opened),
        1 => Just(Step::Refused),
        3 => (0..20u64).prop_map(Step::Pass),
        1 => Just(Step::Again),
        1 => Just(Step::PeerCloses),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// Whatever the order of opens, losses, replies, deadlines, cancels and rate limits.
    #[test]
    fn every_request_ends_exactly_once(story in steps(), limited in any::<bool>()) {
        let rate_limit = limited.then(|| options::RateLimitOptions { messages: 3, per: secs(7), ..options::RateLimitOptions::default() });
        let mut sim = Sim::new(Options { rate_limit, ..quiet() });
        sim.go(Session::start);
        let (mut next, mut ended, mut cancelled) = (0, std::collections::HashMap::<u64, usize>::new(), std::collections::HashSet::new());
        for step in story.into_iter().chain([Step::PeerCloses]) {
            match step {
                Step::Request { resend, timeout, urgent } => {
                    next += 1;
                    let call = RequestCall { resend: Some(resend), timeout: Some(Some(secs(timeout))), urgent, ..CALL };
                    sim.request(next, "{}", &call).unwrap();
                }
                Step::Reply(id) => sim.message(&format!("{{\"id\":{id}}}")),
                Step::Cancel(ticket) => {
                    if ticket <= next && !ended.contains_key(&ticket) {
                        cancelled.insert(ticket);
                    }
                    sim.go(|session, now| session.cancel_request(now, ticket));
                }
                Step::Lose => sim.lost(),
                Step::Opened => sim.opened_if_dialled(),
                Step::Refused => sim.refused(503),
                Step::Pass(seconds) => sim.pass(seconds as f64),
                Step::Again => sim.go(|session, now| session.reconnect(now, None, None, "")).unwrap(),
                Step::PeerCloses => sim.peer_closes(Some(1012), ""),
            }
            for line in sim.take() {
                if let Some(rest) = line.strip_prefix("settled ") {
                    let ticket = rest.split(' ').next().unwrap().parse().unwrap();
                    *ended.entry(ticket).or_default() += 1;
                }
            }
        }
        sim.go(Session::terminate);
        for line in sim.take() {
            if let Some(rest) = line.strip_prefix("settled ") {
                *ended.entry(rest.split(' ').next().unwrap().parse().unwrap()).or_default() += 1;
            }
        }
        for ticket in 1..=next {
            prop_assert_eq!(ended.get(&ticket).copied().unwrap_or_default(), usize::from(!cancelled.contains(&ticket)), "{}", ticket);
        }
    }
}
