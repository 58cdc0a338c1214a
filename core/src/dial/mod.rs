//! One attempt to open a connection: resolve, connect, proxy, TLS, HTTP upgrade, redirects. Ends in an open stream or in an error that knows
//! its phase. Knows nothing of frames, of sessions, or of attempts before and after this one.

mod direct;
mod http;
mod limit;
mod progress;
mod proxy;
mod redirect;
mod resolve;
mod stream;
mod tcp;
mod tls;
mod upgrade;

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

pub use self::direct::{Spent, Waits};
use self::limit::{Turn, take_turn};
use self::progress::Progress;
use self::redirect::Journey;
use self::stream::Stream;
use self::upgrade::{Outcome, upgrade};
use crate::address::{bare_host, host_and_port};
use crate::error::{Error, ErrorCode, Phase, Result};
use crate::options::{Options, Proxy};
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

/// Whether [`dial_directly`] can do it: an address and no name, nobody in between, and no TLS, whose handshake keeps a thread busy.
pub fn is_direct(request: &Request) -> bool {
    let options = &*request.options;
    request.url.scheme() == "ws"
        && matches!(request.url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)))
        && options.unix_socket.is_none()
        && options.follow_redirects == 0
        && matches!(proxy::choose(&request.url, options), Ok(None))
}

/// As [`dial`], where [`is_direct`] is true, and with only the clock of a runtime: to be polled when the descriptor in `waits` is ready for what
/// they say, and when the waker is woken.
///
/// # Errors
/// As [`dial`].
pub async fn dial_directly(request: Request, waits: Arc<Waits>) -> Result<Opened> {
    attempt(request, Some(&waits)).await
}

/// Opens a connection. Needs a tokio runtime with its clock and its I/O. Dropping the future closes whatever it has opened. Waiting for others
/// that connect to the same place (`connect_limit`) comes first and does not count towards `open_timeout`.
///
/// # Errors
/// Every error of the phases dns, tcp, proxy, tls and http; `invalid_option` for TLS files that cannot be used.
pub async fn dial(request: Request) -> Result<Opened> {
    attempt(request, None).await
}

async fn attempt(request: Request, direct: Option<&Arc<Waits>>) -> Result<Opened> {
    let options = Arc::clone(&request.options);
    let turn = take_turn(&place(&request.url, &options), options.connect_limit).await;
    let progress = Progress::new();
    let Some((limit, deadline)) = options.open_timeout.and_then(|limit| Some((limit, Instant::now().checked_add(limit)?))) else {
        return open(&request, turn, &progress, None, direct).await;
    };
    let opening = open(&request, turn, &progress, Some(deadline), direct);
    match timeout_at(deadline, opening).await {
        Ok(outcome) => outcome,
        Err(_) => Err(progress.timed_out(&place(&request.url, &options), limit)),
    }
}

async fn open(
    request: &Request,
    mut turn: Turn,
    progress: &Progress,
    deadline: Option<Instant>,
    direct: Option<&Arc<Waits>>,
) -> Result<Opened> {
    let options = &*request.options;
    let mut journey = Journey::new(request);
    loop {
        let stream = connect(&journey.url, options, progress, deadline, direct).await?;
        progress.begins(Phase::Http, format!("waiting for the answer of {} to the upgrade", host_and_port(&journey.url)));
        match upgrade(stream, &journey.ask()).await? {
            Outcome::Open { stream, leftover, protocol, extensions, head } => {
                let (transport, ahead) = stream.into_transport().map_err(|error| {
                    Error::new(ErrorCode::RuntimeFailed, "the open stream could not be taken out of the runtime").caused_by(&error)
                })?;
                drop(turn);
                let leftover = [&leftover[..], &ahead].concat();
                return Ok(Opened { transport, leftover, url: journey.url, protocol, extensions, headers: head.headers() });
            }
            Outcome::Refused(head, body) => {
                if let Err(error) = journey.follow(&head) {
                    let body = body.start(deadline).await;
                    return Err(error.with(|detail| detail.body = body));
                }
                drop(turn);
                progress.begins(Phase::Tcp, format!("waiting for other connections to {}", host_and_port(&journey.url)));
                turn = take_turn(&place(&journey.url, options), options.connect_limit).await;
            }
        }
    }
}

/// A stream to `url`'s host, with TLS where it is due.
async fn connect(
    url: &Url,
    options: &Options,
    progress: &Progress,
    deadline: Option<Instant>,
    direct: Option<&Arc<Waits>>,
) -> Result<Stream> {
    let target = host_and_port(url);
    let stream = if let Some(path) = &options.unix_socket {
        if matches!(options.proxy, Proxy::Url(_)) {
            return Err(Error::new(ErrorCode::InvalidOption, "proxy and unix_socket exclude each other"));
        }
        progress.begins(Phase::Tcp, format!("connecting to the unix socket {}", path.display()));
        Stream::Unix(tcp::connect_unix(path).await?)
    } else if direct.is_none()
        && let Some(proxy) = proxy::choose(url, options)?
    {
        proxy::connect(&proxy, url, options, progress, deadline).await?
    } else {
        progress.begins(Phase::Dns, format!("resolving the name of {target}"));
        let addresses = resolve::resolve(url, options).await?;
        let all = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        progress.begins(Phase::Tcp, format!("connecting to {all}"));
        match (direct, &addresses[..]) {
            (Some(waits), &[address]) => Stream::Direct(direct::connect(&target, address, options, waits).await?),
            _ => Stream::Tcp(tcp::connect(&target, addresses, options).await?),
        }
    };
    if url.scheme() != "wss" {
        return Ok(stream);
    }
    progress.begins(Phase::Tls, format!("in the TLS handshake with {target}"));
    let name = options.tls.server_name.clone().unwrap_or_else(|| bare_host(url));
    tls::handshake(stream, &options.tls, tls::Peer { name: &name, who: &format!("the server {target}") }).await
}

/// What is connected to, for errors and for `connect_limit`.
fn place(url: &Url, options: &Options) -> String {
    match &options.unix_socket {
        Some(path) => format!("{} through {}", host_and_port(url), path.display()),
        None => host_and_port(url),
    }
}
