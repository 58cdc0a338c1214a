//! Frames that break a rule, end in the middle, or are not allowed at that place.

use std::io::{Read, Write};

use super::*;

const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

#[test]
fn what_comes_behind_a_good_message() {
    let broken = ("protocol_error", "protocol");
    let payload = ("invalid_payload", "protocol");
    let big = ("message_too_big", "protocol");
    let lost = ("connection_lost", "closed");
    for (name, bytes, error) in [
        ("RSV2", &b"\xa1\x00"[..], broken),
        ("all reserved bits", b"\xf1\x00", broken),
        ("a length with the highest bit", b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", broken),
        ("a length of 2^63 - 1", b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", big),
        ("a length of 2^32", b"\x82\x7f\x00\x00\x00\x01\x00\x00\x00\x00", big),
        ("5 bytes as 16 bits", b"\x82\x7e\x00\x05hello", broken),
        ("5 bytes as 64 bits", b"\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x05hello", broken),
        ("a mask", b"\x81\x84\x00\x00\x00\x00good", broken),
        ("HTTP instead of a frame", b"HTTP/1.1 400 Bad Request\r\n\r\n", broken),
        ("a ping of 126 bytes", b"\x89\x7e\x00\x7e", broken),
        ("half a ping, then its rest as a message", b"\x09\x01p\x80\x00", broken),
        ("a continuation of a ping", b"\x89\x00\x80\x00", broken),
        ("a Close within a Close", b"\x08\x02\x03\xe8", broken),
        ("a Close of one byte", b"\x88\x01\x03", broken),
        ("a Close that may not be sent", b"\x88\x02\x03\xed", broken),
        ("a Close with half a character", b"\x88\x04\x03\xe8\xe2\x82", payload),
        ("half a character", b"\x81\x02\xe2\x82", payload),
        ("a surrogate in two frames", b"\x01\x02\xed\xa0\x80\x01\x80", payload),
        ("an end within a header", b"\x81", lost),
        ("an end within a length", b"\x81\x7e\x00", lost),
        ("an end within a message", b"\x81\x05hel", lost),
        ("an end between fragments", b"\x01\x03hel", lost),
        ("an end within a Close", b"\x88\x02\x03", lost),
        ("an end without a Close", b"", ("connection_lost", "closed")),
    ] {
        let outcome = meet(name, bounded(), move |mut stream, accept| {
            stream.write_all(&[switching(accept, "").as_bytes(), b"\x81\x04good", bytes].concat()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        });
        assert_eq!((outcome.messages, outcome.code, outcome.clean, outcome.error), (1, 1006, false, error), "{name}");
    }
}

/// `\xc1\x01\x00` is an empty message, compressed.
#[test]
fn what_is_compressed_in_strange_and_wrong_ways() {
    for (name, bytes, messages, code) in [
        ("an empty message", &b"\xc1\x01\x00\xc1\x00"[..], 2, 1000),
        ("a last block", b"\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 1, 1000),
        ("a last block and another", b"\xc1\x0e\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00", 1, 1000),
        ("stored", b"\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 1, 1000),
        ("a stored length that is a lie", b"\xc1\x0b\x00\x05\x00\xfb\xff\x48\x65\x6c\x6c\x6f\x00", 0, 1006),
        ("a block of the reserved kind", b"\xc1\x02\x07\x00", 0, 1006),
        ("a reference to before the start", b"\xc1\x05\xf2\x00\x11\x00\x00", 0, 1006),
        ("noise", b"\xc2\x08\xff\xff\xff\xff\xff\xff\xff\xff", 0, 1006),
        ("text that is none inside", b"\xc1\x08\x00\x02\x00\xfd\xff\xc3\x28\x00", 0, 1006),
        ("the bit on a continuation", b"\x41\x01\x00\xc0\x00", 0, 1006),
        ("the bit on a ping", b"\xc9\x00", 0, 1006),
        ("RSV2 beside it", b"\xe1\x01\x00", 0, 1006),
    ] {
        let outcome = meet(name, bounded(), move |mut stream, accept| {
            stream.write_all(&[switching(accept, DEFLATE).as_bytes(), bytes, b"\x88\x02\x03\xe8"].concat()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        });
        assert_eq!((outcome.messages, outcome.code), (messages, code), "{name}: {:?}", outcome.error);
        assert!(code == 1000 || matches!(outcome.error, ("protocol_error" | "invalid_payload", "protocol")), "{name}: {:?}", outcome.error);
    }
}

#[test]
fn nothing_behind_a_close_is_delivered() {
    let outcome = meet("messages behind a Close", bounded(), |mut stream, accept| {
        let bytes = [switching(accept, "").as_bytes(), b"\x81\x04good\x88\x02\x03\xe8\x81\x04late\xff\xff\xff"].concat();
        stream.write_all(&bytes).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer[..2], [0x88, 0x82], "the Close is answered");
    });
    assert_eq!((outcome.messages, outcome.code, outcome.clean), (1, 1000, true));
}
