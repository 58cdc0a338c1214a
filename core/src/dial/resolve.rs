//! From a host's name to the addresses to try, in order (RFC 8305 section 4). Knows nothing of connections.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use crate::address;
use crate::error::{Error, ErrorCode, Result};
use crate::options::{AddressFamily, Options};

/// The addresses of a URL's host, the two families taking turns; never empty. The system's resolver decides which family comes first, for it
/// knows which one works here (RFC 6724).
///
/// # Errors
/// `dns_failed`; `connection_failed` if the options forbid the family of a host that is an address.
pub(super) async fn resolve(url: &Url, options: &Options) -> Result<Vec<SocketAddr>> {
    let port = address::port(url);
    let (found, name) = match url.host() {
        Some(Host::Ipv4(address)) => (vec![SocketAddr::new(address.into(), port)], None),
        Some(Host::Ipv6(address)) => (vec![SocketAddr::new(address.into(), port)], None),
        Some(Host::Domain(name)) => match tokio::net::lookup_host((name, port)).await {
            Ok(found) => (found.collect(), Some(name)),
            Err(error) => {
                let message = format!("the name {name} could not be resolved (connecting to {}): {error}", address::host_and_port(url));
                return Err(Error::new(ErrorCode::DnsFailed, message).caused_by(&error));
            }
        },
        None => return Err(Error::new(ErrorCode::InvalidUrl, "the URL has no host")),
    };
    let allowed = found.iter().copied().filter(|address| is_allowed(address.ip(), options)).collect();
    let addresses = interleave(allowed);
    if !addresses.is_empty() {
        return Ok(addresses);
    }
    let found = found.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
    let wanted = match (options.address_family, options.local_address) {
        (AddressFamily::Ipv4, _) | (AddressFamily::Any, Some(IpAddr::V4(_))) => "IPv4",
        (AddressFamily::Ipv6, _) | (AddressFamily::Any, Some(IpAddr::V6(_))) => "IPv6",
        (AddressFamily::Any, None) => "IP",
    };
    let why = if options.address_family == AddressFamily::Any { "local_address" } else { "address_family" };
    Err(match name {
        Some(name) => Error::new(ErrorCode::DnsFailed, format!("the name {name} has no {wanted} address ({why}); found: {found}")),
        None => Error::new(ErrorCode::ConnectionFailed, format!("{found} is not an {wanted} address, as {why} demands")).retryable(false),
    })
}

fn is_allowed(address: IpAddr, options: &Options) -> bool {
    let family = match options.address_family {
        AddressFamily::Any => true,
        AddressFamily::Ipv4 => address.is_ipv4(),
        AddressFamily::Ipv6 => address.is_ipv6(),
    };
    family && options.local_address.is_none_or(|local| local.is_ipv4() == address.is_ipv4())
}

/// Lets the families take turns, beginning with that of the first address; drops repetitions.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv4() == first_is_ipv4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return ordered;
        }
        for address in pair.into_iter().flatten() {
            if !ordered.contains(&address) {
                ordered.push(address);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn sockets(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 80)).collect()
    }

    #[test]
    fn families_take_turns_and_the_resolver_says_who_begins() {
        assert_eq!(interleave(sockets(&["::1", "::2", "::2", "::3", "1.1.1.1"])), sockets(&["::1", "1.1.1.1", "::2", "::3"]));
        assert_eq!(interleave(sockets(&["1.1.1.1", "1.1.1.2", "::1"])), sockets(&["1.1.1.1", "::1", "1.1.1.2"]));
        assert!(interleave(Vec::new()).is_empty());
    }

    #[tokio::test]
    async fn addresses_need_no_resolver_and_obey_the_options() {
        let url = Url::parse("ws://127.0.0.1:9/").unwrap();
        let only6 = Options { address_family: AddressFamily::Ipv6, ..Options::default() };
        assert_eq!(resolve(&url, &Options::default()).await.unwrap(), ["127.0.0.1:9".parse().unwrap()]);
        assert_eq!(resolve(&url, &only6).await.unwrap_err().code(), ErrorCode::ConnectionFailed);
        let from6 = Options { local_address: Some("::1".parse().unwrap()), ..Options::default() };
        assert!(resolve(&url, &from6).await.unwrap_err().message.contains("local_address"));
    }

    #[tokio::test]
    async fn an_unknown_name_is_named() {
        let error = resolve(&Url::parse("wss://no-such-name.invalid/").unwrap(), &Options::default()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::DnsFailed);
        assert!(error.message.contains("no-such-name.invalid:443"), "{error}");
    }
}
