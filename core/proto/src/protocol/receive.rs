//! Bytes in, events out: walks the frames of a read buffer in place, keeps the order of RFC 6455 section 5.4, and fails at the first wrong byte. Must
//! not know the sent data, except the answers to pings.

use bytes::Bytes;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::assembly::{self, Assembly, Kind};
use super::deflate::Decoder;
use super::frame::{Header, violation};
use super::send::Sender;
use super::utf8;
use crate::close::{CloseCode, CloseFrame};
use crate::error::{Error, ErrorCode, Result};
use crate::event::{Batch, Event, Item};
use crate::stats::Traffic;

/// How many bytes a turn inflates before the rest has to wait: small frames can become large messages. Uncompressed messages are bounded by the size
/// of the read.
const TURN: usize = 1 << 20;

/// The result of [`Protocol::receive`](super::Protocol::receive).
#[derive(Debug, Default)]
pub struct Received {
    /// How many data messages were completed.
    pub data_messages: usize,
    /// There are pings or pongs, too.
    pub controls: bool,
    /// Bytes remain that were not parsed because the turn's budget was spent: call [`Protocol::prepare`](super::Protocol::prepare) and
    /// [`Protocol::receive`](super::Protocol::receive) again without reading.
    pub more: bool,
    /// The peer's Close, or the failure. All bytes behind it are ignored.
    pub end: Option<End>,
}

/// Why nothing more can be received.
#[derive(Debug)]
pub enum End {
    /// The peer's Close frame.
    Close(CloseFrame),
    /// The peer broke a rule: fail the connection with a Close of this code.
    Failure {
        /// Its fault.
        error: Error,
        /// The code to send.
        code: CloseCode,
    },
}

/// The receiving half of a connection.
pub(super) struct Receiver {
    max_size: usize,
    decoder: Option<Box<Decoder>>,
    /// The message that is not whole in the read buffer, if [`Self::under_way`].
    message: Assembly,
    /// Whether a message has begun and not ended.
    under_way: bool,
    /// The data frame whose payload is being received, if any.
    frame: Option<Rest>,
    /// The unused bytes: an incomplete header or control frame, or the rest after the turn's budget.
    kept: Vec<u8>,
    ended: bool,
    traffic: Traffic,
}

/// The missing bytes of a data frame.
#[derive(Clone, Copy)]
struct Rest {
    length: u64,
    fin: bool,
}

/// One call of [`Receiver::receive`].
struct Turn<'a> {
    batch: &'a mut Batch,
    sender: &'a mut Sender,
    /// The unread part of the input, a range of the batch's bytes.
    at: usize,
    end: usize,
    /// How much of the batch's bytes is in use by its messages: in the input, or appended to it.
    used: usize,
    events_left: usize,
    bytes_left: usize,
    data_messages: usize,
    /// The payload bytes of these messages.
    data_bytes: usize,
    controls: bool,
    more: bool,
}

impl Receiver {
    pub(super) fn new(max_size: usize, decoder: Option<Decoder>) -> Self {
        let message = Assembly::new(max_size);
        let decoder = decoder.map(Box::new);
        Self { max_size, decoder, message, under_way: false, frame: None, kept: Vec::new(), ended: false, traffic: Traffic::default() }
    }

    pub(super) fn prepare(&mut self, bytes: &mut Vec<u8>) -> usize {
        let start = bytes.len();
        bytes.extend_from_slice(&self.kept);
        self.kept.clear();
        start
    }

    pub(super) fn receive(&mut self, batch: &mut Batch, start: usize, max_events: usize, sender: &mut Sender) -> Received {
        let end = batch.bytes.len();
        let mut turn = Turn {
            batch,
            sender,
            at: start,
            end,
            used: start,
            events_left: max_events,
            bytes_left: TURN,
            data_messages: 0,
            data_bytes: 0,
            controls: false,
            more: false,
        };
        let last_word = if self.ended { None } else { self.parse(&mut turn).transpose() };
        let Turn { batch, at, used, data_messages, data_bytes, controls, more, .. } = turn;
        self.traffic.messages += data_messages as u64;
        self.traffic.bytes += data_bytes as u64;
        // Behind the peer's last word nothing is read as a frame.
        self.traffic.wire_bytes += if last_word.is_some() { end - start } else { at - start } as u64;
        let end_of_connection = last_word.map(|last_word| match last_word {
            Ok(close) => End::Close(close),
            Err(error) => End::Failure { code: code_of(&error), error },
        });
        if end_of_connection.is_some() {
            self.ended = true;
            self.under_way = false;
            self.forget();
        }
        if !self.ended {
            self.kept.extend_from_slice(&batch.bytes[at..end]);
        }
        batch.bytes.truncate(used);
        Received { data_messages, controls, more, end: end_of_connection }
    }

    /// Parses until the input or the turn's budget is used up, or the peer may send no more.
    fn parse(&mut self, turn: &mut Turn<'_>) -> Result<Option<CloseFrame>> {
        loop {
            if let Some(rest) = self.frame {
                let available = turn.end - turn.at;
                let length = usize::try_from(rest.length).map_or(available, |length| length.min(available));
                let last = rest.fin && rest.length == length as u64;
                self.message.push(&turn.batch.bytes[turn.at..turn.at + length], last, self.decoder.as_deref_mut())?;
                turn.at += length;
                if rest.length > length as u64 {
                    self.frame = Some(Rest { length: rest.length - length as u64, ..rest });
                    return Ok(None);
                }
                self.frame = None;
                if rest.fin {
                    self.under_way = false;
                    turn.data_bytes += self.message.length();
                    let inflated = self.message.finish(turn.batch)?;
                    if let Some(Item::Text(range) | Item::Ascii(range) | Item::Binary(range)) = turn.batch.items.last() {
                        turn.used = range.end;
                    }
                    turn.bytes_left = turn.bytes_left.saturating_sub(inflated);
                    turn.count();
                }
            }
            if turn.events_left == 0 || turn.bytes_left == 0 {
                turn.more = turn.at < turn.end;
                return Ok(None);
            }
            let input = &turn.batch.bytes[turn.at..turn.end];
            let Some(header) = Header::parse(input, self.decoder.is_some())? else { return Ok(None) };
            let payload = usize::try_from(header.length).ok().and_then(|length| input.get(header.size..)?.get(..length));
            match header.opcode {
                OpCode::Data(kind) => {
                    let kind = self.check_order(kind)?;
                    match (kind, payload) {
                        // The usual case: the buffer holds a whole message.
                        (Some(kind), Some(payload)) if header.fin && !header.compressed => {
                            if payload.len() > self.max_size {
                                return Err(assembly::too_big(self.max_size));
                            }
                            let ascii = kind == Kind::Text && utf8::is_ascii(payload);
                            if kind == Kind::Text && !ascii && !utf8::is_valid(payload) {
                                return Err(assembly::not_utf8());
                            }
                            let length = payload.len();
                            turn.take_in_place(kind, ascii, header.size, length);
                        }
                        (kind, _) => {
                            turn.at += header.size;
                            self.start_frame(kind, &header)?;
                        }
                    }
                }
                OpCode::Control(control) => {
                    let Some(payload) = payload else { return Ok(None) };
                    let event = match control {
                        Control::Ping => {
                            self.traffic.pings += 1;
                            turn.sender.answer(payload);
                            Event::Ping(Bytes::copy_from_slice(payload))
                        }
                        Control::Pong => Event::Pong { payload: Bytes::copy_from_slice(payload), latency: None },
                        _ => return close_frame(payload).map(Some),
                    };
                    turn.at += header.size + payload.len();
                    turn.events_left -= 1;
                    turn.controls = true;
                    turn.batch.items.push(Item::Event(Box::new(event)));
                }
            }
        }
    }

    /// Checks whether a data frame is allowed now. Returns the kind of the message that it starts; `None` for a continuation.
    #[inline]
    fn check_order(&self, kind: Data) -> Result<Option<Kind>> {
        match (kind, self.under_way) {
            (Data::Text, false) => Ok(Some(Kind::Text)),
            (Data::Binary, false) => Ok(Some(Kind::Binary)),
            (Data::Continue, true) => Ok(None),
            (_, false) => Err(violation("the server continued a message that it had not begun")),
            (_, true) => Err(violation("the server began a message before the one under way had ended")),
        }
    }

    fn start_frame(&mut self, kind: Option<Kind>, header: &Header) -> Result<()> {
        if let Some(kind) = kind {
            self.message.start(kind, header.compressed);
            self.under_way = true;
        }
        self.message.announce(header.length)?;
        self.frame = Some(Rest { length: header.length, fin: header.fin });
        Ok(())
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Gives back unused memory.
    pub(super) fn forget(&mut self) {
        if self.kept.is_empty() {
            self.kept = Vec::new();
        }
        if !self.under_way {
            self.message.forget();
            if let Some(decoder) = &mut self.decoder {
                decoder.forget();
            }
        }
    }
}

impl Turn<'_> {
    /// Adds the message that lies whole in the input.
    #[inline]
    fn take_in_place(&mut self, kind: Kind, ascii: bool, header: usize, length: usize) {
        let start = self.at + header;
        self.at = start + length;
        self.used = self.used.max(self.at);
        self.data_bytes += length;
        let range = start..self.at;
        self.batch.items.push(match kind {
            Kind::Text if ascii => Item::Ascii(range),
            Kind::Text => Item::Text(range),
            Kind::Binary => Item::Binary(range),
        });
        self.count();
    }

    #[inline]
    fn count(&mut self) {
        self.events_left -= 1;
        self.data_messages += 1;
    }
}

fn code_of(error: &Error) -> CloseCode {
    match error.code() {
        ErrorCode::InvalidPayload => CloseCode::INVALID_PAYLOAD,
        ErrorCode::MessageTooBig => CloseCode::TOO_BIG,
        _ => CloseCode::PROTOCOL_ERROR,
    }
}

/// Reads a Close frame's payload (RFC 6455 section 5.5.1).
fn close_frame(payload: &[u8]) -> Result<CloseFrame> {
    let Some((&code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(CloseFrame::default()) } else { Err(violation("the server sent a Close frame of one byte")) };
    };
    let code = CloseCode(u16::from_be_bytes(code));
    if !code.may_be_sent() {
        return Err(violation(format!("the server sent a Close frame with the code {code}, which may not be sent")));
    }
    match str::from_utf8(reason) {
        Ok(reason) => Ok(CloseFrame { code: Some(code), reason: reason.to_owned() }),
        Err(_) => Err(Error::new(ErrorCode::InvalidPayload, "the server sent a Close frame whose reason is not UTF-8")),
    }
}
