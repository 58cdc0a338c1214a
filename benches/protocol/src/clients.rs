//! The clients: each receives or sends a number of messages of one size, with the settings it comes with, and gives the bytes that it has seen.
//! All check UTF-8, as a client must.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use fastwebsockets::{Frame, Payload};
use futures_util::{SinkExt, Stream, StreamExt};
use heartwire_proto::event::{Batch, Event, Item};
use heartwire_proto::message::Data;
use heartwire_proto::protocol::{Config, Protocol};

use crate::wire::{Pace, Shared, Wire, payload};

/// A client by its name.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) receive: fn(wire: Wire, count: usize) -> usize,
    pub(crate) send: fn(size: usize, count: usize) -> usize,
}

pub(crate) const CLIENTS: [Client; 5] = [
    Client { name: "heartwire", receive: heartwire_receive, send: heartwire_send },
    Client { name: "tungstenite", receive: tungstenite_receive, send: tungstenite_send },
    Client { name: "fastwebsockets", receive: fastwebsockets_receive, send: fastwebsockets_send },
    Client { name: "tokio-websockets", receive: tokio_websockets_receive, send: tokio_websockets_send },
    Client { name: "yawc", receive: yawc_receive, send: yawc_send },
];

/// The largest read, and the most events of a turn, as in core/src/client.
const READ_ROOM: usize = 64 << 10;
const TURN: usize = 1024;

fn protocol() -> Protocol {
    Protocol::new(Config { max_size: 16 << 20, compression: None })
}

fn heartwire_receive(mut wire: Wire, count: usize) -> usize {
    let mut protocol = protocol();
    let mut batch = Batch::default();
    let (mut messages, mut bytes, mut more) = (0, 0, false);
    while messages < count {
        wire.arrive();
        batch.clear();
        let start = protocol.prepare(&mut batch.bytes);
        if !more {
            batch.bytes.extend_from_slice(wire.bring(READ_ROOM));
        }
        let received = protocol.receive(&mut batch, start, TURN.min(count - messages));
        assert!(received.end.is_none());
        more = received.more;
        for item in &batch.items {
            bytes += match item {
                Item::Text(range) | Item::Ascii(range) | Item::Binary(range) => range.len(),
                Item::Event(event) => match &**event {
                    Event::Message(message) => message.len(),
                    _ => 0,
                },
                Item::Barrier => 0,
            };
        }
        messages += received.data_messages;
    }
    bytes
}

fn data(size: usize, text: &str) -> Data<'_> {
    if size >= 64 << 10 { Data::Binary(text.as_bytes()) } else { Data::Text(text) }
}

fn heartwire_send(size: usize, count: usize) -> usize {
    let (mut protocol, text) = (protocol(), payload(size));
    let mut written = 0;
    for _ in 0..count {
        protocol.send(data(size, &text), None);
        let length = protocol.output().len();
        written += length;
        protocol.wrote(length);
    }
    written
}

fn tungstenite_receive(wire: Wire, count: usize) -> usize {
    let mut socket = tungstenite::WebSocket::from_raw_socket(wire, tungstenite::protocol::Role::Client, None);
    let (mut messages, mut bytes) = (0, 0);
    while messages < count {
        match socket.read() {
            Ok(message) => {
                messages += 1;
                bytes += message.len();
            }
            Err(tungstenite::Error::Io(_)) => socket.get_mut().arrive(),
            Err(error) => panic!("{error}"),
        }
    }
    bytes
}

fn tungstenite_send(size: usize, count: usize) -> usize {
    let wire = Wire::new(1, Pace::Flood);
    let mut socket = tungstenite::WebSocket::from_raw_socket(wire, tungstenite::protocol::Role::Client, None);
    let text = payload(size);
    for _ in 0..count {
        let message = match data(size, &text) {
            Data::Text(text) => tungstenite::Message::text(text),
            Data::Binary(bytes) => tungstenite::Message::binary(bytes.to_vec()),
        };
        assert!(socket.send(message).is_ok());
    }
    socket.get_ref().written
}

/// Asks for the next message, as an executor does when the socket is readable.
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The output of a future that never waits.
fn now<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the sink in memory never blocks"),
    }
}

/// Receives from a stream; `arrive` delivers the next message.
fn receive<S, T, E>(mut socket: S, count: usize, arrive: impl Fn(&mut S), length: impl Fn(&T) -> usize) -> usize
where
    S: Stream<Item = Result<T, E>> + Unpin,
{
    let (mut messages, mut bytes) = (0, 0);
    while messages < count {
        match socket.poll_next_unpin(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(message))) => {
                messages += 1;
                bytes += length(&message);
            }
            Poll::Ready(_) => panic!("the wire brings what is right and never ends"),
            Poll::Pending => arrive(&mut socket),
        }
    }
    bytes
}

fn fastwebsockets_receive(wire: Wire, count: usize) -> usize {
    let wire = Shared::new(wire);
    let socket = fastwebsockets::WebSocket::after_handshake(wire.clone(), fastwebsockets::Role::Client);
    let mut socket = fastwebsockets::FragmentCollector::new(socket);
    let (mut messages, mut bytes) = (0, 0);
    while messages < count {
        let mut reading = pin!(socket.read_frame());
        let frame = loop {
            match poll(reading.as_mut()) {
                Poll::Ready(Ok(frame)) => break frame,
                Poll::Ready(Err(error)) => panic!("{error}"),
                Poll::Pending => wire.lock().arrive(),
            }
        };
        assert!(frame.opcode != fastwebsockets::OpCode::Text || frame.is_utf8());
        messages += 1;
        bytes += frame.payload.len();
    }
    bytes
}

fn fastwebsockets_send(size: usize, count: usize) -> usize {
    let wire = Shared::new(Wire::new(1, Pace::Flood));
    let mut socket = fastwebsockets::WebSocket::after_handshake(wire.clone(), fastwebsockets::Role::Client);
    let text = payload(size);
    for _ in 0..count {
        let frame = match data(size, &text) {
            Data::Text(text) => Frame::text(Payload::Borrowed(text.as_bytes())),
            Data::Binary(bytes) => Frame::binary(Payload::Borrowed(bytes)),
        };
        assert!(now(socket.write_frame(frame)).is_ok());
    }
    wire.lock().written
}

fn tokio_websockets_receive(wire: Wire, count: usize) -> usize {
    let socket = tokio_websockets::ClientBuilder::new().take_over(wire);
    receive(socket, count, |socket| socket.get_mut().arrive(), |message: &tokio_websockets::Message| message.as_payload().len())
}

fn tokio_websockets_send(size: usize, count: usize) -> usize {
    let mut socket = tokio_websockets::ClientBuilder::new().take_over(Wire::new(1, Pace::Flood));
    let text = payload(size);
    for _ in 0..count {
        let message = match data(size, &text) {
            Data::Text(text) => tokio_websockets::Message::text(text.to_owned()),
            Data::Binary(bytes) => tokio_websockets::Message::binary(bytes.to_vec()),
        };
        assert!(now(socket.send(message)).is_ok());
    }
    socket.get_ref().written
}

fn yawc(wire: Shared) -> yawc::WebSocket<Shared> {
    let options = yawc::Options::default().without_compression().with_utf8();
    let Ok(socket) = yawc::WebSocket::from_stream(wire, yawc::Role::Client, options) else { panic!("yawc takes a stream") };
    socket
}

fn yawc_receive(wire: Wire, count: usize) -> usize {
    let wire = Shared::new(wire);
    let length = |frame: &yawc::Frame| frame.payload().len();
    receive(yawc(wire.clone()).map(Ok::<_, ()>), count, |_| wire.lock().arrive(), length)
}

fn yawc_send(size: usize, count: usize) -> usize {
    let wire = Shared::new(Wire::new(1, Pace::Flood));
    let mut socket = yawc(wire.clone());
    let text = payload(size);
    for _ in 0..count {
        let frame = match data(size, &text) {
            Data::Text(text) => yawc::Frame::text(text.to_owned()),
            Data::Binary(bytes) => yawc::Frame::binary(bytes.to_vec()),
        };
        assert!(now(socket.send(frame)).is_ok());
    }
    wire.lock().written
}
