//! One attempt to open a connection: resolve, connect, proxy, TLS, HTTP upgrade, redirects. It ends in an open stream or in an error with its phase.
//! Knows nothing of frames, of sessions, or of other attempts.

mod direct;
mod http;
mod limit;
mod progress;
mod proxy;
mod redirect;
mod refusal;
mod request;
mod resolve;
mod stream;
mod tcp;
mod tls;
mod upgrade;

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};
use url::Host;

pub use self::direct::{Spent, Waits};
use self::limit::take_turn;
use self::progress::Progress;
use self::redirect::Journey;
use self::request::Way;
pub use self::request::{Opened, Request};
use self::stream::Stream;
use self::upgrade::{Outcome, upgrade};
use crate::address::{bare_host, host_and_port};
use crate::error::{Error, ErrorCode, Phase, Result};
use crate::options::{ConnectUntil, Options, Proxy};

/// Whether [`dial_directly`] can do it: the URL has an IP address, no proxy is used, and no TLS (its handshake would block the thread).
pub fn is_direct(request: &Request) -> bool {
    let options = &*request.options;
    request.url.scheme() == "ws"
        && matches!(request.url.host(), Some(Host::Ipv4(_) | Host::Ipv6(_)))
        && options.unix_socket.is_none()
        && options.connect_to.is_none()
        && options.follow_redirects == 0
        && matches!(proxy::choose(&request.url, options), Ok(None))
}

/// As [`dial`], for requests that [`is_direct`] accepts, and with only the clock of a runtime. Poll it when the descriptor in `waits` is ready as
/// they require, and when the waker is woken.
///
/// # Errors
/// As [`dial`].
pub async fn dial_directly(request: Request, waits: Arc<Waits>) -> Result<Opened> {
    attempt(request, Some(&waits)).await
}

/// Opens a connection. Needs a tokio runtime with its clock and its I/O. Dropping the future closes all that it has opened. `open_timeout` counts
/// from the call: it includes the wait for other sockets that connect to the same place (`connect_limit`).
///
/// # Errors
/// Every error of the phases dns, tcp, proxy, tls and http; `invalid_option` for TLS files that cannot be used.
pub async fn dial(request: Request) -> Result<Opened> {
    attempt(request, None).await
}

async fn attempt(request: Request, direct: Option<&Arc<Waits>>) -> Result<Opened> {
    let options = Arc::clone(&request.options);
    let progress = Progress::new();
    let Some((limit, deadline)) = options.open_timeout.and_then(|limit| Some((limit, Instant::now().checked_add(limit)?))) else {
        return open(&request, &progress, None, direct).await;
    };
    match timeout_at(deadline, open(&request, &progress, Some(deadline), direct)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(progress.timed_out(&Way::new(&request.url, options.connect_to.as_ref()).place(&options), limit)),
    }
}

async fn open(request: &Request, progress: &Progress, deadline: Option<Instant>, direct: Option<&Arc<Waits>>) -> Result<Opened> {
    let options = &*request.options;
    let mut journey = Journey::new(request);
    loop {
        let way = journey.way();
        let place = way.place(options);
        let limit = options.connect_limit;
        progress.begins(Phase::Tcp, format!("waiting for other sockets that connect to {place} (connect_limit is {limit})"));
        let mut permit = Some(take_turn(&place, limit).await);
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            // Our own time is over, too: the wait took it all, and the timeout reports that.
            std::future::pending::<()>().await;
        }
        let stream = connect(&way, options, progress, deadline, direct).await?;
        if options.connect_limit_until == ConnectUntil::Tls {
            permit = None;
        }
        progress.begins(Phase::Http, format!("waiting for the answer of {} to the upgrade", host_and_port(&journey.url)));
        match upgrade(stream, &journey.ask()).await? {
            Outcome::Open { stream, leftover, protocol, extensions, head } => {
                let (transport, ahead) = stream.into_transport().map_err(|error| {
                    Error::new(ErrorCode::RuntimeFailed, "the open stream could not be taken out of the runtime").caused_by(&error)
                })?;
                drop(permit);
                let leftover = [&leftover[..], &ahead].concat();
                return Ok(Opened { transport, leftover, url: journey.url, protocol, extensions, headers: head.headers() });
            }
            Outcome::Refused(head, body) => {
                let secrets = refusal::secrets_of(&journey.ask());
                if let Err(error) = journey.follow(&head) {
                    return Err(refusal::with_body(error, body.start(deadline).await, &secrets));
                }
            }
        }
    }
}

/// A stream to the end of `way`, with TLS if the URL needs it.
async fn connect(
    way: &Way<'_>,
    options: &Options,
    progress: &Progress,
    deadline: Option<Instant>,
    direct: Option<&Arc<Waits>>,
) -> Result<Stream> {
    let url = way.url;
    let target = way.place(options);
    let stream = if let Some(path) = &options.unix_socket {
        if matches!(options.proxy, Proxy::Url(_)) {
            return Err(Error::new(ErrorCode::InvalidOption, "proxy and unix_socket exclude each other"));
        }
        progress.begins(Phase::Tcp, format!("connecting to the unix socket {}", path.display()));
        Stream::Unix(tcp::connect_unix(path).await?)
    } else if direct.is_none()
        && let Some(proxy) = proxy::choose(url, options)?
    {
        proxy::connect(&proxy, &way.to, options, progress, deadline).await?
    } else {
        progress.begins(Phase::Dns, format!("resolving the name of {target}"));
        let addresses = resolve::resolve(&way.to, options).await?;
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
