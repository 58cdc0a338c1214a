//! The Rust client under Autobahn|Testsuite: echoes every case of the fuzzing server at the URL given, then asks for the report.
//! Run by tests/conformance/run.py.

use heartwire::{Data, Event, Message, Options, Result, WebSocket};

fn main() -> Result<()> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9001".to_owned());
    let mut cases = 0;
    converse(&format!("{server}/getCaseCount"), |message| {
        if let Message::Text(count) = message {
            cases = count.parse().unwrap_or(0);
        }
        false
    })?;
    for case in 1..=cases {
        converse(&format!("{server}/runCase?case={case}&agent=heartwire-rust"), |_| true)?;
    }
    converse(&format!("{server}/updateReports?agent=heartwire-rust"), |_| false)?;
    println!("{cases} cases");
    Ok(())
}

/// Opens, shows each message to `look`, which says whether to echo it, and returns after the end.
fn converse(url: &str, mut look: impl FnMut(&Message) -> bool) -> Result<()> {
    let options = Options::new().ping_interval(None).max_size(64 << 20);
    let (socket, mut events) = WebSocket::connect(url, options)?;
    while let Some(event) = events.next_blocking(None) {
        if let Event::Message(message) = event
            && look(&message)
        {
            socket.send(Data::from(&message))?;
        }
    }
    Ok(())
}
