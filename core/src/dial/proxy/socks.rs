//! SOCKS 4a and 5 (RFC 1928, RFC 1929): asks a proxy for a connection, with `tokio_socks`. Knows nothing of the connection to the proxy.

use std::io;

use tokio_socks::TargetAddr;
use tokio_socks::tcp::{Socks4Stream, Socks5Stream};
use url::{Host, Url};

use crate::address::Place;
use crate::dial::resolve;
use crate::dial::stream::Stream;
use crate::dial::tcp::plain;
use crate::dial::upgrade::credentials_of;
use crate::error::{Error, ErrorCode, Result};
use crate::options::Options;

/// Asks the proxy at the other end of `stream` for a connection to `to`. `socks5` resolves the name here, `socks`, `socks5h` and `socks4a` there.
///
/// # Errors
/// `proxy_auth_required`, `proxy_failed`; `dns_failed` with `socks5`.
pub(super) async fn connect(stream: Stream, proxy: &Url, to: &Place, who: &str, options: &Options) -> Result<Stream> {
    let port = to.port.unwrap_or_default();
    let target = match (proxy.scheme(), &to.host) {
        // The local address belongs to the connection to the proxy, and does not restrict the target.
        ("socks5", Host::Domain(_)) => {
            let addresses = resolve::resolve(to, &options.clone().local_address(None)).await?;
            TargetAddr::Ip(addresses[0])
        }
        (_, Host::Domain(name)) => TargetAddr::Domain(name.clone().into(), port),
        (_, Host::Ipv4(address)) => TargetAddr::Ip((*address, port).into()),
        (_, Host::Ipv6(address)) => TargetAddr::Ip((*address, port).into()),
    };
    let credentials = credentials_of(proxy);
    let answer = match (proxy.scheme(), &credentials) {
        // A NUL ends the name: the bytes behind it would count as another field.
        ("socks4a", Some((user, _))) if user.contains('\0') => Err(tokio_socks::Error::InvalidAuthValues("a user name has no NUL")),
        ("socks4a", None) => Socks4Stream::connect_with_socket(stream, target).await.map(Socks4Stream::into_inner),
        ("socks4a", Some((user, _))) => {
            Socks4Stream::connect_with_userid_and_socket(stream, target, user).await.map(Socks4Stream::into_inner)
        }
        (_, None) => Socks5Stream::connect_with_socket(stream, target).await.map(Socks5Stream::into_inner),
        (_, Some((user, password))) => {
            Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await.map(Socks5Stream::into_inner)
        }
    };
    answer.map_err(|error| {
        let (code, words, retryable) = explain(&error, proxy.scheme(), credentials.is_some());
        Error::new(code, format!("{who} {words}, on the way to {to}")).retryable(retryable).caused_by(&error)
    })
}

/// The code and plain words for a refusal, and whether another attempt may help.
fn explain(error: &tokio_socks::Error, scheme: &str, with_credentials: bool) -> (ErrorCode, String, bool) {
    use tokio_socks::Error as Socks;
    let could_not = |why: &str| format!("could not connect: {why}");
    let (words, retryable) = match error {
        Socks::NoAcceptableAuthMethods if with_credentials => {
            return auth("wants another kind of credentials than user name and password");
        }
        Socks::NoAcceptableAuthMethods | Socks::AuthorizationRequired => return auth("wants credentials"),
        Socks::PasswordAuthFailure(_) => return auth("did not accept the credentials given"),
        Socks::IdentdAuthFailure | Socks::InvalidUserIdAuthFailure => return auth("does not accept the user name"),
        Socks::InvalidAuthValues(why) => (format!("cannot be given these credentials ({why})"), false),
        Socks::GeneralSocksServerFailure => (could_not("it says no more than that"), true),
        Socks::ConnectionNotAllowedByRuleset => (could_not("its rules do not allow it"), false),
        Socks::NetworkUnreachable => (could_not("the network is unreachable"), true),
        Socks::HostUnreachable => (could_not("the host is unreachable, or its name unknown"), true),
        Socks::ConnectionRefused => (could_not("the connection was refused"), true),
        Socks::TtlExpired => (could_not("it took too long"), true),
        Socks::CommandNotSupported => (could_not("it knows no CONNECT"), false),
        Socks::AddressTypeNotSupported if scheme == "socks4a" => ("cannot reach an IPv6 address: SOCKS 4 has none".into(), false),
        Socks::AddressTypeNotSupported => (could_not("it does not know this kind of address"), false),
        Socks::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => ("ended the connection instead of an answer".into(), true),
        Socks::Io(error) => (format!("could not be asked: {}", plain(error)), true),
        Socks::InvalidTargetAddress(why) => (format!("cannot be asked for this host ({why})"), false),
        _ => (format!("gave an answer that is none of SOCKS {}", if scheme == "socks4a" { 4 } else { 5 }), true),
    };
    (ErrorCode::ProxyFailed, words, retryable)
}

fn auth(words: &str) -> (ErrorCode, String, bool) {
    (ErrorCode::ProxyAuthRequired, words.into(), false)
}
