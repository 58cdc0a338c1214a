//! Requests and rate limits through the Rust API, against the fault server.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use heartwire::testing::FaultServer;
use heartwire::{ErrorCode, Event, Matcher, Options, Proxy, RateLimitOptions, ReadyOptions, RequestCall, Way, WebSocket};
use serde_json::{Value, json};

const BOUND: Duration = Duration::from_secs(30);

fn options() -> Options {
    Options::new().proxy(Proxy::None)
}

fn serve(steps: &[Value]) -> FaultServer {
    let steps = [&[json!({"do": "accept"})], steps].concat();
    FaultServer::start(&json!([steps])).unwrap()
}

#[test]
fn a_reply_is_waited_for_before_events_are_taken() {
    let server = serve(&[
        json!({"do": "expect", "text": r#"{"id":1,"action":"who"}"#}),
        json!({"do": "send", "text": r#"{"id":1,"name":"bot"}"#}),
        json!({"do": "expect", "text": r#"{"id":2}"#}),
        json!({"do": "reset"}),
    ]);
    let (ws, mut events) = WebSocket::connect(&server.url(), options()).unwrap();
    let reply = ws.request(&json!({"action": "who"}), &RequestCall::default()).unwrap().wait().unwrap();
    assert_eq!(reply, json!({"id": 1, "name": "bot"}));
    let lost = ws.request(&json!({}), &RequestCall::default()).unwrap();
    let waiting = std::thread::spawn(move || lost.wait().unwrap_err());
    let mut kinds = Vec::new();
    while let Some(event) = events.next_blocking(Some(BOUND)) {
        kinds.push(match event {
            Event::Open(_) => "open",
            Event::Close(_) => "close",
            _ => "other",
        });
    }
    assert_eq!(kinds, ["open", "close"], "replies are no events");
    assert_eq!(waiting.join().unwrap().code(), ErrorCode::ConnectionLost);
}

#[test]
fn a_reply_is_awaited_and_dropping_it_cancels_the_request() {
    let server = serve(&[
        json!({"do": "expect", "text": "go"}),
        json!({"do": "send", "text": "welcome"}),
        json!({"do": "expect", "text": r#"{"id":2}"#}),
        json!({"do": "send", "text": r#"{"id":2}"#}),
        json!({"do": "wait_close"}),
    ]);
    let options = options().ready(ReadyOptions::new().expect(Matcher::Text("welcome".into())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (ws, mut events) = WebSocket::connect(&server.url(), options).unwrap();
        assert!(matches!(events.next().await, Some(Event::Open(_))));
        // Requests wait for the login, so this one never leaves.
        drop(ws.request(&json!({"n": 1}), &RequestCall::default()).unwrap());
        let reply = ws.request(&json!({}), &RequestCall::default()).unwrap();
        ws.send_by("go", &Way::new().urgent(true)).unwrap();
        assert_eq!(tokio::time::timeout(BOUND, reply).await.unwrap().unwrap(), json!({"id": 2}));
        ws.terminate();
        while events.next().await.is_some() {}
    });
}

#[test]
fn a_key_waits_for_its_limit() {
    let server = serve(&[json!({"do": "expect", "text": "a"}), json!({"do": "expect", "text": "b"}), json!({"do": "close", "code": 1000})]);
    let limit = RateLimitOptions::default().messages(1).per(Duration::from_millis(100));
    let (ws, mut events) = WebSocket::connect(&server.url(), options().rate_limit(Some(limit))).unwrap();
    let mut throttled = 0;
    while let Some(event) = events.next_blocking(Some(BOUND)) {
        match event {
            Event::Open(_) => {
                assert!(!ws.send_by("a", &Way::default()).unwrap());
                assert!(ws.send_by("b", &Way::default()).unwrap());
                assert_eq!(ws.send_by("c", &Way::new().key(Some("chat"))).unwrap_err().code(), ErrorCode::InvalidData);
            }
            Event::Throttled(_) => throttled += 1,
            Event::Close(close) => assert_eq!(close.code.0, 1000),
            _ => {}
        }
    }
    assert_eq!(throttled, 1);
}
