//! The Rust API under each of its drivers, in one shape for the runner: the calls of a socket, the delivery of its events, and their JSON.

use std::sync::Arc;
use std::time::{Duration, Instant};

use heartwire::internals::driver::{Connection, OwnLoop};
use heartwire::{
    Answer, CloseCode, Data, Error, Event, Events, FragmentWriter, Heartbeat, HeartbeatOptions, Message, Options, Providers, ReadyState,
    Result, SendOptions, WebSocket,
};
use heartwire_proto::event::{Batch, Item};
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout_at;

#[derive(Clone, Copy)]
pub(crate) enum Driver {
    /// A thread of Heartwire.
    Background,
    /// A loop of a binding.
    Host,
    /// The task that takes the events.
    Task,
    /// The thread that takes the events.
    Thread,
}

/// What a bot can do with its socket.
pub(crate) trait Socket: Send + Sync {
    fn send(&self, data: Data<'_>) -> Result<()>;
    fn fragments(&self, text: Option<bool>) -> FragmentWriter;
    fn close(&self, code: Option<CloseCode>, reason: &str) -> Result<()>;
    fn ping(&self, payload: &[u8]) -> Result<()>;
    fn pong(&self, payload: &[u8]) -> Result<()>;
    fn terminate(&self);
    fn set_heartbeat(&self, options: Option<HeartbeatOptions>) -> Result<()>;
    fn reconnect(&self, url: Option<&str>, code: Option<CloseCode>, reason: &str, overlap: bool) -> Result<()>;
    fn pause(&self);
    fn resume(&self);
    fn answer(&self, id: u64, answer: Answer);
    fn ready_state(&self) -> ReadyState;
    fn buffered_amount(&self) -> usize;
    fn texts(&self) -> [(&'static str, String); 3];
}

macro_rules! socket {
    ($type:ty, |$socket:ident, $data:ident| $send:expr) => {
        impl Socket for $type {
            fn send(&self, $data: Data<'_>) -> Result<()> {
                let $socket = self;
                $send
            }
            fn fragments(&self, text: Option<bool>) -> FragmentWriter {
                self.fragments(text, None)
            }
            fn close(&self, code: Option<CloseCode>, reason: &str) -> Result<()> {
                self.close(code, reason)
            }
            fn ping(&self, payload: &[u8]) -> Result<()> {
                self.ping(payload)
            }
            fn pong(&self, payload: &[u8]) -> Result<()> {
                self.pong(payload)
            }
            fn terminate(&self) {
                self.terminate();
            }
            fn set_heartbeat(&self, options: Option<HeartbeatOptions>) -> Result<()> {
                self.set_heartbeat(options)
            }
            fn reconnect(&self, url: Option<&str>, code: Option<CloseCode>, reason: &str, overlap: bool) -> Result<()> {
                if overlap { self.reconnect_beside(url, code, reason) } else { self.reconnect(url, code, reason) }
            }
            fn pause(&self) {
                self.pause();
            }
            fn resume(&self) {
                self.resume();
            }
            fn answer(&self, id: u64, answer: Answer) {
                self.answer(id, answer);
            }
            fn ready_state(&self) -> ReadyState {
                self.ready_state()
            }
            fn buffered_amount(&self) -> usize {
                self.buffered_amount()
            }
            fn texts(&self) -> [(&'static str, String); 3] {
                [("url", self.url()), ("protocol", self.protocol()), ("extensions", self.extensions())]
            }
        }
    };
}

socket!(WebSocket, |socket, data| WebSocket::send(socket, data));
socket!(Connection, |socket, data| Connection::send(socket, data, SendOptions::default()));

/// A socket and the source of its events.
pub(crate) struct Face {
    pub(crate) socket: Arc<dyn Socket>,
    source: Source,
}

enum Source {
    Stream(Events),
    Task(Runtime, Events),
    Loop(Box<OwnLoop>, Batch),
}

impl Face {
    pub(crate) fn open(driver: Driver, url: &str, options: Options, providers: Providers) -> Result<Self> {
        match driver {
            Driver::Background => {
                let (socket, events) = WebSocket::connect_with(url, options, providers)?;
                Ok(Self { socket: Arc::new(socket), source: Source::Stream(events) })
            }
            Driver::Thread => {
                let (socket, events) = WebSocket::connect_with(url, options.driver(heartwire::Driver::Host), providers)?;
                Ok(Self { socket: Arc::new(socket), source: Source::Stream(events) })
            }
            Driver::Task => {
                let (socket, events) = WebSocket::connect_with(url, options.driver(heartwire::Driver::Host), providers)?;
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                Ok(Self { socket: Arc::new(socket), source: Source::Task(runtime, events) })
            }
            Driver::Host => {
                let own = OwnLoop::new()?;
                let handle = own.handle();
                let waking = own.handle();
                let connection = Connection::hosted(url, options, providers, Arc::new(move || waking.wake(0)))?;
                connection.start();
                handle.add(0, connection.clone());
                Ok(Self { socket: Arc::new(connection), source: Source::Loop(Box::new(own), Batch::default()) })
            }
        }
    }

    /// Delivers the events within `time` to `handler`.
    pub(crate) fn run(&mut self, time: Duration, handler: &mut dyn FnMut(&dyn Socket, Event)) {
        let until = Instant::now() + time;
        let left = || Some(until.saturating_duration_since(Instant::now()));
        match &mut self.source {
            Source::Stream(events) => {
                while let Some(event) = events.next_blocking(left()) {
                    handler(&*self.socket, event);
                }
                // The stream ends after the last event. The runner may still wait for the server's records, or for silence.
                std::thread::sleep(left().unwrap_or_default());
            }
            Source::Task(runtime, events) => runtime.block_on(async {
                while let Ok(Some(event)) = timeout_at(until.into(), events.next()).await {
                    handler(&*self.socket, event);
                }
                tokio::time::sleep_until(until.into()).await;
            }),
            Source::Loop(own, batch) => {
                let mut due = Vec::new();
                while Instant::now() < until {
                    own.wait(left(), &mut due).unwrap();
                    for &token in &due {
                        if let Some(connection) = own.drive(token, batch).unwrap() {
                            deliver(&connection, batch, handler);
                        }
                    }
                }
            }
        }
    }
}

fn deliver(connection: &Connection, batch: &Batch, handler: &mut dyn FnMut(&dyn Socket, Event)) {
    for item in &batch.items {
        match item {
            Item::Barrier => connection.settle(),
            Item::Text(range) | Item::Ascii(range) if connection.may_deliver() => {
                handler(connection, Event::Message(Message::Text(batch.text(range).to_owned())));
            }
            Item::Binary(range) if connection.may_deliver() => {
                handler(connection, Event::Message(Message::Binary(batch.bytes[range.clone()].to_vec().into())));
            }
            Item::Text(_) | Item::Ascii(_) | Item::Binary(_) => {}
            Item::Event(event) => {
                if connection.enter(event) {
                    handler(connection, (**event).clone());
                }
            }
        }
    }
    connection.delivered(batch);
}

/// An event as the scenarios compare it.
pub(crate) fn seen(socket: &dyn Socket, event: &Event) -> Value {
    let code = |error: &Option<Error>| error.as_ref().map(|error| error.code().as_str());
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let payload = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut seen = match event {
        Event::Open(_) => socket.texts().into_iter().fold(json!({"event": "open"}), |mut seen, (name, text)| {
            seen[name] = text.into();
            seen
        }),
        Event::Message(message) => message_seen(message),
        Event::Error(error) => json!({
            "event": "error", "code": error.code().as_str(), "phase": error.phase.as_str(), "message": error.message, "status": error.status,
            "headers": error.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect::<Map<_, _>>(),
            "body": String::from_utf8_lossy(&error.body), "retryable": error.retryable, "shown": format!("{error} {error:?}"),
        }),
        Event::Close(close) => json!({
            "event": "close", "code": close.code.0, "reason": close.reason, "was_clean": close.was_clean, "error": code(&close.error),
            "phase": close.error.as_ref().map(|error| error.phase.as_str()), "message": close.error.as_ref().map(|error| error.message.as_str()), "will_reconnect": close.will_reconnect, "retry_in": seconds(close.retry_in), "unsent": close.unsent,
        }),
        Event::Reconnecting(plan) => {
            json!({"event": "reconnecting", "attempt": plan.attempt, "delay": plan.delay.as_secs_f64(), "capped": plan.capped.map(|asked| asked.as_secs_f64()), "cause": code(&plan.cause)})
        }
        Event::Ping(bytes) => json!({"event": "ping", "payload": payload(bytes)}),
        Event::Pong { payload: bytes, latency } => json!({"event": "pong", "payload": payload(bytes), "latency": seconds(*latency)}),
        Event::Heartbeat(Heartbeat::Sent) => json!({"event": "heartbeat", "kind": "sent"}),
        Event::Heartbeat(Heartbeat::Answered { latency }) => {
            json!({"event": "heartbeat", "kind": "answered", "latency": latency.as_secs_f64()})
        }
        Event::Heartbeat(Heartbeat::Missed { count }) => json!({"event": "heartbeat", "kind": "missed", "missed": count}),
        Event::Drain => json!({"event": "drain"}),
        Event::Ready => json!({"event": "ready"}),
        Event::Throttled(throttled) => {
            json!({"event": "throttled", "delay": throttled.delay.as_secs_f64(), "waiting": throttled.waiting})
        }
        Event::Dropped(dropped) => json!({
            "event": "dropped", "reason": dropped.reason.as_str(), "messages": dropped.messages.iter().map(|message| match message {
                Message::Text(text) => json!(text),
                Message::Binary(bytes) => json!({"binary": hex(bytes)}),
            }).collect::<Vec<_>>(),
        }),
        other => json!({"event": format!("{other:?}")}),
    };
    seen["ready_state"] = (socket.ready_state() as u8).into();
    seen
}

fn message_seen(message: &Message) -> Value {
    match message {
        Message::Text(text) => json!({"event": "message", "data": text, "size": text.len()}),
        Message::Binary(bytes) => json!({"event": "message", "binary": hex(bytes), "size": bytes.len()}),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}
