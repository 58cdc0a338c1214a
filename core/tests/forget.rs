//! A socket whose host has gone releases all that it had, in any state: its place among the connecting ones, and its descriptors.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what went wrong by failing")]

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use heartwire::internals::driver::Connection;
use heartwire::{Driver, Options, Providers};

const BOUND: Duration = Duration::from_secs(30);

/// A server that accepts and says nothing.
struct Silent {
    url: String,
    peers: mpsc::Receiver<TcpStream>,
}

impl Silent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let (tell, peers) = mpsc::channel();
        std::thread::spawn(move || listener.incoming().flatten().try_for_each(|peer| tell.send(peer)));
        Self { url, peers }
    }

    fn peer(&self) -> TcpStream {
        let peer = self.peers.recv_timeout(BOUND).expect("a connection");
        peer.set_read_timeout(Some(BOUND)).unwrap();
        peer
    }
}

fn socket(url: &str, driver: Driver) -> Connection {
    let options = Options::new().driver(driver).open_timeout(None);
    let make = if driver == Driver::Background { Connection::new } else { Connection::hosted };
    make(url, options, Providers::default(), Arc::new(|| {})).unwrap()
}

#[test]
fn an_attempt_that_nobody_drives_any_more_holds_no_place_and_no_descriptor() {
    for driver in [Driver::Host, Driver::Background] {
        let server = Silent::start();
        let gone = socket(&server.url, driver);
        gone.start();
        let mut peer = server.peer();
        // It waits for its turn to connect, and its host goes, too.
        let behind = socket(&server.url, driver);
        behind.start();
        behind.forget();
        let next = socket(&server.url, Driver::Background);
        next.start();
        gone.forget();
        // The request may have left; the end follows.
        let mut sent = Vec::new();
        peer.read_to_end(&mut sent).expect("the end of the connection");
        drop(server.peer());
        next.forget();
    }
}
