//! Keeps the frames of one connection for the log, without secrets. It exists only if somebody wants frames.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use heartwire_proto::redact;
use url::Url;

use crate::close::{CloseCode, CloseFrame};
use crate::dial;
use crate::event::{Batch, Event, Item};
use crate::frames::{self, Frame};
use crate::message::Data;
use crate::options::{Options, Payload, Proxy};

/// A subprotocol, a header or a value of a query that is shorter is no secret, and hiding it everywhere would hide too much.
const SHORTEST: usize = 8;

/// Tells of the frames of a connection.
#[derive(Clone)]
pub(super) struct Teller {
    place: Arc<str>,
    known: Arc<[String]>,
}

impl Teller {
    /// For the connection that this request opens; `None` while nobody wants frames.
    pub(super) fn new(request: &dial::Request) -> Option<Self> {
        frames::wanted().then(|| Self { place: shown(&request.url).into(), known: redact::known(secrets(request)).into() })
    }

    fn tell(&self, sent: bool, kind: &'static str, length: usize, shown: String) {
        if frames::wanted() {
            frames::keep(Frame { place: Arc::clone(&self.place), sent, kind, length, shown });
        }
    }

    /// A message, or a part of one.
    pub(super) fn message(&self, sent: bool, data: Data<'_>) {
        match data {
            Data::Text(text) => self.tell(sent, "text", text.len(), redact::preview(text, &self.known)),
            Data::Binary(bytes) => self.tell(sent, "binary", bytes.len(), String::new()),
        }
    }

    /// A ping or a pong.
    pub(super) fn control(&self, sent: bool, kind: &'static str, payload: &[u8]) {
        self.tell(sent, kind, payload.len(), String::new());
    }

    /// A Close.
    pub(super) fn close(&self, sent: bool, code: Option<CloseCode>, reason: &str) {
        let length = code.map_or(0, |_| 2 + reason.len());
        let shown = match code {
            Some(code) => format!("{code} {}", redact::preview(reason, &self.known)),
            None => String::new(),
        };
        self.tell(sent, "close", length, shown.trim_end().to_owned());
    }

    /// The frames of a read: the items from the `mark`-th on. Pings were answered.
    pub(super) fn received(&self, batch: &Batch, mark: usize, close: Option<&CloseFrame>) {
        for item in &batch.items[mark..] {
            match item {
                Item::Text(range) | Item::Ascii(range) => self.message(false, Data::Text(batch.text(range))),
                Item::Binary(range) => self.message(false, Data::Binary(&batch.bytes[range.clone()])),
                Item::Event(event) => match &**event {
                    Event::Message(message) => self.message(false, Data::from(message)),
                    Event::Ping(payload) => {
                        self.control(false, "ping", payload);
                        self.control(true, "pong", payload);
                    }
                    Event::Pong { payload, .. } => self.control(false, "pong", payload),
                    _ => {}
                },
                Item::Barrier => {}
            }
        }
        if let Some(frame) = close {
            self.close(false, frame.code, &frame.reason);
        }
    }
}

/// Scheme, host and path: credentials and query may be secret.
fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

/// Everything that options and functions of the user gave and that may be secret.
fn secrets(request: &dial::Request) -> Vec<String> {
    let options: &Options = &request.options;
    let mut secrets = Vec::new();
    let mut long = request.protocols.clone();
    for (_, value) in request.headers.iter().chain(&options.cookies) {
        long.push(value.clone());
        long.extend(value.split([' ', ';', ',', '=']).map(str::to_owned));
    }
    long.extend(request.url.query_pairs().map(|(_, value)| value.into_owned()));
    long.extend(request.url.query().into_iter().flat_map(|query| query.split(['&', '='])).map(str::to_owned));
    secrets.extend(long.into_iter().filter(|value| value.len() >= SHORTEST));
    secrets.extend(of_url(&request.url));
    if let Proxy::Url(proxy) = &options.proxy {
        secrets.extend(of_url(proxy));
    }
    if let Some((user, password)) = &options.auth {
        secrets.push(STANDARD.encode(format!("{user}:{password}")));
        secrets.push(password.clone());
    }
    let own = options.heartbeat.as_ref().map(|heartbeat| &heartbeat.message);
    let login = options.ready.as_ref().and_then(|ready| ready.send.as_ref());
    secrets.extend(own.into_iter().chain(login).filter_map(|payload| match payload {
        Payload::Text(text) => Some(text.clone()),
        _ => None,
    }));
    secrets
}

/// The password of a URL, as it stands there and decoded.
fn of_url(url: &Url) -> Vec<String> {
    let Some(password) = url.password() else { return Vec::new() };
    let decoded = percent_encoding::percent_decode_str(password).decode_utf8_lossy().into_owned();
    let basic = STANDARD.encode(format!("{}:{decoded}", percent_encoding::percent_decode_str(url.username()).decode_utf8_lossy()));
    vec![password.to_owned(), decoded, basic]
}
