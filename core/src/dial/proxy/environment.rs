//! The proxy that the environment names, with the exceptions of `NO_PROXY`. Knows nothing of connections.

use std::net::IpAddr;

use ipnet::IpNet;
use url::Url;

use super::known_kind;
use crate::address::{bare_host, port};
use crate::error::{Error, ErrorCode, Result};

/// The proxy for `url`: of the variable for its scheme, of the one for its HTTP relative, or of `ALL_PROXY`; unless `NO_PROXY` names the host.
/// The lower case of a name is looked at first; an empty variable counts as none.
///
/// # Errors
/// `proxy_failed`, if the variable's value is of no use.
pub(super) fn choose(url: &Url, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Url>> {
    let get = |name: &str| {
        let names = [name.to_owned(), name.to_ascii_uppercase()];
        names
            .into_iter()
            .find_map(|name| variable(&name).map(|value| (name, value.trim().to_owned())).filter(|(_, value)| !value.is_empty()))
    };
    let names = if url.scheme() == "wss" { ["wss_proxy", "https_proxy", "all_proxy"] } else { ["ws_proxy", "http_proxy", "all_proxy"] };
    // Under CGI, HTTP_PROXY is what a client sent in a Proxy header ("httpoxy").
    let is_cgi = variable("REQUEST_METHOD").is_some();
    let Some((name, value)) = names.iter().find_map(|name| get(name).filter(|(name, _)| !(is_cgi && name == "HTTP_PROXY"))) else {
        return Ok(None);
    };
    if get("no_proxy").is_some_and(|(_, exceptions)| is_excepted(url, &exceptions)) {
        return Ok(None);
    }
    let with_scheme = if value.contains("://") { value } else { format!("http://{value}") };
    // The value may hold a password and is not repeated.
    let proxy = Url::parse(&with_scheme)
        .map_err(|error| Error::new(ErrorCode::ProxyFailed, format!("{name} in the environment is no URL: {error}")).retryable(false))?;
    known_kind(proxy, &format!("{name} in the environment")).map(Some)
}

/// Whether `NO_PROXY` (a list by commas or spaces) names the URL's host: `*`, a host with its subdomains, an address, a network as
/// `10.0.0.0/8`; each may have a port behind it, and then holds for that port only.
fn is_excepted(url: &Url, exceptions: &str) -> bool {
    let host = bare_host(url).to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    let address = host.parse::<IpAddr>().ok();
    exceptions.split([',', ' ', '\t']).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        let (name, only_port) = split_port(entry);
        if only_port.is_some_and(|only| only != port(url)) {
            return false;
        }
        let name = name.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if let Some(address) = address {
            return name.parse::<IpNet>().is_ok_and(|network| network.contains(&address))
                || name.parse::<IpAddr>().is_ok_and(|named| named == address);
        }
        let name = name.trim_start_matches('*').trim_matches('.');
        !name.is_empty() && (host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')))
    })
}

/// The port behind an entry. The colons of an IPv6 address without brackets are no ports.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn chosen(url: &str, variables: &[(&str, &str)]) -> Result<Option<String>> {
        let url = Url::parse(url).unwrap();
        let variable = |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        Ok(choose(&url, variable)?.map(|proxy| proxy.to_string()))
    }

    fn is_direct(url: &str, no_proxy: &str) -> bool {
        chosen(url, &[("ALL_PROXY", "http://p:1"), ("NO_PROXY", no_proxy)]).unwrap().is_none()
    }

    #[test]
    fn the_closest_variable_wins_in_either_case() {
        let all = [
            ("WSS_PROXY", "http://wss:1"),
            ("HTTPS_PROXY", "http://https:1"),
            ("HTTP_PROXY", "http://http:1"),
            ("ALL_PROXY", "socks5h://all"),
        ];
        let name = |url, variables: &[_]| chosen(url, variables).unwrap();
        assert_eq!(name("wss://h/", &all).as_deref(), Some("http://wss:1/"));
        assert_eq!(name("wss://h/", &all[1..]).as_deref(), Some("http://https:1/"));
        assert_eq!(name("wss://h/", &all[2..]).as_deref(), Some("socks5h://all"));
        assert_eq!(name("ws://h/", &all).as_deref(), Some("http://http:1/"));
        assert_eq!(name("ws://h/", &[("WS_PROXY", "http://ws:1"), ("HTTP_PROXY", "http://http:1")]).as_deref(), Some("http://ws:1/"));
        assert_eq!(
            name("ws://h/", &[("HTTP_PROXY", "http://upper:1"), ("http_proxy", "http://lower:1")]).as_deref(),
            Some("http://lower:1/")
        );
        assert_eq!(name("ws://h/", &[("HTTPS_PROXY", "http://p:1")]), None);
        assert_eq!(name("ws://h/", &[("HTTP_PROXY", "")]), None);
        assert_eq!(name("ws://h/", &[("HTTP_PROXY", "p.corp:3128")]).as_deref(), Some("http://p.corp:3128/"));
        assert_eq!(name("ws://h/", &[("HTTP_PROXY", "http://p:1"), ("REQUEST_METHOD", "GET")]), None);
        assert_eq!(name("ws://h/", &[("http_proxy", "http://p:1"), ("REQUEST_METHOD", "GET")]).as_deref(), Some("http://p:1/"));
    }

    #[test]
    fn what_is_no_proxy_is_an_error_without_its_password() {
        for value in ["ftp://u:s3cret@p:1", "socks://u:s3cret@p:1", "http://u:s3cret@p:99999", "u:s3cret@ bad", "p:1:u:s3cret"] {
            let error = chosen("ws://h/", &[("HTTP_PROXY", value)]).unwrap_err();
            assert_eq!(error.code(), ErrorCode::ProxyFailed, "{value}");
            assert!(error.message.contains("HTTP_PROXY") && !format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn exceptions_are_hosts_suffixes_networks_and_ports() {
        for (url, no_proxy) in [
            ("ws://im.example/", "*"),
            ("ws://im.example/", "im.example"),
            ("ws://IM.Example/", "im.EXAMPLE"),
            ("ws://a.im.example/", "im.example"),
            ("ws://a.im.example/", ".im.example"),
            ("ws://a.im.example/", "*.im.example"),
            ("ws://im.example./", "im.example"),
            ("ws://im.example/", "other, im.example"),
            ("ws://im.example/", "other im.example"),
            ("ws://im.example:8080/", "im.example:8080"),
            ("ws://im.example/", "im.example:80"),
            ("wss://im.example/", "im.example:443"),
            ("ws://10.1.2.3/", "10.0.0.0/8"),
            ("ws://10.1.2.3/", "10.1.2.3"),
            ("ws://10.1.2.3:81/", "10.1.2.3:81"),
            ("ws://[fd00::5]/", "fd00::/8"),
            ("ws://[::1]/", "::1"),
            ("ws://[::1]:99/", "[::1]:99"),
        ] {
            assert!(is_direct(url, no_proxy), "{url} {no_proxy}");
        }
        for (url, no_proxy) in [
            ("ws://im.example/", ""),
            ("ws://notim.example/", "im.example"),
            ("ws://im.example.com/", "im.example"),
            ("ws://im.example/", "im.example:8080"),
            ("ws://11.1.2.3/", "10.0.0.0/8"),
            ("ws://10.1.2.3/", "2.3"),
            ("ws://[::1]/", "[::1]:99"),
            ("ws://im.example/", "."),
        ] {
            assert!(!is_direct(url, no_proxy), "{url} {no_proxy}");
        }
    }
}
