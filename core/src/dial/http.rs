//! One HTTP/1.1 request on a stream that is to become something else: CONNECT to a proxy, or the upgrade. Gives the stream back, with every byte
//! that came behind the head, or what was answered instead. Knows nothing of WebSockets.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use super::stream::Stream;
use super::tls;
use crate::error::{Error, ErrorCode, Phase};

/// The largest response head.
const HEAD_LIMIT: usize = 64 * 1024;
/// The most headers of a response.
const HEADER_COUNT_LIMIT: usize = 256;
/// How much of a refusal's body is kept.
const BODY_LIMIT: usize = 4096;
/// How long a refusal's body is waited for.
const BODY_PATIENCE: Duration = Duration::from_secs(1);

/// A response without its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) version: http::Version,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
}

/// What became of the request.
pub(super) enum Answer {
    /// The stream is ours again. The bytes came behind the head.
    Switched(Head, Stream, Bytes),
    /// The server said something else.
    Refused(Head, Box<Body>),
}

/// The body of a refusal, not read yet.
pub(super) struct Body {
    connection: Conversation,
    incoming: Incoming,
}

type Conversation = Connection<TokioIo<Stream>, Empty<Bytes>>;

/// Sends the request and reads the answer. `who` names the peer in errors: "the server im.example:80".
///
/// # Errors
/// `http_invalid`, or what TLS says where the fault lies there.
pub(super) async fn exchange(stream: Stream, request: http::Request<Empty<Bytes>>, who: &str) -> Result<Answer, Error> {
    let explain = |error: &hyper::Error| explain(error, who);
    let (mut sender, mut connection): (_, Conversation) = Builder::new()
        .title_case_headers(true)
        .max_buf_size(HEAD_LIMIT)
        .max_headers(HEADER_COUNT_LIMIT)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| explain(&error))?;
    let is_connect = request.method() == http::Method::CONNECT;
    let response = alongside(&mut connection, sender.send_request(request)).await.map_err(|error| explain(&error))?;
    let (parts, body) = response.into_parts();
    let head = Head { version: parts.version, status: parts.status.as_u16(), headers: parts.headers };
    // hyper's own limit is one of its buffer, which may hold more than that for a moment.
    if head.size() > HEAD_LIMIT {
        return Err(too_large(who));
    }
    let is_switched = if is_connect { parts.status.is_success() } else { head.status == 101 };
    if is_switched {
        // hyper knows of no tunnel behind a 204 (RFC 9110 section 9.3.6 does), and would wait for the next request.
        if head.status != 204 {
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await.map_err(|error| explain(&error))?;
        }
        let parts = connection.into_parts();
        return Ok(Answer::Switched(head, parts.io.into_inner(), parts.read_buf));
    }
    Ok(Answer::Refused(head, Box::new(Body { connection, incoming: body })))
}

impl Body {
    /// The start of it: as much as comes soon. A body that stalls must not hide the refusal.
    pub(super) async fn start(mut self, deadline: Option<Instant>) -> Vec<u8> {
        let patience = Instant::now() + BODY_PATIENCE;
        let mut kept = Vec::new();
        let reading = alongside(&mut self.connection, read_body(self.incoming, &mut kept));
        let _ = timeout_at(deadline.map_or(patience, |deadline| patience.min(deadline)), reading).await;
        kept
    }
}

/// Runs `work` while the connection does its part in the same task: dropped together, nothing is left behind.
async fn alongside<T>(connection: &mut Conversation, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut finished = false;
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            // What ends the connection is told to the work, which is looked at once more.
            if finished || Pin::new(&mut *connection).poll_without_shutdown(cx).is_pending() {
                return Poll::Pending;
            }
            finished = true;
        }
    })
    .await
}

async fn read_body(mut body: Incoming, kept: &mut Vec<u8>) {
    while kept.len() < BODY_LIMIT {
        let Some(Ok(frame)) = body.frame().await else { return };
        if let Some(data) = frame.data_ref() {
            kept.extend_from_slice(&data[..data.len().min(BODY_LIMIT - kept.len())]);
        }
    }
}

fn explain(error: &hyper::Error, who: &str) -> Error {
    if let Some(error) = tls::explain_beneath(error, who) {
        return error;
    }
    if is_too_large(error) {
        return too_large(who);
    }
    let words = if error.is_parse() {
        "did not answer in HTTP/1.1".to_owned()
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        "ended the connection before it had answered".to_owned()
    } else {
        "could not be asked: the connection broke".to_owned()
    };
    Error::new(ErrorCode::HttpInvalid, format!("{who} {words}")).caused_by(error)
}

fn too_large(who: &str) -> Error {
    let limit = HEAD_LIMIT / 1024;
    Error::new(ErrorCode::HttpInvalid, format!("{who} answered with a head of more than {limit} KiB or {HEADER_COUNT_LIMIT} headers"))
}

/// hyper has a method for it that only servers have.
fn is_too_large(error: &hyper::Error) -> bool {
    error.is_parse() && error.to_string().contains("too large")
}

impl Head {
    fn size(&self) -> usize {
        self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
    }

    /// Names in lower case, values as text.
    pub(super) fn headers(&self) -> Vec<(String, String)> {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        self.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
    }

    /// The status with the name that HTTP gives it: "404 Not Found".
    pub(super) fn status_text(&self) -> String {
        http::StatusCode::from_u16(self.status).map_or_else(|_| self.status.to_string(), |status| status.to_string())
    }

    /// An error that keeps this response, but for its body.
    pub(super) fn error(&self, code: ErrorCode, message: impl Into<String>) -> Error {
        Error::new(code, message).with(|detail| {
            detail.status = Some(self.status);
            detail.headers = self.headers();
            detail.retry_after = self.headers.get("retry-after").and_then(|value| retry_after(value.to_str().ok()?, SystemTime::now()));
            // Refusals that may pass by themselves; what the code says by itself holds for other phases.
            if code.phase() == Phase::Http {
                detail.retryable = matches!(self.status, 408 | 425 | 429 | 500..=599);
            }
        })
    }
}

/// Retry-After is a number of seconds or a date (RFC 9110 section 10.2.3).
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
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
        for bad in ["", "soon", "-1", "1.5"] {
            assert_eq!(retry_after(bad, now), None, "{bad}");
        }
    }
}
