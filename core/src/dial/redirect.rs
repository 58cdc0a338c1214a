//! Redirects of the upgrade request: the next URL, the credentials that may be sent there, the cookies set on the way. Knows nothing of connections.

use cookie_store::CookieStore;
use url::Url;

use super::http::{Head, text};
use super::refusal::refusal;
use super::request::{Request, Way};
use super::upgrade::{Ask, credentials_of, request_target};
use crate::address::{host_and_port, map_scheme};
use crate::error::{ErrorCode, Result};

/// The way from the requested URL to the one that opens.
pub(super) struct Journey<'a> {
    request: &'a Request,
    /// The present URL.
    pub(super) url: Url,
    /// The user's headers that may be sent to the present URL.
    headers: Vec<(String, String)>,
    /// Whether the user's cookies and credentials may be sent to the present URL. Once false, it stays false.
    trusted: bool,
    /// Cookies set on the way (RFC 6265).
    jar: CookieStore,
    followed: u32,
}

impl<'a> Journey<'a> {
    pub(super) fn new(request: &'a Request) -> Self {
        Self { request, url: request.url.clone(), headers: request.headers.clone(), trusted: true, jar: CookieStore::new(), followed: 0 }
    }

    /// The URL and place of the next connection. `connect_to` replaces only the requested host and port, no other.
    pub(super) fn way(&self) -> Way<'_> {
        let is_home = host_and_port(&self.url) == host_and_port(&self.request.url);
        Way::new(&self.url, self.request.options.connect_to.as_ref().filter(|_| is_home))
    }

    /// The upgrade request for the present URL.
    pub(super) fn ask(&self) -> Ask<'_> {
        let options = &self.request.options;
        let mut cookies = if self.trusted { options.cookies.clone() } else { Vec::new() };
        for (name, value) in self.jar.get_request_values(&as_http(&self.url)) {
            cookies.retain(|(given, _)| given != name);
            cookies.push((name.to_owned(), value.to_owned()));
        }
        Ask {
            url: &self.url,
            protocols: &self.request.protocols,
            extensions: self.request.extensions.as_deref(),
            headers: &self.headers,
            cookies,
            auth: if self.trusted { options.auth.clone().or_else(|| credentials_of(&self.url)) } else { None },
            origin: options.origin.as_deref(),
            user_agent: &options.user_agent,
        }
    }

    /// Follows a refusal, if it is a redirect that may be followed.
    ///
    /// # Errors
    /// `http_refused` if it is not a redirect, `http_redirect` if it must not be followed.
    pub(super) fn follow(&mut self, head: &Head) -> Result<()> {
        let here = host_and_port(&self.url);
        if !matches!(head.status, 301 | 302 | 303 | 307 | 308) {
            return Err(refusal(&self.url, head));
        }
        let status = head.status_text();
        let refuse =
            |why: String| head.error(ErrorCode::HttpRedirect, format!("the server {here} redirects ({status}){why}")).retryable(false);
        let options = &self.request.options;
        let Some(location) = head.headers.get("location").map(text) else {
            return Err(refuse(" without saying where to".into()));
        };
        let Some(mut target) = self.url.join(&location).ok().and_then(map_scheme) else {
            return Err(refuse(" to something that is no ws, wss, http or https URL".into()));
        };
        target.set_fragment(None);
        // Messages do not show path and query, because servers put tokens there.
        let there = format!("{}://{}", target.scheme(), host_and_port(&target));
        if options.follow_redirects == 0 {
            return Err(refuse(format!(" to {there}; redirects are not followed (follow_redirects is 0)")));
        }
        if self.followed == options.follow_redirects {
            return Err(refuse(format!(" to {there}, but {} redirects were followed already (follow_redirects)", self.followed)));
        }
        if self.url.scheme() == "wss" && target.scheme() == "ws" && !options.allow_insecure_redirect {
            return Err(refuse(format!(" to {there}, from wss to ws, which allow_insecure_redirect does not allow")));
        }
        if request_target(&target).is_none() {
            return Err(refuse(format!(" to {there}, with a path and query that are too long to be sent")));
        }
        self.followed += 1;
        for cookie in head.headers.get_all("set-cookie") {
            // A malformed cookie, or one for another host, is ignored.
            let _ = self.jar.parse(&text(cookie), &as_http(&self.url));
        }
        if origin(&self.url) == origin(&target) {
            if credentials_of(&target).is_none() {
                // As in browsers, the credentials of the URL apply to its origin. Neither call can fail for a URL with a host.
                let _ = target.set_username(self.url.username());
                let _ = target.set_password(self.url.password());
            }
        } else {
            self.trusted = false;
            let _ = target.set_username("");
            let _ = target.set_password(None);
            let secret = |name: &str| {
                ["authorization", "cookie", "host", "proxy-authorization"].iter().any(|secret| name.eq_ignore_ascii_case(secret))
            };
            self.headers.retain(|(name, _)| !secret(name));
        }
        self.url = target;
        Ok(())
    }
}

/// Scheme, host and port.
fn origin(url: &Url) -> (&str, Option<&str>, Option<u16>) {
    (url.scheme(), url.host_str(), url.port_or_known_default())
}

/// The same URL in the scheme for which cookies are defined.
fn as_http(url: &Url) -> Url {
    let mut http = url.clone();
    // Cannot fail: all four schemes are special ones (WHATWG URL).
    let _ = http.set_scheme(if url.scheme() == "wss" { "https" } else { "http" });
    http
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::sync::Arc;

    use http::HeaderMap;

    use super::*;
    use crate::options::Options;

    /// The cookies sent to `to`, after `from` has redirected there with `set`.
    fn cookies_after(from: &str, set: &str, to: &str) -> Vec<(String, String)> {
        let options = Arc::new(Options::new().follow_redirects(1).allow_insecure_redirect(true));
        let request = Request { url: Url::parse(from).unwrap(), protocols: Vec::new(), headers: Vec::new(), extensions: None, options };
        let mut journey = Journey::new(&request);
        let mut headers = HeaderMap::new();
        headers.insert("location", to.parse().unwrap());
        headers.insert("set-cookie", set.parse().unwrap());
        journey.follow(&Head { is_http_1_1: true, status: 302, headers }).unwrap();
        journey.ask().cookies
    }

    #[test]
    fn cookies_go_where_rfc_6265_lets_them() {
        let home = "wss://chat.example.com/in/door";
        for (set, to, goes) in [
            ("a=1", "wss://chat.example.com/in/room", true),
            ("a=1", "wss://chat.example.com/elsewhere", false),
            ("a=1; Path=/", "wss://chat.example.com/elsewhere", true),
            ("a=1; Path=/", "wss://www.example.com/", false),
            ("a=1; Path=/; Domain=example.com", "wss://www.example.com/", true),
            ("a=1; Path=/; Domain=example.org", "wss://example.org/", false),
            ("a=1; Path=/", "ws://chat.example.com/", true),
            ("a=1; Path=/; Secure", "ws://chat.example.com/", false),
            ("a=1; Path=/; Secure; HttpOnly", "wss://chat.example.com:9605/", true),
            ("a=1; Path=/; Max-Age=0", "wss://chat.example.com/", false),
        ] {
            let expected = if goes { vec![("a".to_owned(), "1".to_owned())] } else { Vec::new() };
            assert_eq!(cookies_after(home, set, to), expected, "{set} to {to}");
        }
    }
}
