//! Any answer of a server to the upgrade, cut anywhere: dialling ends at once with a stream or an error of its phase, keeps its limits, loses no
//! byte behind the head, and tells no secret.

use std::cell::{OnceCell, RefCell};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use heartwire::internals::dial::{Opened, Request, dial};
use heartwire::{Error, Options, Phase, Proxy};
use heartwire_proto::protocol::extension::{agree, offer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::runtime::{Builder, Runtime};
use tungstenite::handshake::derive_accept_key;

/// Stands in an input for the right value of Sec-WebSocket-Accept.
const ACCEPT: &[u8] = b"{accept}";
const SECRET: &str = "s3cret-of-the-url";

/// A runtime and a socket that answers, made once, because making them costs more than the test.
struct Peer {
    runtime: Runtime,
    listener: UnixListener,
    path: PathBuf,
}

thread_local! {
    static PEER: OnceCell<Peer> = const { OnceCell::new() };
}

/// One input: how to split, what to offer, and the answer.
///
/// # Panics
/// Where a rule is broken.
pub fn run(input: &[u8]) {
    let [cut, flags, answer @ ..] = input else { return };
    PEER.with(|peer| peer.get_or_init(Peer::new).exchange(answer, usize::from(*cut), *flags));
}

impl Peer {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let path = std::env::temp_dir().join(format!("heartwire-fuzz-{}-{:?}", std::process::id(), std::thread::current().id()));
        let _ = std::fs::remove_file(&path);
        let listener = runtime.block_on(async { UnixListener::bind(&path) }).expect("a unix socket");
        Self { runtime, listener, path }
    }

    fn exchange(&self, answer: &[u8], cut: usize, flags: u8) {
        let protocols = if flags & 1 == 0 { vec![] } else { vec!["chat".to_owned(), "v2".to_owned()] };
        let mut options = Options::new()
            .unix_socket(Some(self.path.clone()))
            .proxy(Proxy::None)
            // The socket stands for every host, so that following leads nowhere else.
            .follow_redirects(u32::from(flags >> 1 & 3))
            // libFuzzer reports an exchange that never ends. A bound of ours would also report a busy machine.
            .open_timeout(None);
        if flags & 8 != 0 {
            options.compression = None;
        }
        let url = heartwire_proto::address::parse_url(&format!("ws://user:{SECRET}@im.example/?token={SECRET}")).expect("a URL");
        let request = Request {
            url,
            protocols: protocols.clone(),
            headers: vec![],
            extensions: options.compression.as_ref().map(offer),
            options: Arc::new(options.clone()),
        };
        self.runtime.block_on(async {
            let sent = RefCell::new(None);
            let mut serving = pin!(async {
                loop {
                    self.answer(answer, cut, &sent).await;
                }
            });
            let outcome = tokio::select! {
                biased;
                outcome = dial(request) => outcome,
                () = &mut serving => return,
            };
            match outcome {
                Err(error) => check_error(&error),
                Ok(opened) => {
                    // The end of an answer whose start was enough.
                    while sent.borrow().as_ref().is_none_or(|(_, done)| !done) {
                        tokio::select! {
                            biased;
                            () = &mut serving => return,
                            () = tokio::task::yield_now() => {}
                        }
                    }
                    let (sent, _) = sent.take().unwrap_or_default();
                    check_open(opened, &options, &protocols, &sent);
                }
            }
        });
    }

    /// Serves one connection to its end. `sent` gets the bytes, and whether all were sent.
    async fn answer(&self, answer: &[u8], cut: usize, sent: &RefCell<Option<(Vec<u8>, bool)>>) {
        let Ok((mut stream, _)) = self.listener.accept().await else { return };
        let mut head = Vec::new();
        // A redirect to wss brings a TLS handshake, which gets the same answer.
        while !head.ends_with(b"\r\n\r\n") && head.first().is_none_or(|first| *first == b'G') {
            match stream.read_buf(&mut head).await {
                Ok(count) if count > 0 => {}
                _ => return,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let key = head.lines().find_map(|line| line.to_ascii_lowercase().starts_with("sec-websocket-key:").then(|| line[18..].trim()));
        let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
        let at = answer.windows(ACCEPT.len()).position(|window| window == ACCEPT);
        let answer = at.map_or_else(|| answer.to_vec(), |at| [&answer[..at], accept.as_bytes(), &answer[at + ACCEPT.len()..]].concat());
        *sent.borrow_mut() = Some((answer.clone(), false));
        let (first, second) = answer.split_at(cut.min(answer.len()));
        for part in [first, second] {
            if stream.write_all(part).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        *sent.borrow_mut() = Some((answer, true));
    }
}

fn check_open(mut opened: Opened, options: &Options, offered: &[String], sent: &[u8]) {
    let chosen = &opened.protocol;
    assert!(if offered.is_empty() { chosen.is_empty() } else { offered.contains(chosen) }, "{chosen:?}");
    assert!(opened.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= 64 << 10);
    let _ = agree(options.compression.as_ref(), &opened.extensions);
    let mut behind = std::mem::take(&mut opened.leftover);
    while opened.transport.read(&mut behind, 64 << 10).is_ok_and(|count| count > 0) {}
    let head = sent.len().checked_sub(behind.len()).expect("no more comes than was sent");
    assert!(sent[head..] == behind && sent[..head].ends_with(b"\n"), "{:x?} behind {:x?}", behind, &sent[..head]);
}

fn check_error(error: &Error) {
    assert!(matches!(error.phase, Phase::Http | Phase::Tls), "{error:?}");
    assert!(error.body.len() <= 4096 && !error.message.is_empty());
    assert!(!format!("{error} {:?}", error.causes).contains(SECRET), "{error}");
}
