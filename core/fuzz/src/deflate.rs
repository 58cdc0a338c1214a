//! One end inflates all that the other compresses, whatever the settings. The encoder may be dropped between any two messages.

use heartwire::{CompressionOptions, Data, Event, Message};
use heartwire_proto::event::{Batch, Item};
use heartwire_proto::protocol::extension::Agreed;
use heartwire_proto::protocol::{Config, Protocol};

/// A frame of a client, as a server would send it.
fn unmasked(frame: &[u8]) -> Vec<u8> {
    let header = match frame[1] & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    let key = &frame[header..header + 4];
    let mut bytes = frame[..header].to_vec();
    bytes[1] &= 0x7f;
    bytes.extend(frame[header + 4..].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

/// One input: settings, and the messages to send.
///
/// # Panics
/// Where a rule is broken.
pub fn run(input: &[u8]) {
    let [level, bits, flags, data @ ..] = input else { return };
    let no_takeover = flags & 1 != 0;
    let agreed = Agreed { server_no_context_takeover: no_takeover, client_no_context_takeover: no_takeover, ..Agreed::default() };
    let options = CompressionOptions::new().threshold(0).level(1 + level % 9).client_max_window_bits(9 + bits % 7);
    let new = || Protocol::new(Config { max_size: 1 << 24, compression: Some((agreed, options.clone())) });
    let (mut sender, mut receiver) = (new(), new());
    let mut batch = Batch::default();
    for message in data.chunks(1 + usize::from(*bits) * 16) {
        let message = message.repeat(1 + usize::from(*level % 16));
        sender.send(Data::Binary(&message), Some(true));
        let frame = unmasked(sender.output());
        sender.wrote(sender.output().len());
        batch.clear();
        let start = receiver.prepare(&mut batch.bytes);
        batch.bytes.extend_from_slice(&frame);
        assert!(receiver.receive(&mut batch, start, usize::MAX).end.is_none());
        match &batch.items[..] {
            [Item::Binary(range)] => assert_eq!(batch.bytes[range.clone()], message),
            [Item::Event(event)] => assert!(matches!(&**event, Event::Message(Message::Binary(bytes)) if *bytes == message)),
            _ => panic!("one message"),
        }
        if flags & 2 != 0 {
            sender.idle();
            receiver.idle();
        }
    }
}
