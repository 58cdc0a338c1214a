//! What names a server: the URL, the subprotocols and the headers, checked before anything is sent. Knows nothing of sockets.

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
        url::ParseError::RelativeUrlWithoutBase => refuse("is not absolute: it must start with ws:// or wss://".into()),
        error => refuse(format!("is not valid: {error}")),
    })?;
    if url.fragment().is_some() {
        return Err(refuse("has a fragment (#...), which a WebSocket URL must not have".into()));
    }
    map_scheme(url.clone()).ok_or_else(|| refuse(format!("has the scheme {:?}; allowed are ws, wss, http and https", url.scheme())))
}

/// The same URL with `http` as `ws` and `https` as `wss`; none for any other scheme.
pub fn map_scheme(mut url: Url) -> Option<Url> {
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
/// `invalid_protocol`, naming the first that is not.
pub fn check_protocols(protocols: &[String]) -> Result<()> {
    for (index, protocol) in protocols.iter().enumerate() {
        if let Some(why) = protocol_fault(protocols, index) {
            return Err(Error::new(ErrorCode::InvalidProtocol, format!("protocols[{index}]: {protocol:?} {why}")));
        }
    }
    Ok(())
}

/// What is wrong with the subprotocol at `index`, in words that follow its name.
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
/// `invalid_header`. The value is not repeated in the message, for it may be a secret.
pub fn check_header(name: &str, value: &str) -> Result<()> {
    match header_fault(name, value) {
        Some(why) => Err(Error::new(ErrorCode::InvalidHeader, format!("header {name:?} {why}"))),
        None => Ok(()),
    }
}

/// What is wrong with a header, in words that follow its name.
pub(crate) fn header_fault(name: &str, value: &str) -> Option<&'static str> {
    if !is_token(name) {
        return Some("has a name that HTTP does not allow; allowed are ASCII letters, digits and !#$%&'*+-.^_`|~");
    }
    if value.bytes().any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f) {
        return Some("has a control character (such as CR, LF or NUL) in its value");
    }
    let lower = name.to_ascii_lowercase();
    let ours = ["connection", "content-length", "host", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];
    (ours.contains(&lower.as_str()) || lower.starts_with("sec-websocket-")).then_some("is set by the handshake itself")
}

/// `host:port`, an IPv6 address in brackets, the port always given.
pub fn host_and_port(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), port(url))
}

/// The URL's port, or that of its scheme.
pub fn port(url: &Url) -> u16 {
    let scheme_port = match url.scheme() {
        "https" | "wss" => 443,
        "socks4a" | "socks5" | "socks5h" => 1080,
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

/// A text that may not even be a URL, with everything hidden that could be credentials, or a token in a query or a fragment.
fn hide_secrets(text: &str) -> String {
    let start = text.find("//").map_or(0, |at| at + 2);
    let authority_end = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |at| start + at);
    // A password may itself hold a slash that nobody encoded: everything up to the last @ may belong to it.
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
    fn protocols_are_tokens_each_once() {
        let list = |items: &[&str]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(check_protocols(&list(&["chat", "v2.chat+json"])).is_ok());
        for bad in [&["a", "a"][..], &["a", "A"], &[""], &["a b"], &["a,b"], &["a\r\nX: y"], &["ü"], &["(x)"]] {
            assert_eq!(check_protocols(&list(bad)).unwrap_err().code(), ErrorCode::InvalidProtocol, "{bad:?}");
        }
    }

    #[test]
    fn headers_cannot_be_injected_or_override_the_handshake() {
        assert!(check_header("Authorization", "Bearer abc").is_ok());
        assert!(check_header("X-Name", "Zoë\tx").is_ok());
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("a:b", "x"),
            ("X\r\nY", "x"),
            ("X", "a\r\nb: c"),
            ("X", "a\nb"),
            ("X", "a\0b"),
            ("X", "a\rb"),
            ("Host", "x"),
            ("upgrade", "x"),
            ("Sec-WebSocket-Key", "x"),
            ("sec-websocket-protocol", "x"),
            ("Content-Length", "1"),
            ("Transfer-Encoding", "chunked"),
        ] {
            assert_eq!(check_header(name, value).unwrap_err().code(), ErrorCode::InvalidHeader, "{name:?} {value:?}");
        }
        assert!(!check_header("Authorization", "s3cret\n").unwrap_err().to_string().contains("s3cret"));
    }

    #[test]
    fn hosts_and_ports() {
        let url = parse_url("wss://user:s3cret@example.com:8443/p?q=1").unwrap();
        assert_eq!(host_and_port(&url), "example.com:8443");
        assert_eq!(host_and_port(&parse_url("ws://[::1]/").unwrap()), "[::1]:80");
        assert_eq!(bare_host(&parse_url("ws://[::1]/").unwrap()), "::1");
    }
}
