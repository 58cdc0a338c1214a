//! Requests and rate limits through the Rust API, against the fault server.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use heartwire::testing::FaultServer;
use heartwire::{
    ErrorCode, Event, HeartbeatOptions, KeyLimitOptions, Matcher, Message, Options, Payload, Pointer, Proxy, RateLimitOptions,
    ReadyOptions, ReconnectOptions, RequestCall, Way, WebSocket,
};
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

/// Nobody takes events meanwhile: the reply's caller learns of the loss all the same.
#[test]
fn a_request_ends_with_an_error_when_the_connection_is_lost() {
    for end in [json!({"do": "reset"}), json!({"do": "end"}), json!({"do": "close", "code": 1012})] {
        let server = serve(&[json!({"do": "expect", "text": r#"{"id":1}"#}), end]);
        let (ws, _events) = WebSocket::connect(&server.url(), options()).unwrap();
        let reply = ws.request(&json!({}), &RequestCall::default()).unwrap();
        assert_eq!(reply.wait().unwrap_err().code(), ErrorCode::ConnectionLost);
    }
}

#[test]
fn what_is_no_reply_is_a_message_and_so_is_a_second_one() {
    let strange = ["no JSON", "", "[1]", r#"{"id":"#, r#"{"id":7}"#, r#"{"id":"1"}"#, r#"{"id":null}"#];
    let send = |text: &str| json!({"do": "send", "text": text});
    let mut steps = vec![json!({"do": "expect", "text": r#"{"id":1}"#})];
    steps.extend(strange.map(send));
    steps.extend([send(r#"{"id":1,"n":1}"#), send(r#"{"id":1,"n":2}"#), json!({"do": "close", "code": 1000})]);
    let server = serve(&steps);
    let (ws, mut events) = WebSocket::connect(&server.url(), options()).unwrap();
    let reply = ws.request(&json!({}), &RequestCall::default()).unwrap();
    assert_eq!(ws.request(&json!({"id": 1}), &RequestCall::default()).err().unwrap().code(), ErrorCode::InvalidData, "in use");
    assert_eq!(ws.request(&json!([1]), &RequestCall::default()).err().unwrap().code(), ErrorCode::InvalidData, "no room for an id");
    let mut messages = Vec::new();
    while let Some(event) = events.next_blocking(Some(BOUND)) {
        if let Event::Message(message) = event {
            messages.push(message);
        }
    }
    assert_eq!(reply.wait().unwrap(), json!({"id": 1, "n": 1}));
    let expected: Vec<_> = strange.into_iter().chain([r#"{"id":1,"n":2}"#]).map(|text| Message::Text(text.to_owned())).collect();
    assert_eq!(messages, expected);
}

#[test]
fn reconnect_after_close_is_refused() {
    let server = serve(&[json!({"do": "wait_close"})]);
    let (ws, mut events) = WebSocket::connect(&server.url(), options()).unwrap();
    assert!(matches!(events.next_blocking(Some(BOUND)), Some(Event::Open(_))));
    ws.close(None, "").unwrap();
    assert_eq!(ws.reconnect(None, None, "").unwrap_err().code(), ErrorCode::InvalidState);
    while events.next_blocking(Some(BOUND)).is_some() {}
    assert_eq!(ws.reconnect(None, None, "").unwrap_err().code(), ErrorCode::InvalidState);
}

/// Options that are wrong whatever the language; the paths name them.
#[test]
fn bad_options_of_a_bot_are_told_with_their_paths() {
    let refused = |options: Options, path: &str| {
        let error = WebSocket::connect("ws://127.0.0.1:9/", options.proxy(Proxy::None)).err().unwrap();
        assert_eq!(error.code(), ErrorCode::InvalidOption);
        assert!(error.to_string().contains(path), "{error}");
    };
    let limit = |messages, per| Options::new().rate_limit(RateLimitOptions::new(messages, per));
    refused(limit(0, Duration::from_secs(1)), "rate_limit.messages");
    refused(limit(1, Duration::ZERO), "rate_limit.per");
    refused(Options::new().rate_limit(RateLimitOptions::new(2, Duration::from_secs(1)).reserve(2)), "rate_limit.reserve");
    let keys = KeyLimitOptions::new(1, Duration::ZERO);
    refused(Options::new().rate_limit(RateLimitOptions::new(1, Duration::from_secs(1)).keys(keys)), "rate_limit.keys.per");
    refused(Options::new().ready(ReadyOptions::new().expect(Matcher::Json(json!(3)))), "ready.expect");
    refused(Options::new().reconnect(ReconnectOptions::new().on(Matcher::Json(json!(true)))), "reconnect.on");
    let fill = vec![(Pointer::parse("/d").unwrap(), Pointer::parse("/s").unwrap())];
    let heartbeat = HeartbeatOptions::new(Payload::Text("no JSON".into())).fill(fill);
    refused(Options::new().heartbeat(heartbeat), "heartbeat.fill");
    for text in ["id", "/~2", "/~", "id/x"] {
        assert_eq!(Pointer::parse(text), None, "{text}");
    }
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
