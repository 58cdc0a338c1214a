//! The Close 1001 when a part of the program ends, and when the process ends; then nothing else happens. The driver decides when to send it.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Client;
use super::beside::DialState;
use super::link::Retired;
use crate::close::CloseCode;
use crate::event::{Batch, ReadyState};
use crate::os::RawDescriptor;

/// The state of the closing handshake at the end.
pub enum Farewell {
    /// There is nothing to wait for.
    Done,
    /// The peer has not answered yet.
    Waiting {
        /// Watch it for reading.
        descriptor: RawDescriptor,
        /// Watch it for writing, too.
        to_write: bool,
    },
}

impl Client {
    /// Sends a Close with `code`, and waits for the peer no longer than at the end of the process. Final.
    pub fn go_away(&self, now: Instant, code: CloseCode) {
        if !self.is_ours() {
            return;
        }
        let mut inner = self.lock();
        let waiting = inner.session.ready_state() == ReadyState::Connecting;
        inner.left = true;
        inner.session.goodbye(now, code);
        self.show_closing(waiting);
        self.pump(&mut inner, now);
    }

    /// Goes on with the closing handshake at the process's end. From the first call on, nothing else happens on this socket.
    pub fn farewell(&self) -> Farewell {
        if !self.is_ours() {
            return Farewell::Done;
        }
        let mut inner = self.lock();
        if !std::mem::replace(&mut inner.exiting, true)
            && let Some(beside) = &mut inner.beside
        {
            beside.say_goodbye();
        }
        let Some(link) = &mut inner.link else { return Farewell::Done };
        if link.say_goodbye(&mut Batch::default()) {
            return Farewell::Done;
        }
        Farewell::Waiting { descriptor: link.descriptor(), to_write: link.wants_write() }
    }

    /// Stops all work on this socket, and sends the peer no Close.
    pub fn forsake(&self) {
        if self.is_ours() {
            self.lock().exiting = true;
        }
    }

    /// Stops all work on this socket, and makes its drivers release it: the part that delivers its events has ended, while the process goes on.
    pub fn give_up(&self) {
        if self.is_ours() {
            self.lock().given_up = true;
        }
    }

    /// Ends the socket with its last event, after its Close was sent while user code still runs. Final.
    pub fn tell_goodbye(&self, now: Instant) {
        if !self.is_ours() {
            return;
        }
        let mut inner = self.lock();
        let inner = &mut *inner;
        inner.exiting = false;
        inner.left = true;
        inner.session.goodbye(now, CloseCode::GOING_AWAY);
        self.settle_locked(inner, now);
        inner.session.end_goodbye(now);
        self.pump(inner, now);
    }

    /// Ends the socket's connections now, and stops all work on it. Call [`Client::released`] afterwards.
    pub fn abandon(&self, now: Instant) {
        if !self.is_ours() {
            return;
        }
        let mut inner = self.lock();
        inner.given_up = true;
        inner.dial = DialState::Idle;
        inner.emitted = Batch::default();
        let beside = inner.beside.take().map(|beside| beside.into_links()).unwrap_or_default();
        inner.retired.extend(beside.into_iter().map(|link| link.retire(now, true)));
        if let Some(link) = inner.link.take() {
            self.slot.set(None);
            inner.retired.push(link.retire(now, true));
        }
        inner.retired.iter_mut().for_each(Retired::finish);
        self.finished.store(true, Ordering::Release);
        self.told.store(true, Ordering::Release);
    }
}
