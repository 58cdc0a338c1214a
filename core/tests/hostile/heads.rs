//! Answers to the upgrade that are wrong, strange, or never end.

use std::io::{Read, Write};
use std::time::Duration;

use super::*;

type Server = Box<dyn FnOnce(TcpStream, &str) + Send>;

const INVALID: (&str, &str) = ("http_invalid", "http");

#[test]
fn answers_that_end() {
    let good = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
    let lf = format!("HTTP/1.1 101 X\n{}\n", good.replace("\r\n", "\n"));
    let line = |text: &str| format!("HTTP/1.1 101 X\r\n{good}{text}\r\n");
    for (name, answer, error) in [
        // Strange, and allowed: the socket opens, and the bytes behind the head are frames.
        ("no reason phrase", format!("HTTP/1.1 101\r\n{good}\r\n"), None),
        ("lines that end with LF (RFC 9112 section 2.2)", lf, None),
        (
            "100 and 103 before",
            format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.1 101 X\r\n{good}\r\n"),
            None,
        ),
        ("a length that a 101 cannot have (RFC 9110 section 8.6)", line("Content-Length: 5\r\n"), None),
        ("a coding that a 101 cannot have", line("Transfer-Encoding: chunked\r\n"), None),
        ("an empty list of extensions", line("Sec-WebSocket-Extensions:\r\n"), None),
        ("an extension of one comma (RFC 9110 section 5.6.1)", line("Sec-WebSocket-Extensions: ,\r\n"), None),
        ("an empty element before an extension", line("Sec-WebSocket-Extensions: , permessage-deflate\r\n"), None),
        ("a folded line (RFC 9112 section 5.2)", line("X: a\r\n b\r\n"), None),
        ("a folded line of two folds and a tab", line("Set-Cookie: a=b;\r\n\tPath=/;\r\n  Secure\r\n"), None),
        ("a folded line of ours", format!("HTTP/1.1 101 X\r\n{}\r\n", good.replace("Connection: ", "Connection: keep-alive,\r\n ")), None),
        ("a value in Latin-1", line("X: M\u{fc}nchen\r\n"), None),
        ("an empty line before", format!("\r\nHTTP/1.1 101 X\r\n{good}\r\n"), None),
        // Wrong.
        ("HTTP/1.0", format!("HTTP/1.0 101 X\r\n{good}\r\n"), Some(INVALID)),
        ("HTTP/1.2", format!("HTTP/1.2 101 X\r\n{good}\r\n"), Some(INVALID)),
        ("a name with a space behind it", line("X : a\r\n"), Some(INVALID)),
        ("a NUL in a value", line("X: a\0b\r\n"), Some(INVALID)),
        ("a CR in a value", line("X: a\rb\r\n"), Some(INVALID)),
        ("more than websocket", line("").replace("websocket\r", "websocket, h2c\r"), Some(INVALID)),
        ("websocket with a version", line("").replace("websocket\r", "websocket/13\r"), Some(INVALID)),
        ("Upgrade twice", line("Upgrade: websocket\r\n"), Some(INVALID)),
        ("Accept twice", line("Sec-WebSocket-Accept: {accept}\r\n"), Some(INVALID)),
        ("Accept in quotes", line("").replace("{accept}", "\"{accept}\""), Some(INVALID)),
        ("a protocol that nobody asked for", line("Sec-WebSocket-Protocol: x\r\n"), Some(("subprotocol_mismatch", "http"))),
        ("an extension that nobody asked for", line("Sec-WebSocket-Extensions: x\r\n"), Some(("extension_mismatch", "http"))),
        (
            "a window of 7 bits",
            line("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7\r\n"),
            Some(("extension_mismatch", "http")),
        ),
        ("status 99", format!("HTTP/1.1 99 X\r\n{good}\r\n"), Some(INVALID)),
        ("status 102 and the end", "HTTP/1.1 102 X\r\n\r\n".into(), Some(INVALID)),
        ("200 with all of it", format!("HTTP/1.1 200 OK\r\n{good}\r\n"), Some(("http_refused", "http"))),
        (
            "a refusal whose length is a lie",
            "HTTP/1.1 500 X\r\nContent-Length: 99999999999\r\n\r\nx".into(),
            Some(("http_refused", "http")),
        ),
        ("two lengths", "HTTP/1.1 500 X\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx".into(), Some(INVALID)),
        (
            "a chunk larger than memory",
            "HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nx".into(),
            Some(("http_refused", "http")),
        ),
        ("300 headers", line(&"X: y\r\n".repeat(300)), Some(INVALID)),
        ("70 KiB of a header", line(&format!("X: {}\r\n", "y".repeat(70_000))), Some(INVALID)),
        ("a redirect to 60 KiB", format!("HTTP/1.1 302 X\r\nLocation: /{}\r\n\r\n", "y".repeat(60_000)), Some(("http_redirect", "http"))),
        ("frames before the head", "\u{1}\u{4}good".into(), Some(INVALID)),
        ("half a head", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: web".into(), Some(INVALID)),
        ("nothing", String::new(), Some(INVALID)),
    ] {
        let outcome = meet(name, bounded(), move |mut stream, accept| {
            stream.write_all(answer.replace("{accept}", accept).as_bytes()).unwrap();
            if error.is_none() {
                stream.write_all(b"\x81\x04good\x88\x02\x03\xe8").unwrap();
            }
            // The client may have gone already.
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        });
        match error {
            None => assert_eq!((outcome.opened, outcome.messages, outcome.code, outcome.clean), (true, 1, 1000, true), "{name}"),
            Some(error) => assert_eq!((outcome.opened, outcome.code, outcome.error), (false, 1006, error), "{name}"),
        }
    }
}

#[test]
fn answers_that_never_end_are_ended_by_the_limit() {
    for (name, start, part) in [
        ("one header", "HTTP/1.1 101 X\r\nX: ", "yyyyyyyyyyyyyyyy"),
        ("headers", "HTTP/1.1 101 X\r\n", "X: y\r\n"),
        ("a reason", "HTTP/1.1 101 ", "because "),
        ("a name", "HTTP/1.1 101 X\r\n", "XXXXXXXX"),
        ("100 Continue", "", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("103 Early Hints of 1 KiB", "", &format!("HTTP/1.1 103 X\r\nX: {}\r\n\r\n", "y".repeat(1000))),
        ("empty lines", "", "\r\n"),
        ("a fold", "HTTP/1.1 101 X\r\nX: y\r\n", " y\r\n"),
    ] {
        let part = part.repeat(100);
        let outcome = meet(name, bounded(), move |mut stream, _| {
            stream.write_all(start.as_bytes()).unwrap();
            for_ever(&stream, part.as_bytes());
        });
        assert_eq!((outcome.opened, outcome.error), (false, INVALID), "{name}");
    }
}

#[test]
fn answers_that_never_end_are_ended_by_the_timeout() {
    let drip = |mut stream: TcpStream, text: &[u8]| {
        for byte in text.iter().cycle() {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(5)); // time is the subject
        }
    };
    let timeout = || bounded().open_timeout(Duration::from_millis(600));
    let cases: [(&str, Server); 4] = [
        ("a head by drops", Box::new(move |stream, _| drip(stream, b"HTTP/1.1 101 X\r\nX-A: b\r\n\tfolded"[..22].as_ref()))),
        (
            "100 by drops",
            Box::new(move |stream, _| drip(stream, b"HTTP/1.1 100 Continue\r\nX: long enough for the timeout to come\r\n\r\n")),
        ),
        (
            "a head but for its last byte",
            Box::new(|mut stream, accept| {
                let head = switching(accept, "");
                stream.write_all(&head.as_bytes()[..head.len() - 1]).unwrap();
                let _ = stream.read(&mut [0]);
            }),
        ),
        ("silence", Box::new(|mut stream, _| _ = stream.read(&mut [0]))),
    ];
    for (name, serve) in cases {
        let outcome = meet(name, timeout(), serve);
        assert_eq!((outcome.opened, outcome.error), (false, ("open_timeout", "http")), "{name}");
        assert!(outcome.took >= Duration::from_millis(500), "{name}: {:?}", outcome.took);
    }
}

#[test]
fn a_refusal_whose_body_never_ends_is_told_all_the_same() {
    for head in ["", "Content-Length: 9000000000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let outcome = meet(head, bounded(), move |mut stream, _| {
            stream.write_all(format!("HTTP/1.1 403 No\r\n{head}\r\n").as_bytes()).unwrap();
            for_ever(&stream, &b"1\r\nx\r\n".repeat(100));
        });
        assert_eq!((outcome.opened, outcome.error), (false, ("http_refused", "http")), "{head}");
    }
}
