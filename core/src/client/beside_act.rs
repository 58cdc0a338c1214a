//! The actions on the second connection. Its driver only opens, watches and reports; turns read and write. The session decides when there is a second
//! connection.

use std::time::Instant;

use super::beside::{Beside, DialState, Wants};
use super::link::{Link, LinkId};
use super::teller::Teller;
use super::{Client, Inner};
use crate::close::CloseCode;
use crate::dial;
use crate::error::Result;
use crate::event::Item;
use crate::message::Data;
use crate::protocol::extension;
use crate::session::Action;

impl Client {
    /// The orders for the driver of the second connection.
    pub fn wants_beside(&self) -> Wants {
        if !self.is_ours() {
            return Wants { over: true, ..Wants::default() };
        }
        let mut inner = self.lock();
        let dead = inner.exiting || inner.given_up;
        let Some(beside) = inner.beside.as_mut().filter(|_| !dead) else {
            return Wants { cancel_dial: true, over: true, ..Wants::default() };
        };
        let mut wants = Wants::default();
        match std::mem::replace(&mut beside.dial, DialState::Idle) {
            DialState::Ordered(id, request) => {
                wants.dial = Some((id, request));
                beside.dial = DialState::Running;
            }
            DialState::Running => beside.dial = DialState::Running,
            DialState::Cancelled | DialState::Idle => wants.cancel_dial = true,
        }
        wants.reads = if beside.next.is_some() { beside.reading } else { beside.reads_old };
        if let Some(link) = beside.link() {
            wants.watch = Some((link.id, link.descriptor()));
            wants.reads &= !link.at_end();
            wants.writes = link.wants_write();
        }
        wants.over = beside.is_over();
        if wants.over {
            inner.beside = None;
        }
        // The background has to release it first.
        wants.watch = wants.watch.filter(|(id, _)| inner.watched != Some(*id));
        wants
    }

    /// Whether there is a second connection, or an attempt.
    pub fn has_beside(&self) -> bool {
        self.is_ours() && {
            let inner = self.lock();
            !inner.exiting && !inner.given_up && inner.beside.as_ref().is_some_and(|beside| !beside.is_over())
        }
    }

    /// Reports that the second connection cannot be watched.
    pub fn fail_beside(&self, now: Instant, error: &crate::error::Error) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        if inner.session.beside(|next| next.handle_failure(now, error.clone(), CloseCode::GOING_AWAY), now).is_none() {
            inner.session.handle_parting_lost(now, Some(error.clone()));
        }
        self.pump(inner, now);
    }

    /// Stores which connection's descriptor the background watches.
    pub fn watches(&self, id: Option<LinkId>) {
        self.lock().watched = id;
    }

    /// Stores which connection's descriptor the driver of the second connection watches.
    pub fn watches_beside(&self, id: Option<LinkId>) {
        self.lock().watched_beside = id;
    }

    /// Reports the end of an attempt that [`Client::wants_beside`] ordered.
    pub fn dialled_beside(&self, now: Instant, result: Result<dial::Opened>) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let Some(beside) = inner.beside.as_mut().filter(|beside| matches!(beside.dial, DialState::Running)) else { return };
        beside.dial = DialState::Idle;
        let (id, promoted) = (beside.id, std::mem::take(&mut beside.promoted));
        match result {
            Ok(opened) if promoted => self.take_over(inner, now, opened, id),
            Err(error) if promoted => inner.session.handle_dial_failed(now, error),
            Ok(opened) => self.take_beside(inner, now, opened, id),
            Err(error) => _ = inner.session.beside(|next| next.handle_dial_failed(now, error), now),
        }
        self.pump(inner, now);
    }

    fn take_beside(&self, inner: &mut Inner, now: Instant, opened: dial::Opened, id: LinkId) {
        let agreed = extension::agree(self.options.compression.as_ref(), &opened.extensions);
        let (link, open) = Link::new(id, opened, agreed.as_ref().ok().copied().flatten(), &self.options, inner.teller.clone());
        if let Err(error) = agreed {
            // As in `take_over`: the opening handshake has failed, so there is no WebSocket that could carry a Close.
            inner.retired.push(link.retire(now, false));
            inner.session.beside(|next| next.handle_dial_failed(now, error), now);
            return;
        }
        if let Some(beside) = &mut inner.beside {
            beside.slot.set(Some(link.descriptor()));
            beside.next = Some(link);
            beside.reading = true;
        }
        inner.session.beside(|next| next.handle_opened(now, open), now);
    }

    /// Carries out an action of the session on the second connection.
    pub(super) fn act_beside(&self, inner: &mut Inner, now: Instant, action: Action) {
        let request = match action {
            Action::Dial(ref target) => Some(self.dial_request(target.clone(), &inner.url)),
            _ => None,
        };
        if let Some(request) = &request {
            inner.teller = Teller::new(request);
            inner.attempt += 1;
            inner.tally.attempt();
        }
        let attempt = LinkId(inner.attempt);
        let beside = inner.beside.get_or_insert_with(|| Box::new(Beside::new()));
        match action {
            Action::Dial(_) => {
                beside.id = attempt;
                beside.dial = request.map_or(DialState::Idle, |request| DialState::Ordered(attempt, Box::new(request)));
            }
            Action::CancelDial => beside.dial = DialState::Cancelled,
            Action::Emit(event) => {
                inner.tally.event(&event);
                beside.held.items.push(Item::Event(Box::new(event)));
            }
            Action::Drop => {
                beside.slot.set(None);
                if let Some(link) = beside.next.take() {
                    inner.retired.push(link.retire(now, inner.terminated));
                }
            }
            said => {
                let Some(link) = &mut beside.next else { return };
                match said {
                    Action::Transmit(message, compress) => link.send(Data::from(&message), compress),
                    Action::Ping(payload) => link.ping(&payload),
                    Action::SendClose(code, reason) => link.close(code, &reason),
                    _ => {}
                }
                link.write();
            }
        }
    }

    /// Makes the next connection the present one, and drains the old one.
    pub(super) fn hand_over(&self, inner: &mut Inner) {
        let Some(beside) = &mut inner.beside else { return };
        let Some(next) = beside.next.take() else { return };
        self.slot.set(Some(next.descriptor()));
        beside.old = inner.link.replace(next);
        beside.slot.set(beside.old.as_ref().map(Link::descriptor));
        if let Some(old) = &mut beside.old {
            old.write();
        }
        beside.holds = true;
        inner.reading = beside.reading;
        inner.pace = super::pace::Pace::default();
    }

    /// Puts the next connection, or the attempt to open it, in the place of one that has ended.
    pub(super) fn promote(&self, inner: &mut Inner) {
        let Some(beside) = &mut inner.beside else { return };
        beside.promoted = !matches!(beside.dial, DialState::Idle);
        if let Some(next) = beside.next.take() {
            beside.slot.set(None);
            self.slot.set(Some(next.descriptor()));
            inner.link = Some(next);
            inner.reading = beside.reading;
            inner.pace = super::pace::Pace::default();
        }
    }

    /// Drops the old connection.
    pub(super) fn drop_parting(inner: &mut Inner, now: Instant) {
        let Some(beside) = &mut inner.beside else { return };
        if let Some(old) = beside.old.take() {
            beside.slot.set(None);
            let retired = old.retire(now, inner.terminated);
            inner.unsent = retired.buffered_amount();
            inner.retired.push(retired);
        }
    }

    /// Gives the held events to the host, or drops them.
    pub(super) fn release_held(inner: &mut Inner, deliver: bool) {
        let Some(beside) = &mut inner.beside else { return };
        let mut held = std::mem::take(&mut beside.held);
        beside.holds = false;
        if deliver {
            inner.emitted.append(&mut held);
        }
        if beside.is_over() {
            inner.beside = None;
        }
    }

    /// Gives up the attempt that has become the socket's own. Returns whether there was such an attempt.
    pub(super) fn cancel_promoted(inner: &mut Inner) -> bool {
        let promoted = inner.beside.as_mut().filter(|beside| beside.promoted);
        let found = promoted.is_some();
        if let Some(beside) = promoted {
            (beside.dial, beside.promoted) = (DialState::Cancelled, false);
        }
        found
    }
}

impl Inner {
    /// Whether data of the present connection waits until the old one has ended.
    pub(super) fn holds(&self) -> bool {
        self.beside.as_ref().is_some_and(|beside| beside.holds)
    }
}
