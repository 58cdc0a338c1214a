//! The address of a server: the URL, the place to connect to, the subprotocols and the headers, checked before anything is sent. Knows nothing of
//! sockets.

use std::fmt;
use std::net::Ipv6Addr;

use url::{Host, Url};

use crate::error::{Error, ErrorCode, Result};

/// Parses a URL as the WHATWG WebSockets standard does: `http` becomes `ws`, `https` becomes `wss`; any other scheme and any fragment,
/// the empty one included, is refused.
///
/// # Errors
/// `invalid_url`.
pub fn parse_url(text: &str) -> Result<Url> {
    let refuse = |why: String| Error::new(ErrorCode::InvalidUrl, format!("the URL {:?} {why}", hide_secrets(text)));
    let url = Url::parse(text).map_err(|error| match error {
        _ if split_zone(text).is_some() => refuse("has an IPv6 zone (%...), which a URL must not have; connect_to takes one".into()),
        url::ParseError::RelativeUrlWithoutBase => refuse("is not absolute: it must start with ws:// or wss://".into()),
        error => refuse(format!("is not valid: {error}")),
    })?;
    if url.fragment().is_some() {
        return Err(refuse("has a fragment (#...), which a WebSocket URL must not have".into()));
    }
    map_scheme(url.clone()).ok_or_else(|| refuse(format!("has the scheme {:?}; allowed are ws, wss, http and https", url.scheme())))
}

/// As [`parse_url`], and takes the zone of an IPv6 address too (`ws://[fe80::1%eth0]/`, or `%25eth0` as RFC 6874 has it). If there is a zone, the
/// second value is the place to connect to. The URL has no zone, because a zone has a meaning only on this machine.
///
/// # Errors
/// `invalid_url`.
pub fn parse_zoned_url(text: &str) -> Result<(Url, Option<Place>)> {
    let Some((start, zone, end)) = split_zone(text) else { return Ok((parse_url(text)?, None)) };
    let url = parse_url(&format!("{start}{end}"))?;
    let place = Place { zone: Some(zone.to_owned()), ..Place::of(&url) };
    Ok((url, Some(place)))
}

/// Splits a URL whose host is an IPv6 address with a zone: the text before the zone, the zone, the text behind it.
fn split_zone(text: &str) -> Option<(&str, &str, &str)> {
    let start = text.find("://")? + "://".len();
    let authority = &text[start..start + text[start..].find(['/', '?', '#', '\\']).unwrap_or(text.len() - start)];
    let host = authority.rfind('@').map_or(0, |at| at + 1);
    let inner = authority[host..].strip_prefix('[')?;
    let inner = &inner[..inner.find(']')?];
    let (address, zone) = inner.split_once('%')?;
    let name = zone.strip_prefix("25").filter(|name| !name.is_empty()).unwrap_or(zone);
    if address.parse::<Ipv6Addr>().is_err() || !is_zone(name) {
        return None;
    }
    let at = start + host + 1 + address.len();
    Some((&text[..at], name, &text[at + 1 + zone.len()..]))
}

/// Whether a text may be the name or the number of a network interface.
fn is_zone(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte))
}

/// The place to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// A name or an address.
    pub host: Host<String>,
    /// The network interface of a link-local IPv6 address: its name or its number.
    pub zone: Option<String>,
    /// `None` means that of the URL.
    pub port: Option<u16>,
}

impl Place {
    /// The host and port of a URL that has a host.
    pub fn of(url: &Url) -> Self {
        let host = url.host().map_or_else(|| Host::Domain(String::new()), |host| host.to_owned());
        Self { host, zone: None, port: Some(port(url)) }
    }

    /// Reads `host`, `host:port`, `address`, `address:port`, `[IPv6 address%zone]:port`.
    pub fn parse(text: &str) -> Option<Self> {
        let zoned = |text: &str| {
            let (address, zone) = text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
            let address = address.parse().ok().filter(|_| zone.is_none_or(is_zone))?;
            Some((Host::Ipv6(address), zone.map(str::to_owned)))
        };
        let read_port = |rest: &str| match rest.strip_prefix(':') {
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok().filter(|port| *port > 0).map(Some),
            None if rest.is_empty() => Some(None),
            _ => None,
        };
        if let Some(((host, zone), port)) =
            text.strip_prefix('[').and_then(|rest| rest.split_once(']')).and_then(|(inner, rest)| Some((zoned(inner)?, read_port(rest)?)))
        {
            return Some(Self { host, zone, port });
        }
        if let Some((host, zone)) = zoned(text) {
            return Some(Self { host, zone, port: None });
        }
        let (host, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
        let port = read_port(rest)?;
        let host = Host::parse(host).ok().filter(|_| !host.contains(['%', '@', '[']))?;
        Some(Self { host, zone: None, port })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, &self.zone) {
            (Host::Ipv6(address), Some(zone)) => write!(f, "[{address}%{zone}]")?,
            (host, _) => write!(f, "{host}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The same URL with `http` as `ws` and `https` as `wss`, in the standard's newest spelling. `None` for any other scheme.
pub fn map_scheme(mut url: Url) -> Option<Url> {
    // The standard has encoded it since 2023, and the parser does not yet.
    if url.path().contains('^') {
        url.set_path(&url.path().replace('^', "%5E"));
    }
    let scheme = match url.scheme() {
        "ws" | "http" => "ws",
        "wss" | "https" => "wss",
        _ => return None,
    };
    url.set_scheme(scheme).ok()?;
    Some(url)
}

/// Checks a list of subprotocols: tokens of RFC 7230, each once (compared without regard to case, as the Web Platform Tests do).
///
/// # Errors
/// `invalid_protocol`, with the place of the first that is not. Its text is not repeated: some services take a secret there.
pub fn check_protocols(protocols: &[String]) -> Result<()> {
    for index in 0..protocols.len() {
        if let Some(why) = protocol_fault(protocols, index) {
            return Err(Error::new(ErrorCode::InvalidProtocol, format!("protocols[{index}] {why}")));
        }
    }
    Ok(())
}

/// The fault of the subprotocol at `index`, in words that follow its name.
pub(crate) fn protocol_fault(protocols: &[String], index: usize) -> Option<&'static str> {
    let protocol = &protocols[index];
    if protocol.is_empty() {
        Some("is empty")
    } else if !is_token(protocol) {
        Some("has a character that a subprotocol must not have; allowed are ASCII letters, digits and !#$%&'*+-.^_`|~")
    } else if protocols[..index].iter().any(|earlier| earlier.eq_ignore_ascii_case(protocol)) {
        Some("is given twice")
    } else {
        None
    }
}

/// Checks a header for the upgrade request: a token as its name, a value without control characters, and not one that the handshake itself
/// sets.
///
/// # Errors
/// `invalid_header`. The message does not repeat the value, because it may be a secret.
pub fn check_header(name: &str, value: &str) -> Result<()> {
    match header_fault(name, value) {
        Some(why) => Err(Error::new(ErrorCode::InvalidHeader, format!("header {} {why}", shown_name(name)))),
        None => Ok(()),
    }
}

/// Checks the value of a header whose name is good.
///
/// # Errors
/// `invalid_header`, without the value.
pub fn check_header_value(name: &str, value: &str) -> Result<()> {
    match value_fault(value) {
        Some(why) => Err(Error::new(ErrorCode::InvalidHeader, format!("header {name:?} {why}"))),
        None => Ok(()),
    }
}

/// A name as a message may show it. A name that is not a token may also hold the value, as in "Authorization: Bearer ..." or "session=...".
pub(crate) fn shown_name(name: &str) -> String {
    if is_token(name) || name.is_empty() {
        return format!("{name:?}");
    }
    match name.split_once([':', '=']) {
        Some((start, _)) if is_token(start) => format!("{start:?} and so on"),
        _ => "(not shown)".to_owned(),
    }
}

fn value_fault(value: &str) -> Option<&'static str> {
    let is_bad = value.bytes().any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f);
    is_bad.then_some("has a control character (such as CR, LF or NUL) in its value")
}

/// The fault of a header, in words that follow its name.
pub(crate) fn header_fault(name: &str, value: &str) -> Option<&'static str> {
    if !is_token(name) {
        return Some("has a name that HTTP does not allow; allowed are ASCII letters, digits and !#$%&'*+-.^_`|~");
    }
    if let Some(fault) = value_fault(value) {
        return Some(fault);
    }
    let lower = name.to_ascii_lowercase();
    if lower == "host" && !is_host(value) {
        return Some("is no host name or address with an optional port");
    }
    let ours = ["connection", "content-length", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];
    (ours.contains(&lower.as_str()) || lower.starts_with("sec-websocket-")).then_some("is set by the handshake itself")
}

/// Whether a text is allowed in a Host header: `host`, `host:port`, an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    port.is_none_or(|port| port.parse::<u16>().is_ok()) && !host.contains(['@', '%']) && Host::parse(host).is_ok()
}

/// `host:port`, an IPv6 address in brackets, the port always given.
pub fn host_and_port(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), port(url))
}

/// The URL's port, or that of its scheme.
pub fn port(url: &Url) -> u16 {
    let scheme_port = match url.scheme() {
        "https" | "wss" => 443,
        "socks" | "socks4a" | "socks5" | "socks5h" => 1080,
        _ => 80,
    };
    url.port().unwrap_or(scheme_port)
}

/// The URL's host without the brackets of an IPv6 address.
pub fn bare_host(url: &Url) -> String {
    match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => String::new(),
    }
}

/// A text that may not be a URL. Everything that could be credentials, or a token in a query or a fragment, is hidden.
fn hide_secrets(text: &str) -> String {
    let start = text.find("//").map_or(0, |at| at + 2);
    let authority_end = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |at| start + at);
    // A password may itself hold an unencoded slash: everything up to the last @ may belong to it.
    let at = text[start..authority_end].rfind('@').or_else(|| text[start..].rfind('@'));
    let (credentials, rest) = at.map_or(("", &text[start..]), |at| ("***", &text[start + at..]));
    let end = rest.find(['?', '#']).map_or(rest.len(), |at| at + 1);
    let hidden = if end < rest.len() { "***" } else { "" };
    format!("{}{credentials}{}{hidden}", &text[..start], &rest[..end])
}

/// Whether a text is a token (RFC 7230 section 3.2.6).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn urls_are_mapped_and_normalised() {
        for (given, parsed) in [
            ("ws://example.com", "ws://example.com/"),
            ("WSS://EXAMPLE.com:443/a?b=c", "wss://example.com/a?b=c"),
            ("http://example.com:80/", "ws://example.com/"),
            ("http://example.com:443/", "ws://example.com:443/"),
            ("https://example.com:443/x", "wss://example.com/x"),
            ("ws://user:pa%20ss@example.com/", "ws://user:pa%20ss@example.com/"),
            ("ws://bücher.example/ü?ü", "ws://xn--bcher-kva.example/%C3%BC?%C3%BC"),
            ("ws://[::1]:9605/", "ws://[::1]:9605/"),
            ("ws://example.com/?a\u{0}b", "ws://example.com/?a%00b"),
            ("ws://example.com/a^b/^?c^d", "ws://example.com/a%5Eb/%5E?c^d"),
            ("ws://example.com/%5E/`{|}", "ws://example.com/%5E/%60%7B|%7D"),
        ] {
            assert_eq!(parse_url(given).unwrap().as_str(), parsed, "{given}");
        }
    }

    #[test]
    fn bad_urls_are_refused_without_their_secrets() {
        for given in [
            "",
            "/x",
            "example.com",
            "ftp://example.com/",
            "ws://",
            "ws://a b/",
            "ws://h:99999/",
            "ws://h/#",
            "ws://h/#x",
            "mailto:a@b",
            "ws://h:x/",
        ] {
            assert_eq!(parse_url(given).unwrap_err().code(), ErrorCode::InvalidUrl, "{given}");
        }
        for (given, shown) in [
            ("ws://u:s3cret@h/#x", "ws://***@h/#***"),
            ("ftp://u:s3cret@h/", "ftp://***@h/"),
            ("ws://u:s3cret@a b/", "ws://***@a b/"),
            ("ws://u:s3cret/@a b", "ws://***@a b"),
            ("u:s3cret@h", "***@h"),
            ("ws://u:s3cret@h:x/p@q", "ws://***@h:x/p@q"),
            ("ws://u:s3?cret@a b", "ws://***@a b"),
            ("ws://h:99999/p?token=s3cret", "ws://h:99999/p?***"),
            ("ws://h/p?token=s3cret#", "ws://h/p?***"),
            ("ws://h/#s3cret", "ws://h/#***"),
            ("wsx://h?s3cret", "wsx://h?***"),
            ("/p?s3cret", "/p?***"),
        ] {
            let error = parse_url(given).unwrap_err();
            assert!(!format!("{error:?} {error}").contains("s3cret"), "{error:?}");
            assert!(error.message.contains(&format!("{shown:?}")), "{shown}: {error}");
        }
    }

    #[test]
    fn a_zone_says_where_to_connect_to_and_is_no_part_of_the_url() {
        for (given, url, place) in [
            ("ws://[fe80::1%eth0]/a?b", "ws://[fe80::1]/a?b", "[fe80::1%eth0]:80"),
            ("wss://u:p@[fe80::1%25wlan0.1]:8443/", "wss://u:p@[fe80::1]:8443/", "[fe80::1%wlan0.1]:8443"),
            ("ws://[fe80::1%2]", "ws://[fe80::1]/", "[fe80::1%2]:80"),
            ("http://[fe80::1%25]:9/", "ws://[fe80::1]:9/", "[fe80::1%25]:9"),
        ] {
            let (parsed, to) = parse_zoned_url(given).unwrap();
            assert_eq!((parsed.as_str(), to.unwrap().to_string().as_str()), (url, place));
            assert!(parse_url(given).unwrap_err().message.contains("zone"), "{given}");
        }
        for bad in ["ws://[fe80::1%]/", "ws://[fe80::1%a b]/", "ws://[x%eth0]/", "ws://h%eth0/", "ws://[fe80::1%eth0/"] {
            assert!(parse_zoned_url(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_zoned_url("ws://[::1]/%25").unwrap().1, None);
    }

    #[test]
    fn places_are_read_and_shown() {
        for (given, shown) in [
            ("h", "h"),
            ("H.Example:81", "h.example:81"),
            ("10.0.0.1:9", "10.0.0.1:9"),
            ("::1", "[::1]"),
            ("[::1]", "[::1]"),
            ("[::1]:7", "[::1]:7"),
            ("fe80::1%eth0", "[fe80::1%eth0]"),
            ("[fe80::1%eth0]:7", "[fe80::1%eth0]:7"),
        ] {
            assert_eq!(Place::parse(given).unwrap().to_string(), shown);
        }
        for bad in ["", ":80", "h:", "h:0", "h:99999", "h:+1", "a b", "u@h", "h/p", "[::1", "[h]:1", "h%eth0", "[fe80::1%]:1", "[::1]x"] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn protocols_are_tokens_each_once() {
        let list = |items: &[&str]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(check_protocols(&list(&["chat", "v2.chat+json"])).is_ok());
        for bad in [&["a", "a"][..], &["a", "A"], &[""], &["a b"], &["a,b"], &["a\r\nX: y"], &["ü"], &["(x)"]] {
            assert_eq!(check_protocols(&list(bad)).unwrap_err().code(), ErrorCode::InvalidProtocol, "{bad:?}");
        }
        for bad in [&["key.s3cret", "key.s3cret"][..], &["key s3cret"], &["ok", "s3cret,"]] {
            let error = check_protocols(&list(bad)).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn headers_cannot_be_injected_or_override_the_handshake() {
        assert!(check_header("Authorization", "Bearer abc").is_ok());
        assert!(check_header("X-Name", "Zoë\tx").is_ok());
        for host in ["chat.internal.example", "h:8080", "[::1]:9", "[::1]", "10.0.0.1"] {
            assert!(check_header("host", host).is_ok(), "{host}");
        }
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("a:b", "x"),
            ("X\r\nY", "x"),
            ("X", "a\r\nb: c"),
            ("X", "a\nb"),
            ("X", "a\0b"),
            ("X", "a\rb"),
            ("Host", "a b"),
            ("Host", "user@h"),
            ("Host", "h:99999"),
            ("Host", ""),
            ("upgrade", "x"),
            ("Sec-WebSocket-Key", "x"),
            ("sec-websocket-protocol", "x"),
            ("Content-Length", "1"),
            ("Transfer-Encoding", "chunked"),
        ] {
            assert_eq!(check_header(name, value).unwrap_err().code(), ErrorCode::InvalidHeader, "{name:?} {value:?}");
        }
        assert!(!check_header("Authorization", "s3cret\n").unwrap_err().to_string().contains("s3cret"));
        for (name, shown) in [
            ("Authorization: Bearer s3cret", "\"Authorization\" and so on"),
            ("Bearer s3cret", "(not shown)"),
            ("s3cret key: x", "(not shown)"),
            ("session=s3cret; x", "\"session\" and so on"),
        ] {
            let error = check_header(name, "x").unwrap_err();
            assert!(error.message.contains(shown) && !error.message.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn hosts_and_ports() {
        let url = parse_url("wss://user:s3cret@example.com:8443/p?q=1").unwrap();
        assert_eq!(host_and_port(&url), "example.com:8443");
        assert_eq!(host_and_port(&parse_url("ws://[::1]/").unwrap()), "[::1]:80");
        assert_eq!(bare_host(&parse_url("ws://[::1]/").unwrap()), "::1");
    }
}
