//! Hostile servers, and the requirement against each: an error with its phase and code, in time, with little memory, and no panic. This file is the
//! arena: one socket against one server at a time, with all allocations of the process counted.
#![allow(clippy::unwrap_used, reason = "tests")]

mod floods;
mod heads;
mod streams;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use heartwire::{Event, Events, Options, Proxy, WebSocket};
use tungstenite::handshake::derive_accept_key;

/// The bound of a case, whatever the server does: longer than any timeout on a busy machine.
const BOUND: Duration = Duration::from_secs(60);
/// The most that a case may have allocated at once, on both sides: limits of 64 KiB, buffers, threads, and some slack.
const MEMORY: usize = 8 << 20;
/// The limit for messages and for waiting bytes.
const LIMIT: usize = 64 << 10;

/// Counts the allocations of the process.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// One case at a time: they share the count.
static ARENA: Mutex<()> = Mutex::new(());

/// How a meeting ended.
struct Outcome {
    opened: bool,
    messages: usize,
    code: u16,
    clean: bool,
    /// Code and phase of the close event's error; empty for none.
    error: (&'static str, &'static str),
    took: Duration,
}

/// Options that bound everything.
fn bounded() -> Options {
    Options::new().proxy(Proxy::None).max_size(LIMIT).read_limit(LIMIT).write_limit(LIMIT).max_buffered(LIMIT)
}

/// Plays a server that got the request's head against a socket that only listens. `serve` gets the right value of Sec-WebSocket-Accept.
fn meet(name: &str, options: Options, serve: impl FnOnce(TcpStream, &str) + Send + 'static) -> Outcome {
    meet_with(name, options, serve, |_, _| ())
}

/// As [`meet`]; `act` is called with each event.
fn meet_with(
    name: &str,
    options: Options,
    serve: impl FnOnce(TcpStream, &str) + Send + 'static,
    mut act: impl FnMut(&WebSocket, &Event),
) -> Outcome {
    let _turn = ARENA.lock().unwrap_or_else(PoisonError::into_inner);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        stream.set_write_timeout(Some(BOUND)).unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        let request = String::from_utf8(request).unwrap();
        let key = request.lines().find_map(|line| line.to_lowercase().starts_with("sec-websocket-key:").then(|| line[18..].trim()));
        serve(stream, &derive_accept_key(key.unwrap().as_bytes()));
    });
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let begun = Instant::now();
    let (socket, mut events) = WebSocket::connect(&url, options).unwrap();
    let mut outcome = Outcome { opened: false, messages: 0, code: 0, clean: false, error: ("", ""), took: BOUND };
    loop {
        let event = next(&mut events, name, begun);
        act(&socket, &event);
        match event {
            Event::Open(_) => outcome.opened = true,
            Event::Message(_) => outcome.messages += 1,
            Event::Close(close) => {
                (outcome.code, outcome.clean, outcome.took) = (close.code.0, close.was_clean, begun.elapsed());
                outcome.error = close.error.map_or(("", ""), |error| (error.code().as_str(), error.phase.as_str()));
                break;
            }
            _ => {}
        }
    }
    drop((socket, events));
    server.join().unwrap_or_else(|_| panic!("{name}: the server's own checks"));
    assert!(begun.elapsed() < BOUND, "{name}: the server was held for {:?}", begun.elapsed());
    let peak = PEAK.load(Ordering::Relaxed) - before;
    assert!(peak < MEMORY, "{name}: {peak} bytes at once");
    outcome
}

fn next(events: &mut Events, name: &str, begun: Instant) -> Event {
    events.next_blocking(BOUND.checked_sub(begun.elapsed())).unwrap_or_else(|| panic!("{name}: no end within {BOUND:?}"))
}

/// A good answer, with more header lines.
fn switching(accept: &str, more: &str) -> String {
    format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n")
}

/// Writes `part` until the client has had enough. How often it took it.
fn for_ever(mut stream: &TcpStream, part: &[u8]) -> usize {
    let mut count = 0;
    while stream.write_all(part).is_ok() {
        count += 1;
    }
    count
}
