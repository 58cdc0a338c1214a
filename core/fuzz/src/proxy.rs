//! Any answer of a proxy (HTTP CONNECT, SOCKS 4a and 5), split anywhere, and the bytes through the tunnel after it. Dialling ends at once with a
//! stream or an error of its phase, speaks to the server only through a granted tunnel, loses no byte, and shows no secret.

use std::cell::{Cell, OnceCell, RefCell};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use heartwire::internals::dial::{Opened, Request, dial};
use heartwire::{Error, Options, Phase, Proxy};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tungstenite::handshake::derive_accept_key;

use super::script::Script;

/// In an input they mean the right value of Sec-WebSocket-Accept, and the moment at which the request for the upgrade has arrived.
const ACCEPT: &[u8] = b"{accept}";
const THEN: &[u8] = b"{then}";
const SECRET: &str = "s3cret-of-the-proxy";

/// A runtime and a proxy, made once, because making them costs more than the test.
struct Peer {
    runtime: Runtime,
    listener: TcpListener,
}

/// The plan of one exchange.
struct Story {
    scheme: &'static str,
    with_credentials: bool,
    by_name: bool,
    cut: usize,
    /// The proxy's bytes, and its bytes after the request for the upgrade.
    answer: Vec<u8>,
    through: Vec<u8>,
}

thread_local! {
    static PEER: OnceCell<Peer> = const { OnceCell::new() };
}

/// One input: the kind of proxy, how to cut, and the answer.
///
/// # Panics
/// Where a rule is broken.
pub fn run(input: &[u8]) {
    let [kind, cut, answer @ ..] = input else { return };
    let mut kind = Script::new(std::slice::from_ref(kind));
    let number = kind.up_to(15);
    let (answer, through) = split(answer, THEN).unwrap_or((answer, &[]));
    let story = Story {
        scheme: ["http", "socks4a", "socks5", "socks5h"][number as usize % 4],
        with_credentials: number & 4 != 0,
        // `socks5` would have us resolve the name.
        by_name: number & 8 != 0 && number % 4 != 2,
        cut: usize::from(*cut),
        answer: answer.to_vec(),
        through: through.to_vec(),
    };
    PEER.with(|peer| peer.get_or_init(Peer::new).exchange(&story));
}

fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((&bytes[..at], &bytes[at + mark.len()..]))
}

/// The status line of an HTTP answer that is whole. As hyper does, it leaves off empty lines before it, and answers that announce others
/// (RFC 9110 section 15.2).
fn final_status(answer: &[u8]) -> Option<&[u8]> {
    let whole = &answer[..=answer.iter().rposition(|byte| *byte == b'\n')?];
    let mut lines = whole.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.next_back();
    loop {
        let status = lines.find(|line| !line.is_empty())?;
        lines.find(|line| line.is_empty())?;
        let announces = status.get(8..10) == Some(b" 1") && status.get(8..12) != Some(b" 101");
        if !announces {
            return Some(status).filter(|line| line.starts_with(b"HTTP/1."));
        }
    }
}

impl Story {
    /// Whether the answer begins with the proxy's grant of the tunnel, by these lines alone. The bytes behind the grant come from the server.
    fn is_granted(&self) -> bool {
        match self.scheme {
            "http" => final_status(&self.answer).is_some_and(|line| line.get(8..10) == Some(b" 2")),
            "socks4a" => self.answer.len() >= 8 && self.answer[..2] == [0, 90],
            _ => {
                let behind = match self.answer[..] {
                    [5, 0, ref rest @ ..] => rest,
                    [5, 2, 1, 0, ref rest @ ..] if self.with_credentials => rest,
                    _ => return false,
                };
                match *behind {
                    [5, 0, 0, 1, ref address @ ..] => address.len() >= 4 + 2,
                    [5, 0, 0, 3, length, ref address @ ..] => address.len() >= usize::from(length) + 2,
                    [5, 0, 0, 4, ref address @ ..] => address.len() >= 16 + 2,
                    _ => false,
                }
            }
        }
    }
}

impl Peer {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        Self { runtime, listener }
    }

    fn exchange(&self, story: &Story) {
        let address = self.listener.local_addr().expect("a port");
        let credentials = if story.with_credentials { format!("user:{SECRET}@") } else { String::new() };
        let proxy = format!("{}://{credentials}{address}", story.scheme).parse().expect("a URL");
        // libFuzzer reports an exchange that never ends. A bound of ours would also report a busy machine.
        let options = Options::new().proxy(Proxy::Url(proxy)).open_timeout(None);
        let host = if story.by_name { "im.example" } else { "192.0.2.1" };
        let request = Request {
            url: heartwire_proto::address::parse_url(&format!("ws://{host}/")).expect("a URL"),
            protocols: vec![],
            headers: vec![],
            extensions: None,
            options: Arc::new(options),
        };
        self.runtime.block_on(async {
            let (asked, sent) = (Cell::new(false), RefCell::new(Vec::new()));
            let mut serving = pin!(self.serve(story, &asked, &sent));
            let mut dialling = pin!(dial(request));
            let mut outcome = None;
            let mut stream = None;
            while outcome.is_none() || stream.is_none() {
                tokio::select! {
                    biased;
                    ended = &mut dialling, if outcome.is_none() => outcome = Some(ended),
                    served = &mut serving, if stream.is_none() => stream = Some(served),
                }
            }
            assert!(!asked.get() || story.is_granted(), "the upgrade was asked for where no tunnel is: {:x?}", story.answer);
            match outcome.expect("it ended") {
                Err(error) => check_error(&error, story, asked.get()),
                Ok(opened) => check_open(opened, &sent.borrow()),
            }
            // Leaves no connection behind that waits for its last packets.
            let _ = stream.map(|stream| SockRef::from(&stream).set_linger(Some(Duration::ZERO)));
        });
    }

    /// Serves one connection to its end. Stores whether the upgrade was requested, and the bytes sent then.
    async fn serve(&self, story: &Story, asked: &Cell<bool>, sent: &RefCell<Vec<u8>>) -> TcpStream {
        let (mut stream, _) = self.listener.accept().await.expect("a connection");
        write(&mut stream, &story.answer, story.cut).await;
        if !story.is_granted() {
            // It sends no more, and no request may follow.
            let _ = stream.shutdown().await;
        }
        let mut came = Vec::new();
        let head = loop {
            if let Some((_, head)) = split(&came, b"GET / HTTP/1.1\r\n")
                && head.ends_with(b"\r\n\r\n")
            {
                break String::from_utf8_lossy(head).into_owned();
            }
            match stream.read_buf(&mut came).await {
                Ok(count) if count > 0 => {}
                _ => return stream,
            }
        };
        asked.set(true);
        assert!(!head.contains(SECRET) && !head.to_ascii_lowercase().contains("proxy-"), "what is the proxy's goes to the server: {head}");
        let key = head.lines().find_map(|line| line.to_ascii_lowercase().starts_with("sec-websocket-key:").then(|| line[18..].trim()));
        let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
        let through = split(&story.through, ACCEPT)
            .map_or_else(|| story.through.clone(), |(before, behind)| [before, accept.as_bytes(), behind].concat());
        sent.replace(through.clone());
        write(&mut stream, &through, story.cut).await;
        let _ = stream.shutdown().await;
        stream
    }
}

async fn write(stream: &mut TcpStream, bytes: &[u8], cut: usize) {
    let (first, second) = bytes.split_at(cut.min(bytes.len()));
    for part in [first, second] {
        // The client may be gone.
        if stream.write_all(part).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn check_open(mut opened: Opened, sent: &[u8]) {
    let mut behind = std::mem::take(&mut opened.leftover);
    while opened.transport.read(&mut behind, 64 << 10).is_ok_and(|count| count > 0) {}
    let head = sent.len().checked_sub(behind.len()).expect("no more comes than was sent");
    assert!(sent[head..] == behind && sent[..head].ends_with(b"\n"), "{:x?} behind {:x?}", behind, &sent[..head]);
}

fn check_error(error: &Error, story: &Story, asked: bool) {
    let phases: &[Phase] = if asked { &[Phase::Http] } else { &[Phase::Proxy, Phase::Http] };
    assert!(phases.contains(&error.phase), "{error:?}");
    assert!(error.phase == Phase::Proxy || story.is_granted(), "the server is blamed for its proxy: {error:?}");
    assert!(error.body.len() <= 4096 && !error.message.is_empty());
    assert!(!format!("{error} {:?}", error.causes).contains(SECRET), "{error}");
}
