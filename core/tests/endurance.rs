//! Nothing stays behind: after many connections and messages the process holds as much memory, as many descriptors and threads as before.
//! `CONNECTIONS=10000 MESSAGES=1000000 cargo test --release -p heartwire --test endurance` is the full size.

#[allow(dead_code, reason = "its other half, and its main, are those of a program")]
#[path = "../examples/endurance.rs"]
mod endurance;

use std::net::TcpListener;
use std::time::Duration;

use endurance::{Held, round};
use tokio_tungstenite::tungstenite;

/// A leak is what every round adds: of that many, the quietest one counts. What is kept for later grows now and then.
const ROUNDS: usize = 8;
/// Pieces of memory: less than one for each connection of a round.
const SLACK: isize = 5;
/// Bytes in all: buffers that are kept for later have a bound.
const KEPT: isize = 1 << 20;

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

/// What is held when nothing moves any more: what ends a connection goes on behind its last event, and nothing tells of its end.
fn settled() -> Held {
    let mut last = Held::now().expect("/proc");
    loop {
        std::thread::sleep(Duration::from_millis(50));
        let held = Held::now().expect("/proc");
        if (held.bytes, held.descriptors, held.threads) == (last.bytes, last.descriptors, last.threads) {
            return held;
        }
        last = held;
    }
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_stays_behind() {
    let (connections, messages) = (size("CONNECTIONS", 200), size("MESSAGES", 10_000));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("a port"));
    std::thread::spawn(move || serve(&listener));
    let held: Vec<Held> = (0..=ROUNDS)
        .map(|_| {
            round(&url, connections / ROUNDS, messages / ROUNDS).expect("connections that end well");
            settled()
        })
        .collect();
    let (first, last) = (held[0], held[ROUNDS]);
    println!("{connections} connections, {messages} messages: {first:?}, then {last:?}");
    let quietest = |figure: fn(&Held) -> isize| held.windows(2).map(|two| figure(&two[1]) - figure(&two[0])).min();
    assert!(quietest(|held| held.pieces) <= Some(SLACK), "each round adds memory: {held:?}");
    assert!(last.bytes <= first.bytes + KEPT, "memory grows: {held:?}");
    assert!(quietest(|held| held.descriptors.cast_signed()) <= Some(0), "each round adds descriptors: {held:?}");
    assert!(quietest(|held| held.threads.cast_signed()) <= Some(0), "each round adds threads: {held:?}");
}
