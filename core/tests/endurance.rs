//! Nothing stays behind: after many connections and messages the process holds as much memory, as many descriptors and threads as before.
//! `CONNECTIONS=10000 MESSAGES=1000000 cargo test --release -p heartwire --test endurance` is the full size.

#[allow(dead_code, reason = "its other half, and its main, are those of a program")]
#[path = "../examples/endurance.rs"]
mod endurance;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use endurance::{Held, round};
use heartwire::{Event, Options, ReconnectOptions, WebSocket};
use tokio_tungstenite::tungstenite;

/// One test at a time: all that the process holds is counted.
static ARENA: Mutex<()> = Mutex::new(());

/// A leak adds in every round: of that many, the quietest one counts. Memory that is kept for later grows in some rounds only.
const ROUNDS: usize = 8;
/// Pieces of memory: less than one for each connection of a round.
const SLACK: isize = 5;
/// Bytes in all: buffers that are kept for later have a bound.
const KEPT: isize = 1 << 20;

fn size(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// Echoes to one connection after the other. Between two it holds no resources of them.
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

/// The resources held once nothing changes any more: the end of a connection goes on behind its last event, and nothing reports its completion.
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

/// Runs so many rounds, and compares the resources of the process after each with those before.
fn is_flat(rounds: usize, mut round: impl FnMut()) {
    let held: Vec<Held> = (0..=rounds)
        .map(|_| {
            round();
            settled()
        })
        .collect();
    let (first, last) = (held[0], held[rounds]);
    println!("{rounds} rounds: {first:?}, then {last:?}");
    let quietest = |figure: fn(&Held) -> isize| held.windows(2).map(|two| figure(&two[1]) - figure(&two[0])).min();
    assert!(quietest(|held| held.pieces) <= Some(SLACK), "each round adds memory: {held:?}");
    assert!(last.bytes <= first.bytes + KEPT, "memory grows: {held:?}");
    assert!(quietest(|held| held.descriptors.cast_signed()) <= Some(0), "each round adds descriptors: {held:?}");
    assert!(quietest(|held| held.threads.cast_signed()) <= Some(0), "each round adds threads: {held:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_stays_behind() {
    let _alone = ARENA.lock().unwrap_or_else(PoisonError::into_inner);
    let (connections, messages) = (size("CONNECTIONS", 200), size("MESSAGES", 10_000));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("ws://{}/", listener.local_addr().expect("a port"));
    std::thread::spawn(move || serve(&listener));
    println!("{connections} connections, {messages} messages");
    is_flat(ROUNDS, || round(&url, connections / ROUNDS, messages / ROUNDS).expect("connections that end well"));
}

/// How a server ends one connection badly. Where it drops a stream with bytes that it has not read, that is a reset.
type End = fn(TcpStream) -> std::io::Result<()>;

fn opened(stream: TcpStream) -> std::io::Result<TcpStream> {
    tungstenite::accept(stream).map_err(std::io::Error::other)?.get_ref().try_clone()
}

const BAD: [(&str, End); 6] = [
    ("ws", |mut stream| {
        let _ = stream.read(&mut [0; 4096])?;
        stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    }),
    ("ws", |stream| stream.peek(&mut [0; 1]).map(drop)),
    ("ws", |stream| opened(stream)?.peek(&mut [0; 1]).map(drop)),
    ("ws", |stream| opened(stream)?.write_all(b"\x81\x01x\x83\x00")),
    ("ws", |mut stream| stream.read_to_end(&mut Vec::new()).map(drop)),
    ("wss", |mut stream| {
        stream.read_exact(&mut [0; 5])?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    }),
];

/// One socket that fails, twice again, and gives up.
fn give_up(url: &str) {
    let options = Options::new()
        .open_timeout(Duration::from_millis(50))
        .reconnect(ReconnectOptions::new().min_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(2)).max_retries(Some(2)));
    let (ws, mut events) = WebSocket::connect(url, options).expect("options that are right");
    let mut closes = Vec::new();
    while let Some(event) = events.next_blocking(Some(Duration::from_secs(60))) {
        match event {
            // What the server does not read.
            Event::Open(_) => ws.send("x").expect("an open socket"),
            Event::Close(close) => closes.push((close.code.0, close.will_reconnect)),
            _ => {}
        }
    }
    assert_eq!(closes, [(1006, true), (1006, true), (1006, false)], "{url}");
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_stays_behind_connections_that_end_badly() {
    let _alone = ARENA.lock().unwrap_or_else(PoisonError::into_inner);
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let mut urls = vec![format!("ws://{nobody}/")];
    for (scheme, end) in BAD {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        urls.push(format!("{scheme}://{}/", listener.local_addr().expect("a port")));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = end(stream.expect("a connection"));
            }
        });
    }
    is_flat(ROUNDS, || (0..4).for_each(|_| urls.iter().for_each(|url| give_up(url))));
}
