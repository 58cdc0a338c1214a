//! Any bytes of a server, split in two ways: nothing panics, the limit holds, and the outcome is the same.

use heartwire::{CompressionOptions, Event, Message};
use heartwire_proto::event::{Batch, Item};
use heartwire_proto::protocol::extension::Agreed;
use heartwire_proto::protocol::{Config, End, Protocol};

const MAX_SIZE: usize = 1000;

fn outcome<'a>(flags: u8, parts: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, usize) {
    let agreed = Agreed { server_no_context_takeover: flags & 2 != 0, ..Agreed::default() };
    let compression = (flags & 1 != 0).then(|| (agreed, CompressionOptions::default()));
    let mut protocol = Protocol::new(Config { max_size: MAX_SIZE, compression });
    let mut batch = Batch::default();
    let mut seen = Vec::new();
    for part in parts {
        let mut part = part;
        loop {
            batch.clear();
            let start = protocol.prepare(&mut batch.bytes);
            batch.bytes.extend_from_slice(std::mem::take(&mut part));
            let received = protocol.receive(&mut batch, start, 1 + usize::from(flags >> 4));
            for item in &batch.items {
                let (kind, payload) = match item {
                    Item::Text(range) | Item::Ascii(range) => {
                        (1, std::str::from_utf8(&batch.bytes[range.clone()]).expect("UTF-8").as_bytes())
                    }
                    Item::Binary(range) => (2, &batch.bytes[range.clone()]),
                    Item::Event(event) => match &**event {
                        Event::Message(Message::Text(text)) => (1, text.as_bytes()),
                        Event::Message(Message::Binary(bytes)) => (2, &bytes[..]),
                        Event::Ping(payload) => (3, &payload[..]),
                        Event::Pong { payload, .. } => (4, &payload[..]),
                        _ => panic!("not of this layer"),
                    },
                    Item::Barrier => panic!("not of this layer"),
                };
                assert!(payload.len() <= MAX_SIZE);
                seen.push([&[kind], payload].concat());
            }
            match received.end {
                Some(End::Close(close)) => seen.push(close.reason.into_bytes()),
                Some(End::Failure { code, .. }) => seen.push(code.0.to_be_bytes().to_vec()),
                None => {}
            }
            if flags & 4 != 0 {
                protocol.idle();
            }
            if !received.more {
                break;
            }
        }
    }
    (seen, protocol.output().len())
}

/// One input: settings, and the server's bytes.
///
/// # Panics
/// Where a rule is broken.
pub fn run(input: &[u8]) {
    let [flags, size, stream @ ..] = input else { return };
    let whole = outcome(*flags, std::iter::once(stream));
    assert_eq!(outcome(*flags, stream.chunks(usize::from(*size) + 1)), whole);
    assert_eq!(outcome(*flags, stream.chunks(1)), whole);
}
