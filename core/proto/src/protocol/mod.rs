//! One connection's RFC 6455 and RFC 7692, as a client: bytes in, events out; messages in, bytes out.
//! Owns the framing, masking, UTF-8 checks, compression and limits of one connection. Must not know sockets, clocks, threads,
//! reconnection or the states that the user sees.

mod assembly;
mod deflate;
mod encoders;
pub mod extension;
mod frame;
mod mask;
mod receive;
mod send;
#[cfg(test)]
mod tests;
mod utf8;

use std::fmt;

use crate::close::CloseCode;
use crate::error::Result;
use crate::event::Batch;
use crate::message::Data;
use crate::options::CompressionOptions;
use crate::stats::Traffic;

use self::deflate::{Decoder, Encoder};
use self::extension::Agreed;
use self::receive::Receiver;
use self::send::Sender;

pub use self::receive::{End, Received};

/// The settings of a connection's protocol.
#[derive(Clone, Debug)]
pub struct Config {
    /// The largest message to receive, in bytes after inflation.
    pub max_size: usize,
    /// permessage-deflate as agreed on in the opening handshake, and how we use it.
    pub compression: Option<(Agreed, CompressionOptions)>,
}

/// One connection after its opening handshake.
pub struct Protocol {
    receiver: Receiver,
    sender: Sender,
}

impl Protocol {
    /// A connection that was just opened.
    pub fn new(config: Config) -> Self {
        let Config { max_size, compression } = config;
        let decoder = compression.as_ref().map(|(agreed, _)| Decoder::new(*agreed));
        let encoder = compression.and_then(|(agreed, options)| Encoder::new(agreed, &options));
        Self { receiver: Receiver::new(max_size, decoder), sender: Sender::new(encoder) }
    }

    /// Appends to the batch's `bytes` the ones that an earlier [`receive`](Self::receive) could not use yet, and returns where they start. Bytes read
    /// from the socket go right behind them.
    pub fn prepare(&mut self, bytes: &mut Vec<u8>) -> usize {
        self.receiver.prepare(bytes)
    }

    /// Parses `batch.bytes[start..]` and pushes what it finds to `batch.items`: at most `max_events` (but one at least), and about a
    /// mebibyte of inflated payload. Pings are answered. Unused bytes are kept for the next [`prepare`](Self::prepare).
    pub fn receive(&mut self, batch: &mut Batch, start: usize, max_events: usize) -> Received {
        self.receiver.receive(batch, start, max_events, &mut self.sender)
    }

    /// Sends a message. If compression was agreed, `compress` overrides the options and the size rule. The message waits while a fragmented one is
    /// incomplete. After [`close`](Self::close) it does nothing.
    pub fn send(&mut self, data: Data<'_>, compress: Option<bool>) {
        self.sender.send(data, compress);
    }

    /// Sends a fragment of a message. The first one decides whether the message is text, and its `compress` overrides the options and the size rule.
    /// After [`close`](Self::close) it does nothing.
    ///
    /// # Errors
    /// `invalid_state`: a first fragment while another message is incomplete, or a later one without a first; `invalid_data`: text in a binary
    /// message, or the other way about.
    pub fn send_fragment(&mut self, data: Data<'_>, first: bool, last: bool, compress: Option<bool>) -> Result<()> {
        self.sender.send_fragment(data, first, last, compress)
    }

    /// Sends a ping. Of the payload, checked by the caller, no more than 125 bytes are sent.
    pub fn ping(&mut self, payload: &[u8]) {
        self.sender.ping(payload);
    }

    /// Sends an unsolicited pong. Of the payload, checked by the caller, no more than 125 bytes are sent.
    pub fn pong(&mut self, payload: &[u8]) {
        self.sender.pong(payload);
    }

    /// Sends a Close frame, our last frame; without a code it has no body. A second call does nothing.
    pub fn close(&mut self, code: Option<CloseCode>, reason: &str) {
        self.sender.close(code, reason);
    }

    /// Whether our Close frame was queued: nothing can be sent any more.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Whether a message in fragments was begun and not ended.
    pub fn is_amid_message(&self) -> bool {
        self.sender.is_amid_message()
    }

    /// The bytes to write to the socket, oldest first.
    pub fn output(&self) -> &[u8] {
        self.sender.output()
    }

    /// Reports that the first `count` bytes of [`output`](Self::output) were written. More output may appear: pongs that waited.
    pub fn wrote(&mut self, count: usize) {
        self.sender.wrote(count);
    }

    /// The payload bytes of data messages that have not been written yet (WHATWG `bufferedAmount`).
    pub fn buffered_amount(&self) -> usize {
        self.sender.buffered_amount()
    }

    /// How many messages wait to be written, whole or in part, with those that wait for the end of a fragmented one.
    pub fn unsent_messages(&self) -> usize {
        self.sender.unsent_messages()
    }

    /// The traffic to the server so far. `wire_bytes` counts the written ones.
    pub fn sent(&self) -> Traffic {
        self.sender.traffic()
    }

    /// The traffic from the server so far.
    pub fn received(&self) -> Traffic {
        self.receiver.traffic()
    }

    /// Gives back unused memory: empty buffers, the encoder. Call it when the connection has been quiet.
    pub fn idle(&mut self) {
        self.receiver.forget();
        self.sender.forget();
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protocol").finish_non_exhaustive()
    }
}
