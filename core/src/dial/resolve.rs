//! Resolves a host name to the addresses to try, in order (RFC 8305 section 4). Knows nothing of connections.

use std::net::{IpAddr, SocketAddr};

use url::Host;

use crate::address::Place;
use crate::error::{Error, ErrorCode, Result};
use crate::options::{AddressFamily, Options};

/// The addresses of a place, with the two families in turn; never empty. The system's resolver decides which family comes first, because it knows
/// which one works here (RFC 6724).
///
/// # Errors
/// `dns_failed`, also for a zone without such a network interface; `connection_failed` if the host is an address of a family that the options forbid.
pub(super) async fn resolve(place: &Place, options: &Options) -> Result<Vec<SocketAddr>> {
    let port = place.port.unwrap_or_default();
    let (found, name) = match (&place.host, &place.zone) {
        (Host::Ipv4(address), _) => (vec![SocketAddr::new((*address).into(), port)], None),
        (Host::Ipv6(address), None) => (vec![SocketAddr::new((*address).into(), port)], None),
        // The system's resolver knows its interfaces by name and by number.
        (Host::Ipv6(address), Some(zone)) => (look_up(&format!("{address}%{zone}"), place).await?, None),
        (Host::Domain(name), _) if name.is_empty() => return Err(Error::new(ErrorCode::InvalidUrl, "the URL has no host")),
        (Host::Domain(name), _) => (look_up(name, place).await?, Some(name)),
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

async fn look_up(name: &str, place: &Place) -> Result<Vec<SocketAddr>> {
    match tokio::net::lookup_host((name, place.port.unwrap_or_default())).await {
        Ok(found) => Ok(found.collect()),
        Err(error) => {
            let what = if place.zone.is_some() { "the address with the zone" } else { "the name" };
            let message = format!("{what} {name} could not be resolved (connecting to {place}): {error}");
            Err(Error::new(ErrorCode::DnsFailed, message).caused_by(&error))
        }
    }
}

fn is_allowed(address: IpAddr, options: &Options) -> bool {
    let family = match options.address_family {
        AddressFamily::Any => true,
        AddressFamily::Ipv4 => address.is_ipv4(),
        AddressFamily::Ipv6 => address.is_ipv6(),
    };
    family && options.local_address.is_none_or(|local| local.is_ipv4() == address.is_ipv4())
}

/// Puts the families in turn, beginning with that of the first address. Removes duplicates.
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
        let url = Place::parse("127.0.0.1:9").unwrap();
        let only6 = Options::new().address_family(AddressFamily::Ipv6);
        assert_eq!(resolve(&url, &Options::default()).await.unwrap(), ["127.0.0.1:9".parse().unwrap()]);
        assert_eq!(resolve(&url, &only6).await.unwrap_err().code(), ErrorCode::ConnectionFailed);
        let from6 = Options::new().local_address(Some("::1".parse().unwrap()));
        assert!(resolve(&url, &from6).await.unwrap_err().message.contains("local_address"));
    }

    #[tokio::test]
    async fn an_unknown_name_is_named() {
        let error = resolve(&Place::parse("no-such-name.invalid:443").unwrap(), &Options::default()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::DnsFailed);
        assert!(error.message.contains("no-such-name.invalid:443"), "{error}");
    }

    #[tokio::test]
    async fn a_zone_is_an_interface_of_this_machine() {
        let place = Place::parse("[fe80::1%lo]:9").unwrap();
        let found = resolve(&place, &Options::default()).await.unwrap();
        assert!(matches!(found[..], [SocketAddr::V6(address)] if address.scope_id() > 0), "{found:?}");
        let error = resolve(&Place::parse("fe80::1%nosuch0").unwrap(), &Options::default()).await.unwrap_err();
        assert!(error.code() == ErrorCode::DnsFailed && error.message.contains("zone fe80::1%nosuch0"), "{error}");
    }
}
