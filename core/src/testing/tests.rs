//! The fault server against clients that are not ours: tokio-tungstenite's, and raw TCP.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod secured;

use std::io::{ErrorKind as Io, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{self, Error, Message, WebSocket};

use super::{ErrorKind, FaultServer};

const SOON: Duration = Duration::from_secs(5);

fn start(script: &Value) -> FaultServer {
    FaultServer::start(script).unwrap()
}

fn connect(server: &FaultServer) -> WebSocket<MaybeTlsStream<TcpStream>> {
    tungstenite::connect(server.url()).unwrap().0
}

fn wait(server: &FaultServer, pattern: &Value) -> Value {
    server.wait_for(pattern, SOON).unwrap()
}

/// A raw connection that has sent its request.
fn request(server: &FaultServer) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(b"GET /x HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").unwrap();
    stream
}

fn read_all(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn without_a_script_it_echoes_and_records() {
    let server = start(&Value::Null);
    let mut client = connect(&server);
    client.send("hello".into()).unwrap();
    assert_eq!(client.read().unwrap(), Message::text("hello"));
    client.send(Message::binary(vec![0, 255])).unwrap();
    assert_eq!(client.read().unwrap(), Message::binary(vec![0, 255]));
    client.close(Some(CloseFrame { code: 4001.into(), reason: "bye".into() })).unwrap();
    while client.read().is_ok() {}
    drop(client);
    let end = wait(&server, &json!({"event": "end", "by": "client"}));
    assert_eq!(end["connection"], 0);
    let records = server.records();
    let events: Vec<&str> = records.as_array().unwrap().iter().map(|record| record["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["connect", "request", "open", "message", "message", "close", "end"]);
    wait(&server, &json!({"event": "request", "method": "GET", "target": "/", "headers": {"upgrade": "websocket"}}));
    wait(&server, &json!({"event": "message", "binary": "00ff", "size": 2}));
    wait(&server, &json!({"event": "close", "code": 4001, "reason": "bye"}));
}

#[test]
fn a_first_message_leaves_with_the_upgrade_response() {
    let server = start(&json!([{"do": "accept", "coalesce": true}, {"do": "send", "text": "hi"}]));
    let mut room = [0; 4096];
    let count = request(&server).read(&mut room).unwrap();
    assert!(room.starts_with(b"HTTP/1.1 101 "));
    assert_eq!(&room[count - 4..count], b"\x81\x02hi");
}

#[test]
fn a_host_that_is_not_there_neither_accepts_nor_refuses() {
    let server = start(&json!({"unanswered": true}));
    let address = ([127, 0, 0, 1], server.port()).into();
    let error = TcpStream::connect_timeout(&address, Duration::from_millis(200)).unwrap_err();
    assert_eq!(error.kind(), Io::TimedOut);
    server.refuse_connections();
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), Io::ConnectionRefused);
    server.accept_connections().unwrap();
    connect(&server).send("hello".into()).unwrap();
    wait(&server, &json!({"event": "message", "text": "hello"}));
}

#[test]
fn it_refuses_and_redirects() {
    let server = start(&json!([
        [{"do": "refuse", "status": 503, "headers": {"Retry-After": "3"}, "body": "later"}],
        [{"do": "redirect", "to": "ws://127.0.0.1:{port}/there"}],
        [{"do": "accept", "headers": {"Sec-WebSocket-Accept": "nonsense"}}],
    ]));
    let Err(Error::Http(response)) = tungstenite::connect(server.url()) else { panic!("no refusal") };
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"3".parse().unwrap()));
    let answer = read_all(request(&server));
    assert!(answer.starts_with("HTTP/1.1 302 Found\r\n"), "{answer}");
    assert!(answer.contains(&format!("Location: ws://127.0.0.1:{}/there\r\n", server.port())), "{answer}");
    assert!(matches!(tungstenite::connect(server.url()), Err(Error::Protocol(_))));
}

#[test]
fn it_kicks_and_records_the_answer() {
    let server = start(&json!([{"do": "accept", "protocol": null}, {"do": "close", "code": 4000, "reason": "kicked"}]));
    let mut client = connect(&server);
    let Message::Close(Some(frame)) = client.read().unwrap() else { panic!("no Close") };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (4000, "kicked"));
    while client.read().is_ok() {}
    drop(client);
    wait(&server, &json!({"event": "close", "code": 4000}));
    wait(&server, &json!({"event": "end", "how": "fin"}));
}

#[test]
fn it_pings_and_can_ignore_pings_and_closes() {
    let server = start(
        &json!([{"do": "accept"}, {"do": "ping", "payload": "p", "wait": true}, {"do": "ignore", "pings": true, "closes": true}, {"do": "send", "text": "go"}]),
    );
    let mut client = connect(&server);
    assert_eq!(client.read().unwrap(), Message::Ping("p".into()));
    assert_eq!(client.read().unwrap(), Message::text("go"));
    client.send(Message::Ping("mine".into())).unwrap();
    client.close(None).unwrap();
    wait(&server, &json!({"event": "pong", "payload": "p"}));
    wait(&server, &json!({"event": "close", "code": null}));
    let MaybeTlsStream::Plain(stream) = client.get_ref() else { panic!("TLS") };
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let Err(Error::Io(error)) = client.read() else { panic!("an answer came") };
    assert_eq!(error.kind(), Io::WouldBlock);
    drop(client);
    wait(&server, &json!({"event": "end", "by": "client", "how": "fin"}));
}

#[test]
fn it_splits_fragments_and_compresses() {
    let server = start(&json!([
        {"do": "accept", "extensions": "permessage-deflate", "split": 7},
        {"do": "send", "size": 30, "fragments": 4, "split": 3, "pause": 0.001},
        {"do": "send", "binary": "01 02", "count": 2},
        {"do": "send", "size": 1000, "compress": true, "fragments": 2},
    ]));
    let mut stream = request(&server);
    let mut room = [0; 4096];
    let (mut bytes, mut frames) = (Vec::new(), Vec::new());
    while frames.len() < 47 {
        let count = stream.read(&mut room).unwrap();
        bytes.extend_from_slice(&room[..count]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            frames = bytes[end + 4..].to_vec();
        }
    }
    assert_eq!(&frames[..20], b"\x01\x08abcdefgh\x00\x08ijklmnop");
    assert_eq!(&frames[20..38], b"\x00\x08qrstuvwx\x80\x06yzabcd");
    assert_eq!(&frames[38..46], b"\x82\x02\x01\x02\x82\x02\x01\x02");
    assert_eq!(frames[46], 0x41);
    // A masked, compressed "Hello" (RFC 7692 section 7.2.3.1).
    stream.write_all(&[0xc1, 0x87, 0, 0, 0, 0, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]).unwrap();
    wait(&server, &json!({"event": "message", "text": "Hello", "compressed": true}));
}

#[test]
fn messages_can_be_numbered() {
    let server = start(&json!([{"do": "accept"}, {"do": "send", "text": "x", "count": 3, "numbered": true}]));
    let mut client = connect(&server);
    let texts: Vec<String> = (0..3).map(|_| client.read().unwrap().into_text().unwrap().to_string()).collect();
    assert_eq!(texts, ["[0]x", "[1]x", "[2]x"]);
}

#[test]
fn it_resets_and_knows_a_reset_from_an_end() {
    let server = start(
        &json!([[{"do": "reset"}], [{"do": "accept"}, {"do": "reset"}], [{"do": "accept"}, {"do": "end"}], [{"do": "accept"}, {"do": "mark", "name": "open"}]]),
    );
    for _ in 0..2 {
        let mut stream = request(&server);
        let error = loop {
            match stream.read(&mut [0; 4096]) {
                Ok(count) => assert!(count > 0, "an end, not a reset"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), Io::ConnectionReset);
    }
    let answer = read_all(request(&server));
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    let stream = request(&server);
    wait(&server, &json!({"event": "mark", "name": "open"}));
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
    wait(&server, &json!({"event": "end", "connection": 1, "by": "server", "how": "reset"}));
    wait(&server, &json!({"event": "end", "connection": 2, "by": "client", "how": "fin"}));
    wait(&server, &json!({"event": "end", "connection": 3, "by": "client", "how": "reset"}));
}

#[test]
fn a_stalled_server_reads_nothing_and_still_sees_the_end() {
    let server = start(&json!([{"do": "accept"}, {"do": "stall"}]));
    let mut client = connect(&server);
    client.send("never read".into()).unwrap();
    drop(client);
    wait(&server, &json!({"event": "end", "by": "client"}));
    assert!(server.wait_for(&json!({"event": "message"}), Duration::ZERO).is_err());
}

#[test]
fn a_slow_reader_takes_its_time() {
    let server = start(&json!({"receive_buffer": 4096, "connections": [{"do": "accept"}, {"do": "slow", "bytes": 1000, "every": 0.01}]}));
    let mut client = connect(&server);
    client.send(Message::text("x".repeat(20_000))).unwrap();
    let open = wait(&server, &json!({"event": "open"}));
    let message = wait(&server, &json!({"event": "message", "size": 20_000}));
    assert!(message["at"].as_f64().unwrap() - open["at"].as_f64().unwrap() >= 0.19);
}

#[test]
fn replies_echoes_and_expectations() {
    let server = start(&json!([
        {"do": "accept"},
        {"do": "reply", "json": {"kind": "beat"}, "with": {"kind": "alive"}, "times": 1},
        {"do": "expect", "contains": "ell"},
        {"do": "echo", "count": 1},
        {"do": "expect", "text": "right", "within": 5},
    ]));
    let mut client = connect(&server);
    client.send(r#"{"kind": "beat", "n": 1}"#.into()).unwrap();
    assert_eq!(client.read().unwrap(), Message::text(r#"{"kind":"alive"}"#));
    client.send("hello".into()).unwrap();
    client.send("again".into()).unwrap();
    assert_eq!(client.read().unwrap(), Message::text("again"));
    client.send("wrong".into()).unwrap();
    let Message::Close(Some(frame)) = client.read().unwrap() else { panic!("no Close") };
    assert_eq!(u16::from(frame.code), 1011);
    let failed = wait(&server, &json!({"event": "failed", "step": "[4]"}));
    assert!(failed["message"].as_str().unwrap().contains(r#""text":"wrong""#), "{failed}");
}

#[test]
fn a_wait_for_bytes_fails_with_the_first_that_differs_or_at_the_end() {
    let server = start(&json!([
        [{"do": "read", "text": "HELO"}],
        [{"do": "read", "text": "HELO"}],
        [{"do": "read", "bytes": 9, "within": 0.01}],
        [{"do": "read", "text": "HELO"}, {"do": "mark", "name": "read"}],
    ]));
    let say = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    };
    let failed = |connection: usize| wait(&server, &json!({"event": "failed", "connection": connection}))["message"].clone();
    // It stays open: two bytes are enough.
    let open = say(b"HI");
    assert_eq!(failed(0), "expected the bytes 48454c4f, got 4849");
    drop((open, say(b"HE")));
    assert_eq!(failed(1), "expected 4 bytes, but the connection ended after 2");
    let open = say(b"HE");
    assert_eq!(failed(2), "expected 9 bytes, but 2 came within 0.01 s");
    drop((open, say(b"HELO")));
    wait(&server, &json!({"event": "mark", "name": "read"}));
}

#[test]
fn without_tls_there_is_no_goodbye_of_it() {
    let server = start(&json!([{"do": "accept"}, {"do": "end", "fin": false}]));
    let answer = read_all(request(&server));
    assert!(answer.contains("end without fin is TLS's goodbye alone"), "{answer}");
    wait(&server, &json!({"event": "failed", "step": "[1]"}));
}

#[test]
fn what_comes_after_a_close_is_recorded() {
    let server =
        start(&json!([{"do": "accept"}, {"do": "wait_close", "answer": false}, {"do": "send", "text": "late"}, {"do": "wait_end"}]));
    let mut stream = request(&server);
    wait(&server, &json!({"event": "open"}));
    stream.write_all(b"\x88\x80\0\0\0\0").unwrap();
    wait(&server, &json!({"event": "close", "code": null, "reason": ""}));
    stream.write_all(b"\x81\x80\0\0\0\0").unwrap();
    wait(&server, &json!({"event": "after_close", "binary": "818000000000"}));
}

#[test]
fn a_client_that_breaks_the_protocol_is_noted() {
    let server = start(&json!([{"do": "accept"}]));
    request(&server).write_all(b"\x81\x01x").unwrap();
    let record = wait(&server, &json!({"event": "violation"}));
    assert!(record["message"].as_str().unwrap().contains("mask"), "{record}");
    wait(&server, &json!({"event": "end"}));
}

#[test]
fn the_port_can_refuse_and_come_back_and_connections_can_be_cut() {
    let mut server = start(&Value::Null);
    let mut client = connect(&server);
    server.refuse_connections();
    assert_eq!(TcpStream::connect(("127.0.0.1", server.port())).unwrap_err().kind(), Io::ConnectionRefused);
    client.send("still there".into()).unwrap();
    assert_eq!(client.read().unwrap(), Message::text("still there"));
    server.drop_connections();
    assert!(matches!(client.read(), Err(Error::Io(error)) if error.kind() == Io::ConnectionReset));
    server.accept_connections().unwrap();
    server.set_script(&json!([[{"do": "accept"}, {"do": "send", "text": "first"}], [{"do": "refuse"}]])).unwrap();
    assert_eq!(connect(&server).read().unwrap(), Message::text("first"));
    assert!(tungstenite::connect(server.url()).is_err());
    assert_eq!(server.set_script(&json!([{"do": "nothing"}])).unwrap_err().kind, ErrorKind::Script);
    server.stop();
    assert!(TcpStream::connect(("127.0.0.1", server.port())).is_err());
    server.drop_connections();
    assert!(server.records().as_array().unwrap().len() > 3);
}

#[test]
fn the_documentation_names_every_step_and_its_scripts_are_right() {
    let page = include_str!("../../../docs/testing.md");
    let mut scripts = 0;
    for block in page.split("```json\n").skip(1) {
        let json = block.split("```").next().unwrap();
        let script = serde_json::from_str(json).unwrap();
        super::script::Script::parse(&script).unwrap_or_else(|error| panic!("{error}\n{json}"));
        scripts += 1;
    }
    assert_eq!(scripts, 7);
    for name in super::steps::NAMES.split(", ") {
        assert!(page.contains(&format!("| `{name}` |")), "{name} is not in docs/testing.md");
    }
}
