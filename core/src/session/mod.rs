//! The life of one socket object: when to dial, what each end of a connection means, when to come back, what to say to stay alive.
//! A machine of pure decisions: it is told what happened and the time, and says what to do ([`Action`]). It never asks the time, does
//! no I/O, has no thread, and knows nothing of frames, sockets or languages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use url::Url;

use crate::close::{CloseCode, CloseFrame};
use crate::error::{Error, Result};
use crate::event::{Event, Open, ReadyState};
use crate::message::{Answer, Data, Message};
use crate::options::{Options, Providers};

/// What the session wants done. After every call to the session, do all that [`Session::poll`] gives, in order, before the next call.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action {
    /// Open a connection; report with [`Session::handle_opened`] or [`Session::handle_dial_failed`].
    Dial(Target),
    /// Give up the dial that is under way; nothing of it is reported any more.
    CancelDial,
    /// Hand a message to the protocol; the second says whether to compress it, as in `SendOptions`.
    Transmit(Message, Option<bool>),
    /// Hand a ping to the protocol.
    Ping(Bytes),
    /// Hand a Close frame to the protocol.
    SendClose(Option<CloseCode>, String),
    /// Write what can be written without waiting, then drop the connection. Exactly one for each that was opened.
    Drop,
    /// Give the event to the host.
    Emit(Event),
}

/// What functions of the user gave for an attempt; `None` where the options say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Where to connect to.
    pub url: Option<Url>,
    /// The headers of the upgrade request, instead of `options.headers`.
    pub headers: Option<Vec<(String, String)>>,
    /// The subprotocols to offer, instead of `options.protocols`.
    pub protocols: Option<Vec<String>>,
}

/// What becomes of a message that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The caller hands it to the protocol now.
    Transmit,
    /// The session keeps a copy until the next connection.
    Queued,
    /// The queue was full and its rule dropped this message; `Event::Dropped` tells.
    Dropped,
    /// The connection is ending: it goes nowhere, and only `buffered_amount` grows.
    Discarded,
}

/// The state machine of a socket.
#[derive(Debug)]
pub struct Session {
    options: Arc<Options>,
}

#[allow(
    clippy::todo,
    dead_code,
    clippy::needless_pass_by_value,
    unused_variables,
    missing_docs,
    clippy::missing_errors_doc,
    reason = "signatures first"
)]
impl Session {
    /// A session that does nothing until [`Session::start`]. `seed` feeds its random delays.
    pub fn new(options: Arc<Options>, providers: Providers, seed: u64) -> Self {
        Self { options }
    }
    /// Begins the first attempt. Once only.
    pub fn start(&mut self, now: Instant) {
        todo!()
    }
    /// The dial succeeded. Emits `open`, then transmits what the queue holds.
    pub fn handle_opened(&mut self, now: Instant, open: Open) {
        todo!()
    }
    pub fn handle_dial_failed(&mut self, now: Instant, error: Error) {
        todo!()
    }
    /// Bytes came; `data_messages` data messages were complete in them. Call it before [`Session::handle_timeout`] of the same turn.
    pub fn handle_received(&mut self, now: Instant, data_messages: usize) {
        todo!()
    }
    /// A pong came: the round trip, if it answers a ping of the session or one told to [`Session::handle_user_ping`].
    pub fn handle_pong(&mut self, now: Instant, payload: &[u8]) -> Option<Duration> {
        todo!()
    }
    /// The user's ping was handed to the protocol.
    pub fn handle_user_ping(&mut self, now: Instant, payload: &[u8]) {
        todo!()
    }
    /// Whether [`Session::handle_message`] wants to see messages now.
    pub fn awaits_response(&self) -> bool {
        todo!()
    }
    /// A message that may be the heartbeat's response.
    pub fn handle_message(&mut self, now: Instant, data: Data<'_>) {
        todo!()
    }
    /// Something was sent otherwise than by [`Session::send`] (a fragment): the heartbeat's `only_when_idle` counts it.
    pub fn handle_sent(&mut self, now: Instant) {
        todo!()
    }
    /// Reading the socket stops (back-pressure, `pause`) or goes on: while we do not read, silence says nothing about the peer.
    pub fn handle_reading(&mut self, now: Instant, reading: bool) {
        todo!()
    }
    /// The connection's end (Close, failure or loss) was read but waits behind a barrier: nothing more can come, no deadline runs, until
    /// one of [`Session::handle_peer_close`], [`Session::handle_failure`], [`Session::handle_lost`] settles it.
    pub fn handle_end_read(&mut self) {
        todo!()
    }
    /// The peer's Close frame, settled.
    pub fn handle_peer_close(&mut self, now: Instant, frame: CloseFrame) {
        todo!()
    }
    /// The peer broke the protocol, settled: `code` goes to the peer.
    pub fn handle_failure(&mut self, now: Instant, error: Error, code: CloseCode) {
        todo!()
    }
    /// The stream ended (`None`) or broke, settled.
    pub fn handle_lost(&mut self, now: Instant, error: Option<Error>) {
        todo!()
    }
    /// Does all that is due. Afterwards [`Session::next_deadline`] is in the future.
    pub fn handle_timeout(&mut self, now: Instant) {
        todo!()
    }
    /// When [`Session::handle_timeout`] is to be called next.
    pub fn next_deadline(&self) -> Option<Instant> {
        todo!()
    }
    /// The host's answer to an `Event::Ask`. An unknown or forgotten id is ignored.
    pub fn handle_answer(&mut self, now: Instant, id: u64, answer: Answer) {
        todo!()
    }
    /// The wall clock jumped: the machine may have slept, so the peer is probed at once.
    pub fn handle_clock_jump(&mut self, now: Instant) {
        todo!()
    }
    /// Decides what becomes of a message. `compress` is kept with a message that is queued.
    pub fn send(&mut self, now: Instant, data: Data<'_>, compress: Option<bool>) -> Result<Route> {
        todo!()
    }
    /// The user's `close()`. Final.
    pub fn close(&mut self, now: Instant, code: Option<CloseCode>, reason: &str) -> Result<()> {
        todo!()
    }
    /// The process ends: Close 1001, and no waiting for the end of TCP once the peer answered. Final.
    pub fn goodbye(&mut self, now: Instant) {
        todo!()
    }
    /// Drops the connection at once. Final.
    pub fn terminate(&mut self, now: Instant) {
        todo!()
    }
    /// The session's own state; what the user sees changes later, as the host comes to the events.
    pub fn ready_state(&self) -> ReadyState {
        todo!()
    }
    /// The payload bytes that the send queue holds: a part of `buffered_amount`.
    pub fn queued_bytes(&self) -> usize {
        todo!()
    }
    /// What to do next.
    pub fn poll(&mut self) -> Option<Action> {
        todo!()
    }
}
