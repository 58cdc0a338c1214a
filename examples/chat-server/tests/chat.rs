//! The server as its peers see it: a child process and plain tungstenite clients, no part of Heartwire.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tungstenite::protocol::WebSocket;
use tungstenite::{Message, client};

struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut child =
            Command::new(env!("CARGO_BIN_EXE_chat-server")).args(["--port", "0"]).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        // The log must be read, or the pipe fills; its content is not tested.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let port = line.split("//127.0.0.1:").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
        Self { child, port }
    }

    fn connect(&self, query: &str) -> Peer {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Peer(client(format!("ws://127.0.0.1:{}/ws{query}", self.port), stream).unwrap().0)
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Peer(WebSocket<TcpStream>);

impl Peer {
    fn send(&mut self, text: &str) {
        self.0.send(text.into()).unwrap();
    }

    fn hears(&mut self, text: &str) {
        assert_eq!(self.0.read().unwrap(), Message::text(text));
    }

    /// The code and reason of the next Close.
    fn goodbye(&mut self) -> (u16, String) {
        match self.0.read().unwrap() {
            Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
            other => panic!("not a Close: {other:?}"),
        }
    }
}

#[test]
fn people_come_talk_and_leave() {
    let server = Server::start(&[]);
    let mut ann = server.connect("?name=ann");
    ann.hears(r#"{"url":"/chat/welcome","name":"ann","people":["ann"]}"#);
    let mut bob = server.connect("");
    bob.send(r#"{"url":"/chat/login","name":"bob"}"#);
    bob.hears(r#"{"url":"/chat/welcome","name":"bob","people":["ann","bob"]}"#);
    ann.hears(r#"{"url":"/chat/join","name":"bob"}"#);

    ann.send(r#"{"url":"/chat/send","text":"hello \"bob\""}"#);
    bob.hears(r#"{"url":"/chat/message","from":"ann","text":"hello \"bob\""}"#);

    bob.send(r#"{"url":"/chat/login","name":"bert"}"#);
    bob.hears(r#"{"url":"/chat/welcome","name":"bert","people":["ann","bert"]}"#);
    ann.hears(r#"{"url":"/chat/leave","name":"bob"}"#);
    ann.hears(r#"{"url":"/chat/join","name":"bert"}"#);

    bob.0.close(None).unwrap();
    assert!(matches!(bob.0.read().unwrap(), Message::Close(_)), "the closing handshake is answered");
    ann.hears(r#"{"url":"/chat/leave","name":"bert"}"#);
}

#[test]
fn a_name_belongs_to_one() {
    let server = Server::start(&[]);
    let _ann = server.connect("?name=ann");
    server.connect("?name=ann").hears(r#"{"url":"/chat/welcome","name":"ann-2","people":["ann","ann-2"]}"#);
}

#[test]
fn who_speaks_plain_text_hears_plain_text() {
    let server = Server::start(&[]);
    let mut ann = server.connect("?name=ann");
    ann.hears(r#"{"url":"/chat/welcome","name":"ann","people":["ann"]}"#);
    let mut simple = server.connect("");
    simple.send("hello");
    ann.hears(r#"{"url":"/chat/join","name":"guest-2"}"#);
    ann.hears(r#"{"url":"/chat/message","from":"guest-2","text":"hello"}"#);
    let _join_that_the_simple_one_does_not_hear = server.connect("?name=eve");
    ann.hears(r#"{"url":"/chat/join","name":"eve"}"#);
    ann.send(r#"{"url":"/chat/send","text":"ping"}"#);
    simple.hears("ping");
}

#[test]
fn heartbeats_are_answered_and_mistakes_named() {
    let server = Server::start(&[]);
    let mut ann = server.connect("");
    ann.send(r#"{"url":"/chat/heart-beat"}"#);
    ann.hears(r#"{"url":"/chat/heart-beat"}"#);
    ann.send(r#"{"url":"/chat/send"}"#);
    ann.hears(r#"{"url":"/chat/error","text":"/chat/send needs a text"}"#);
    ann.send(r#"{"url":"/chat/login","name":" "}"#);
    ann.hears(r#"{"url":"/chat/error","text":"a name has 1 to 32 characters, none of them a control character"}"#);
    ann.0.send(Message::binary(&b"\0"[..])).unwrap();
    ann.hears(r#"{"url":"/chat/error","text":"only text is spoken here"}"#);
}

#[test]
fn the_silent_are_dropped_and_any_frame_is_life() {
    let server = Server::start(&["--silence", "0.6"]);
    let (mut silent, mut alive) = (server.connect(""), server.connect(""));
    let start = Instant::now();
    for _ in 0..5 {
        // Time is the subject: silent for less than is allowed.
        std::thread::sleep(Duration::from_millis(200));
        alive.0.send(Message::Ping("".into())).unwrap();
        assert!(matches!(alive.0.read().unwrap(), Message::Pong(_)));
    }
    assert_eq!(silent.goodbye(), (4408, "no frame for 0.6 s".into()));
    assert_eq!(alive.goodbye().0, 4408);
    assert!(start.elapsed() >= Duration::from_millis(1500));
}

#[test]
fn everybody_gets_a_goodbye_when_the_server_ends() {
    for name in ["-TERM", "-INT"] {
        let mut server = Server::start(&[]);
        let (mut ann, mut nameless) = (server.connect("?name=ann"), server.connect(""));
        ann.hears(r#"{"url":"/chat/welcome","name":"ann","people":["ann"]}"#);
        server.signal(name);
        assert_eq!(ann.goodbye(), (1001, "the server goes away".into()));
        assert_eq!(nameless.goodbye().0, 1001);
        drop((ann, nameless));
        assert!(server.child.wait().unwrap().success());
    }
}

#[test]
fn the_page_is_one_file_and_the_command_line_is_checked() {
    let server = Server::start(&[]);
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("new WebSocket("), "{page}");
    assert!(!page.contains("src=\"http") && !page.contains("<link rel=\"stylesheet\""), "no external assets");

    for wrong in [["--port", "65536"], ["--silence", "0"], ["--host", "example"], ["--prot", "1"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_chat-server")).args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains(wrong[0]));
    }
    let taken = Command::new(env!("CARGO_BIN_EXE_chat-server")).args(["--port", &server.port.to_string()]).output().unwrap();
    assert_eq!(taken.status.code(), Some(1));
    assert!(String::from_utf8(taken.stderr).unwrap().contains("cannot listen"));
}
