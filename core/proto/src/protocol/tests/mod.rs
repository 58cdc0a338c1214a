//! Tests of the protocol layer through its public functions, and their shared parts: frames as a server writes them, and outcomes to compare.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod compression;
mod cuts;
mod differential;
mod receiving;
mod sending;

use super::*;
use crate::event::{Event, Item};
use crate::message::Message;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

fn plain() -> Protocol {
    limited(1 << 20)
}

fn limited(max_size: usize) -> Protocol {
    Protocol::new(Config { max_size, compression: None })
}

fn compressing(agreed: Agreed, options: CompressionOptions) -> Protocol {
    Protocol::new(Config { max_size: 1 << 20, compression: Some((agreed, options)) })
}

/// A frame as a server sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(length as u8),
        length @ 126..65536 => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}

/// A frame of ours, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    first: u8,
    payload: Vec<u8>,
}

/// Takes all frames out of the output.
fn sent(protocol: &mut Protocol) -> Vec<Sent> {
    let frames = unmasked(protocol.output());
    let written = protocol.output().len();
    protocol.wrote(written);
    frames
}

/// Reads frames of ours.
fn unmasked(mut bytes: &[u8]) -> Vec<Sent> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        assert_eq!(second & 0x80, 0x80, "every frame of a client is masked");
        let (length, rest) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(*rest.first_chunk().unwrap())), &rest[2..]),
            127 => (u64::from_be_bytes(*rest.first_chunk().unwrap()) as usize, &rest[8..]),
            length => (usize::from(length), rest),
        };
        assert_eq!(second & 0x7f, if length < 126 { length as u8 } else { 126 + u8::from(length > 65535) }, "the shortest form");
        let (key, rest) = rest.split_first_chunk::<4>().unwrap();
        let payload = rest[..length].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        frames.push(Sent { first: *first, payload });
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty());
    frames
}

/// An event in a form that compares, however it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    Failure(u16, &'static str),
}

/// Feeds one read and returns the events, in order, the end last.
fn feed(protocol: &mut Protocol, bytes: &[u8]) -> Vec<Seen> {
    feed_in_turns(protocol, bytes, usize::MAX)
}

fn feed_in_turns(protocol: &mut Protocol, bytes: &[u8], max_events: usize) -> Vec<Seen> {
    let mut batch = Batch::default();
    let mut seen = Vec::new();
    let mut bytes = bytes;
    loop {
        batch.clear();
        let start = protocol.prepare(&mut batch.bytes);
        batch.bytes.extend_from_slice(std::mem::take(&mut bytes));
        let received = protocol.receive(&mut batch, start, max_events);
        assert!(batch.items.len() <= max_events);
        let before = seen.len();
        seen.extend(batch.items.iter().map(|item| see(&batch, item)));
        let messages = seen[before..].iter().filter(|seen| matches!(seen, Seen::Text(_) | Seen::Binary(_))).count();
        assert_eq!(messages, received.data_messages);
        match received.end {
            Some(End::Close(close)) => seen.push(Seen::Close(close.code.map(|code| code.0), close.reason)),
            Some(End::Failure { error, code }) => seen.push(Seen::Failure(code.0, error.code().as_str())),
            None => {}
        }
        if !received.more {
            return seen;
        }
    }
}

fn see(batch: &Batch, item: &Item) -> Seen {
    match item {
        Item::Text(range) | Item::Ascii(range) => Seen::Text(String::from_utf8(batch.bytes[range.clone()].to_vec()).unwrap()),
        Item::Binary(range) => Seen::Binary(batch.bytes[range.clone()].to_vec()),
        Item::Event(event) => match &**event {
            Event::Message(Message::Text(text)) => Seen::Text(text.clone()),
            Event::Message(Message::Binary(bytes)) => Seen::Binary(bytes.to_vec()),
            Event::Ping(payload) => Seen::Ping(payload.to_vec()),
            Event::Pong { payload, latency: None } => Seen::Pong(payload.to_vec()),
            event => panic!("not of this layer: {event:?}"),
        },
        Item::Barrier => panic!("the client makes barriers"),
    }
}

/// The form of a violation.
fn failed(code: u16) -> Seen {
    Seen::Failure(
        code,
        match code {
            1002 => "protocol_error",
            1007 => "invalid_payload",
            1009 => "message_too_big",
            _ => unreachable!(),
        },
    )
}
