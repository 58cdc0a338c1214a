//! One connection of the fault server: carries out its steps and records what the client does. The stream is `wire`'s, the frames are tungstenite's.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::deflate::{Inflater, compress};
use super::record::{self, Log, matches};
use super::script::Steps;
use super::steps::{Content, Step, Write};
use super::upgrade::{self, Request};
use super::wire::Wire;

/// How long a client may take for what it has to do anyway: answer a Close.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest head of a request.
const HEAD: usize = 64 << 10;

/// Plays `steps` on a connection, until it ends or is cut.
pub(super) async fn run(
    number: usize,
    stream: TcpStream,
    steps: Steps,
    acceptor: Option<TlsAcceptor>,
    log: Arc<Log>,
    mut cut: watch::Receiver<()>,
) {
    // Segments leave as the script says, not as Nagle's algorithm does. Where it cannot be set, they leave later.
    let _ = stream.set_nodelay(true);
    let port = stream.local_addr().map_or(0, |address| address.port());
    log.add(number, "connect", json!({}));
    let mut peer = Peer {
        number,
        port,
        log,
        link: Link::Gone,
        unread: Vec::new(),
        request: None,
        held: Vec::new(),
        pending: VecDeque::new(),
        replies: Vec::new(),
        ignored: Ignored::default(),
        close_sent: false,
        close: None,
    };
    tokio::select! {
        () = peer.play(stream, &steps, acceptor) => {}
        _ = cut.changed() => peer.reset(),
    }
}

/// A connection.
struct Peer {
    number: usize,
    port: u16,
    log: Arc<Log>,
    link: Link,
    /// Bytes of the client from before the connection was open.
    unread: Vec<u8>,
    request: Option<Request>,
    /// Bytes that leave with the next write.
    held: Vec<u8>,
    /// Messages that came while another step was waiting for something else.
    pending: VecDeque<(Content, Value)>,
    replies: Vec<Reply>,
    ignored: Ignored,
    close_sent: bool,
    /// The client's Close, once it came: what its echo carries.
    close: Option<Vec<u8>>,
}

enum Link {
    Http(Wire),
    Open(Box<WebSocketStream<Wire>>),
    /// Ended, or failed so that nothing more can be understood.
    Gone,
}

#[derive(Default)]
struct Ignored {
    pings: bool,
    closes: bool,
}

struct Reply {
    to: Value,
    with: Content,
    left: Option<u64>,
}

/// What the client did.
enum Got {
    Message(Content, Value),
    Pong(Vec<u8>),
    Close,
    End,
    /// Something else, that no step waits for.
    Other,
    /// Nothing, in time.
    Nothing,
}

/// Why the steps do not go on.
enum Stop {
    /// The connection is at its end, as it should be.
    Over,
    /// The client did not do what the step expected.
    Failed(String),
    /// It was reset by the script.
    Reset,
}

impl From<std::io::Error> for Stop {
    /// A write failed: the client is gone, and reading will tell how.
    fn from(_: std::io::Error) -> Self {
        Self::Over
    }
}

impl Peer {
    async fn play(&mut self, stream: TcpStream, steps: &[(String, Step)], acceptor: Option<TlsAcceptor>) {
        let plain = matches!(steps.first(), Some((_, Step::Plain)));
        self.link = match acceptor {
            Some(acceptor) if !plain => match acceptor.accept(stream).await {
                Ok(stream) => Link::Http(Wire::tls(stream)),
                Err(error) => {
                    self.record("tls_failed", json!({"message": error.to_string()}));
                    return self.record("end", json!({"by": "client", "how": "tls"}));
                }
            },
            _ => Link::Http(Wire::tcp(stream)),
        };
        let mut outcome = Ok(());
        for (path, step) in steps {
            outcome = self.step(step).await;
            if let Err(Stop::Failed(words)) = &outcome {
                self.record("failed", json!({"step": path, "message": words}));
            }
            if outcome.is_err() {
                break;
            }
        }
        match outcome {
            Err(Stop::Reset) => return self.reset(),
            Err(Stop::Failed(words)) => self.give_up(&words).await,
            Err(Stop::Over) => {}
            Ok(()) => self.serve().await,
        }
        while self.wire().is_some_and(|wire| wire.end.is_none()) && !matches!(self.read(None).await, Got::End) {}
        let how = self.wire().and_then(|wire| wire.end).unwrap_or("fin");
        self.record("end", json!({"by": "client", "how": how}));
    }

    async fn step(&mut self, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Plain => Ok(()),
            Step::Request { within } => self.request(*within).await,
            Step::Accept(accept) => {
                self.request(PATIENCE).await?;
                let Some(request) = &self.request else { return Err(Stop::Over) };
                let answer = upgrade::accept(request, accept);
                self.write(answer.head.as_bytes(), &accept.write).await?;
                self.record("open", json!({"protocol": answer.protocol, "extensions": answer.extensions}));
                self.open(answer.extensions.as_deref()).await
            }
            Step::Refuse(refuse) => {
                self.request(PATIENCE).await?;
                self.write(&upgrade::refuse(refuse, self.port), &refuse.write).await?;
                self.finish(true).await;
                Err(Stop::Over)
            }
            Step::Raw { bytes, write } => self.write(bytes, write).await,
            Step::Delay { time } => self.delay(*time).await,
            Step::Mark { name } => {
                self.record("mark", json!({"name": name}));
                Ok(())
            }
            Step::Slow { bytes, every } => {
                if let Some(wire) = self.wire() {
                    wire.slow_down(*bytes, *every);
                }
                Ok(())
            }
            Step::Stall { time } => {
                let Some(wire) = self.wire() else { return Err(Stop::Over) };
                let ended = match time {
                    Some(time) => timeout(*time, wire.watch_end()).await.is_ok(),
                    None => {
                        wire.watch_end().await;
                        true
                    }
                };
                if ended { Err(Stop::Over) } else { Ok(()) }
            }
            Step::WaitEnd { within } => self.wait_end(*within).await,
            Step::End { notify } => {
                self.flush_held().await?;
                self.finish(*notify).await;
                Err(Stop::Over)
            }
            Step::Reset => {
                self.flush_held().await?;
                Err(Stop::Reset)
            }
            Step::Send { .. }
            | Step::Expect { .. }
            | Step::Ping { .. }
            | Step::Pong { .. }
            | Step::Ignore { .. }
            | Step::Reply { .. }
            | Step::Echo { .. }
            | Step::Close { .. }
            | Step::WaitClose { .. } => self.open_step(step).await,
        }
    }

    /// The steps of an open connection.
    async fn open_step(&mut self, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Send { content, count, fragments, compress, write } => {
                let message = message_frames(content, *fragments, *compress);
                if write.pause.is_zero() || write.split.is_some() {
                    return self.write(&message.repeat(*count), write).await;
                }
                for _ in 0..*count {
                    self.write(&message, write).await?;
                }
                Ok(())
            }
            Step::Expect { pattern, within } => self.expect(pattern.as_ref(), *within).await,
            Step::Ping { payload, wait, write } => {
                self.write(&formatted(Frame::ping(payload.clone())), write).await?;
                match wait {
                    Some(within) => self.wait_pong(payload, *within).await,
                    None => Ok(()),
                }
            }
            Step::Pong { payload, write } => self.write(&formatted(Frame::pong(payload.clone())), write).await,
            Step::Ignore { pings, closes } => {
                self.ignored = Ignored { pings: *pings, closes: *closes };
                Ok(())
            }
            Step::Reply { to, with, times } => {
                self.replies.push(Reply { to: to.clone(), with: with.clone(), left: *times });
                Ok(())
            }
            Step::Echo { count } => self.echo(*count).await,
            Step::Close { code, reason, wait, write } => {
                let mut payload = code.map(|code| code.to_be_bytes().to_vec()).unwrap_or_default();
                payload.extend_from_slice(reason.as_bytes());
                self.write(&close_frame(&payload), write).await?;
                self.close_sent = true;
                if *wait {
                    self.wait_close(PATIENCE, true).await?;
                    self.finish(true).await;
                    return Err(Stop::Over);
                }
                Ok(())
            }
            Step::WaitClose { within, answer } => self.wait_close(*within, *answer).await,
            _ => Ok(()),
        }
    }

    /// What a good server does when the script has nothing more to say.
    async fn serve(&mut self) {
        if self.flush_held().await.is_err() {
            return;
        }
        if self.close.is_some() && self.close_sent {
            return self.finish(true).await;
        }
        loop {
            match self.read(None).await {
                Got::End => return,
                Got::Close => {
                    if self.leave().await.is_err() {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    async fn expect(&mut self, pattern: Option<&Value>, within: Duration) -> Result<(), Stop> {
        let deadline = Instant::now() + within;
        let wanted = pattern.map_or_else(|| "a message".to_owned(), |pattern| format!("a message like {pattern}"));
        let (_, details) = match self.pending.pop_front() {
            Some(message) => message,
            None => loop {
                match self.read(Some(deadline)).await {
                    Got::Message(content, details) => break (content, details),
                    Got::Pong(_) | Got::Other => {}
                    other => return Err(self.disappointed(&other, &wanted, within).await),
                }
            },
        };
        match pattern {
            Some(pattern) if !fits(pattern, &details) => Err(Stop::Failed(format!("expected {wanted}, got {details}"))),
            _ => Ok(()),
        }
    }

    async fn echo(&mut self, count: Option<u64>) -> Result<(), Stop> {
        let mut echoed = 0;
        while count.is_none_or(|count| echoed < count) {
            let content = match self.pending.pop_front() {
                Some((content, _)) => content,
                None => match self.read(None).await {
                    Got::Message(content, _) => content,
                    Got::Close => {
                        self.leave().await?;
                        continue;
                    }
                    Got::End => return Err(Stop::Over),
                    _ => continue,
                },
            };
            self.write(&message_frames(&content, 1, false), &Write::default()).await?;
            echoed += 1;
        }
        Ok(())
    }

    async fn wait_pong(&mut self, payload: &[u8], within: Duration) -> Result<(), Stop> {
        let deadline = Instant::now() + within;
        loop {
            match self.read(Some(deadline)).await {
                Got::Pong(answer) if answer == payload => return Ok(()),
                Got::Pong(_) | Got::Other => {}
                Got::Message(content, details) => self.pending.push_back((content, details)),
                other => return Err(self.disappointed(&other, "a pong", within).await),
            }
        }
    }

    /// Waits for the client's Close and answers it, if it should and we have not sent ours.
    async fn wait_close(&mut self, within: Duration, answer: bool) -> Result<(), Stop> {
        let deadline = Instant::now() + within;
        while self.close.is_none() {
            match self.read(Some(deadline)).await {
                Got::Close | Got::Pong(_) | Got::Other => {}
                Got::Message(content, details) => self.pending.push_back((content, details)),
                other => return Err(self.disappointed(&other, "a Close", within).await),
            }
        }
        if answer { self.answer_close().await } else { Ok(()) }
    }

    async fn wait_end(&mut self, within: Duration) -> Result<(), Stop> {
        let deadline = Instant::now() + within;
        loop {
            match self.read(Some(deadline)).await {
                Got::End => return Err(Stop::Over),
                Got::Nothing => {
                    return Err(Stop::Failed(format!(
                        "expected the end of the connection, but it was open after {} s",
                        within.as_secs_f64()
                    )));
                }
                Got::Close => self.leave().await?,
                Got::Message(..) | Got::Pong(_) | Got::Other => {}
            }
        }
    }

    /// Waits, and reads on meanwhile.
    async fn delay(&mut self, time: Duration) -> Result<(), Stop> {
        let deadline = Instant::now() + time;
        loop {
            match self.read(Some(deadline)).await {
                Got::Nothing => return Ok(()),
                Got::Message(content, details) => self.pending.push_back((content, details)),
                Got::Close => self.leave().await?,
                Got::End => return Err(Stop::Over),
                Got::Pong(_) | Got::Other => {}
            }
        }
    }

    /// Why a step that waited for `wanted` failed. A client that closes gets its answer all the same.
    async fn disappointed(&mut self, got: &Got, wanted: &str, within: Duration) -> Stop {
        let instead = match got {
            Got::Close => {
                // Whether it can be answered any more does not matter.
                let _ = self.answer_close().await;
                "but the client closed".to_owned()
            }
            Got::End => "but the connection ended".to_owned(),
            _ => format!("but nothing came within {} s", within.as_secs_f64()),
        };
        Stop::Failed(format!("expected {wanted}, {instead}"))
    }

    /// The client's Close came: answers it and ends the connection, unless the script ignores it.
    async fn leave(&mut self) -> Result<(), Stop> {
        if self.ignored.closes {
            return Ok(());
        }
        self.answer_close().await?;
        self.finish(true).await;
        Err(Stop::Over)
    }

    async fn answer_close(&mut self) -> Result<(), Stop> {
        if let Some(payload) = self.close.clone().filter(|_| !self.close_sent) {
            self.close_sent = true;
            self.write(&close_frame(&payload), &Write::default()).await?;
        }
        Ok(())
    }

    /// Ends a connection whose script failed, and tells the client why.
    async fn give_up(&mut self, words: &str) {
        if matches!(self.link, Link::Open(_)) && !self.close_sent {
            let reason: String = words.chars().filter(char::is_ascii).take(120).collect();
            // The client may be gone: that is recorded as its end.
            let _ = self.write(&close_frame(&[&1011_u16.to_be_bytes()[..], reason.as_bytes()].concat()), &Write::default()).await;
        }
        self.finish(true).await;
    }

    async fn request(&mut self, within: Duration) -> Result<(), Stop> {
        let deadline = Instant::now() + within;
        while self.request.is_none() {
            if let Some(request) = Request::take(&mut self.unread) {
                self.record("request", request.record());
                self.request = Some(request);
                break;
            }
            match self.read(Some(deadline)).await {
                Got::Nothing => return Err(Stop::Failed(format!("expected a request, but none came within {} s", within.as_secs_f64()))),
                Got::End => return Err(Stop::Over),
                _ if self.unread.len() > HEAD => return Err(Stop::Failed("the request's head is over 64 KiB".to_owned())),
                _ => {}
            }
        }
        Ok(())
    }

    /// From now on the stream carries frames.
    async fn open(&mut self, extensions: Option<&str>) -> Result<(), Stop> {
        let Link::Http(mut wire) = std::mem::replace(&mut self.link, Link::Gone) else { return Err(Stop::Over) };
        if extensions.is_some_and(|names| names.contains("permessage-deflate")) {
            wire.inflater = Some(Inflater::new());
        }
        wire.unread(&std::mem::take(&mut self.unread))?;
        let config = WebSocketConfig::default().read_buffer_size(16 << 10).max_message_size(None).max_frame_size(None);
        self.link = Link::Open(Box::new(WebSocketStream::from_raw_socket(wire, Role::Server, Some(config)).await));
        Ok(())
    }

    /// The next thing that the client does, recorded. Pings are answered and replies given on the way. Safe to give up at any time.
    async fn read(&mut self, deadline: Option<Instant>) -> Got {
        loop {
            let next = async {
                match &mut self.link {
                    Link::Open(socket) if self.close.is_none() => Some(socket.next().await),
                    Link::Open(socket) => {
                        let mut room = [0; 4096];
                        let count = socket.get_mut().receive(&mut room).await;
                        if count > 0 {
                            self.log.add(self.number, "after_close", json!({"binary": record::hex(&room[..count])}));
                        }
                        (count == 0).then_some(None)
                    }
                    Link::Http(wire) => {
                        let mut room = [0; 4096];
                        let count = wire.receive(&mut room).await;
                        self.unread.extend_from_slice(&room[..count]);
                        (count == 0).then_some(None)
                    }
                    Link::Gone => Some(None),
                }
            };
            let next = match deadline {
                Some(deadline) => match timeout_at(deadline, next).await {
                    Ok(next) => next,
                    Err(_) => return Got::Nothing,
                },
                None => next.await,
            };
            let got = match next {
                // Bytes of the request, or after the Close.
                None if matches!(self.link, Link::Http(_)) => return Got::Other,
                None => continue,
                Some(None) => return Got::End,
                Some(Some(Err(error))) => {
                    if self.wire().is_none_or(|wire| wire.end.is_none()) {
                        self.record("violation", json!({"message": error.to_string()}));
                        return self.drain().await;
                    }
                    return Got::End;
                }
                Some(Some(Ok(message))) => self.take(message).await,
            };
            if let Some(got) = got {
                return got;
            }
        }
    }

    /// Records a message; none if nobody needs to hear of it.
    async fn take(&mut self, message: Message) -> Option<Got> {
        let (content, mut details) = match message {
            Message::Text(text) => (Content::Text(text.to_string()), record::text(&text)),
            Message::Binary(bytes) => (Content::Binary(bytes.to_vec()), record::binary(&bytes)),
            Message::Ping(payload) => {
                self.record("ping", json!({"payload": String::from_utf8_lossy(&payload)}));
                if !self.ignored.pings && !self.close_sent {
                    // A failed write shows in the next read.
                    let _ = self.write(&formatted(Frame::pong(payload)), &Write::default()).await;
                }
                return None;
            }
            Message::Pong(payload) => {
                self.record("pong", json!({"payload": String::from_utf8_lossy(&payload)}));
                return Some(Got::Pong(payload.to_vec()));
            }
            Message::Close(frame) => {
                let code = frame.as_ref().map(|frame| u16::from(frame.code));
                let reason = frame.as_ref().map_or("", |frame| frame.reason.as_str());
                self.record("close", json!({"code": code, "reason": reason}));
                self.close = Some(code.map(|code| [&code.to_be_bytes()[..], reason.as_bytes()].concat()).unwrap_or_default());
                return Some(Got::Close);
            }
            Message::Frame(_) => return None,
        };
        if let Some(compressed) = self.wire().and_then(|wire| wire.inflater.as_mut()).and_then(|inflater| inflater.messages.pop_front()) {
            details["compressed"] = compressed.into();
        }
        self.record("message", details.clone());
        let reply = self.replies.iter_mut().find(|reply| reply.left != Some(0) && fits(&reply.to, &details));
        if let Some(reply) = reply {
            reply.left = reply.left.map(|left| left - 1);
            let frames = message_frames(&reply.with, 1, false);
            let _ = self.write(&frames, &Write::default()).await;
            return None;
        }
        Some(Got::Message(content, details))
    }

    /// The client's bytes cannot be understood any more: reads them to their end.
    async fn drain(&mut self) -> Got {
        let mut room = [0; 4096];
        while let Some(wire) = self.wire() {
            if wire.receive(&mut room).await == 0 {
                break;
            }
        }
        Got::End
    }

    async fn flush_held(&mut self) -> Result<(), Stop> {
        if self.held.is_empty() { Ok(()) } else { self.write(&[], &Write::default()).await }
    }

    async fn write(&mut self, bytes: &[u8], how: &Write) -> Result<(), Stop> {
        self.held.extend_from_slice(bytes);
        if how.coalesce {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.held);
        let Some(wire) = self.wire() else { return Err(Stop::Over) };
        for part in bytes.chunks(how.split.unwrap_or(usize::MAX)) {
            wire.send(part).await?;
            if !how.pause.is_zero() {
                sleep(how.pause).await;
            }
        }
        Ok(())
    }

    async fn finish(&mut self, notify: bool) {
        if let Some(wire) = self.wire() {
            wire.finish(notify).await;
        }
    }

    fn reset(&mut self) {
        if let Some(wire) = self.wire() {
            wire.prepare_reset();
            self.link = Link::Gone;
            self.record("end", json!({"by": "server", "how": "reset"}));
        }
    }

    fn wire(&mut self) -> Option<&mut Wire> {
        match &mut self.link {
            Link::Http(wire) => Some(wire),
            Link::Open(socket) => Some(socket.get_mut()),
            Link::Gone => None,
        }
    }

    fn record(&self, event: &str, details: Value) {
        self.log.add(self.number, event, details);
    }
}

/// Whether a message is as a step's pattern says.
fn fits(pattern: &Value, details: &Value) -> bool {
    let mut details = details.clone();
    if pattern.get("json").is_some() {
        details["json"] = details["text"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    }
    matches(pattern, &details)
}

fn formatted(frame: Frame) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(frame.len());
    // Writing to a vector cannot fail.
    let _ = frame.format(&mut bytes);
    bytes
}

/// A Close with any content, also one that tungstenite would not make.
fn close_frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x88, payload.len().min(125) as u8];
    bytes.extend_from_slice(&payload[..payload.len().min(125)]);
    bytes
}

/// A message in so many frames.
fn message_frames(content: &Content, fragments: usize, compressed: bool) -> Vec<u8> {
    let (payload, kind) = match content {
        Content::Text(text) => (text.as_bytes(), Data::Text),
        Content::Binary(bytes) => (bytes.as_slice(), Data::Binary),
    };
    let payload = if compressed { compress(payload) } else { payload.to_vec() };
    let size = payload.len().div_ceil(fragments).max(1);
    let mut bytes = Vec::new();
    for i in 0..fragments {
        let part = &payload[(i * size).min(payload.len())..((i + 1) * size).min(payload.len())];
        let mut frame = Frame::message(part.to_vec(), OpCode::Data(if i == 0 { kind } else { Data::Continue }), i + 1 == fragments);
        frame.header_mut().rsv1 = compressed && i == 0;
        bytes.extend_from_slice(&formatted(frame));
    }
    bytes
}
