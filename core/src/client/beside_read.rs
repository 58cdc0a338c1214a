//! Reads the second connection, within a turn: messages of the old connection go to the host, messages of the next one are held.

use std::time::Instant;

use super::link::Ending;
use super::tally::Tally;
use super::turn::MAX_MESSAGES;
use super::{Client, Inner, Turn};
use crate::event::{Batch, Event, Item};
use crate::message::Data;
use crate::session::Session;

impl Client {
    /// Reads the second connection, within a turn. Messages of the old connection go to `batch`. True means that there may be more.
    pub(super) fn read_beside(&self, inner: &mut Inner, now: Instant, batch: &mut Batch) -> bool {
        let mut more = false;
        let reads = !inner.is_paused() && !self.backlog.is_full(batch.weight());
        let Some(beside) = &mut inner.beside else { return false };
        for link in beside.next.iter_mut().chain(&mut beside.old) {
            if link.wants_write() {
                link.write();
            }
        }
        if beside.old.is_some() {
            if std::mem::replace(&mut beside.reads_old, reads) != reads {
                inner.session.handle_parting_reading(now, reads);
            }
            more |= reads && self.read_old(inner, now, batch);
        }
        if let Some(beside) = inner.beside.as_mut().filter(|beside| beside.next.is_some()) {
            let reading = reads && beside.has_room(self.options.read_limit);
            if std::mem::replace(&mut beside.reading, reading) != reading {
                inner.session.beside(|next| next.handle_reading(now, reading), now);
            }
            more |= reading && self.read_next(inner, now);
        }
        self.act(inner, now);
        inner.hand_out(batch);
        more
    }

    /// Whether there is room for data of the present connection.
    pub(super) fn has_room(&self, inner: &Inner) -> bool {
        inner.beside.as_ref().is_none_or(|beside| !beside.holds || beside.has_room(self.options.read_limit))
    }

    /// Reads the present connection, and holds its messages until the old one has ended.
    pub(super) fn read_held(&self, inner: &mut Inner, now: Instant, turn: &mut Turn) {
        let mut batch = Batch::default();
        self.read(inner, now, &mut batch, turn);
        match &mut inner.beside {
            Some(beside) if beside.holds => beside.held.append(&mut batch),
            _ => inner.emitted.append(&mut batch),
        }
    }

    fn read_old(&self, inner: &mut Inner, now: Instant, batch: &mut Batch) -> bool {
        let Some(old) = inner.beside.as_mut().and_then(|beside| beside.old.as_mut()) else { return false };
        let mark = batch.items.len();
        // Its end may have been read before the hand-over.
        let read = if old.ending.is_none() { old.read(batch, MAX_MESSAGES, self.options.read_limit) } else { super::link::Read::default() };
        let ending = old.ending.take();
        if inner.session.looks_at_messages() {
            let Batch { bytes, items, owned } = batch;
            for item in items.split_off(mark) {
                let shown = match &item {
                    Item::Text(range) | Item::Ascii(range) => {
                        inner.session.handle_parting_message(Data::Text(std::str::from_utf8(&bytes[range.clone()]).unwrap_or_default()))
                    }
                    Item::Event(event) => match &**event {
                        Event::Message(message) => {
                            let shown = inner.session.handle_parting_message(Data::from(message));
                            *owned -= if shown { 0 } else { message.len() };
                            shown
                        }
                        _ => true,
                    },
                    _ => true,
                };
                if shown {
                    items.push(item);
                }
            }
        }
        match ending {
            None => {}
            Some(Ending::Closed(frame)) => inner.session.handle_parting_close(now, frame),
            Some(Ending::Failed(error, _)) => inner.session.handle_parting_lost(now, Some(error)),
            Some(Ending::Lost(error)) => inner.session.handle_parting_lost(now, error),
            Some(Ending::Replaced(..)) => inner.session.handle_parting_lost(now, None),
        }
        read.more
    }

    fn read_next(&self, inner: &mut Inner, now: Instant) -> bool {
        let Some(link) = inner.beside.as_mut().and_then(|beside| beside.next.as_mut()).filter(|link| link.ending.is_none()) else {
            return false;
        };
        let mut batch = Batch::default();
        let read = link.read(&mut batch, MAX_MESSAGES, self.options.read_limit);
        let ended = link.ending.is_some();
        if read.received {
            inner.session.beside(|next| next.handle_received(now, read.data_messages), now);
        }
        let mut items = std::mem::take(&mut batch.items);
        let tally = &mut inner.tally;
        items.retain_mut(|item| inner.session.beside(|next| look(next, tally, now, item, &batch.bytes), now).unwrap_or(true));
        batch.items = items;
        if let Some(beside) = &mut inner.beside {
            beside.held.append(&mut batch);
        }
        if ended {
            Self::end_next(inner, now);
        }
        read.more && !ended
    }

    /// The next connection's end was read. If that connection is ready, its end is reported after its messages; otherwise it has failed.
    fn end_next(inner: &mut Inner, now: Instant) {
        if inner.session.is_next_ready() {
            inner.session.beside(|next| next.handle_end_read(None), now);
            if let Some(beside) = &mut inner.beside {
                beside.held.items.push(Item::Barrier);
            }
            return;
        }
        let link = inner.beside.as_mut().and_then(|beside| beside.next.as_mut());
        let Some(ending) = link.and_then(|link| link.ending.take()) else { return };
        inner.session.beside(
            |next| match ending {
                Ending::Closed(frame) => next.handle_peer_close(now, frame),
                Ending::Failed(error, code) => next.handle_failure(now, error, code),
                Ending::Lost(error) => next.handle_lost(now, error),
                Ending::Replaced(..) => next.handle_lost(now, None),
            },
            now,
        );
    }
}

/// Shows the next connection's session a message of it. False means that the program does not get this message.
fn look(session: &mut Session, tally: &mut Tally, now: Instant, item: &mut Item, bytes: &[u8]) -> bool {
    match item {
        Item::Text(range) | Item::Ascii(range) => {
            session.handle_message(now, Data::Text(std::str::from_utf8(&bytes[range.clone()]).unwrap_or_default()))
        }
        Item::Event(event) => match &mut **event {
            Event::Message(message) => session.handle_message(now, Data::from(&*message)),
            Event::Pong { payload, latency } => {
                *latency = session.handle_pong(now, payload);
                if let Some(time) = *latency {
                    tally.round_trip(now, time);
                }
                true
            }
            Event::Ping(_) => {
                session.handle_pong_sent(now);
                true
            }
            _ => true,
        },
        _ => true,
    }
}
