//! The memory that sockets leave behind, and the cost of idle ones, in Rust. Each prints lines of JSON, which tests/endurance/measure.py makes tables of:
//! `endurance leaks URL ROUNDS CONNECTIONS MESSAGES` and `endurance idle URL COUNT SECONDS INTERVAL`, of an echo server.
//! It owns the measuring and judges nothing: see core/tests/endurance.rs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use heartwire::{CloseCode, Event, HeartbeatOptions, Message, Options, Payload, ReadyState, WebSocket};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// Counts what lives: pieces of memory and their bytes.
struct Counting;

static PIECES: AtomicIsize = AtomicIsize::new(0);
static BYTES: AtomicIsize = AtomicIsize::new(0);

fn note(pieces: isize, bytes: isize) {
    PIECES.fetch_add(pieces, Ordering::Relaxed);
    BYTES.fetch_add(bytes, Ordering::Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size().cast_signed());
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(-1, -layout.size().cast_signed());
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(0, size.cast_signed() - layout.size().cast_signed());
        // SAFETY: the caller's promises are handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What the process holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// Pieces of memory.
    pub(crate) pieces: isize,
    /// Their bytes.
    pub(crate) bytes: isize,
    /// The memory that the process has of the system, in bytes, without what is mapped of files.
    pub(crate) own: usize,
    /// Open descriptors.
    pub(crate) descriptors: usize,
    /// Threads.
    pub(crate) threads: usize,
}

impl Held {
    /// Now.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub(crate) fn now() -> std::io::Result<Self> {
        let count = |folder| std::fs::read_dir(folder).map(Iterator::count);
        Ok(Self {
            own: status("RssAnon:")? << 10,
            descriptors: count("/proc/self/fd")?,
            threads: count("/proc/self/task")?,
            pieces: PIECES.load(Ordering::Relaxed),
            bytes: BYTES.load(Ordering::Relaxed),
        })
    }

    fn to_json(self) -> Value {
        json!({"objects": self.pieces, "heap": self.bytes, "own": self.own, "descriptors": self.descriptors, "threads": self.threads})
    }
}

fn status(field: &str) -> std::io::Result<usize> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    Ok(line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default())
}

/// Opens, uses and closes connections, one after the other, with so many echoed messages in all.
///
/// # Errors
/// Where a connection did not end as it should.
pub(crate) fn round(url: &str, connections: usize, messages: usize) -> Result<(), Box<dyn Error>> {
    let each = messages.div_ceil(connections);
    let text = "x".repeat(200);
    for _ in 0..connections {
        let (ws, mut events) = WebSocket::connect(url, Options::default())?;
        let (mut seen, mut clean) = (0, false);
        while let Some(event) = events.next_blocking(Some(Duration::from_secs(60))) {
            match event {
                Event::Open(_) => (0..each).try_for_each(|_| ws.send(text.as_str()))?,
                Event::Message(_) => {
                    seen += 1;
                    if seen == each {
                        ws.close(Some(CloseCode::NORMAL), "")?;
                    }
                }
                Event::Close(close) => clean = close.was_clean,
                _ => {}
            }
        }
        if seen != each || !clean {
            return Err(format!("a connection that did not end as it should: {seen} of {each} messages").into());
        }
    }
    Ok(())
}

fn leaks(url: &str, rounds: usize, connections: usize, messages: usize) -> Result<(), Box<dyn Error>> {
    for _ in 0..rounds {
        round(url, connections, messages)?;
        // The last connection's end is still being told to the runtime.
        std::thread::sleep(Duration::from_millis(100));
        println!("{}", Held::now()?.to_json());
    }
    Ok(())
}

/// Seconds of processor time.
fn cpu() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes into a structure of the right type that outlives it.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[derive(Default)]
struct Seen {
    open: AtomicUsize,
    answered: AtomicUsize,
    changed: Notify,
}

async fn idle(url: &str, count: usize, seconds: f64, interval: f64) -> Result<(), Box<dyn Error>> {
    let heartbeat = HeartbeatOptions::default().message(Payload::Text("beat".into())).interval(Duration::from_secs_f64(interval));
    let options = Options::new().heartbeat(heartbeat).connect_limit(100).open_timeout(Duration::from_secs(300)).compression(None);
    // The first connection makes the shared parts: the runtime and its threads.
    let (warm, mut events) = WebSocket::connect(url, options.clone())?;
    warm.close(None, "")?;
    while events.next().await.is_some() {}
    let before = Held::now()?;
    let seen = Arc::new(Seen::default());
    let mut sockets = Vec::new();
    for _ in 0..count {
        let (ws, mut events) = WebSocket::connect(url, options.clone())?;
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                match event {
                    Event::Open(_) => {
                        seen.open.fetch_add(1, Ordering::Relaxed);
                        seen.changed.notify_one();
                    }
                    Event::Message(Message::Text(_)) => _ = seen.answered.fetch_add(1, Ordering::Relaxed),
                    _ => {}
                }
            }
        });
        sockets.push(ws);
    }
    while seen.open.load(Ordering::Relaxed) < count {
        seen.changed.notified().await;
    }
    let held = Held::now()?;
    let (heard, cpu_before, start) = (seen.answered.load(Ordering::Relaxed), cpu(), Instant::now());
    // Their cost in this time is the figure.
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    let (passed, used) = (start.elapsed().as_secs_f64(), cpu() - cpu_before);
    let figures = json!({
        "connections": sockets.iter().filter(|ws| ws.ready_state() == ReadyState::Open).count(),
        "bytes_per_connection": (held.own as f64 - before.own as f64) / count as f64,
        "heap_per_connection": (held.bytes - before.bytes) as f64 / count as f64,
        "cpu_percent": 100.0 * used / passed,
        "heartbeats": seen.answered.load(Ordering::Relaxed) - heard,
        "expected": count as f64 * passed / interval,
        "threads": Held::now()?.threads,
    });
    println!("{figures}");
    sockets.iter().for_each(WebSocket::terminate);
    Ok(())
}

/// # Errors
/// The failure, or the usage.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["leaks", url, rounds, connections, messages] => leaks(url, rounds.parse()?, connections.parse()?, messages.parse()?),
        ["idle", url, count, seconds, interval] => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(idle(url, count.parse()?, seconds.parse()?, interval.parse()?))
        }
        _ => Err("usage: endurance leaks URL ROUNDS CONNECTIONS MESSAGES, or endurance idle URL COUNT SECONDS INTERVAL".into()),
    }
}
