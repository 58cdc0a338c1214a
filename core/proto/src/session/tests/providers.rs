//! Functions that the user gives: URL, headers, protocols.

use serde_json::{Value, json};

use super::{Sim, reconnecting};
use crate::event::ReadyState;
use crate::options::{Options, Providers};
use crate::session::Session;

const ALL: Providers = Providers { url: true, headers: true, protocols: true, should_reconnect: false, ready: false };
const URL: Providers = Providers { headers: false, protocols: false, ..ALL };
const HEADERS: Providers = Providers { url: false, protocols: false, ..ALL };
const PROTOCOLS: Providers = Providers { url: false, headers: false, ..ALL };

fn answer(sim: &mut Sim, id: usize, value: Value) {
    let id = sim.asks[id];
    sim.go(|session, now| session.handle_answer(now, id, Ok(value)));
}

/// The outcome of one answer.
fn outcome(providers: Providers, value: Value) -> String {
    let mut sim = Sim::with(Options::default(), providers, 1);
    sim.go(Session::start);
    sim.answer(value);
    sim.errors.first().map_or_else(|| sim.log[1].clone(), |error| format!("{} {} {:?}", error.code().as_str(), error.message, error.causes))
}

#[test]
fn functions_are_called_for_each_try() {
    let mut sim = Sim::with(reconnecting(), ALL, 1);
    sim.go(Session::start);
    assert_eq!((sim.take(), sim.state()), (vec!["ask url".into(), "ask headers".into(), "ask protocols".into()], ReadyState::Connecting));
    answer(&mut sim, 2, json!(["chat"]));
    answer(&mut sim, 0, json!("wss://im.example/one"));
    assert!(sim.take().is_empty(), "not before all are answered");
    answer(&mut sim, 1, json!({"authorization": "token 1"}));
    assert_eq!(sim.take(), [r#"dial Some("wss://im.example/one") Some([("authorization", "token 1")]) Some(["chat"])"#]);
    sim.refused(503);
    sim.pass(1.0);
    assert_eq!(sim.take()[3..], ["ask url", "ask headers", "ask protocols"]);
    answer(&mut sim, 0, json!("wss://im.example/stale"));
    answer(&mut sim, 3, json!("wss://im.example/two"));
    answer(&mut sim, 3, json!("wss://im.example/twice"));
    answer(&mut sim, 4, json!([["a", "1"], ["a", "2"]]));
    answer(&mut sim, 5, json!("chat"));
    assert_eq!(sim.take(), [r#"dial Some("wss://im.example/two") Some([("a", "1"), ("a", "2")]) Some(["chat"])"#]);
}

#[test]
fn a_function_that_fails_is_provider_failed_and_is_called_again_at_the_next_try() {
    let mut sim = Sim::with(reconnecting(), URL, 1);
    sim.go(Session::start);
    let id = sim.asks[0];
    sim.go(|session, now| session.handle_answer(now, id, Err("TokenError: expired".into())));
    assert_eq!(sim.take(), ["ask url", "error provider_failed", "close 1006 unclean provider_failed again", "reconnecting 1"]);
    assert_eq!(sim.errors[0].message, "the function given for url failed: TokenError: expired");
    sim.pass(1.0);
    assert_eq!(sim.take(), ["ask url"]);
}

#[test]
fn without_reconnect_a_function_that_fails_ends_the_socket() {
    let mut sim = Sim::with(Options::default(), HEADERS, 1);
    sim.go(Session::start);
    sim.answer(json!(1));
    assert_eq!(sim.take(), ["ask headers", "error provider_failed", "close 1006 unclean provider_failed final"]);
}

#[test]
fn close_while_a_function_is_asked_is_cancelled_and_its_answer_ignored() {
    let mut sim = Sim::with(reconnecting(), URL, 1);
    sim.go(Session::start);
    sim.close(1000, "");
    sim.answer(json!("ws://im.example"));
    assert_eq!(sim.take(), ["ask url", "error cancelled", "close 1006 unclean cancelled final"]);
}

#[test]
fn values_are_checked() {
    for (providers, value, expected) in [
        (URL, json!("http://im.example"), r#"dial Some("ws://im.example/") None None"#),
        (HEADERS, json!(null), "dial None Some([]) None"),
        (PROTOCOLS, json!(null), "dial None None Some([])"),
        (PROTOCOLS, json!("a"), r#"dial None None Some(["a"])"#),
    ] {
        assert_eq!(outcome(providers, value.clone()), expected, "{value}");
    }
    for (providers, value) in [
        (URL, json!(null)),
        (URL, json!(["ws://a"])),
        (URL, json!("ftp://im.example")),
        (HEADERS, json!([["a"]])),
        (HEADERS, json!("a: b")),
        (HEADERS, json!({"a": 1})),
        (PROTOCOLS, json!([true])),
        (PROTOCOLS, json!({})),
        (URL, json!("ws://im.example/#f")),
        (HEADERS, json!({"a": "b\r\nx: y"})),
        (HEADERS, json!({"a b": "c"})),
        (PROTOCOLS, json!(["a", "a"])),
        (PROTOCOLS, json!("a b")),
    ] {
        let outcome = outcome(providers, value.clone());
        assert!(
            outcome.starts_with("provider_failed the function given for ") && outcome.contains("what it gave cannot be used"),
            "{value}: {outcome}"
        );
    }
}

#[test]
fn messages_about_bad_values_hide_secrets() {
    for (providers, value) in [
        (URL, json!("wss://bot:s3cret@im.example/#x")),
        (HEADERS, json!("Bearer s3cret")),
        (HEADERS, json!({"authorization": "s3cret\n"})),
        (HEADERS, json!([["authorization", {"s3cret": 1}], "s3cret"])),
    ] {
        let outcome = outcome(providers, value);
        assert!(outcome.starts_with("provider_failed") && !outcome.contains("s3cret"), "{outcome}");
    }
}
