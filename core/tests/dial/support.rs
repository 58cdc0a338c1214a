//! What the tests of dialling share: peers, certificates, and a way to wait for a non-blocking transport.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use heartwire::internals::dial::{Opened, Request};
use heartwire::internals::transport::Transport;
use heartwire::{Error, Options, Proxy};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// No test should reach it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Options for loopback: no proxy, whatever the environment names.
pub(crate) fn direct() -> Options {
    Options::new().proxy(Proxy::None)
}

pub(crate) fn request_with(url: &str, options: Options) -> Request {
    Request {
        url: heartwire_proto::address::parse_url(url).unwrap(),
        protocols: options.protocols.clone(),
        headers: options.headers.clone(),
        extensions: None,
        options: Arc::new(options),
    }
}

/// Dials, with a limit.
pub(crate) async fn dial_with(url: &str, options: Options) -> Result<Opened, Error> {
    let dialling = heartwire::internals::dial::dial(request_with(url, options));
    tokio::time::timeout(LIMIT, dialling).await.expect("dialling ends by itself")
}

pub(crate) async fn dial(url: &str) -> Result<Opened, Error> {
    dial_with(url, direct()).await
}

/// Listens on loopback and hands each connection to `handle`, until the runtime ends.
pub(crate) async fn serve<F, Fut>(handle: F) -> SocketAddr
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle(stream));
        }
    });
    address
}

/// A peer that reads the head of a request, answers with the value of `answer`, and then waits for the client to end.
pub(crate) async fn answering(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> SocketAddr {
    let answer = Arc::new(answer);
    serve(move |mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            let head = read_head(&mut stream).await;
            let _ = stream.write_all(&answer(&head)).await;
            let _ = stream.read(&mut [0; 64]).await;
        }
    })
    .await
}

/// A WebSocket server that echoes.
pub(crate) async fn echo<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() || ((message.is_text() || message.is_binary()) && socket.send(message).await.is_err()) {
            return;
        }
    }
}

pub(crate) async fn echo_server() -> SocketAddr {
    serve(echo).await
}

/// Reads up to and with the empty line.
pub(crate) async fn read_head<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// The value of a request's header.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

pub(crate) fn accept_value(head: &str) -> String {
    tokio_tungstenite::tungstenite::handshake::derive_accept_key(header(head, "sec-websocket-key").unwrap().as_bytes())
}

/// A good 101, with more header lines (each with its CRLF).
pub(crate) fn switching(head: &str, more: &str) -> String {
    let accept = accept_value(head);
    format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n")
}

/// A message as a client sends it, under an empty mask.
pub(crate) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        short @ 0..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// A transport outside of the runtime reports no readiness, so it is asked again, until the limit.
async fn again(begun: Instant) {
    assert!(begun.elapsed() < LIMIT, "the transport is not ready");
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Reads the available bytes, and asks again until there are some. Empty: the end.
pub(crate) async fn read_some(transport: &mut Transport) -> io::Result<Vec<u8>> {
    let (mut bytes, begun) = (Vec::new(), Instant::now());
    loop {
        match transport.read(&mut bytes, 256 * 1024) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => again(begun).await,
            outcome => return outcome.map(|_| bytes),
        }
    }
}

/// Reads exactly so many bytes; `begun` came with the head.
pub(crate) async fn read_exactly(transport: &mut Transport, mut begun: Vec<u8>, length: usize) -> Vec<u8> {
    while begun.len() < length {
        let more = read_some(transport).await.unwrap();
        assert!(!more.is_empty(), "the stream ended after {} of {length} bytes", begun.len());
        begun.extend(more);
    }
    assert_eq!(begun.len(), length);
    begun
}

pub(crate) async fn write_all(transport: &mut Transport, mut bytes: &[u8]) {
    let begun = Instant::now();
    while !bytes.is_empty() {
        match transport.write(bytes) {
            Ok(taken) => bytes = &bytes[taken..],
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
                again(begun).await;
            }
        }
    }
    while let Err(error) = transport.flush() {
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}");
        again(begun).await;
    }
}

/// Sends a text to an echo server and reads it back.
pub(crate) async fn assert_echoes(opened: Opened) -> Opened {
    let Opened { mut transport, leftover, .. } = opened;
    write_all(&mut transport, &frame(1, b"hello")).await;
    assert_eq!(read_exactly(&mut transport, leftover, 7).await, b"\x81\x05hello");
    Opened { transport, leftover: Vec::new(), ..opened }
}

/// Sends a large binary message to an echo server and reads it back while sending.
pub(crate) async fn assert_echoes_much(opened: Opened, size: usize) {
    let Opened { mut transport, .. } = opened;
    let payload: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
    write_all(&mut transport, &frame(2, &payload)).await;
    let back = read_exactly(&mut transport, Vec::new(), size + 10).await;
    assert!(back[10..] == payload, "the payload came back changed");
}

/// Runs an otherwise ignored test in its own process, with an environment of the test's choice.
pub(crate) fn run_child(test: &str, variables: &[(&str, &str)]) -> String {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    for name in [
        "WSS_PROXY",
        "WS_PROXY",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "NODE_EXTRA_CA_CERTS",
    ] {
        child.env_remove(name).env_remove(name.to_ascii_lowercase());
    }
    child.args([test, "--exact", "--ignored", "--nocapture"]).envs(variables.iter().copied());
    let output = child.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let warned = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}{warned}");
    warned
}
