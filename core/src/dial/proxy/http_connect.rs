//! A tunnel through an HTTP proxy (CONNECT, RFC 9110 section 9.3.6). Knows nothing of the connection to the proxy.

use tokio::time::Instant;
use url::Url;

use crate::address::Place;
use crate::dial::http::{Answer, Request, exchange};
use crate::dial::refusal::{secrets_of_credentials, with_body};
use crate::dial::stream::Stream;
use crate::dial::upgrade::{basic, credentials_of};
use crate::error::{Error, ErrorCode, Phase, Result};

/// Asks the proxy at the other end of `stream` for a tunnel to `to`.
///
/// # Errors
/// `proxy_auth_required` with the answer's status, headers and body; `proxy_failed`.
pub(super) async fn connect(stream: Stream, proxy: &Url, to: &Place, who: &str, deadline: Option<Instant>) -> Result<Stream> {
    let target = to.to_string();
    let failed = |why: String| Error::new(ErrorCode::ProxyFailed, format!("{who} {why}"));
    let credentials = credentials_of(proxy);
    let mut headers = vec![("Host".to_owned(), target.clone())];
    headers.extend(credentials.as_ref().map(|credentials| ("Proxy-Authorization".to_owned(), basic(credentials))));
    let request = Request { method: "CONNECT", target: target.clone(), headers };
    let answer = exchange(stream, &request, who).await.map_err(|error| {
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
            // tinyproxy answers 401 to wrong credentials.
            let error = if matches!(head.status, 401 | 407) {
                let words = if credentials.is_some() { "did not accept the credentials given" } else { "wants credentials" };
                head.error(ErrorCode::ProxyAuthRequired, format!("{who} {words} ({}) on the way to {target}", head.status_text()))
            } else {
                let message = format!("{who} refused to connect to {target} with {}", head.status_text());
                head.error(ErrorCode::ProxyFailed, message).retryable(!matches!(head.status, 400 | 402 | 403 | 405))
            };
            let secrets = credentials.as_ref().map(secrets_of_credentials);
            Err(with_body(error, body.start(deadline).await, secrets.as_ref().map_or(&[], |secrets| secrets)))
        }
    }
}
