//! The traffic of a connection of the fault server: the client's messages recorded, pings and replies answered, our bytes written.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::frames::{formatted, message_frames};
use super::{Got, Link, Peer, Stop};
use crate::testing::deflate::Inflater;
use crate::testing::record::{self, matches};
use crate::testing::steps::{Content, Write};
use crate::testing::wire::Wire;

impl Peer {
    /// From now on the stream carries frames.
    pub(super) async fn open(&mut self, extensions: Option<&str>) -> Result<(), Stop> {
        let Link::Http(mut wire) = std::mem::replace(&mut self.link, Link::Gone) else { return Err(Stop::Over) };
        if extensions.is_some_and(|names| names.contains("permessage-deflate")) {
            wire.inflater = Some(Inflater::new());
        }
        wire.unread(&std::mem::take(&mut self.unread))?;
        let config = WebSocketConfig::default().read_buffer_size(16 << 10).max_message_size(None).max_frame_size(None);
        self.link = Link::Open(Box::new(WebSocketStream::from_raw_socket(wire, Role::Server, Some(config)).await));
        Ok(())
    }

    /// Starts TLS over the present stream, or only the beginning of its handshake.
    pub(super) async fn begin_tls(&mut self, cut: Option<usize>, within: Duration) -> Result<(), Stop> {
        let Some(acceptor) = self.acceptor.clone() else {
            return Err(Stop::Failed("the server has no certificate: tls is not in the script that it was started with".to_owned()));
        };
        let Link::Http(mut wire) = std::mem::replace(&mut self.link, Link::Gone) else { return Err(Stop::Over) };
        if !self.unread.is_empty() {
            self.link = Link::Http(wire);
            return Err(Stop::Failed(format!("TLS cannot begin: {} bytes came before it and were not read", self.unread.len())));
        }
        let begun = timeout(within, async {
            match cut {
                Some(cut) => wire.stream.begin_tls(acceptor.config(), cut).await.map(|()| wire),
                None => wire.into_tls(&acceptor).await,
            }
        });
        let words = match begun.await {
            Ok(Ok(wire)) => {
                self.link = Link::Http(wire);
                return Ok(());
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the handshake was not done within {} s", within.as_secs_f64()),
        };
        self.record("tls_failed", json!({"message": words}));
        Err(Stop::Tls)
    }

    /// The next act of the client, which is recorded. Meanwhile it answers pings and gives replies. Cancel-safe.
    pub(super) async fn read(&mut self, deadline: Option<Instant>) -> Got {
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

    /// Records a message. `None` if no step needs it.
    pub(super) async fn take(&mut self, message: Message) -> Option<Got> {
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
    pub(super) async fn drain(&mut self) -> Got {
        let mut room = [0; 4096];
        while let Some(wire) = self.wire() {
            if wire.receive(&mut room).await == 0 {
                break;
            }
        }
        Got::End
    }

    pub(super) async fn flush_held(&mut self) -> Result<(), Stop> {
        if self.held.is_empty() { Ok(()) } else { self.write(&[], &Write::default()).await }
    }

    pub(super) async fn write(&mut self, bytes: &[u8], how: &Write) -> Result<(), Stop> {
        self.held.extend_from_slice(bytes);
        if how.coalesce {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.held);
        let Some(wire) = self.wire() else { return Err(Stop::Over) };
        if how.cut.is_some() {
            return Ok(wire.send(&bytes, how.cut).await?);
        }
        for part in bytes.chunks(how.split.unwrap_or(usize::MAX)) {
            wire.send(part, None).await?;
            if !how.pause.is_zero() {
                sleep(how.pause).await;
            }
        }
        Ok(())
    }

    pub(super) async fn finish(&mut self, notify: bool) {
        if let Some(wire) = self.wire() {
            wire.finish(notify).await;
        }
    }

    pub(super) fn reset(&mut self) {
        if let Some(wire) = self.wire() {
            wire.prepare_reset();
            self.link = Link::Gone;
            self.record("end", json!({"by": "server", "how": "reset"}));
        }
    }

    pub(super) fn wire(&mut self) -> Option<&mut Wire> {
        match &mut self.link {
            Link::Http(wire) => Some(wire),
            Link::Open(socket) => Some(socket.get_mut()),
            Link::Gone => None,
        }
    }

    pub(super) fn record(&self, event: &str, details: Value) {
        self.log.add(self.number, event, details);
    }
}

/// Whether a message matches a step's pattern.
pub(super) fn fits(pattern: &Value, details: &Value) -> bool {
    let mut details = details.clone();
    if pattern.get("json").is_some() {
        details["json"] = details["text"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    }
    matches(pattern, &details)
}
