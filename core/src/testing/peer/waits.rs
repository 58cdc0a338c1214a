//! The steps of the fault server that wait for the client: for a message, a pong, a Close, the end, a request.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::frames::{close_frame, message_frames};
use super::traffic::fits;
use super::{Got, Link, Peer, Stop};
use crate::testing::record::hex;
use crate::testing::steps::{Wanted, Write};
use crate::testing::upgrade::Request;

/// The largest head of a request.
const HEAD: usize = 64 << 10;

impl Peer {
    pub(super) async fn expect(&mut self, pattern: Option<&Value>, within: Duration) -> Result<(), Stop> {
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

    pub(super) async fn echo(&mut self, count: Option<u64>) -> Result<(), Stop> {
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

    pub(super) async fn wait_pong(&mut self, payload: &[u8], within: Duration) -> Result<(), Stop> {
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
    pub(super) async fn wait_close(&mut self, within: Duration, answer: bool) -> Result<(), Stop> {
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

    pub(super) async fn wait_end(&mut self, within: Duration) -> Result<(), Stop> {
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

    /// Waits, and continues to read.
    pub(super) async fn delay(&mut self, time: Duration) -> Result<(), Stop> {
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

    /// Why a step that waited for `wanted` failed. A client that closes still gets its answer.
    pub(super) async fn disappointed(&mut self, got: &Got, wanted: &str, within: Duration) -> Stop {
        let instead = match got {
            Got::Close => {
                // If it cannot be answered any more, that does not matter.
                let _ = self.answer_close().await;
                "but the client closed".to_owned()
            }
            Got::End => "but the connection ended".to_owned(),
            _ => format!("but nothing came within {} s", within.as_secs_f64()),
        };
        Stop::Failed(format!("expected {wanted}, {instead}"))
    }

    /// The client's Close arrived: answers it and ends the connection, unless the script ignores it.
    pub(super) async fn leave(&mut self) -> Result<(), Stop> {
        if self.ignored.closes {
            return Ok(());
        }
        self.answer_close().await?;
        self.finish(true).await;
        Err(Stop::Over)
    }

    pub(super) async fn answer_close(&mut self) -> Result<(), Stop> {
        if let Some(payload) = self.close.clone().filter(|_| !self.close_sent) {
            self.close_sent = true;
            self.write(&close_frame(&payload), &Write::default()).await?;
        }
        Ok(())
    }

    /// Ends a connection whose script failed, and sends the reason to the client.
    pub(super) async fn give_up(&mut self, words: &str) {
        if matches!(self.link, Link::Open(_)) && !self.close_sent {
            let reason: String = words.chars().filter(char::is_ascii).take(120).collect();
            // The client may be gone: that is recorded as its end.
            let _ = self.write(&close_frame(&[&1011_u16.to_be_bytes()[..], reason.as_bytes()].concat()), &Write::default()).await;
        }
        self.finish(true).await;
    }

    /// Reads the bytes that the client sends before HTTP.
    pub(super) async fn read_bytes(&mut self, wanted: &Wanted, within: Duration) -> Result<(), Stop> {
        let deadline = Instant::now() + within;
        let count = match wanted {
            Wanted::Count(count) => *count,
            Wanted::These(bytes) => bytes.len(),
        };
        loop {
            let came = &self.unread[..count.min(self.unread.len())];
            if let Wanted::These(bytes) = wanted
                && !bytes.starts_with(came)
            {
                return Err(Stop::Failed(format!("expected the bytes {}, got {}", hex(bytes), hex(came))));
            }
            let number = came.len();
            if number == count {
                self.unread.drain(..count);
                return Ok(());
            }
            let instead = match self.read(Some(deadline)).await {
                Got::Nothing => format!("{number} came within {} s", within.as_secs_f64()),
                Got::End => format!("the connection ended after {number}"),
                _ => continue,
            };
            return Err(Stop::Failed(format!("expected {count} bytes, but {instead}")));
        }
    }

    pub(super) async fn request(&mut self, within: Duration) -> Result<(), Stop> {
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
}
