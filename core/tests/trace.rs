//! What `tracing` is told with the feature of that name: opens, ends, retries, and frames without secrets.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heartwire::testing::FaultServer;
use heartwire::{Event, HeartbeatOptions, Matcher, Options, Payload, Proxy, ReadyOptions, ReconnectOptions, WebSocket};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};

const BOUND: Duration = Duration::from_secs(30);
const SECRET: &str = "s3cret-0123456789";

/// Keeps everything as text.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<String>>);

impl tracing::Subscriber for Kept {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("heartwire")
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        writeln!(self.0.lock().unwrap(), "{}", line.0).unwrap();
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

/// The only test of this program: the subscriber is the process's.
#[test]
fn the_life_of_a_connection_and_its_frames_are_told_without_secrets() {
    let kept = Kept::default();
    tracing::subscriber::set_global_default(kept.clone()).unwrap();
    let server = FaultServer::start(&json!([
        [
            {"do": "accept"},
            {"do": "expect", "text": format!("AUTH {SECRET}")},
            {"do": "send", "text": "welcome"},
            {"do": "expect", "text": format!("{{\"token\":\"{SECRET}\",\"op\":2}}")},
            {"do": "ping", "payload": SECRET, "wait": true},
            {"do": "reset"},
        ],
        [{"do": "accept"}, {"do": "wait_close"}],
    ]))
    .unwrap();
    let reconnect = ReconnectOptions::new().min_delay(Duration::from_millis(10)).max_delay(Duration::from_millis(20));
    let heartbeat = HeartbeatOptions::new(Payload::Text(format!("beat {SECRET}"))).interval(Duration::from_secs(600));
    let ready = ReadyOptions::new().send(Payload::Text(format!("AUTH {SECRET}"))).expect(Matcher::Text("welcome".into()));
    let options = Options::new()
        .proxy(Proxy::None)
        .reconnect(reconnect)
        .heartbeat(heartbeat)
        .ready(ready)
        .headers(vec![("X-Api-Key".to_owned(), format!("Bearer {SECRET}"))]);
    let url = format!("{}chat?token={SECRET}", server.url().replace("://", &format!("://bot:{SECRET}@")));
    let (ws, mut events) = WebSocket::connect(&url, options).unwrap();
    let mut opens = 0;
    while let Some(event) = events.next_blocking(Some(BOUND)) {
        match event {
            Event::Open(_) => {
                opens += 1;
                if opens == 2 {
                    ws.close(None, "").unwrap();
                }
            }
            Event::Ready => ws.send(format!("{{\"token\":\"{SECRET}\",\"op\":2}}")).unwrap(),
            _ => {}
        }
    }
    let told = kept.0.lock().unwrap().clone();
    assert!(!told.contains(SECRET), "{told}");
    let place = format!("{}chat", server.url());
    for line in [
        "INFO heartwire message=open".to_owned(),
        format!("url=\"{place}\""),
        "message=reconnecting".to_owned(),
        "message=closed".to_owned(),
        format!("DEBUG heartwire::frames message={place}: > text, 22 bytes: ***\n"),
        format!("DEBUG heartwire::frames message={place}: < text, 7 bytes: welcome\n"),
        format!("{place}: > text, 36 bytes: {{\"token\":\"***\",\"op\":2}}\n"),
        format!("{place}: < ping, 17 bytes\n"),
        format!("{place}: > pong, 17 bytes\n"),
    ] {
        assert!(told.contains(&line), "{line:?} is not in\n{told}");
    }
}
