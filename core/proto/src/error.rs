//! The one error type: a stable code, its phase, a message, the server's response, and whether a retry may help.
//! Knows nothing of states, sockets or languages. The bindings turn it into an exception by its fields.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The phase of a connection's life in which something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// An option, an argument or a URL was not acceptable.
    Options,
    /// The host name could not be resolved.
    Dns,
    /// No TCP (or unix socket) connection could be made.
    Tcp,
    /// The proxy refused, or could not be used.
    Proxy,
    /// The TLS handshake failed.
    Tls,
    /// The HTTP upgrade was refused or its answer was wrong.
    Http,
    /// The peer broke RFC 6455 or RFC 7692, or one of our limits.
    Protocol,
    /// The peer was silent for too long.
    Liveness,
    /// The login of an open connection (`ready`) failed.
    Ready,
    /// A request got no reply, or an error as its reply.
    Request,
    /// The open connection ended, or the call needs one that is open.
    Closed,
    /// The process: fork, exit.
    Process,
}

impl Phase {
    /// The name, the same in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Options => "options",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Protocol => "protocol",
            Self::Liveness => "liveness",
            Self::Ready => "ready",
            Self::Request => "request",
            Self::Closed => "closed",
            Self::Process => "process",
        }
    }
}

/// Whether trying again may help, judged by the code alone. If so, a socket with `reconnect` tries again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Again {
    /// The next attempt may succeed.
    Yes,
    /// The same will happen again.
    No,
    /// The HTTP status decides.
    ByStatus,
    /// The close code decides.
    ByCloseCode,
}

/// Defines each error code once: variant, stable name, phase, and the sentence of the reference.
macro_rules! error_codes {
    ($($variant:ident = $name:literal, $phase:ident, $doc:literal;)+) => {
        /// The stable code of an error, the same in every language.
        #[allow(clippy::doc_markdown, reason = "the sentences are those of the reference in every language, in plain text")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode { $(#[doc = $doc] $variant,)+ }

        impl ErrorCode {
            /// Every code, in the order of the reference.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The stable name, such as `http_refused`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The phase in which it happens.
            pub fn phase(self) -> Phase {
                match self { $(Self::$variant => Phase::$phase,)+ }
            }

            /// What it means, in a sentence (the reference is made from it).
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $doc,)+ }
            }
        }
    };
}

error_codes! {
    InvalidOption = "invalid_option", Options, "An option is unknown, has the wrong type, or is out of its limits.";
    InvalidUrl = "invalid_url", Options, "The URL does not parse, has another scheme than ws, wss, http or https, or has a fragment.";
    InvalidProtocol = "invalid_protocol", Options, "A subprotocol is not a token of RFC 7230, or is given twice.";
    InvalidHeader = "invalid_header", Options, "A header's name or value has characters that HTTP does not allow, or is one that the handshake sets itself.";
    InvalidData = "invalid_data", Options, "The argument of send, ping or pong cannot be sent: its type, its size, or text that is not Unicode.";
    InvalidClose = "invalid_close", Options, "A close code that is not allowed: the browser's class takes 1000 and 3000 to 4999, the other APIs every code that RFC 6455 allows in a Close frame; a reason without a code, or over 123 bytes of UTF-8.";
    InvalidState = "invalid_state", Closed, "The call needs a connection in another state.";
    ProviderFailed = "provider_failed", Options, "A function given for the URL, headers, protocols or heartbeat raised an error or returned something unusable.";
    DnsFailed = "dns_failed", Dns, "The host name has no address, or the resolver could not be asked.";
    ConnectionRefused = "connection_refused", Tcp, "No process listens at the address.";
    ConnectionFailed = "connection_failed", Tcp, "The TCP or unix socket connection could not be made: unreachable, no such file, not permitted.";
    OpenTimeout = "open_timeout", Tcp, "The connection was not open within open_timeout; the message names the phase that was not complete.";
    ProxyFailed = "proxy_failed", Proxy, "The proxy could not be reached, does not speak its protocol, or could not reach the host.";
    ProxyAuthRequired = "proxy_auth_required", Proxy, "The proxy wants credentials, or did not accept the ones given.";
    TlsFailed = "tls_failed", Tls, "The TLS handshake failed.";
    TlsCertificate = "tls_certificate", Tls, "The server's certificate was not accepted; the message names the check: expired, wrong host, unknown issuer.";
    HttpRefused = "http_refused", Http, "The server answered the upgrade with another status than 101; status, headers and the first 4 KiB of body are kept.";
    HttpRedirect = "http_redirect", Http, "The server redirects and redirects are not followed, are too many, or lead from wss to ws.";
    HttpInvalid = "http_invalid", Http, "The answer is not HTTP, is too large, or its upgrade headers are not what RFC 6455 section 4.1 demands.";
    SubprotocolMismatch = "subprotocol_mismatch", Http, "The server chose a subprotocol that was not offered, or did not choose one of those offered.";
    ExtensionMismatch = "extension_mismatch", Http, "The server chose an extension, or a parameter of one, that was not offered or is malformed.";
    ProtocolError = "protocol_error", Protocol, "The peer broke the framing rules of RFC 6455 (close code 1002).";
    InvalidPayload = "invalid_payload", Protocol, "A text message or close reason was not UTF-8, or compressed data could not be inflated (close code 1007).";
    MessageTooBig = "message_too_big", Protocol, "A message is larger than max_size, counted after inflation (close code 1009).";
    PingTimeout = "ping_timeout", Liveness, "Nothing came from the peer within ping_timeout after a ping.";
    IdleTimeout = "idle_timeout", Liveness, "Nothing at all came from the peer for idle_timeout.";
    DataIdleTimeout = "data_idle_timeout", Liveness, "No data message came from the peer for data_idle_timeout.";
    HeartbeatMissed = "heartbeat_missed", Liveness, "max_missed heartbeats went without their response.";
    ReadyTimeout = "ready_timeout", Ready, "The login was not answered, or its function did not return, within ready.timeout.";
    ReadyRejected = "ready_rejected", Ready, "The server rejected the login (ready.reject), or its function returned false. It counts as an authorization that failed.";
    RequestTimeout = "request_timeout", Request, "No reply to the request came within its timeout.";
    RequestFailed = "request_failed", Request, "The server answered the request with an error (request.error); the reply is the error's body.";
    RateLimited = "rate_limited", Closed, "The rate limit is reached, and no more messages may wait for it; or a waiting message was dropped.";
    CloseTimeout = "close_timeout", Closed, "The peer did not finish the closing handshake within close_timeout.";
    ConnectionLost = "connection_lost", Closed, "The connection ended or was reset without a Close frame.";
    ClosedByPeer = "closed_by_peer", Closed, "The peer closed the connection with a code that reports a fault.";
    Cancelled = "cancelled", Closed, "close() or terminate() was called before the connection was open.";
    Replaced = "replaced", Closed, "reconnect() replaced the connection by another one.";
    Terminated = "terminated", Closed, "terminate() dropped the connection.";
    MessageAborted = "message_aborted", Closed, "A message in fragments was not sent to its end: the source of its parts failed, was cancelled, or took too long.";
    QueueFull = "queue_full", Closed, "The send queue is full and its overflow rule is error.";
    WriteLimit = "write_limit", Closed, "More than write_limit bytes wait to leave and the call cannot wait.";
    Forked = "forked", Process, "The socket belongs to the parent process; a forked child makes its own.";
    Exiting = "exiting", Process, "The process is ending.";
    RuntimeFailed = "runtime_failed", Process, "The system gave no thread, timer or descriptor.";
    Internal = "internal", Process, "A fault in Heartwire itself; please report it.";
}

impl ErrorCode {
    /// Whether trying again may help.
    pub fn again(self) -> Again {
        match self {
            Self::HttpRefused => Again::ByStatus,
            Self::ClosedByPeer => Again::ByCloseCode,
            Self::ProxyAuthRequired | Self::TlsCertificate => Again::No,
            Self::ProviderFailed
            | Self::HttpInvalid
            | Self::CloseTimeout
            | Self::ConnectionLost
            | Self::Replaced
            | Self::MessageAborted
            | Self::RuntimeFailed => Again::Yes,
            _ => match self.phase() {
                Phase::Dns | Phase::Tcp | Phase::Proxy | Phase::Tls | Phase::Protocol | Phase::Liveness => Again::Yes,
                // After a timeout the next login may succeed. A rejected login counts against the budget.
                Phase::Ready => {
                    if self == Self::ReadyTimeout {
                        Again::Yes
                    } else {
                        Again::No
                    }
                }
                Phase::Options | Phase::Http | Phase::Request | Phase::Closed | Phase::Process => Again::No,
            },
        }
    }
}

/// An error: its message, its phase, and whether a retry may help. Cheap to clone. Never holds a secret.
#[derive(Clone)]
pub struct Error(Arc<Detail>);

/// The fields of an [`Error`]. `Debug` omits the server's response, which may hold cookies and tokens.
#[derive(Clone)]
#[non_exhaustive]
pub struct Detail {
    /// The stable code.
    pub code: ErrorCode,
    /// The phase, if it differs from that of the code: an open timeout names the step that it interrupted.
    pub phase: Phase,
    /// The message, in plain words.
    pub message: String,
    /// The HTTP status of a refused upgrade, or of a refusing proxy.
    pub status: Option<u16>,
    /// The response's headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The first 4 KiB of the response's body.
    pub body: Vec<u8>,
    /// Whether trying again may help.
    pub retryable: bool,
    /// The delay that the server asked for with Retry-After.
    pub retry_after: Option<Duration>,
    /// The delay before the next attempt, once it is decided.
    pub retry_in: Option<Duration>,
    /// The causes, outermost first.
    pub causes: Vec<String>,
    /// The operating system's number of the innermost cause that has one (`errno`).
    pub os_error: Option<i32>,
    /// The faults in the options, one by one.
    pub faults: Vec<Fault>,
}

/// A fault in the options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The path of the option, in the spelling of the host language, such as `heartbeat.interval`.
    pub path: String,
    /// The given value, shortened. `None` if it may be a secret or is not the fault.
    pub value: Option<String>,
    /// The rule that it breaks, in words that follow the path: `must be ...`.
    pub rule: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.rule)?;
        match &self.value {
            Some(value) => write!(f, "; got {value}"),
            None => Ok(()),
        }
    }
}

impl Error {
    /// An error with a code and a message. [`ErrorCode::again`] decides whether it is retryable; [`Error::retryable`] overrides that.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let retryable = code.again() == Again::Yes;
        Self(Arc::new(Detail {
            code,
            phase: code.phase(),
            message: message.into(),
            status: None,
            headers: Vec::new(),
            body: Vec::new(),
            retryable,
            retry_after: None,
            retry_in: None,
            causes: Vec::new(),
            os_error: None,
            faults: Vec::new(),
        }))
    }

    /// Changes the fields while the error is being made.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Detail)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Adds a cause: the error and its own sources.
    #[must_use]
    pub fn caused_by(self, source: &(dyn std::error::Error + 'static)) -> Self {
        self.with(|detail| {
            let mut next = Some(source);
            while let Some(source) = next {
                let words = source.to_string();
                if detail.causes.last() != Some(&words) {
                    detail.causes.push(words);
                }
                if let Some(number) = source.downcast_ref::<std::io::Error>().and_then(os_error) {
                    detail.os_error = Some(number);
                }
                next = source.source();
            }
        })
    }

    /// Sets whether trying again may help, if the code alone does not decide.
    #[must_use]
    pub fn retryable(self, retryable: bool) -> Self {
        self.with(|detail| detail.retryable = retryable)
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }
}

/// The system's number, also of an inner error: `source()` of `io::Error` leaves out the one that it wraps.
fn os_error(error: &std::io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| os_error(error.get_ref()?.downcast_ref()?))
}

impl fmt::Debug for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>();
        f.debug_struct("Error")
            .field("code", &self.code)
            .field("phase", &self.phase)
            .field("message", &self.message)
            .field("status", &self.status)
            .field("headers", &names)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("retryable", &self.retryable)
            .field("retry_after", &self.retry_after)
            .field("retry_in", &self.retry_in)
            .field("causes", &self.causes)
            .field("faults", &self.faults)
            .field("os_error", &self.os_error)
            .finish()
    }
}

impl std::ops::Deref for Error {
    type Target = Detail;

    fn deref(&self) -> &Detail {
        &self.0
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.message, self.code.as_str(), self.phase.as_str())?;
        if let Some(delay) = self.retry_in {
            write!(f, "; next attempt in {:.1} s", delay.as_secs_f64())?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::{Error, ErrorCode};
    use std::collections::HashSet;

    #[test]
    fn an_error_is_one_pointer() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn debug_leaves_out_what_the_server_said() {
        let error = Error::new(ErrorCode::HttpRefused, "refused").with(|detail| {
            detail.headers = vec![("set-cookie".into(), "id=s3cret".into())];
            detail.body = b"s3cret".to_vec();
        });
        let shown = format!("{error:?}");
        assert!(shown.contains("set-cookie") && shown.contains("6 bytes") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn names_are_unique() {
        let names: HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
    }

    #[test]
    fn the_number_of_the_system_is_kept() {
        let refused = std::io::Error::from_raw_os_error(111);
        let error = Error::new(ErrorCode::ConnectionRefused, "refused").caused_by(&std::io::Error::other(refused));
        assert_eq!(error.os_error, Some(111));
        assert_eq!(Error::new(ErrorCode::TlsFailed, "x").caused_by(&std::io::Error::other("no number")).os_error, None);
    }

    #[test]
    fn causes_follow_the_sources() {
        let inner = std::io::Error::other("cable cut");
        let error = Error::new(ErrorCode::ConnectionLost, "the connection was lost").caused_by(&inner);
        assert_eq!(error.causes, ["cable cut"]);
        assert!(error.retryable);
        assert_eq!(error.to_string(), "the connection was lost (connection_lost, closed)");
    }
}
