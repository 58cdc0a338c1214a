//! Chooses the proxy that the environment names, with the exceptions of `NO_PROXY`. Knows nothing of connections.

use std::ffi::OsString;
use std::net::IpAddr;

use ipnet::IpNet;
use url::Url;

use super::kind::known_kind;
use crate::address::{bare_host, port};
use crate::error::{Error, ErrorCode, Result};

/// The variables that may name the proxy, in order: the first one that is set counts. For `ws`, a proxy that tunnels anything comes before one for
/// HTTP (RFC 6455 section 4.1).
const FOR_WS: [&str; 5] = ["ws_proxy", "socks_proxy", "https_proxy", "http_proxy", "all_proxy"];
const FOR_WSS: [&str; 4] = ["wss_proxy", "socks_proxy", "https_proxy", "all_proxy"];

/// The proxy for `url`, unless `NO_PROXY` names the host. The lower case of a name comes first. An empty variable counts as unset.
///
/// # Errors
/// `proxy_failed` if a variable's value cannot be used.
pub(super) fn choose(url: &Url, variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<Url>> {
    // Under CGI, HTTP_PROXY holds the Proxy header of a client ("httpoxy").
    let is_cgi = variable("REQUEST_METHOD").is_some();
    let get = |name: &str| {
        [name.to_owned(), name.to_ascii_uppercase()].into_iter().find_map(|name| {
            let value = variable(&name).filter(|value| !value.is_empty() && (!is_cgi || name != "HTTP_PROXY"))?;
            // The value may hold a password, so the message does not repeat it.
            let failed = |_| Error::new(ErrorCode::ProxyFailed, format!("{name} in the environment is not UTF-8")).retryable(false);
            let value = value.into_string().map_err(failed).map(|value| (name.clone(), value.trim().to_owned()));
            Some(value).filter(|value| value.as_ref().map_or(true, |(_, value)| !value.is_empty()))
        })
    };
    let names: &[&str] = if url.scheme() == "wss" { &FOR_WSS } else { &FOR_WS };
    let Some((name, value)) = names.iter().find_map(|name| get(name)).transpose()? else { return Ok(None) };
    if get("no_proxy").transpose()?.is_some_and(|(_, exceptions)| is_excepted(url, &exceptions)) {
        return Ok(None);
    }
    let scheme = if name.eq_ignore_ascii_case("socks_proxy") { "socks" } else { "http" };
    let with_scheme = if value.contains("://") { value } else { format!("{scheme}://{value}") };
    // The value may hold a password and is not repeated.
    let proxy = Url::parse(&with_scheme)
        .map_err(|error| Error::new(ErrorCode::ProxyFailed, format!("{name} in the environment is no URL: {error}")).retryable(false))?;
    known_kind(proxy, &format!("{name} in the environment")).map(Some)
}

/// Whether `NO_PROXY` (a list with commas or spaces) names the URL's host: `*`, a host with its subdomains, an address, or a network as `10.0.0.0/8`.
/// An entry with a port counts for that port only.
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

/// The port behind an entry. The colons of an IPv6 address without brackets do not start a port.
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
        let variable = |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| OsString::from(value));
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
        assert_eq!(name("ws://h/", &all).as_deref(), Some("http://https:1/"));
        assert_eq!(name("ws://h/", &[("WS_PROXY", "http://ws:1"), ("HTTP_PROXY", "http://http:1")]).as_deref(), Some("http://ws:1/"));
        assert_eq!(
            name("ws://h/", &[("HTTP_PROXY", "http://upper:1"), ("http_proxy", "http://lower:1")]).as_deref(),
            Some("http://lower:1/")
        );
        assert_eq!(name("ws://h/", &[("HTTPS_PROXY", "http://p:1")]).as_deref(), Some("http://p:1/"));
        let socks = [("SOCKS_PROXY", "p:1"), ("HTTPS_PROXY", "http://https:1"), ("HTTP_PROXY", "http://http:1")];
        assert_eq!(name("ws://h/", &socks).as_deref(), Some("socks://p:1"));
        assert_eq!(name("wss://h/", &socks).as_deref(), Some("socks://p:1"));
        assert_eq!(name("ws://h/", &socks[1..]).as_deref(), Some("http://https:1/"));
        assert_eq!(name("wss://h/", &socks[2..]), None);
        assert_eq!(name("ws://h/", &[("SOCKS_PROXY", "socks5://p:1")]).as_deref(), Some("socks5://p:1"));
        assert_eq!(name("ws://h/", &[("ALL_PROXY", "socks://p:1/")]).as_deref(), Some("socks://p:1/"));
        for variable in ["all_proxy", "HTTPS_PROXY", "http_proxy", "SOCKS_PROXY"] {
            assert_eq!(name("ws://h/", &[(variable, "SOCKS://u:p@p:1/")]).as_deref(), Some("socks://u:p@p:1/"), "{variable}");
            assert_eq!(name("ws://h/", &[(variable, "socks://p:1/"), ("NO_PROXY", "h")]), None, "{variable}");
        }
        assert_eq!(name("wss://h/", &[("ALL_PROXY", "socks://p:1/")]).as_deref(), Some("socks://p:1/"));
        assert_eq!(name("ws://h/", &[("HTTP_PROXY", "")]), None);
        assert_eq!(name("ws://h/", &[("HTTP_PROXY", "p.corp:3128")]).as_deref(), Some("http://p.corp:3128/"));
        assert_eq!(name("ws://h/", &[("HTTP_PROXY", "http://p:1"), ("REQUEST_METHOD", "GET")]), None);
        assert_eq!(name("ws://h/", &[("http_proxy", "http://p:1"), ("REQUEST_METHOD", "GET")]).as_deref(), Some("http://p:1/"));
    }

    #[test]
    fn what_is_no_proxy_is_an_error_without_its_password() {
        for value in ["ftp://u:s3cret@p:1", "socks4://u:s3cret@p:1", "http://u:s3cret@p:99999", "u:s3cret@ bad", "p:1:u:s3cret"] {
            let error = chosen("ws://h/", &[("HTTP_PROXY", value)]).unwrap_err();
            assert_eq!(error.code(), ErrorCode::ProxyFailed, "{value}");
            assert!(error.message.contains("HTTP_PROXY") && !format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_utf_8_is_an_error_and_not_a_way_around_the_proxy() {
        use std::os::unix::ffi::OsStringExt as _;
        let url = Url::parse("ws://h/").unwrap();
        let bad = || OsString::from_vec(b"http://u:s3cret\xff@p:1".to_vec());
        for name in ["ws_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "SOCKS_PROXY"] {
            let error = choose(&url, |wanted| (wanted == name).then(bad)).unwrap_err();
            assert!(error.code() == ErrorCode::ProxyFailed && !error.retryable, "{error:?}");
            assert!(error.message.contains(name) && !format!("{error:?}").contains("s3cret"), "{error:?}");
        }
        let exceptions = |wanted: &str| match wanted {
            "NO_PROXY" => Some(bad()),
            "HTTP_PROXY" => Some("http://p:1".into()),
            _ => None,
        };
        assert!(choose(&url, exceptions).unwrap_err().message.contains("NO_PROXY"));
        assert!(
            choose(&url, |wanted| (wanted == "NO_PROXY").then(bad)).unwrap().is_none(),
            "without a proxy nothing asks for its exceptions"
        );
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
