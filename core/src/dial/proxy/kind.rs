//! The known kinds of proxies. A leaf.

use url::Url;

use crate::error::{Error, ErrorCode, Result};

/// The kinds of proxies. `socks` is SOCKS 5 with names resolved by the proxy, as in Chromium and GNOME.
const KINDS: [&str; 6] = ["http", "https", "socks", "socks4a", "socks5", "socks5h"];

/// Refuses a proxy of an unknown kind. `source` is the option or the variable that names it.
pub(super) fn known_kind(proxy: Url, source: &str) -> Result<Url> {
    let refuse = |why: String| Error::new(ErrorCode::ProxyFailed, format!("{source}: {why}")).retryable(false);
    if !KINDS.contains(&proxy.scheme()) {
        return Err(refuse(format!("a proxy of the kind {:?} is not known; known are {}", proxy.scheme(), KINDS.join(", "))));
    }
    if proxy.host_str().is_none_or(str::is_empty) {
        return Err(refuse("the proxy's URL has no host".into()));
    }
    Ok(proxy)
}
