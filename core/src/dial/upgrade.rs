//! The opening handshake (RFC 6455 section 4.1): the request, and the answer checked to the letter. Knows nothing of how the stream was made, and
//! leaves the extensions' parameters to the protocol layer.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, UPGRADE, USER_AGENT};
use http_body_util::Empty;
use percent_encoding::percent_decode_str;
use tungstenite::handshake::derive_accept_key;
use url::{Position, Url};

use super::http::{Answer, Body, Head, exchange};
use super::stream::Stream;
use crate::address;
use crate::error::{Error, ErrorCode, Result};
use crate::process;

/// What to ask for at one URL.
#[derive(Debug)]
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

/// What became of it.
pub(super) enum Outcome {
    /// The server speaks WebSocket now.
    Open { stream: Stream, leftover: Bytes, protocol: String, extensions: String, head: Head },
    /// It answered with another status than 101.
    Refused(Head, Box<Body>),
}

/// Asks the server at the other end of `stream`.
///
/// # Errors
/// `http_invalid`, `subprotocol_mismatch`, `invalid_header`.
pub(super) async fn upgrade(stream: Stream, ask: &Ask<'_>) -> Result<Outcome> {
    let key = BASE64_STANDARD.encode(process::random::<16>());
    let who = format!("the server {}", address::host_and_port(ask.url));
    match exchange(stream, ask.request(&key)?, &who).await? {
        Answer::Refused(head, body) => Ok(Outcome::Refused(head, body)),
        Answer::Switched(head, stream, leftover) => {
            let protocol = check(&head, &key, ask.protocols, &who)?;
            let extensions = head.headers.get_all("sec-websocket-extensions");
            let extensions = extensions.iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>().join(", ");
            Ok(Outcome::Open { stream, leftover, protocol, extensions, head })
        }
    }
}

/// What the request line asks for. HTTP bounds its length.
pub(super) fn request_target(url: &Url) -> std::result::Result<http::Uri, http::uri::InvalidUri> {
    url[Position::BeforePath..Position::AfterQuery].parse()
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
pub(super) fn basic((user, password): &(String, String)) -> Result<HeaderValue> {
    let mut value = header_value("Authorization", &format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Ask<'_> {
    fn request(&self, key: &str) -> Result<http::Request<Empty<Bytes>>> {
        let mut headers = HeaderMap::new();
        let host = match self.url.port() {
            Some(port) => format!("{}:{port}", self.url.host_str().unwrap_or_default()),
            None => self.url.host_str().unwrap_or_default().to_owned(),
        };
        headers.insert(HOST, header_value("Host", &host)?);
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        headers.insert("sec-websocket-key", header_value("Sec-WebSocket-Key", key)?);
        if !self.protocols.is_empty() {
            headers.insert("sec-websocket-protocol", header_value("Sec-WebSocket-Protocol", &self.protocols.join(", "))?);
        }
        if let Some(extensions) = self.extensions {
            headers.insert("sec-websocket-extensions", header_value("Sec-WebSocket-Extensions", extensions)?);
        }
        let mut own = HeaderMap::new();
        for (name, value) in self.headers {
            address::check_header(name, value)?;
            let parsed = HeaderName::from_bytes(name.as_bytes());
            own.append(
                parsed.map_err(|_| Error::new(ErrorCode::InvalidHeader, format!("header {name:?} has a bad name")))?,
                header_value(name, value)?,
            );
        }
        // A header of the user wins over the option of the same meaning; cookies of both are sent.
        if let Some(origin) = self.origin
            && !own.contains_key(ORIGIN)
        {
            headers.insert(ORIGIN, header_value("Origin", origin)?);
        }
        if !self.user_agent.is_empty() && !own.contains_key(USER_AGENT) {
            headers.insert(USER_AGENT, header_value("User-Agent", self.user_agent)?);
        }
        if let Some(auth) = &self.auth
            && !own.contains_key(AUTHORIZATION)
        {
            headers.insert(AUTHORIZATION, basic(auth)?);
        }
        if !self.cookies.is_empty() {
            let ours = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            let theirs = own.get_all(COOKIE).iter().filter_map(|value| Some(value.to_str().ok()?.to_owned()));
            let all = theirs.chain(ours).collect::<Vec<_>>().join("; ");
            own.remove(COOKIE);
            headers.insert(COOKIE, header_value("Cookie", &all)?);
        }
        headers.extend(own);

        let mut request = http::Request::new(Empty::new());
        *request.uri_mut() = request_target(self.url).map_err(|error| {
            let message = format!("the URL's path and query cannot be sent to {}: {error}", address::host_and_port(self.url));
            Error::new(ErrorCode::InvalidUrl, message)
        })?;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue> {
    HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| Error::new(ErrorCode::InvalidHeader, format!("header {name:?} has a character that HTTP does not allow in its value")))
}

/// Checks a 101 as RFC 6455 section 4.1 demands, and the subprotocol as the WHATWG standard does: exactly one of those offered, if any were.
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
    if head.version != http::Version::HTTP_11 {
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
    let offer = || if offered.is_empty() { "none was offered".to_owned() } else { format!("offered were {}", offered.join(", ")) };
    match one("sec-websocket-protocol") {
        Ok(None) if offered.is_empty() => Ok(String::new()),
        Ok(Some(chosen)) if offered.iter().any(|protocol| protocol == chosen) => Ok(chosen.to_owned()),
        Ok(Some(chosen)) => refuse(ErrorCode::SubprotocolMismatch, format!("chose the subprotocol {chosen:?}; {}", offer())),
        Ok(None) => refuse(ErrorCode::SubprotocolMismatch, format!("chose no subprotocol; {}", offer())),
        Err(why) => refuse(ErrorCode::SubprotocolMismatch, why),
    }
}

/// The error for a refusal, in words that help.
pub(super) fn refusal(url: &Url, head: &Head) -> Error {
    let hint = match head.status {
        200..=299 => ": it is a web page there, not a WebSocket",
        401 => ": it wants credentials (auth, headers), or does not accept those given",
        403 => ": it does not allow it (credentials or Origin)",
        404 => ": there is nothing at this path",
        407 => ": a proxy on the way wants credentials",
        426 => ": it wants another version of the protocol, or TLS",
        429 => ": too many connections or attempts",
        502..=504 => ": what stands in front of it cannot reach it",
        _ => "",
    };
    let message = format!("the server {} refused the upgrade with {}{hint}", address::host_and_port(url), head.status_text());
    head.error(ErrorCode::HttpRefused, message)
}
