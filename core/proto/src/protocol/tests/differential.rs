//! tungstenite as the oracle: the same bytes into both, the same outcome demanded. Compression, which it lacks, aside.

use std::io::{self, Read, Write};

use proptest::collection::vec;
use proptest::prelude::*;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error as OracleError, WebSocket};

use super::*;

const MAX_SIZE: usize = 500;

/// A socket with all that the server sends; the end of it blocks.
struct Script<'a>(&'a [u8]);

impl Read for Script<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { self.0.read(into) }
    }
}

impl Write for Script<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn oracle(stream: &[u8]) -> Vec<Seen> {
    let config = WebSocketConfig::default().max_message_size(Some(MAX_SIZE)).max_frame_size(Some(MAX_SIZE));
    let mut socket = WebSocket::from_raw_socket(Script(stream), Role::Client, Some(config));
    let mut seen = Vec::new();
    loop {
        seen.push(match socket.read() {
            Ok(tungstenite::Message::Text(text)) => Seen::Text(text.to_string()),
            Ok(tungstenite::Message::Binary(bytes)) => Seen::Binary(bytes.to_vec()),
            Ok(tungstenite::Message::Ping(payload)) => Seen::Ping(payload.to_vec()),
            Ok(tungstenite::Message::Pong(payload)) => Seen::Pong(payload.to_vec()),
            Ok(tungstenite::Message::Close(None)) => return [seen, vec![Seen::Close(None, String::new())]].concat(),
            // A code that may not be sent is reported as 1002 in a Close of the peer's own; we fail the connection with it.
            Ok(tungstenite::Message::Close(Some(close))) if close.reason == "Protocol violation" => failed(1002),
            Ok(tungstenite::Message::Close(Some(close))) => Seen::Close(Some(close.code.into()), close.reason.to_string()),
            Ok(tungstenite::Message::Frame(frame)) => panic!("never given to a reader: {frame:?}"),
            Err(OracleError::Io(_)) => return seen,
            Err(OracleError::Protocol(_)) => failed(1002),
            Err(OracleError::Utf8(_)) => failed(1007),
            Err(OracleError::Capacity(_)) => failed(1009),
            Err(error) => panic!("unexpected: {error}"),
        });
        if matches!(seen.last(), Some(Seen::Close(..) | Seen::Failure(..))) {
            return seen;
        }
    }
}

fn check(stream: &[u8]) {
    let ours = feed(&mut limited(MAX_SIZE), stream);
    let theirs = oracle(stream);
    // It waits for the payload before it judges the header, and for the whole frame before it judges its text.
    let waits = ours.len() == theirs.len() + 1 && matches!(ours.last(), Some(Seen::Failure(..))) && ours.starts_with(&theirs);
    assert!(ours == theirs || waits, "ours: {ours:?}\ntheirs: {theirs:?}\nbytes: {stream:x?}");
}

/// A frame that is complete, though not always right or in its place, with a payload of any kind. None is over the limit by itself, for
/// the oracle sees that before anything else that may be wrong with it.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        4 => "\\PC{0,40}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..40),
        1 => vec(any::<u8>(), 120..130),
        1 => "[a-zé漢🦀]{60,120}".prop_map(String::into_bytes),
    ];
    let first = prop_oneof![
        8 => Just(FIN | TEXT),
        4 => Just(FIN | BINARY),
        3 => Just(TEXT),
        2 => Just(BINARY),
        4 => Just(CONTINUATION),
        4 => Just(FIN | CONTINUATION),
        3 => Just(FIN | PING),
        2 => Just(FIN | PONG),
        // Close has a piece of its own: of one with two faults, a bad code and a reason that is not UTF-8, each side may name either.
        1 => any::<u8>().prop_filter("Close", |first| first & 0x0f != 8),
    ];
    prop_oneof![
        30 => (first, payload).prop_map(|(first, payload)| frame(first, &payload)),
        // The oracle does not know 1014, which the registry has.
        1 => (prop_oneof![900..1100_u16, 2900..5100_u16, any::<u16>()].prop_filter("1014", |code| *code != 1014), "\\PC{0,9}")
            .prop_map(|(code, reason)| frame(FIN | CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_have_the_outcome_that_tungstenite_gives(pieces in vec(piece(), 0..8)) {
        check(&pieces.concat());
    }

    #[test]
    fn what_we_send_is_what_tungstenite_reads(messages in vec("\\PC{0,300}", 1..5)) {
        let mut protocol = plain();
        for message in &messages {
            protocol.send(Data::Text(message), None);
            protocol.send_fragment(Data::Binary(message.as_bytes()), true, false, None).unwrap();
            protocol.ping(b"ping");
            protocol.send_fragment(Data::Binary(message.as_bytes()), false, true, None).unwrap();
        }
        protocol.close(Some(CloseCode::NORMAL), "bye");
        let mut server = WebSocket::from_raw_socket(Script(protocol.output()), Role::Server, None);
        for message in &messages {
            assert_eq!(server.read().unwrap(), tungstenite::Message::text(message));
            assert_eq!(server.read().unwrap(), tungstenite::Message::Ping("ping".into()));
            assert_eq!(server.read().unwrap(), tungstenite::Message::binary(message.as_bytes().repeat(2)));
        }
        assert!(server.read().unwrap().is_close());
    }
}
