//! One HTTP/1.1 request on a stream that changes its protocol afterwards: CONNECT to a proxy, or the upgrade. Returns the stream with every byte
//! behind the head, or the refusal. `httparse` reads the answer. The request is written here, because header names must keep their spelling, which
//! hyper cannot do. Knows nothing of WebSockets.

use std::io;
use std::time::{Duration, SystemTime};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use httparse::{ParserConfig, Response, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::stream::Stream;
use super::tls;
use crate::error::{Error, ErrorCode, Phase};

/// The largest answer without its body, with interim answers (1xx).
const HEAD_LIMIT: usize = 64 * 1024;
/// The most headers of a response.
const HEADER_COUNT_LIMIT: usize = 256;
/// The most interim answers (RFC 9110 section 15.2) before the final one.
const INTERIM_LIMIT: usize = 20;
/// Below this size an incomplete head is parsed after every read, so an answer that is not HTTP is refused at once.
const EAGER: usize = 1024;
/// How much of a refusal's body is kept.
const BODY_LIMIT: usize = 4096;
/// The longest line before a chunk of a body.
const CHUNK_LINE_LIMIT: usize = 1024;
/// How long to wait for a refusal's body.
const BODY_PATIENCE: Duration = Duration::from_secs(1);

/// A request without a body.
pub(super) struct Request {
    pub(super) method: &'static str,
    /// The target of the request line.
    pub(super) target: String,
    /// The headers in their order and spelling. They are checked: they contain no line end.
    pub(super) headers: Vec<(String, String)>,
}

/// A response without its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) is_http_1_1: bool,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
}

/// The outcome of the request.
pub(super) enum Answer {
    /// The stream may be used again. The bytes came behind the head.
    Switched(Head, Stream, Vec<u8>),
    /// The server refused.
    Refused(Head, Box<Body>),
}

/// The body of a refusal, not read yet.
pub(super) struct Body {
    stream: Stream,
    /// The bytes behind the head.
    ahead: Vec<u8>,
    framing: Framing,
}

/// The end of a body (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
    /// The body ends with the connection.
    End,
}

/// Sends the request and reads the answer. `who` names the peer in errors: "the server im.example:80".
///
/// # Errors
/// `http_invalid`, or the TLS error if TLS failed.
pub(super) async fn exchange(mut stream: Stream, request: &Request, who: &str) -> Result<Answer, Error> {
    // A server may answer and end the connection before it has read the whole request: its answer still counts.
    let sent = send(&mut stream, request).await;
    let mut received = Vec::new();
    let (mut passed, mut interim) = (0, 0);
    let head = loop {
        if let Some((head, length)) = parse(&received).map_err(|fault| fault.explain(&received, who))? {
            passed += length;
            if passed > HEAD_LIMIT {
                return Err(Fault::TooLarge.explain(&received, who));
            }
            if head.status >= 200 || head.status == 101 {
                received.drain(..length);
                break head;
            }
            interim += 1;
            if interim > INTERIM_LIMIT {
                return Err(Fault::Interim.explain(&received, who));
            }
            received.drain(..length);
            continue;
        }
        loop {
            if passed + received.len() > HEAD_LIMIT {
                return Err(Fault::TooLarge.explain(&received, who));
            }
            let before = received.len();
            match stream.read_buf(&mut received).await {
                Ok(0) => return Err(Fault::Ended.explain(&received, who)),
                Ok(_) => {}
                Err(error) => return Err(broken(&sent.err().unwrap_or(error), who)),
            }
            if received.len() < EAGER || received[before..].contains(&b'\n') {
                break;
            }
        }
    };
    let is_switched = if request.method == "CONNECT" { matches!(head.status, 200..=299) } else { head.status == 101 };
    if is_switched {
        return Ok(Answer::Switched(head, stream, received));
    }
    let framing = framing(&head).ok_or_else(|| Fault::NoHttp.explain(&received, who))?;
    Ok(Answer::Refused(head, Box::new(Body { stream, ahead: received, framing })))
}

async fn send(stream: &mut Stream, request: &Request) -> io::Result<()> {
    let mut text = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    for (name, value) in &request.headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await
}

/// The reason why an answer cannot be used.
#[derive(Clone, Copy, Debug)]
enum Fault {
    NoHttp,
    TooLarge,
    Interim,
    Ended,
}

impl Fault {
    fn explain(self, received: &[u8], who: &str) -> Error {
        let words = match self {
            // A TLS alert record: a TLS server sends it after a plain request.
            Self::NoHttp | Self::Ended if received.starts_with(&[0x15, 0x03]) => {
                "answered in TLS; use wss:// (https://) on this port".into()
            }
            Self::NoHttp => "did not answer in HTTP/1.1".into(),
            Self::TooLarge => {
                format!("answered with a head of more than {} KiB or {HEADER_COUNT_LIMIT} headers", HEAD_LIMIT / 1024)
            }
            Self::Interim => format!("answered with more than {INTERIM_LIMIT} interim responses (status 1xx) and no final one"),
            Self::Ended => "ended the connection before it had answered".into(),
        };
        Error::new(ErrorCode::HttpInvalid, format!("{who} {words}"))
    }
}

fn broken(error: &io::Error, who: &str) -> Error {
    tls::explain_beneath(error, who)
        .unwrap_or_else(|| Error::new(ErrorCode::HttpInvalid, format!("{who} could not be asked: the connection broke")).caused_by(error))
}

/// The head at the start of `received`, and its length. `None` while it is incomplete.
fn parse(received: &[u8]) -> Result<Option<(Head, usize)>, Fault> {
    let mut headers = [httparse::EMPTY_HEADER; HEADER_COUNT_LIMIT];
    let mut response = Response::new(&mut headers);
    let mut config = ParserConfig::default();
    // RFC 9112 section 5.2: a user agent must take a line that is folded over several.
    config.allow_obsolete_multiline_headers_in_responses(true);
    let length = match config.parse_response(&mut response, received) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Fault::TooLarge),
        Err(_) => return Err(Fault::NoHttp),
    };
    let (Some(status), Some(version)) = (response.code, response.version) else { return Err(Fault::NoHttp) };
    if status < 100 {
        return Err(Fault::NoHttp);
    }
    let mut map = HeaderMap::with_capacity(response.headers.len());
    for header in response.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Fault::NoHttp)?;
        map.append(name, HeaderValue::from_bytes(&unfolded(header.value)).map_err(|_| Fault::NoHttp)?);
    }
    Ok(Some((Head { is_http_1_1: version == 1, status, headers: map }, length)))
}

/// A value in which one space replaces each fold (a line end and the blanks around it).
fn unfolded(value: &[u8]) -> Vec<u8> {
    let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    if value.contains(&b'\n') { lines.collect::<Vec<_>>().join(&b' ') } else { value.to_vec() }
}

/// How the body ends. `None` if the lengths contradict each other.
fn framing(head: &Head) -> Option<Framing> {
    if matches!(head.status, 204 | 304) {
        return Some(Framing::Length(0));
    }
    if let Some(coding) = head.headers.get_all("transfer-encoding").iter().next_back() {
        let last = text(coding).rsplit(',').next().map(|coding| coding.trim().to_ascii_lowercase());
        return Some(if last.as_deref() == Some("chunked") { Framing::Chunked } else { Framing::End });
    }
    let mut lengths = head.headers.get_all("content-length").iter().map(|length| text(length).trim().parse().ok());
    match lengths.next() {
        None => Some(Framing::End),
        Some(first) => lengths.all(|length| length == first).then_some(Framing::Length(first?)),
    }
}

impl Body {
    /// The start of the body, as far as it arrives soon. A body that stalls must not delay the refusal.
    pub(super) async fn start(self, deadline: Option<Instant>) -> Vec<u8> {
        let patience = Instant::now() + BODY_PATIENCE;
        let mut kept = Vec::new();
        // The part of the body that arrived in time, or before a malformed byte, is kept.
        let _ = timeout_at(deadline.map_or(patience, |deadline| patience.min(deadline)), self.read(&mut kept)).await;
        kept.truncate(BODY_LIMIT);
        kept
    }

    async fn read(mut self, kept: &mut Vec<u8>) -> Option<()> {
        match self.framing {
            Framing::Length(length) => self.keep(length, kept).await,
            Framing::End => self.keep(u64::MAX, kept).await,
            Framing::Chunked => loop {
                let (start, size) = loop {
                    match httparse::parse_chunk_size(&self.ahead).ok()? {
                        Status::Complete(line) => break line,
                        Status::Partial if self.ahead.len() > CHUNK_LINE_LIMIT => return None,
                        Status::Partial => self.more().await?,
                    }
                };
                self.ahead.drain(..start);
                if size == 0 || kept.len() >= BODY_LIMIT {
                    return Some(());
                }
                self.keep(size, kept).await?;
                while self.ahead.len() < 2 {
                    self.more().await?;
                }
                self.ahead.drain(..2);
            },
        }
    }

    /// Moves so many bytes into `kept`, at most up to the limit for a body.
    async fn keep(&mut self, length: u64, kept: &mut Vec<u8>) -> Option<()> {
        let mut rest = usize::try_from(length).unwrap_or(usize::MAX);
        while rest > 0 && kept.len() < BODY_LIMIT {
            let count = rest.min(self.ahead.len());
            kept.extend(self.ahead.drain(..count));
            rest -= count;
            if rest > 0 {
                self.more().await?;
            }
        }
        Some(())
    }

    async fn more(&mut self) -> Option<()> {
        self.stream.read_buf(&mut self.ahead).await.ok().filter(|count| *count > 0).map(|_| ())
    }
}

/// A header's value: UTF-8, or else Latin-1 (RFC 9110 section 5.5).
pub(super) fn text(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| bytes.iter().copied().map(char::from).collect())
}

impl Head {
    /// Names in lower case, values as text.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        self.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
    }

    /// The status with the name that HTTP gives it: "404 Not Found".
    pub(super) fn status_text(&self) -> String {
        http::StatusCode::from_u16(self.status).map_or_else(|_| self.status.to_string(), |status| status.to_string())
    }

    /// An error that keeps this response without its body.
    pub(super) fn error(&self, code: ErrorCode, message: impl Into<String>) -> Error {
        Error::new(code, message).with(|detail| {
            detail.status = Some(self.status);
            detail.headers = self.headers();
            detail.retry_after = self.headers.get("retry-after").and_then(|value| retry_after(value.to_str().ok()?, SystemTime::now()));
            // A later attempt may succeed after these refusals. In other phases the error code decides.
            if code.phase() == Phase::Http {
                detail.retryable = matches!(self.status, 408 | 425 | 429 | 500..=599);
            }
        })
    }
}

/// Retry-After is a number of seconds or a date (RFC 9110 section 10.2.3).
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number of seconds that does not fit counts as the largest one that does.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), Some(Duration::from_secs(10)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after(&"9".repeat(30), now), Some(Duration::from_secs(u64::MAX)));
        for bad in ["", "soon", "-1", "1.5", "+5"] {
            assert_eq!(retry_after(bad, now), None, "{bad}");
        }
    }

    #[test]
    fn folded_lines_are_one_and_latin_1_is_read() {
        let answer = b"HTTP/1.1 200 OK\r\nX: a\r\n  b\r\n\tc\r\nY: M\xfcnchen\r\nZ: Z\xc3\xbcrich\r\nE:\r\n \r\n\r\nbody";
        let (head, length) = parse(answer).ok().flatten().expect("a whole head");
        let pairs = head.headers();
        let of = |name: &str| pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
        assert_eq!((of("x"), of("y"), of("z"), of("e")), (Some("a b c"), Some("M\u{fc}nchen"), Some("Z\u{fc}rich"), Some("")));
        assert_eq!(&answer[length..], b"body");
    }
}
