//! Nothing stays behind: after many connections and messages the process holds as much memory, as many descriptors and threads as before.
//! `CONNECTIONS=10000 MESSAGES=1000000 cargo test --release -p heartwire --test endurance` is the full size.

#[allow(dead_code, reason = "its other half, and its main, are those of a program")]
#[path = "../examples/endurance.rs"]
mod endurance;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use endurance::{Held, round};
use tokio_tungstenite::tungstenite;

/// What hash tables and pools of the runtime may differ by.
const SLACK: isize = 16 << 10;

fn size(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// Echoes to one connection after the other; between two it holds nothing of them.
fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let stream = stream.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let Ok(mut peer) = tungstenite::accept(stream) else { continue };
        while let Ok(message) = peer.read() {
            if !message.is_close() && peer.send(message).is_err() {
                break;
            }
        }
    }
}

/// Waits until no more is held than that, or for long enough: what ends a connection goes on behind its last event.
fn settled(least: Option<Held>) -> Held {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let held = Held::now().expect("/proc");
        let is_flat =
            |least: Held| held.bytes <= least.bytes + SLACK && held.descriptors <= least.descriptors && held.threads <= least.threads;
        if least.is_some_and(is_flat) || Instant::now() > end {
            return held;
        }
        std::thread::sleep(Duration::from_millis(20));
        if least.is_none() && held.bytes == Held::now().expect("/proc").bytes {
            return held;
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_stays_behind() {
    let (connections, messages) = (size("CONNECTIONS", 200), size("MESSAGES", 10_000));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("a port"));
    std::thread::spawn(move || serve(&listener));
    // What the first ones bring for all.
    round(&url, 20.min(connections), 1000.min(messages)).expect("connections that end well");
    let before = settled(None);
    round(&url, connections, messages).expect("connections that end well");
    let after = settled(Some(before));
    println!("{connections} connections, {messages} messages: before {before:?}, after {after:?}");
    assert!(after.bytes <= before.bytes + SLACK, "{} bytes more are held", after.bytes - before.bytes);
    assert!(after.descriptors <= before.descriptors, "descriptors: {} and {}", before.descriptors, after.descriptors);
    assert!(after.threads <= before.threads, "threads: {} and {}", before.threads, after.threads);
}
