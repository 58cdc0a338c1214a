//! The same small life of a socket under each driver: open, echo, a batch of messages, a close; against a server by tokio-tungstenite.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hosted;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use heartwire::internals::driver::{Connection, OwnLoop};
use heartwire::{CloseCode, Data, Event, Events, Message, Options, Providers, ReadyState, SendOptions, WebSocket};
use heartwire_proto::event::{Batch, Item};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite;

const BOUND: Duration = Duration::from_secs(60);

/// Echoes until each client closes; gives the URL.
fn echo_server() -> String {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
                    while let Some(Ok(message)) = socket.next().await {
                        if matches!(message, tungstenite::Message::Text(_) | tungstenite::Message::Binary(_)) {
                            socket.send(message).await.unwrap();
                        }
                    }
                });
            }
        });
    });
    format!("ws://{}/", told.recv().unwrap())
}

fn next(events: &mut Events) -> Event {
    events.next_blocking(Some(BOUND)).expect("an event within the bound")
}

#[test]
fn background_opens_echoes_and_closes() {
    let (socket, mut events) = WebSocket::connect(&echo_server(), Options::default()).unwrap();
    assert_eq!(socket.ready_state(), ReadyState::Connecting);
    assert!(matches!(next(&mut events), Event::Open(_)));
    assert_eq!(socket.ready_state(), ReadyState::Open);
    for number in 0..1000 {
        socket.send(number.to_string()).unwrap();
    }
    for number in 0..1000 {
        let Event::Message(Message::Text(text)) = next(&mut events) else { panic!("a text") };
        assert_eq!(text, number.to_string());
    }
    let large = vec![7_u8; 3 << 20];
    socket.send(&large[..]).unwrap();
    assert!(matches!(next(&mut events), Event::Drain), "more than write_limit waited");
    let Event::Message(Message::Binary(bytes)) = next(&mut events) else { panic!("a binary message") };
    assert!(bytes == large, "the large message came back as it was");
    socket.close(Some(CloseCode(3000)), "done").unwrap();
    assert_eq!(socket.ready_state(), ReadyState::Closing);
    let Event::Close(close) = next(&mut events) else { panic!("a close") };
    assert!(close.was_clean, "{close:?}");
    assert_eq!((close.code, close.will_reconnect), (CloseCode(3000), false));
    assert_eq!(socket.ready_state(), ReadyState::Closed);
    assert!(events.next_blocking(Some(BOUND)).is_none());
}

#[test]
fn refused_is_error_then_close_1006() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    drop(listener);
    let (_socket, mut events) = WebSocket::connect(&url, Options::default()).unwrap();
    let Event::Error(error) = next(&mut events) else { panic!("an error") };
    assert_eq!(error.code.as_str(), "connection_refused");
    let Event::Close(close) = next(&mut events) else { panic!("a close") };
    assert_eq!(close.code, CloseCode::ABNORMAL);
    assert!(events.next_blocking(Some(BOUND)).is_none());
}

/// Runs hosted sockets on a loop of this thread, echoing back and forth a number of times on each.
#[test]
fn own_loop_drives_many_sockets_on_one_thread() {
    const SOCKETS: usize = 50;
    const ROUNDS: usize = 20;
    let url = echo_server();
    let mut own = OwnLoop::new().unwrap();
    let handle = own.handle();
    for token in 0..SOCKETS {
        let waking = handle.clone();
        let wake = Arc::new(move || waking.wake(token));
        let connection = Connection::hosted(&url, Options::default(), Providers::default(), wake).unwrap();
        connection.start();
        handle.add(token, connection);
    }
    let (mut closed, mut echoed) = (0, 0);
    let mut rounds = std::collections::HashMap::new();
    let (mut due, mut batch) = (Vec::new(), Batch::default());
    let until = std::time::Instant::now() + BOUND;
    while closed < SOCKETS {
        assert!(std::time::Instant::now() < until, "bounded");
        own.wait(Some(BOUND), &mut due).unwrap();
        for &token in &due {
            let Some(connection) = own.drive(token, &mut batch).unwrap() else { continue };
            for item in &batch.items {
                match item {
                    Item::Event(event) if connection.enter(event) => match &**event {
                        Event::Open(_) => connection.send(Data::Text("hello"), SendOptions::default()).unwrap(),
                        Event::Close(close) => {
                            assert!(close.was_clean, "{close:?}");
                            closed += 1;
                        }
                        _ => {}
                    },
                    Item::Text(range) | Item::Ascii(range) if connection.may_deliver() => {
                        echoed += 1;
                        let round = rounds.entry(token).or_insert(0);
                        *round += 1;
                        if *round < ROUNDS {
                            connection.send(Data::Text(batch.text(range)), SendOptions::new().more(true)).unwrap();
                        } else {
                            connection.close(None, "").unwrap();
                        }
                    }
                    Item::Barrier => connection.settle(),
                    _ => {}
                }
            }
            connection.delivered(&batch);
        }
    }
    assert_eq!((closed, echoed), (SOCKETS, SOCKETS * ROUNDS));
}

#[test]
fn the_option_driver_chooses_or_refuses() {
    use heartwire::Driver;
    let make = |driver, hosted: bool| {
        let options = Options::new().driver(driver);
        let constructor = if hosted { Connection::hosted } else { Connection::new };
        constructor("ws://127.0.0.1:1/", options, Providers::default(), std::sync::Arc::new(|| ())).map(|made| made.is_hosted())
    };
    assert!(make(Driver::Auto, true).unwrap() && make(Driver::Host, true).unwrap());
    assert!(!make(Driver::Background, true).unwrap() && !make(Driver::Auto, false).unwrap());
    let Err(error) = make(Driver::Host, false) else { panic!("a host that there is not") };
    assert_eq!(error.code(), heartwire::ErrorCode::InvalidOption);
}

/// The last message and the end of TCP come while the thread is busy: one edge reports both.
#[test]
fn own_loop_sees_the_end_behind_the_last_bytes() {
    use heartwire::testing::FaultServer;
    use serde_json::json;
    let script =
        json!([{"do": "accept"}, {"do": "expect", "text": "ready"}, {"do": "send", "text": "last", "coalesce": true}, {"do": "end"}]);
    let server = FaultServer::start(&script).unwrap();
    let mut own = OwnLoop::new().unwrap();
    let (handle, waking) = (own.handle(), own.handle());
    let wake = Arc::new(move || waking.wake(0));
    let connection = Connection::hosted(&server.url(), Options::default(), Providers::default(), wake).unwrap();
    connection.start();
    handle.add(0, connection.clone());
    let (mut due, mut batch, mut seen) = (Vec::new(), Batch::default(), Vec::new());
    let until = std::time::Instant::now() + BOUND;
    while !connection.is_finished() {
        assert!(std::time::Instant::now() < until, "the end was not seen: {seen:?}");
        own.wait(Some(Duration::from_millis(100)), &mut due).unwrap();
        for &token in &due {
            let Some(connection) = own.drive(token, &mut batch).unwrap() else { continue };
            for item in &batch.items {
                match item {
                    Item::Event(event) if connection.enter(event) => match &**event {
                        Event::Open(_) => {
                            connection.send(Data::Text("ready"), SendOptions::default()).unwrap();
                            // Time is the subject: a handler that is slow, so that all the rest comes in one turn.
                            std::thread::sleep(Duration::from_millis(200));
                        }
                        Event::Close(close) => seen.push(close.code.to_string()),
                        _ => {}
                    },
                    Item::Text(range) | Item::Ascii(range) => seen.push(batch.text(range).to_owned()),
                    Item::Barrier => connection.settle(),
                    _ => {}
                }
            }
            connection.delivered(&batch);
        }
    }
    assert_eq!(seen, ["last", "1006"]);
}

/// WHATWG section 3: `bufferedAmount` "does not reset to zero once the connection closes".
#[test]
fn buffered_amount_stays_when_a_connection_ends_with_unsent_bytes() {
    use heartwire::testing::FaultServer;
    use serde_json::json;
    const SIZE: usize = 32 << 20;
    let server = FaultServer::start(&json!([{"do": "accept"}, {"do": "stall"}])).unwrap();
    let (ws, mut events) = WebSocket::connect(&server.url(), Options::default()).unwrap();
    assert!(matches!(next(&mut events), Event::Open(_)));
    ws.send(&vec![0_u8; SIZE][..]).unwrap();
    let waiting = ws.buffered_amount();
    assert!(waiting > 0 && waiting <= SIZE, "{waiting}");
    ws.terminate();
    while !matches!(next(&mut events), Event::Close(_)) {}
    let left = ws.buffered_amount();
    assert!(left > 0 && left <= waiting, "{left} of {waiting}");
}

/// The bytes for the peer that reads slowly: they take some seconds, three times each timeout and more.
const MUCH: usize = 10 << 20;

fn impatient() -> Options {
    Options::new()
        .ping_interval(Duration::from_millis(500))
        .ping_timeout(Duration::from_secs(2))
        .close_timeout(Duration::from_secs(2))
        .compression(None)
}

/// Says "go", reads a part now and then, and answers the Close behind the last one. Returns the URL, and the count of received bytes.
fn slow_reader() -> (String, std::thread::JoinHandle<usize>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).set_recv_buffer_size(64 << 10).unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut socket = tungstenite::accept(stream).unwrap();
        socket.send("go".into()).unwrap();
        let stream = socket.get_mut();
        let (mut came, mut part) = (Vec::new(), vec![0; 256 << 10]);
        // A Close with a code alone, masked.
        while came.len() < 8 || came[came.len() - 8..came.len() - 6] != [0x88, 0x82] {
            let read = stream.read(&mut part).unwrap();
            assert!(read > 0, "cut off after {} bytes", came.len());
            came.extend_from_slice(&part[..read]);
            // How fast it reads is the subject.
            std::thread::sleep(Duration::from_millis(75));
        }
        stream.write_all(b"\x88\x02\x03\xe8").unwrap();
        came.len()
    });
    (url, server)
}

#[test]
fn a_slow_reader_gets_everything_from_the_background_driver() {
    let (url, server) = slow_reader();
    let (ws, mut events) = WebSocket::connect(&url, impatient()).unwrap();
    while !matches!(next(&mut events), Event::Message(_)) {}
    ws.send(&vec![0_u8; MUCH][..]).unwrap();
    ws.close(Some(CloseCode::NORMAL), "").unwrap();
    let close = loop {
        if let Event::Close(close) = next(&mut events) {
            break close;
        }
    };
    assert!(close.was_clean, "{close:?}");
    assert!(server.join().unwrap() > MUCH);
}

#[test]
fn a_slow_reader_gets_everything_from_the_host_driver() {
    let (url, server) = slow_reader();
    let connection = hosted::run(&url, impatient(), |connection, _| {
        connection.send(Data::Binary(&vec![0; MUCH]), SendOptions::default()).unwrap();
        connection.close(Some(CloseCode::NORMAL), "").unwrap();
    });
    assert_eq!(connection.ready_state(), ReadyState::Closed);
    assert!(server.join().unwrap() > MUCH);
}
