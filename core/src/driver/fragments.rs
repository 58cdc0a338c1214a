//! Sends one message in fragments as its parts arrive (RFC 6455 section 5.4). The writer knows the last part, keeps to one kind of data and to one
//! connection, and leaves no incomplete message behind.

use crate::error::{Error, ErrorCode, Result};
use crate::event::ReadyState;
use crate::message::{AsData, Data};

use super::Connection;

/// A message under way: [`put`](FragmentWriter::put) its parts, then [`end`](FragmentWriter::end) it. If it is dropped before its end, it fails its
/// connection, because nothing else may follow the first part there: the peer gets Close 1011, the program gets `error` and `close` with
/// `message_aborted`, and with `reconnect` the socket connects again.
pub struct FragmentWriter {
    connection: Connection,
    compress: Option<bool>,
    /// Whether the message is text: as requested, or else as the kind of its first part.
    text: Option<bool>,
    /// The latest part. It leaves once it is known whether another part follows.
    held: Option<Vec<u8>>,
    /// The connection that has the first part, as the count of connections that the user has seen.
    begun_on: Option<u64>,
}

impl Connection {
    /// Begins a message that leaves in fragments as its parts arrive. `text` gives its kind; without it the first part does, and a message without
    /// parts is text. `compress` overrides the options. Other messages wait until it has ended.
    pub fn fragments(&self, text: Option<bool>, compress: Option<bool>) -> FragmentWriter {
        FragmentWriter { connection: self.clone(), compress, text, held: None, begun_on: None }
    }
}

impl FragmentWriter {
    /// Whether the message may have a part of this kind.
    pub fn takes(&self, text: bool) -> bool {
        self.text.is_none_or(|is_text| is_text == text)
    }

    /// Takes a part, and sends the one before it.
    ///
    /// # Errors
    /// `invalid_data` for a part of the other kind; `invalid_state` unless the connection is open, and the one on which the message was begun;
    /// `write_limit`; `forked`.
    pub fn put(&mut self, part: impl AsData) -> Result<()> {
        let (text, bytes) = match part.as_data() {
            Data::Text(text) => (true, text.as_bytes()),
            Data::Binary(bytes) => (false, bytes),
        };
        if !self.takes(text) {
            return Err(Error::new(ErrorCode::InvalidData, "the parts of a message must be all text or all binary"));
        }
        self.text = Some(text);
        if let Some(before) = self.held.take() {
            self.send(&before, false)?;
        }
        self.held = Some(bytes.to_vec());
        Ok(())
    }

    /// Sends the last part. A message without parts is empty.
    ///
    /// # Errors
    /// As [`FragmentWriter::put`].
    pub fn end(mut self) -> Result<()> {
        let last = self.held.take().unwrap_or_default();
        self.send(&last, true)?;
        self.begun_on = None;
        Ok(())
    }

    /// Whether a part has left.
    pub fn is_begun(&self) -> bool {
        self.begun_on.is_some()
    }

    /// Whether the connection has ended on which the message was begun.
    pub fn is_lost(&self) -> bool {
        let closed = matches!(self.connection.ready_state(), ReadyState::Connecting | ReadyState::Closed);
        self.begun_on.is_some_and(|begun| closed || begun != self.connection.0.client.opens_seen())
    }

    fn send(&mut self, part: &[u8], last: bool) -> Result<()> {
        if self.is_lost() {
            return Err(Error::new(ErrorCode::InvalidState, "the connection ended amid the message"));
        }
        // A part counts as text only if it was put as text.
        let data = match std::str::from_utf8(part) {
            Ok(words) if self.text.unwrap_or(true) => Data::Text(words),
            _ => Data::Binary(part),
        };
        let opens = self.connection.0.client.opens_seen();
        self.connection.send_fragment(data, self.begun_on.is_none(), last, self.compress)?;
        self.begun_on = Some(opens);
        Ok(())
    }
}

impl Drop for FragmentWriter {
    fn drop(&mut self) {
        if self.is_begun() && !self.is_lost() {
            self.connection.abandon_message();
        }
    }
}
