//! The counts through the Rust API, against the fault server: of one socket over two connections, and of the process.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use heartwire::testing::FaultServer;
use heartwire::{CloseCode, Event, Message, Options, Proxy, ReconnectOptions, WebSocket};
use serde_json::json;

const BOUND: Duration = Duration::from_secs(30);

/// The only test of this program, so that nothing else counts in its process.
#[test]
fn a_socket_counts_over_its_connections_and_the_process_over_its_sockets() {
    let server = FaultServer::start(&json!([
        [
            {"do": "accept", "extensions": "permessage-deflate"},
            {"do": "ping", "payload": "theirs", "wait": true},
            {"do": "send", "text": "hello"},
            {"do": "expect", "size": 5000},
            {"do": "expect", "text": "small"},
            {"do": "reset"},
        ],
        [{"do": "accept"}, {"do": "expect", "text": "again"}, {"do": "send", "text": "bye"}, {"do": "wait_close"}],
    ]))
    .unwrap();
    assert_eq!(heartwire::stats(), heartwire::Stats::default());
    let reconnect = ReconnectOptions::new().min_delay(Duration::from_millis(10)).max_delay(Duration::from_millis(20));
    let options = Options::new().proxy(Proxy::None).reconnect(reconnect).ping_interval(None);
    let (ws, mut events) = WebSocket::connect(&server.url(), options).unwrap();
    let (mut opens, mut round_trip) = (0, None);
    while let Some(event) = events.next_blocking(Some(BOUND)) {
        match event {
            Event::Open(_) => {
                opens += 1;
                if opens == 2 {
                    ws.send("again").unwrap();
                }
            }
            Event::Message(Message::Text(text)) if text == "hello" => ws.ping(b"mine").unwrap(),
            Event::Message(_) => ws.close(CloseCode::NORMAL, "").unwrap(),
            Event::Pong { latency, .. } => {
                round_trip = latency;
                ws.send("a".repeat(5000)).unwrap();
                ws.send("small").unwrap();
            }
            _ => {}
        }
    }
    let stats = ws.stats();
    assert_eq!((stats.attempts, stats.opens), (2, 2));
    assert_eq!(stats.ends.iter().collect::<Vec<_>>(), [(&1000, &1), (&1006, &1)]);
    assert_eq!((stats.sent.messages, stats.sent.bytes, stats.sent.pings), (3, 5010, 1));
    assert!((20..1000).contains(&stats.sent.wire_bytes), "5000 letters a, compressed: {}", stats.sent.wire_bytes);
    assert_eq!((stats.received.messages, stats.received.bytes, stats.received.pings), (2, 8, 1));
    // A header of two bytes and the payload: ping, text, pong; text, and Close with a code.
    assert_eq!(stats.received.wire_bytes, (2 + 6 + 2 + 5 + 2 + 4) + (2 + 3 + 2 + 2));
    assert_eq!((stats.latency.measured, stats.latency.last, stats.latency.min), (1, round_trip, round_trip));
    assert_eq!((stats.waiting.to_send, stats.waiting.bytes_to_send, stats.slow_handlers), (0, 0, 0));
    assert_eq!(heartwire::stats(), stats, "the only socket of the process");
    drop((ws, events));
    let (sum, mut gone) = (heartwire::stats(), stats);
    gone.waiting = heartwire::Waiting::default();
    assert_eq!(sum, gone, "it is gone, and its counts stay");
}
