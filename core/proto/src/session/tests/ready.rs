//! The login: the messages that wait for it, and its end.

use serde_json::json;

use super::{Sim, reconnecting};
use crate::error::Phase;
use crate::message::RequestCall;
use crate::options::{Matcher, Options, Payload, Providers, ReadyOptions, ReconnectOptions, SendQueueOptions};
use crate::session::Session;

fn login() -> ReadyOptions {
    ReadyOptions {
        send: Some(Payload::Text("login".into())),
        expect: Some(Matcher::Json(json!({"op": "ready"}))),
        reject: Some(Matcher::Json(json!({"op": "refused"}))),
        ..ReadyOptions::default()
    }
}

fn options() -> Options {
    Options { ready: Some(login()), ping_interval: None, send_queue: Some(SendQueueOptions::default()), ..reconnecting() }
}

#[test]
fn the_queue_and_requests_wait_for_the_login() {
    let mut sim = Sim::new(options());
    sim.go(Session::start);
    sim.send("queued").unwrap();
    sim.request(1, r#"{"a":1}"#, &RequestCall::default()).unwrap();
    sim.opened();
    sim.send("from a handler").unwrap();
    assert_eq!(sim.take(), ["dial", "open", "transmit login"]);
    sim.message(r#"{"op":"hello"}"#);
    assert!(sim.take().is_empty());
    sim.message(r#"{"op":"ready","user":7}"#);
    assert_eq!(sim.take(), ["ready", "transmit queued", r#"transmit {"id":1,"a":1}"#]);
    assert!(sim.session.looks_at_messages(), "a request is open");
    sim.message(r#"{"id":1}"#);
    assert!(!sim.session.looks_at_messages(), "nothing is awaited any more");
}

#[test]
fn the_queue_waits_for_open_handlers_even_if_the_login_is_faster() {
    let mut sim = Sim::new(options());
    sim.go(Session::start);
    sim.send("queued").unwrap();
    sim.opens();
    sim.message(r#"{"op":"ready"}"#);
    assert_eq!(sim.take(), ["dial", "open", "transmit login", "ready"]);
    sim.go(|session, _| session.handle_open_seen());
    sim.go(Session::handle_open_delivered);
    assert_eq!(sim.take(), ["transmit queued"]);
}

#[test]
fn it_is_done_anew_on_each_connection() {
    let mut sim = Sim::new(options());
    sim.go(Session::start);
    sim.opened();
    sim.message(r#"{"op":"ready"}"#);
    sim.lost();
    sim.pass(1.0);
    sim.take();
    sim.opened();
    assert_eq!(sim.take(), ["open", "transmit login"]);
    sim.message(r#"{"op":"ready"}"#);
    assert_eq!(sim.take(), ["ready"]);
}

#[test]
fn without_an_answer_in_time_the_connection_fails() {
    let mut sim = Sim::new(options());
    sim.go(Session::start);
    sim.opened();
    sim.take();
    sim.pass(9.9);
    assert!(sim.take().is_empty());
    sim.pass(0.1);
    assert_eq!(sim.take()[..4], ["send close 1001 ready_timeout", "drop", "error ready_timeout", "close 1006 unclean ready_timeout again"]);
    assert_eq!(sim.errors[0].phase, Phase::Ready);
}

#[test]
fn a_rejection_counts_against_the_auth_budget() {
    let reconnect = ReconnectOptions { max_auth_failures: Some(2), ..ReconnectOptions::default() };
    let mut sim = Sim::new(Options { reconnect: Some(reconnect), ..options() });
    sim.go(Session::start);
    sim.opened();
    sim.message(r#"{"op":"refused"}"#);
    assert_eq!(sim.last_close().error.as_ref().unwrap().code().as_str(), "ready_rejected");
    assert!(sim.last_close().will_reconnect);
    sim.pass(30.0);
    sim.opened();
    sim.message(r#"{"op":"refused"}"#);
    assert!(!sim.last_close().will_reconnect);
}

#[test]
fn without_an_answer_to_wait_for_it_is_done_at_once() {
    let mut sim = Sim::new(Options { ready: Some(ReadyOptions { expect: None, reject: None, ..login() }), ..options() });
    sim.go(Session::start);
    sim.send("queued").unwrap();
    sim.opened();
    assert_eq!(sim.take(), ["dial", "open", "transmit login", "ready", "transmit queued"]);
}

fn function() -> Sim {
    let providers = Providers { ready: true, ..Providers::default() };
    let mut sim = Sim::with(Options { ready: Some(ReadyOptions::default()), ..options() }, providers, 7);
    sim.go(Session::start);
    sim.send("queued").unwrap();
    sim.opened();
    assert_eq!(sim.take(), ["dial", "open", "ask ready"]);
    sim
}

#[test]
fn a_function_is_done_when_it_returns() {
    let mut sim = function();
    sim.send("login").unwrap();
    sim.answer(json!(null));
    assert_eq!(sim.take(), ["ready", "transmit queued"]);
}

#[test]
fn a_function_that_returns_false_rejects() {
    let mut sim = function();
    sim.answer(json!(false));
    assert_eq!(sim.take().last().unwrap(), "close 1006 unclean ready_rejected final");
}

#[test]
fn a_function_that_raises_fails_the_connection_which_comes_back() {
    let mut sim = function();
    let id = *sim.asks.last().unwrap();
    sim.go(|session, now| session.handle_answer(now, id, Err("OSError('no token')".into())));
    let error = sim.last_close().error.clone().unwrap();
    assert_eq!((error.code().as_str(), error.phase, sim.last_close().will_reconnect), ("provider_failed", Phase::Ready, true));
    assert!(error.message.contains("no token"));
}

#[test]
fn a_function_that_never_returns_is_a_timeout() {
    let mut sim = function();
    sim.pass(10.0);
    assert_eq!(sim.errors[0].code().as_str(), "ready_timeout");
    sim.answer(json!(null));
}

#[test]
fn while_we_do_not_read_nobody_is_judged() {
    let mut sim = Sim::new(options());
    sim.go(Session::start);
    sim.opened();
    sim.go(|session, now| session.handle_reading(now, false));
    sim.take();
    sim.pass(60.0);
    assert!(sim.take().is_empty());
}
