//! Connects through a proxy: which one, and how to ask it for a connection. A proxy that cannot be used is an error: nothing goes around it. Knows
//! nothing of the protocol inside.

mod environment;
mod http_connect;
mod kind;
mod socks;

use tokio::time::Instant;
use url::Url;

use self::kind::known_kind;
use super::progress::Progress;
use super::stream::Stream;
use super::{resolve, tcp, tls};
use crate::address::{Place, bare_host, host_and_port};
use crate::error::{Error, ErrorCode, Phase, Result};
use crate::options::{Options, Proxy};

/// The proxy to use for `url`, if any.
///
/// # Errors
/// `proxy_failed` if the environment names a proxy of an unknown kind.
pub(super) fn choose(url: &Url, options: &Options) -> Result<Option<Url>> {
    match &options.proxy {
        Proxy::None => Ok(None),
        Proxy::Url(proxy) => known_kind(proxy.clone(), "proxy").map(Some),
        Proxy::Environment => environment::choose(url, |name| std::env::var_os(name)),
    }
}

/// Connects to `to` through `proxy`.
///
/// # Errors
/// `proxy_failed`, `proxy_auth_required`. `progress` gets the phase for `open_timeout`.
pub(super) async fn connect(proxy: &Url, to: &Place, options: &Options, progress: &Progress, deadline: Option<Instant>) -> Result<Stream> {
    let who = format!("the proxy {}", host_and_port(proxy));
    let unreachable = |error: Error| {
        let mut causes = vec![error.message.clone()];
        causes.extend(error.causes.iter().cloned());
        let message = format!("{who} cannot be reached on the way to {to}: {}", error.message);
        Error::new(ErrorCode::ProxyFailed, message).with(|detail| detail.causes = causes)
    };
    progress.begins(Phase::Proxy, format!("connecting to {who}"));
    // Connects to the proxy's own address, whatever the target is.
    let addresses = resolve::resolve(&Place::of(proxy), options).await.map_err(unreachable)?;
    let mut stream = Stream::Tcp(tcp::connect(&host_and_port(proxy), addresses, options).await.map_err(unreachable)?);
    if proxy.scheme() == "https" {
        progress.begins(Phase::Tls, format!("in the TLS handshake with {who}"));
        // The client's certificate and the server name belong to the server behind the proxy.
        let tls = options.tls.clone().cert(None).key(None).server_name(None);
        stream = tls::handshake(stream, &tls, tls::Peer { name: &bare_host(proxy), who: &who }).await?;
    }
    progress.begins(Phase::Proxy, format!("waiting for {who} to connect to {to}"));
    match proxy.scheme() {
        "http" | "https" => http_connect::connect(stream, proxy, to, &who, deadline).await,
        _ => socks::connect(stream, proxy, to, &who, options).await,
    }
}
