//! A server that breaks a rule, on a real socket: earlier messages are delivered and answered, the right code goes out, and then the connection ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use heartwire::{Event, Events, Message, Options, ReadyState, WebSocket};
use tungstenite::handshake::derive_accept_key;

const BOUND: Duration = Duration::from_secs(20);

/// First byte and payload of each frame that the server got.
type Frames = Vec<(u8, Vec<u8>)>;

/// Accepts one connection, answers with `headers`, sends `bytes` right behind, and gives the payload of each frame that it got until the end.
fn server(headers: &'static str, bytes: &'static [u8]) -> (String, JoinHandle<Frames>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        let request = String::from_utf8(request).unwrap();
        let key =
            request.lines().find_map(|line| line.to_lowercase().starts_with("sec-websocket-key:").then(|| line[18..].trim())).unwrap();
        let accept = derive_accept_key(key.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{headers}\r\n"
        );
        stream.write_all(&[head.as_bytes(), bytes].concat()).unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        frames(&received)
    });
    (url, server)
}

fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let length = usize::from(second & 0x7f);
        assert!(length < 126, "short frames only");
        let (key, rest) = rest.split_at(4);
        frames.push((*first, rest[..length].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()));
        bytes = &rest[length..];
    }
    frames
}

fn next(events: &mut Events) -> Event {
    events.next_blocking(Some(BOUND)).expect("an event within the bound")
}

fn close_of(code: u16, reason: &str) -> (u8, Vec<u8>) {
    (0x88, [&code.to_be_bytes(), reason.as_bytes()].concat())
}

#[test]
fn every_violation_after_good_messages() {
    let cases: [(u16, &str, &[u8]); 6] = [
        (1002, "protocol_error", b"\x81\x04good\xc1\x00"),
        (1002, "protocol_error", b"\x81\x04good\x83\x00"),
        (1002, "protocol_error", b"\x81\x04good\x81\x81"),
        (1002, "protocol_error", b"\x81\x04good\x88\x02\x03\xee"),
        (1007, "invalid_payload", b"\x81\x04good\x01\x05a\xff"),
        (1009, "message_too_big", b"\x81\x04good\x82\x7e\x10\x00"),
    ];
    for (code, name, bytes) in cases {
        let (url, server) = server("", bytes);
        let options = Options::new().max_size(1000);
        let (socket, mut events) = WebSocket::connect(&url, options).unwrap();
        assert!(matches!(next(&mut events), Event::Open(_)), "{name}");
        let Event::Message(Message::Text(text)) = next(&mut events) else { panic!("the message before") };
        assert_eq!(text, "good");
        assert_eq!(socket.ready_state(), ReadyState::Open);
        socket.send("answer").unwrap();
        let Event::Error(error) = next(&mut events) else { panic!("an error") };
        assert_eq!(error.code.as_str(), name);
        let Event::Close(close) = next(&mut events) else { panic!("a close") };
        assert_eq!((close.code.0, close.was_clean, close.will_reconnect), (1006, false, false));
        assert_eq!(server.join().unwrap(), [(0x81, b"answer".to_vec()), close_of(code, name)], "{name}");
    }
}

#[test]
fn an_extension_that_was_not_offered() {
    for headers in [
        "Sec-WebSocket-Extensions: x-secret\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99\r\n",
    ] {
        let (url, server) = server(headers, b"\x81\x05never");
        let (_socket, mut events) = WebSocket::connect(&url, Options::default()).unwrap();
        let Event::Error(error) = next(&mut events) else { panic!("an error") };
        assert_eq!(error.code.as_str(), "extension_mismatch");
        let Event::Close(close) = next(&mut events) else { panic!("a close") };
        assert_eq!((close.code.0, close.was_clean), (1006, false));
        // The opening handshake failed: there is no WebSocket yet, so no Close is sent.
        assert_eq!(server.join().unwrap(), [], "{headers}");
    }
}
