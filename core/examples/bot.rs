//! An echo bot: somebody says "echo hello", it says "hello".
//! Start the chat server (`cargo run -p heartwire-chat-server`), then: `cargo run -p heartwire --example bot [URL]`

use std::time::Duration;

use heartwire::{Event, HeartbeatOptions, Message, Options, Payload, ReconnectOptions, Result, WebSocket};
use serde_json::{Value, json};

fn main() -> Result<()> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9605/ws".to_owned());
    let options = Options::new().reconnect(ReconnectOptions::default()).heartbeat(
        HeartbeatOptions::default()
            .message(Payload::Text(json!({"url": "/chat/heart-beat"}).to_string()))
            .interval(Duration::from_secs(60)),
    );

    let (ws, mut events) = WebSocket::connect(&format!("{url}?name=rust-echo"), options)?;
    while let Some(event) = events.next_blocking(None) {
        match event {
            Event::Open(open) => println!("open {}", open.url),
            Event::Message(Message::Text(text)) => {
                if let Some(answer) = answer(&text) {
                    ws.send(json!({"url": "/chat/send", "text": answer}).to_string().as_str())?;
                }
            }
            Event::Error(error) => println!("error {error}"),
            Event::Close(close) => println!("close {} {}", close.code, close.reason),
            Event::Reconnecting(again) => println!("reconnecting in {:?}, attempt {}", again.delay, again.attempt),
            _ => {}
        }
    }
    Ok(())
}

fn answer(text: &str) -> Option<String> {
    let heard: Value = serde_json::from_str(text).ok()?;
    let said = heard["text"].as_str().filter(|_| heard["url"] == "/chat/message")?;
    Some(said.strip_prefix("echo ")?.to_owned())
}
