//! The input and the result of an attempt: the request, and the open connection.

use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::address::{Place, host_and_port};
use crate::options::Options;
use crate::transport::Transport;

/// A request to open a connection. `Debug` shows only the place, because the rest may be secret.
#[derive(Clone)]
pub struct Request {
    /// The URL, from [`parse_url`](crate::address::parse_url).
    pub url: Url,
    /// The subprotocols to offer, checked.
    pub protocols: Vec<String>,
    /// The user's headers, checked.
    pub headers: Vec<(String, String)>,
    /// The value of `Sec-WebSocket-Extensions`, if extensions are offered.
    pub extensions: Option<String>,
    /// All other options.
    pub options: Arc<Options>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({}://{})", self.url.scheme(), host_and_port(&self.url))
    }
}

/// An open connection. `Debug` shows only the place.
pub struct Opened {
    /// The stream, non-blocking and bound to no runtime.
    pub transport: Transport,
    /// The bytes that came after the response's head: the first frames.
    pub leftover: Vec<u8>,
    /// The URL that was opened. After redirects it differs from the request's.
    pub url: Url,
    /// The subprotocol that the server chose, checked; or empty.
    pub protocol: String,
    /// The answer's `Sec-WebSocket-Extensions`, unchecked; or empty.
    pub extensions: String,
    /// The response's headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({}://{})", self.url.scheme(), host_and_port(&self.url))
    }
}

/// The URL and the place of one connection.
#[derive(Clone, Debug)]
pub(super) struct Way<'a> {
    /// The requested URL: its host is the name for TLS and for the Host header.
    pub(super) url: &'a Url,
    /// The place to connect to.
    pub(super) to: Place,
}

impl<'a> Way<'a> {
    pub(super) fn new(url: &'a Url, connect_to: Option<&Place>) -> Self {
        let own = Place::of(url);
        let to = connect_to.map_or_else(|| own.clone(), |place| Place { port: place.port.or(own.port), ..place.clone() });
        Self { url, to }
    }

    /// The name of the place in errors and for `connect_limit`.
    pub(super) fn place(&self, options: &Options) -> String {
        let target = host_and_port(self.url);
        match &options.unix_socket {
            Some(path) => format!("{target} through {}", path.display()),
            None if self.to == Place::of(self.url) => target,
            None => format!("{target} at {}", self.to),
        }
    }
}
