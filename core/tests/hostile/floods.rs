//! Streams without an end: memory stays bounded, the socket stays usable, and no way to end it takes longer than its timeout.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use heartwire::Data;

use super::*;

/// More than the kernel keeps for two sockets.
const MOST_TAKEN: usize = 32 << 20;

/// Right or not, for a while: 16 MiB, or 400,000 frames, at most.
fn flood(mut stream: &TcpStream, part: &[u8]) {
    let block = part.repeat(1600.min((64 << 10) / part.len()));
    for _ in 0..256 {
        if stream.write_all(&block).is_err() {
            return;
        }
    }
}

#[test]
fn frames_that_never_make_a_message() {
    for (name, more, first, part) in [
        ("empty fragments", "", &b"\x01\x00"[..], &b"\x00\x00"[..]),
        ("pings between fragments", "", b"\x01\x01a", b"\x89\x7dxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
        ("pongs that nobody asked for", "", b"", b"\x8a\x01p"),
        (
            "empty blocks in a compressed message",
            "Sec-WebSocket-Extensions: permessage-deflate\r\n",
            b"\x41\x00",
            b"\x00\x05\x00\x00\x00\xff\xff",
        ),
    ] {
        let outcome = meet(name, bounded(), move |mut stream, accept| {
            stream.write_all(&[switching(accept, more).as_bytes(), first].concat()).unwrap();
            flood(&stream, part);
            // It is still understood.
            let _ = stream.write_all(b"\x83\x00");
            let _ = stream.read_to_end(&mut Vec::new());
        });
        assert_eq!((outcome.opened, outcome.messages, outcome.error), (true, 0, ("protocol_error", "protocol")), "{name}");
    }
}

#[test]
fn fragments_without_an_end_meet_the_limit() {
    for part in [&b"\x00\x01a"[..], b"\x00\x7daaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        let outcome = meet("fragments", bounded(), move |mut stream, accept| {
            stream.write_all(&[switching(accept, "").as_bytes(), b"\x01\x01a"].concat()).unwrap();
            for_ever(&stream, &part.repeat(100));
        });
        assert_eq!((outcome.code, outcome.error), (1006, ("message_too_big", "protocol")));
    }
}

#[test]
fn a_handler_that_is_slow_lets_the_server_wait() {
    let large = [b"\x82\x7e\x40\x00".to_vec(), vec![7; 0x4000]].concat();
    for (name, more, part) in [
        ("16 KiB", "", large),
        ("nothing", "", b"\x82\x00".repeat(1000)),
        ("pings", "", b"\x89\x04ping".repeat(1000)),
        ("what inflates to 60 KB", "Sec-WebSocket-Extensions: permessage-deflate\r\n", inflating()),
    ] {
        let (tell, told) = mpsc::channel();
        let serve = move |mut stream: TcpStream, accept: &str| {
            stream.write_all(switching(accept, more).as_bytes()).unwrap();
            stream.set_write_timeout(Some(Duration::from_millis(400))).unwrap();
            let mut taken = 0;
            while taken < MOST_TAKEN && stream.write_all(&part).is_ok() {
                taken += part.len();
            }
            tell.send(taken).unwrap();
        };
        let mut slow = false;
        let outcome = meet_with(name, bounded().ping_interval(None), serve, |_, event| {
            if matches!(event, Event::Message(_) | Event::Ping(_)) && !slow {
                slow = true;
                // Until the kernel's buffers are full, and the server has had enough.
                let taken = told.recv_timeout(BOUND).unwrap();
                assert!(taken < MOST_TAKEN, "{name}: {taken} bytes were taken in");
            }
        });
        assert_eq!(outcome.error, ("connection_lost", "closed"), "{name}");
    }
}

/// A message of 60,000 zeros as a server compresses it.
fn inflating() -> Vec<u8> {
    use heartwire::CompressionOptions;
    use heartwire_proto::protocol::extension::Agreed;
    use heartwire_proto::protocol::{Config, Protocol};
    let options = CompressionOptions::new().client_no_context_takeover(true);
    let mut client = Protocol::new(Config { max_size: LIMIT, compression: Some((Agreed::default(), options)) });
    client.send(Data::Binary(&vec![0; 60_000]), Some(true));
    let frame = client.output();
    let at = if frame[1] & 0x7f == 126 { 4 } else { 2 };
    let (key, payload) = frame[at..].split_at(4);
    let payload = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
    let mut bytes = frame[..at].to_vec();
    bytes[1] &= 0x7f;
    bytes.extend(payload);
    bytes
}

#[test]
fn a_server_that_does_not_read() {
    let mut refused = None;
    let serve = |mut stream: TcpStream, accept: &str| {
        stream.write_all(switching(accept, "").as_bytes()).unwrap();
        // Until the client gives up.
        while !matches!(stream.peek(&mut [0; 1]), Ok(0) | Err(_)) {
            thread::sleep(Duration::from_millis(20)); // what it does not read tells nothing of an end: it talks to learn of it
            if stream.write_all(b"\x8a\x00").is_err() {
                return;
            }
        }
    };
    let options = bounded().compression(None).close_timeout(Duration::from_millis(500));
    let outcome = meet_with("no reading", options, serve, |socket, event| {
        if matches!(event, Event::Open(_)) {
            let error = std::iter::repeat_with(|| socket.send(Data::Binary(&[7; 10_000])).err()).take(6000).find_map(|error| error);
            refused = error.map(|error| error.code().as_str());
            assert!(socket.buffered_amount() < 2 * LIMIT);
            let pings = std::iter::repeat_with(|| socket.ping(b"more").err()).take(100_000).find_map(|error| error);
            assert_eq!(pings.map(|error| error.code().as_str()), Some("write_limit"), "pings are bounded, too");
            socket.close(None, "").unwrap();
        }
    });
    assert_eq!(refused, Some("write_limit"));
    assert_eq!((outcome.code, outcome.error), (1006, ("close_timeout", "closed")));
}

#[test]
fn a_server_that_talks_on_after_the_end() {
    for (name, bytes, error) in
        [("after its Close", &b"\x88\x02\x03\xe8"[..], ("", "")), ("after a fault", b"\x83\x00", ("protocol_error", "protocol"))]
    {
        let outcome = meet(name, bounded(), move |mut stream, accept| {
            stream.write_all(&[switching(accept, "").as_bytes(), bytes].concat()).unwrap();
            for_ever(&stream, &[0x81; 16 << 10]);
        });
        assert_eq!(outcome.error, error, "{name}");
    }
}

#[test]
fn a_server_that_talks_on_after_our_close() {
    let options = bounded().close_timeout(Duration::from_millis(500));
    let serve = |mut stream: TcpStream, accept: &str| {
        stream.write_all(switching(accept, "").as_bytes()).unwrap();
        for_ever(&stream, &b"\x81\x04more".repeat(1000));
    };
    let outcome = meet_with("after our Close", options, serve, |socket, event| {
        if matches!(event, Event::Open(_)) {
            socket.close(None, "").unwrap();
        }
    });
    assert_eq!((outcome.code, outcome.error), (1006, ("close_timeout", "closed")));
}
