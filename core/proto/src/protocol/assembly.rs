//! A message that does not lie whole and plain in the read buffer: put together from pieces, inflated, checked, bounded. Knows nothing of frames.

use std::mem;

use bytes::Bytes;

use super::deflate::Decoder;
use super::utf8::{self, Text};
use crate::error::{Error, ErrorCode, Result};
use crate::event::{Batch, Event, Item};
use crate::message::Message;

/// Messages up to this size go into the batch and leave their buffer for the next one; larger ones are handed over with it.
const SMALL: usize = 16 << 10;
/// The most memory to allocate at once for a message whose length was only announced.
const ANNOUNCED: usize = 1 << 20;

/// The kind of the message that is being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
}

/// The message that is being received.
pub(super) struct Assembly {
    max_size: usize,
    kind: Kind,
    compressed: bool,
    text: Text,
    binary: Vec<u8>,
    /// The length so far.
    length: usize,
}

impl Assembly {
    pub(super) fn new(max_size: usize) -> Self {
        Self { max_size, kind: Kind::Binary, compressed: false, text: Text::default(), binary: Vec::new(), length: 0 }
    }

    pub(super) fn start(&mut self, kind: Kind, compressed: bool) {
        (self.kind, self.compressed, self.length) = (kind, compressed, 0);
    }

    /// Call it with the payload length of each frame, before its payload.
    pub(super) fn announce(&mut self, length: u64) -> Result<()> {
        if self.compressed {
            return Ok(());
        }
        let length = usize::try_from(length).ok().filter(|length| *length <= self.max_size - self.length);
        let length = length.ok_or_else(|| too_big(self.max_size))?;
        self.reserve(length.min(ANNOUNCED));
        Ok(())
    }

    /// Takes a piece of payload as the frame holds it. `last` marks the last piece of the whole message, which may be empty.
    pub(super) fn push(&mut self, payload: &[u8], last: bool, decoder: Option<&mut Decoder>) -> Result<()> {
        match decoder {
            Some(decoder) if self.compressed && last => decoder.finish(payload, |piece| self.append(piece)),
            Some(decoder) if self.compressed => decoder.feed(payload, |piece| self.append(piece)),
            _ => self.append(payload),
        }
    }

    fn append(&mut self, piece: &[u8]) -> Result<()> {
        // The part within the limit is checked first, so that the outcome does not depend on how the bytes were cut.
        let room = self.max_size - self.length;
        let within = &piece[..piece.len().min(room)];
        self.reserve(within.len());
        self.length += within.len();
        match self.kind {
            Kind::Text => self.text.push(within).map_err(|_| not_utf8())?,
            Kind::Binary => self.binary.extend_from_slice(within),
        }
        if piece.len() > room { Err(too_big(self.max_size)) } else { Ok(()) }
    }

    /// Grows by doubling, but never over the limit.
    fn reserve(&mut self, additional: usize) {
        let capacity = match self.kind {
            Kind::Text => self.text.capacity(),
            Kind::Binary => self.binary.capacity(),
        };
        let needed = self.length + additional;
        if needed <= capacity {
            return;
        }
        let target = needed.max((2 * capacity).min(self.max_size));
        match self.kind {
            Kind::Text => self.text.reserve_exact(target - self.text.as_str().len()),
            Kind::Binary => self.binary.reserve_exact(target - self.binary.len()),
        }
    }

    /// How many bytes of the message have come, after inflation.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Ends the message and adds it to the batch. Returns how many bytes of it were inflated.
    pub(super) fn finish(&mut self, batch: &mut Batch) -> Result<usize> {
        let start = batch.bytes.len();
        let item = match self.kind {
            Kind::Text => {
                self.text.finish().map_err(|_| not_utf8())?;
                if self.length > SMALL {
                    batch.owned += self.length;
                    owned(Message::Text(self.text.take()))
                } else {
                    let text = self.text.as_str().as_bytes();
                    let ascii = utf8::is_ascii(text);
                    batch.bytes.extend_from_slice(text);
                    self.text.clear();
                    let range = start..batch.bytes.len();
                    if ascii { Item::Ascii(range) } else { Item::Text(range) }
                }
            }
            Kind::Binary => {
                if self.length > SMALL {
                    batch.owned += self.length;
                    owned(Message::Binary(Bytes::from(mem::take(&mut self.binary))))
                } else {
                    batch.bytes.extend_from_slice(&self.binary);
                    self.binary.clear();
                    Item::Binary(start..batch.bytes.len())
                }
            }
        };
        batch.items.push(item);
        Ok(if self.compressed { self.length } else { 0 })
    }

    /// Gives the memory back. Call it between two messages.
    pub(super) fn forget(&mut self) {
        self.text = Text::default();
        self.binary = Vec::new();
    }
}

fn owned(message: Message) -> Item {
    Item::Event(Box::new(Event::Message(message)))
}

#[cold]
pub(super) fn too_big(max_size: usize) -> Error {
    Error::new(ErrorCode::MessageTooBig, format!("the server sent a message of more than {max_size} bytes (max_size)"))
}

#[cold]
pub(super) fn not_utf8() -> Error {
    Error::new(ErrorCode::InvalidPayload, "the server sent a text message that is not UTF-8")
}
