//! Messages in, bytes out: frames, masks and compresses messages into one buffer, and counts the bytes that have not left. Must not know the received
//! data, nor when bytes are written.

use std::collections::VecDeque;

use tungstenite::protocol::frame::coding::{Control, Data as DataCode, OpCode};

use super::deflate::Encoder;
use super::frame::{self, MAX_CONTROL};
use super::mask::{self, Keys};
use crate::close::CloseCode;
use crate::error::{Error, ErrorCode, Result};
use crate::message::{Data, Message};
use crate::stats::Traffic;

/// From this length on (files, not chat), a message that does not shrink is sent as it is, at the price of the encoder's context.
const WORTH_FORGETTING: usize = 256 << 10;
/// How many answers to pings may wait to be written. While so many wait, only the last of further pings is answered (RFC 6455 section 5.5.3), so a
/// flood of them costs no memory.
const MAX_PONGS: u32 = 64;
/// The written part of the output is cut off when it is this long and longer than the rest.
const WORTH_CUTTING: usize = 64 << 10;
/// An empty output buffer larger than this is given back at once.
const KEPT_OUTPUT: usize = 1 << 20;

/// The sending half of a connection.
pub(super) struct Sender {
    keys: Keys,
    encoder: Option<Box<Encoder>>,
    output: Vec<u8>,
    /// How much of `output` was written.
    written: usize,
    /// How much was written before the start of `output`, since the connection began.
    cut: u64,
    unsent: Unsent,
    fragments: Option<Fragments>,
    /// Messages that wait for the end of a fragmented one.
    held: VecDeque<(Message, Option<bool>)>,
    pongs: Pongs,
    closed: bool,
    traffic: Traffic,
}

/// A fragmented message that is incomplete.
#[derive(Clone, Copy)]
struct Fragments {
    text: bool,
    compressed: bool,
}

/// Payloads of data messages in the output: where each ends, counted from the start of the connection, and how long it is.
#[derive(Default)]
struct Unsent {
    ends: VecDeque<(u64, usize)>,
    total: usize,
}

/// The answers to pings.
#[derive(Default)]
struct Pongs {
    /// How many were queued since none waited.
    waiting: u32,
    /// Where the last one ends, counted from the start of the connection.
    end: u64,
    /// The payload of the last ping that found too many waiting.
    next: Option<Box<[u8]>>,
}

impl Sender {
    pub(super) fn new(encoder: Option<Encoder>) -> Self {
        Self {
            keys: Keys::default(),
            encoder: encoder.map(Box::new),
            output: Vec::new(),
            written: 0,
            cut: 0,
            unsent: Unsent::default(),
            fragments: None,
            held: VecDeque::new(),
            pongs: Pongs::default(),
            closed: false,
            traffic: Traffic::default(),
        }
    }

    pub(super) fn send(&mut self, data: Data<'_>, compress: Option<bool>) {
        if self.closed {
            return;
        }
        if self.fragments.is_some() {
            self.unsent.total += data.len();
            self.held.push_back((data.to_message(), compress));
            return;
        }
        self.unsent.total += data.len();
        self.message(data, compress);
    }

    /// Whether to compress a message of so many bytes, or one whose first fragment has so many.
    #[inline]
    fn compresses(&self, length: usize, wanted: Option<bool>) -> bool {
        self.encoder.as_ref().is_some_and(|encoder| wanted.unwrap_or_else(|| encoder.wants(length)))
    }

    /// Queues a message that is already counted.
    fn message(&mut self, data: Data<'_>, compress: Option<bool>) {
        let (code, payload) = parts(data);
        let compressed = self.compresses(payload.len(), compress);
        self.data_frame(code, payload, compressed, compressed, true);
    }

    pub(super) fn send_fragment(&mut self, data: Data<'_>, first: bool, last: bool, compress: Option<bool>) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        let (code, payload) = parts(data);
        let text = code == DataCode::Text;
        let (code, compressed) = match self.fragments {
            None if first => (code, self.compresses(payload.len(), compress)),
            Some(fragments) if !first && fragments.text != text => {
                return Err(Error::new(ErrorCode::InvalidData, "the fragments of a message must be all text or all binary"));
            }
            Some(fragments) if !first => (DataCode::Continue, fragments.compressed),
            None => return Err(Error::new(ErrorCode::InvalidState, "no fragmented message is under way")),
            Some(_) => return Err(Error::new(ErrorCode::InvalidState, "another fragmented message is under way")),
        };
        self.unsent.total += payload.len();
        self.data_frame(code, payload, compressed, compressed && first, last);
        self.fragments = (!last).then_some(Fragments { text, compressed });
        if last {
            for (message, compress) in std::mem::take(&mut self.held) {
                self.message(Data::from(&message), compress);
            }
        }
        Ok(())
    }

    fn data_frame(&mut self, code: DataCode, payload: &[u8], compress: bool, mark: bool, last: bool) {
        let wire = match &mut self.encoder {
            Some(encoder) if compress && mark && last => encoder.compress_whole(payload),
            Some(encoder) if compress => encoder.compress(payload, last),
            _ => payload,
        };
        // A file that does not shrink (a picture, an archive) is sent as it is: a peer's limit may be its exact size. The encoder then forgets it,
        // because the peer's window will not contain it.
        let plain = mark && last && payload.len() >= WORTH_FORGETTING && wire.len() >= payload.len();
        let (wire, mark) = if plain { (payload, false) } else { (wire, mark) };
        append(&mut self.output, last, mark, OpCode::Data(code), wire, self.keys.next());
        if plain && let Some(encoder) = &mut self.encoder {
            encoder.restart();
        }
        let end = self.end();
        self.unsent.ends.push_back((end, payload.len()));
        self.traffic.bytes += payload.len() as u64;
        self.traffic.messages += u64::from(last);
    }

    fn control_frame(&mut self, control: Control, payload: &[u8]) {
        let payload = &payload[..payload.len().min(MAX_CONTROL)];
        append(&mut self.output, true, false, OpCode::Control(control), payload, self.keys.next());
    }

    pub(super) fn ping(&mut self, payload: &[u8]) {
        if !self.closed {
            self.traffic.pings += 1;
            self.control_frame(Control::Ping, payload);
        }
    }

    pub(super) fn pong(&mut self, payload: &[u8]) {
        if !self.closed {
            self.control_frame(Control::Pong, payload);
        }
    }

    /// Answers a ping.
    pub(super) fn answer(&mut self, payload: &[u8]) {
        if self.closed {
            return;
        }
        if self.pongs.waiting >= MAX_PONGS {
            self.pongs.next = Some(payload.into());
            return;
        }
        self.control_frame(Control::Pong, payload);
        self.pongs.waiting += 1;
        self.pongs.end = self.end();
    }

    pub(super) fn close(&mut self, code: Option<CloseCode>, reason: &str) {
        if self.closed {
            return;
        }
        let mut payload = Vec::with_capacity(MAX_CONTROL);
        if let Some(code) = code {
            payload.extend_from_slice(&code.0.to_be_bytes());
            let longest = reason.len().min(CloseCode::MAX_REASON_BYTES);
            let end = (0..=longest).rev().find(|end| reason.is_char_boundary(*end)).unwrap_or(0);
            payload.extend_from_slice(&reason.as_bytes()[..end]);
        }
        self.control_frame(Control::Close, &payload);
        self.closed = true;
        self.held = VecDeque::new();
        self.pongs.next = None;
    }

    /// Whether a message in fragments was begun and not ended.
    pub(super) fn is_amid_message(&self) -> bool {
        self.fragments.is_some()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Where the output ends, counted from the start of the connection.
    fn end(&self) -> u64 {
        self.cut + self.output.len() as u64
    }

    #[inline]
    pub(super) fn output(&self) -> &[u8] {
        &self.output[self.written..]
    }

    pub(super) fn wrote(&mut self, count: usize) {
        self.written += count;
        let position = self.cut + self.written as u64;
        if self.written == self.output.len() {
            self.cut = position;
            self.written = 0;
            self.output.clear();
            if self.output.capacity() > KEPT_OUTPUT {
                self.output = Vec::new();
            }
        } else if self.written >= WORTH_CUTTING && self.written > self.output.len() - self.written {
            self.cut = position;
            self.output.drain(..self.written);
            self.written = 0;
        }
        while let Some(&(end, length)) = self.unsent.ends.front()
            && end <= position
        {
            self.unsent.ends.pop_front();
            self.unsent.total -= length;
        }
        if self.pongs.end <= position {
            self.pongs.waiting = 0;
            if let Some(payload) = self.pongs.next.take() {
                self.answer(&payload);
            }
        }
    }

    pub(super) fn buffered_amount(&self) -> usize {
        let position = self.cut + self.written as u64;
        let of_first_written = self.unsent.ends.front().map_or(0, |&(end, length)| length - length.min((end - position) as usize));
        self.unsent.total - of_first_written
    }

    pub(super) fn unsent_messages(&self) -> usize {
        self.unsent.ends.len() + self.held.len()
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic { wire_bytes: self.cut + self.written as u64, ..self.traffic }
    }

    /// Gives back unused memory.
    pub(super) fn forget(&mut self) {
        self.keys.forget();
        if self.output.is_empty() {
            self.output = Vec::new();
            self.unsent.ends = VecDeque::new();
        }
        if self.fragments.is_none()
            && let Some(encoder) = &mut self.encoder
        {
            encoder.forget();
        }
    }
}

fn parts(data: Data<'_>) -> (DataCode, &[u8]) {
    match data {
        Data::Text(text) => (DataCode::Text, text.as_bytes()),
        Data::Binary(bytes) => (DataCode::Binary, bytes),
    }
}

#[inline]
fn append(output: &mut Vec<u8>, last: bool, mark: bool, opcode: OpCode, payload: &[u8], key: [u8; 4]) {
    let (header, size) = frame::header(last, mark, opcode, payload.len(), key);
    output.reserve(header.len() + payload.len());
    // Copies the whole header: for a length that the compiler knows, no call is needed.
    let start = output.len();
    output.extend_from_slice(&header);
    output.truncate(start + size);
    mask::append(output, payload, key);
}
