//! The walk of a batch: what of it may be shown, in order, and what has to happen in between. It must not know who drives or who waits.

use std::mem;

use crate::driver::Connection;
use crate::event::{Batch, Event, Item, Settled};
use crate::message::{Data, Message};
use crate::trace;

/// The next thing that the user sees. Messages are apart, for an event is large and would be moved for each of them.
pub(crate) enum Shown {
    /// A message.
    Message(Message),
    /// Any other event.
    Event(Box<Event>),
}

impl From<Shown> for Event {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Message(message) => Self::Message(message),
            Shown::Event(event) => *event,
        }
    }
}

/// A batch, and the place in it to which the user has come.
#[derive(Default)]
pub(super) struct Cursor {
    batch: Batch,
    position: usize,
}

impl Cursor {
    /// Starts with another batch. The one before must have been walked to its end.
    pub(super) fn load(&mut self, batch: Batch) {
        self.batch = batch;
        self.position = 0;
    }

    /// The batch, which was walked to its end, if there was one: for [`Connection::delivered`].
    pub(super) fn unload(&mut self) -> Option<Batch> {
        let walked = mem::take(&mut self.position) > 0;
        walked.then(|| mem::take(&mut self.batch))
    }

    /// Whether the rest of the batch ends the connection, or lets something else happen that waits for what comes before it.
    pub(super) fn meets_end(&self) -> bool {
        self.batch.items.get(self.position..).is_some_and(meet_end)
    }

    /// The next thing to be shown. `settled` gets the ends of requests. At the end of the batch, `None`.
    pub(super) fn next(&mut self, connection: &Connection, settled: impl Fn(Settled)) -> Option<Shown> {
        while let Some(item) = self.batch.items.get_mut(self.position) {
            self.position += 1;
            match item {
                Item::Text(range) | Item::Ascii(range) if connection.may_deliver() => {
                    return Some(Shown::Message(Message::Text(text(&self.batch.bytes[range.clone()]))));
                }
                Item::Binary(range) if connection.may_deliver() => {
                    return Some(Shown::Message(Data::Binary(&self.batch.bytes[range.clone()]).to_message()));
                }
                Item::Text(_) | Item::Ascii(_) | Item::Binary(_) => {}
                Item::Barrier => connection.settle(),
                Item::Event(_) => {
                    // A large message moves. The batch still weighs as much: it counts the bytes apart, and each item alike.
                    if let Item::Event(event) = mem::replace(item, Item::Barrier)
                        && connection.enter(&event)
                    {
                        trace::event(|| connection.url(), &event);
                        match *event {
                            Event::Message(message) => return Some(Shown::Message(message)),
                            Event::Settled(end) => settled(end),
                            _ => return Some(Shown::Event(event)),
                        }
                    }
                }
            }
        }
        None
    }
}

/// Whether one of these items ends the connection, or is a barrier.
pub(super) fn meet_end(items: &[Item]) -> bool {
    items.iter().any(|item| match item {
        Item::Barrier => true,
        Item::Event(event) => matches!(**event, Event::Close(_)),
        _ => false,
    })
}

/// Of bytes that the protocol has found to be UTF-8. To check them once more is far cheaper than to look for what is not.
fn text(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes).into_owned(), str::to_owned)
}
