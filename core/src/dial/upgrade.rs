//! The opening handshake (RFC 6455 section 4.1): sends the request, and checks the whole answer. Knows nothing of the stream below, and leaves the
//! extensions' parameters to the protocol layer.

use ::http::header::CONNECTION;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use tungstenite::handshake::derive_accept_key;
use url::{Position, Url};

use super::http::{self, Answer, Body, Head, exchange};
use super::stream::Stream;
use crate::address;
use crate::error::{Error, ErrorCode, Result};
use crate::process;

/// The upgrade request for one URL.
pub(super) struct Ask<'a> {
    pub(super) url: &'a Url,
    pub(super) protocols: &'a [String],
    pub(super) extensions: Option<&'a str>,
    /// The user's headers.
    pub(super) headers: &'a [(String, String)],
    pub(super) cookies: Vec<(String, String)>,
    pub(super) auth: Option<(String, String)>,
    pub(super) origin: Option<&'a str>,
    pub(super) user_agent: &'a str,
}

/// The outcome of an upgrade.
pub(super) enum Outcome {
    /// The server speaks WebSocket from here on.
    Open { stream: Stream, leftover: Vec<u8>, protocol: String, extensions: String, head: Head },
    /// The server answered with a status other than 101.
    Refused(Head, Box<Body>),
}

/// Sends the request to the server at the other end of `stream`.
///
/// # Errors
/// `http_invalid`, `subprotocol_mismatch`, `invalid_header`.
pub(super) async fn upgrade(stream: Stream, ask: &Ask<'_>) -> Result<Outcome> {
    let key = BASE64_STANDARD.encode(process::random::<16>());
    let who = format!("the server {}", address::host_and_port(ask.url));
    match exchange(stream, &ask.request(&key)?, &who).await? {
        Answer::Refused(head, body) => Ok(Outcome::Refused(head, body)),
        Answer::Switched(head, stream, leftover) => {
            let protocol = check(&head, &key, ask.protocols, &who)?;
            let extensions = head.headers.get_all("sec-websocket-extensions");
            let extensions = extensions.iter().map(http::text).collect::<Vec<_>>().join(", ");
            Ok(Outcome::Open { stream, leftover, protocol, extensions, head })
        }
    }
}

/// The longest request target that is sent. It is above the limits of common HTTP servers.
const TARGET_LIMIT: usize = 65_534;

/// The target of the request line. `None` if it is too long.
pub(super) fn request_target(url: &Url) -> Option<&str> {
    Some(&url[Position::BeforePath..Position::AfterQuery]).filter(|target| target.len() <= TARGET_LIMIT)
}

/// The user name and password of a URL, decoded.
pub(super) fn credentials_of(url: &Url) -> Option<(String, String)> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((decode(url.username()), decode(url.password().unwrap_or_default())))
}

/// The value of a header for Basic authorization (RFC 7617).
pub(super) fn basic((user, password): &(String, String)) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// The value of a Host header for a URL.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

impl Ask<'_> {
    /// The request. Header names are spelled as in RFC 6455 and RFC 9110, and the user's as the user wrote them: some servers compare case.
    fn request(&self, key: &str) -> Result<http::Request> {
        for (name, value) in self.headers {
            address::check_header(name, value)?;
        }
        let of = |wanted: &'static str| self.headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
        let given = |name| of(name).next().is_some();
        let mut headers: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        if of("host").count() > 1 {
            return Err(Error::new(ErrorCode::InvalidHeader, "header \"Host\" is given more than once"));
        }
        // A Host header of the user comes first, as HTTP recommends.
        match of("host").next() {
            Some((name, value)) => add(name, value),
            None => add("Host", &host(self.url)),
        }
        add("Connection", "Upgrade");
        add("Upgrade", "websocket");
        add("Sec-WebSocket-Version", "13");
        add("Sec-WebSocket-Key", key);
        if !self.protocols.is_empty() {
            add("Sec-WebSocket-Protocol", &self.protocols.join(", "));
        }
        if let Some(extensions) = self.extensions {
            add("Sec-WebSocket-Extensions", extensions);
        }
        // A header of the user replaces the option of the same meaning. Cookies of both are sent.
        if let Some(origin) = self.origin.filter(|_| !given("origin")) {
            add("Origin", origin);
        }
        if !self.user_agent.is_empty() && !given("user-agent") {
            add("User-Agent", self.user_agent);
        }
        if let Some(auth) = self.auth.as_ref().filter(|_| !given("authorization")) {
            add("Authorization", &basic(auth));
        }
        let merges_cookies = !self.cookies.is_empty();
        if merges_cookies {
            let theirs = of("cookie").map(|(_, value)| value.clone());
            let ours = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            add("Cookie", &theirs.chain(ours).collect::<Vec<_>>().join("; "));
        }
        // An option may hold characters that a header may not.
        for (name, value) in &headers {
            address::check_header_value(name, value)?;
        }
        let already = |name: &str| name.eq_ignore_ascii_case("host") || (merges_cookies && name.eq_ignore_ascii_case("cookie"));
        headers.extend(self.headers.iter().filter(|(name, _)| !already(name)).cloned());
        let Some(target) = request_target(self.url) else {
            let message = format!("the path and query are too long to be sent to {}", address::host_and_port(self.url));
            return Err(Error::new(ErrorCode::InvalidUrl, message));
        };
        Ok(http::Request { method: "GET", target: target.to_owned(), headers })
    }
}

/// Checks a 101 response by RFC 6455 section 4.1, and the subprotocol by the WHATWG standard: exactly one of those offered, if any were.
fn check(head: &Head, key: &str, offered: &[String], who: &str) -> Result<String> {
    let refuse =
        |code, why: String| Err(head.error(code, format!("{who} answered 101 but {why}")).retryable(code == ErrorCode::HttpInvalid));
    let one = |name: &str| {
        let mut values = head.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Ok(Some(value.to_str().unwrap_or("\u{fffd}").trim())),
            (Some(_), Some(_)) => Err(format!("with more than one {name} header")),
        }
    };
    if !head.is_http_1_1 {
        return refuse(ErrorCode::HttpInvalid, "in another version of HTTP than 1.1, which alone has upgrades".into());
    }
    match one("upgrade") {
        Ok(Some(value)) if value.eq_ignore_ascii_case("websocket") => {}
        Ok(Some(value)) => return refuse(ErrorCode::HttpInvalid, format!("its Upgrade header is {value:?}, not \"websocket\"")),
        Ok(None) => return refuse(ErrorCode::HttpInvalid, "has no Upgrade header".into()),
        Err(why) => return refuse(ErrorCode::HttpInvalid, why),
    }
    let connection = head.headers.get_all(CONNECTION);
    let mut tokens = connection.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if !tokens.any(|token| token.trim().eq_ignore_ascii_case("upgrade")) {
        return refuse(ErrorCode::HttpInvalid, "its Connection header does not say \"Upgrade\"".into());
    }
    match one("sec-websocket-accept") {
        Ok(Some(value)) if value == derive_accept_key(key.as_bytes()) => {}
        Ok(Some(_)) => {
            return refuse(
                ErrorCode::HttpInvalid,
                "its Sec-WebSocket-Accept does not answer our key: it may be an old answer from a cache".into(),
            );
        }
        Ok(None) => return refuse(ErrorCode::HttpInvalid, "has no Sec-WebSocket-Accept header".into()),
        Err(why) => return refuse(ErrorCode::HttpInvalid, why),
    }
    // Subprotocols may be secrets (some services put a key there): the message counts them, and does not name them.
    let offer = || match offered.len() {
        0 => "none was".to_owned(),
        1 => "another one was".to_owned(),
        count => format!("{count} others were"),
    };
    match one("sec-websocket-protocol") {
        Ok(None) if offered.is_empty() => Ok(String::new()),
        Ok(Some(chosen)) if offered.iter().any(|protocol| protocol == chosen) => Ok(chosen.to_owned()),
        Ok(Some(_)) => refuse(
            ErrorCode::SubprotocolMismatch,
            format!("chose a subprotocol that was not offered ({}); the headers of this error have it", offer()),
        ),
        Ok(None) => refuse(
            ErrorCode::SubprotocolMismatch,
            format!("chose no subprotocol, where {} offered", if offered.len() == 1 { "one was" } else { "some were" }),
        ),
        Err(why) => refuse(ErrorCode::SubprotocolMismatch, why),
    }
}
