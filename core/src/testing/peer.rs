//! One connection of the fault server: its state, and how its steps are carried out. The stream is `wire`'s, the frames are tungstenite's.

mod frames;
mod traffic;
mod waits;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;

use super::record::Log;
use super::script::Steps;
use super::steps::{Content, Step};
use super::stream::Stream;
use super::upgrade::{self, Request};
use super::wire::Wire;
use frames::{close_frame, formatted, message_frames};

/// How long a client may take for its own duties: answering a Close.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plays `steps` on a connection, until it ends or is cut.
pub(super) async fn run(
    number: usize,
    stream: TcpStream,
    steps: Steps,
    acceptor: Option<TlsAcceptor>,
    log: Arc<Log>,
    mut cut: watch::Receiver<()>,
) {
    // Without Nagle's algorithm, segments leave as the script demands. If it cannot be turned off, they leave later.
    let _ = stream.set_nodelay(true);
    let port = stream.local_addr().map_or(0, |address| address.port());
    log.add(number, "connect", json!({}));
    let mut peer = Peer {
        number,
        port,
        log,
        acceptor,
        link: Link::Http(Wire::over(Stream::Tcp(stream))),
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
        () = peer.play(&steps) => {}
        _ = cut.changed() => peer.reset(),
    }
}

/// A connection.
struct Peer {
    number: usize,
    port: u16,
    log: Arc<Log>,
    acceptor: Option<TlsAcceptor>,
    link: Link,
    /// Bytes of the client from before the connection was open.
    unread: Vec<u8>,
    request: Option<Request>,
    /// Bytes that leave with the next write.
    held: Vec<u8>,
    /// Messages that arrived while another step was waiting.
    pending: VecDeque<(Content, Value)>,
    replies: Vec<Reply>,
    ignored: Ignored,
    close_sent: bool,
    /// The client's Close, once it has arrived, for the echo.
    close: Option<Vec<u8>>,
}

#[expect(clippy::large_enum_variant, reason = "one for each connection, and never moved about")]
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

/// An act of the client.
enum Got {
    Message(Content, Value),
    Pong(Vec<u8>),
    Close,
    End,
    /// Another act, for which no step waits.
    Other,
    /// No act within the time.
    Nothing,
}

/// The reason why the steps end.
enum Stop {
    /// The connection is at its end, as it should be.
    Over,
    /// The client did not do what the step expected.
    Failed(String),
    /// The script reset it.
    Reset,
    /// The client did not finish TLS; the message is recorded.
    Tls,
}

impl From<std::io::Error> for Stop {
    /// A write failed: the client is gone, and the next read shows how.
    fn from(_: std::io::Error) -> Self {
        Self::Over
    }
}

impl Peer {
    async fn play(&mut self, steps: &[(String, Step)]) {
        let says_itself = steps.iter().any(|(_, step)| matches!(step, Step::Plain | Step::Tls { .. }));
        let mut outcome = if self.acceptor.is_some() && !says_itself { self.begin_tls(None, PATIENCE).await } else { Ok(()) };
        for (path, step) in steps {
            if outcome.is_err() {
                break;
            }
            outcome = self.step(step).await;
            if let Err(Stop::Failed(words)) = &outcome {
                self.record("failed", json!({"step": path, "message": words}));
            }
        }
        match outcome {
            Err(Stop::Reset) => return self.reset(),
            Err(Stop::Tls) => return self.record("end", json!({"by": "client", "how": "tls"})),
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
            Step::Tls { cut, within } => self.begin_tls(*cut, *within).await,
            Step::Read { wanted, within } => self.read_bytes(wanted, *within).await,
            Step::Tunnel { write } => {
                self.request(PATIENCE).await?;
                if !self.request.take().is_some_and(|request| request.is_for_a_tunnel()) {
                    return Err(Stop::Failed("expected a request for a tunnel (CONNECT), got another".to_owned()));
                }
                self.write(upgrade::TUNNEL, write).await
            }
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
                let ended = if let Some(time) = time {
                    timeout(*time, wire.watch_end()).await.is_ok()
                } else {
                    wire.watch_end().await;
                    true
                };
                if ended { Err(Stop::Over) } else { Ok(()) }
            }
            Step::WaitEnd { within } => self.wait_end(*within).await,
            Step::End { notify, fin } => {
                self.flush_held().await?;
                if *fin {
                    self.finish(*notify).await;
                } else if let Some(wire) = self.wire()
                    && !wire.goodbye().await?
                {
                    return Err(Stop::Failed("end without fin is TLS's goodbye alone, and there is no TLS, or it was cut".to_owned()));
                }
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
            Step::Send { content, count, numbered, fragments, compress, write } => {
                let same = message_frames(content, *fragments, *compress);
                let message = |number| match content {
                    Content::Text(text) if *numbered => {
                        Cow::Owned(message_frames(&Content::Text(format!("[{number}]{text}")), *fragments, *compress))
                    }
                    _ => Cow::Borrowed(&same),
                };
                if write.pause.is_zero() || write.split.is_some() {
                    let mut all = Vec::new();
                    for number in 0..*count {
                        all.extend_from_slice(&message(number));
                    }
                    return self.write(&all, write).await;
                }
                for number in 0..*count {
                    self.write(&message(number), write).await?;
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

    /// Behaves as a good server does, after the last step of the script.
    async fn serve(&mut self) {
        if self.flush_held().await.is_err() {
            return;
        }
        if self.close.is_some() && self.close_sent {
            return self.finish(true).await;
        }
        loop {
            let over = match self.read(None).await {
                Got::End => true,
                Got::Close => self.leave().await.is_err(),
                _ => false,
            };
            if over {
                return;
            }
        }
    }
}
