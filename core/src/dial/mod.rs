//! One attempt to open a connection: resolve, connect, proxy, TLS, HTTP upgrade, redirects. Ends in an open stream or in an error that knows
//! its phase. Knows nothing of frames, of sessions, or of attempts before and after this one.

use std::sync::Arc;

use url::Url;

use crate::error::Error;
use crate::options::Options;
use crate::transport::Transport;

/// What to open.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where: as [`parse_url`](crate::address::parse_url) gave it.
    pub url: Url,
    /// The subprotocols to offer, checked.
    pub protocols: Vec<String>,
    /// The user's headers, checked.
    pub headers: Vec<(String, String)>,
    /// The value of `Sec-WebSocket-Extensions`, if extensions are offered.
    pub extensions: Option<String>,
    /// Everything else.
    pub options: Arc<Options>,
}

/// An open connection.
#[derive(Debug)]
pub struct Opened {
    /// The stream, non-blocking and bound to no runtime.
    pub transport: Transport,
    /// The bytes that came after the response's head: the first frames.
    pub leftover: Vec<u8>,
    /// The URL that was opened in the end: another than the request's if redirects were followed.
    pub url: Url,
    /// The subprotocol that the server chose, checked; or empty.
    pub protocol: String,
    /// The answer's `Sec-WebSocket-Extensions`, unchecked; or empty.
    pub extensions: String,
    /// The response's headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

/// Opens a connection. Needs a tokio runtime with its clock and its I/O. Dropping the future closes whatever it has opened.
///
/// # Errors
/// Every error of the phases dns, tcp, proxy, tls and http, and `invalid_option` for TLS files that cannot be used.
pub async fn dial(request: Request) -> Result<Opened, Error> {
    todo!()
}
