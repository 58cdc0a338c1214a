//! A tunnel through an HTTP proxy (CONNECT, RFC 9110 section 9.3.6). Knows nothing of how the proxy was reached.

use bytes::Bytes;
use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use http::{Method, Uri};
use http_body_util::Empty;
use tokio::time::Instant;
use url::Url;

use crate::address::host_and_port;
use crate::dial::http::{Answer, exchange};
use crate::dial::stream::Stream;
use crate::dial::upgrade::{basic, credentials_of};
use crate::error::{Error, ErrorCode, Phase, Result};

/// Asks the proxy at the other end of `stream` for a tunnel to `url`'s host.
///
/// # Errors
/// `proxy_auth_required` with the answer's status, headers and body; `proxy_failed`.
pub(super) async fn connect(stream: Stream, proxy: &Url, url: &Url, who: &str, deadline: Option<Instant>) -> Result<Stream> {
    let target = host_and_port(url);
    let failed = |why: String| Error::new(ErrorCode::ProxyFailed, format!("{who} {why}"));
    let unusable = |_| failed(format!("cannot be asked for {target}"));
    let mut request = http::Request::new(Empty::<Bytes>::new());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = target.parse::<Uri>().map_err(unusable)?;
    request.headers_mut().insert(HOST, HeaderValue::from_str(&target).map_err(|_| failed(format!("cannot be asked for {target}")))?);
    let credentials = credentials_of(proxy);
    if let Some(credentials) = &credentials {
        request.headers_mut().insert(PROXY_AUTHORIZATION, basic(credentials)?);
    }
    let answer = exchange(stream, request, who).await.map_err(|error| {
        if error.phase == Phase::Tls {
            return error;
        }
        error.with(|detail| {
            detail.message = format!("{}, on the way to {target}", detail.message);
            detail.code = ErrorCode::ProxyFailed;
            detail.phase = Phase::Proxy;
        })
    })?;
    match answer {
        Answer::Switched(_, stream, ahead) if ahead.is_empty() => Ok(stream),
        Answer::Switched(_, _, ahead) => {
            Err(failed(format!("sent {} bytes before anything was asked of {target} through it", ahead.len())))
        }
        Answer::Refused(head, body) => {
            // tinyproxy says 401 where it did not like the credentials.
            let error = if matches!(head.status, 401 | 407) {
                let words = if credentials.is_some() { "did not accept the credentials given" } else { "wants credentials" };
                head.error(ErrorCode::ProxyAuthRequired, format!("{who} {words} ({}) on the way to {target}", head.status_text()))
            } else {
                let message = format!("{who} refused to connect to {target} with {}", head.status_text());
                head.error(ErrorCode::ProxyFailed, message).retryable(!matches!(head.status, 400 | 402 | 403 | 405))
            };
            let body = body.start(deadline).await;
            Err(error.with(|detail| detail.body = body))
        }
    }
}
