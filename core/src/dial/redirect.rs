//! Redirects of the upgrade request: where to go next, which credentials may go along, the cookies set on the way. Knows nothing of connections.

use url::Url;

use super::http::Head;
use super::upgrade::{Ask, credentials_of};
use super::{Request, upgrade};
use crate::address::{host_and_port, map_scheme};
use crate::error::{ErrorCode, Result};

/// The way from the URL that was asked for to the one that opens.
#[derive(Debug)]
pub(super) struct Journey<'a> {
    request: &'a Request,
    /// Where it is now.
    pub(super) url: Url,
    /// The user's headers that may be sent here.
    headers: Vec<(String, String)>,
    /// Whether the user's cookies and credentials may be sent here; once they may not, they never may again.
    trusted: bool,
    /// Cookies set on the way.
    jar: Vec<Cookie>,
    followed: u32,
}

/// A cookie that a redirect has set (RFC 6265, as far as one journey needs it).
#[derive(Debug, PartialEq)]
struct Cookie {
    name: String,
    value: String,
    domain: String,
    with_subdomains: bool,
    path: String,
    secure: bool,
}

impl<'a> Journey<'a> {
    pub(super) fn new(request: &'a Request) -> Self {
        Self { request, url: request.url.clone(), headers: request.headers.clone(), trusted: true, jar: Vec::new(), followed: 0 }
    }

    /// What to ask for here.
    pub(super) fn ask(&self) -> Ask<'_> {
        let options = &self.request.options;
        let mut cookies = if self.trusted { options.cookies.clone() } else { Vec::new() };
        for cookie in self.jar.iter().filter(|cookie| cookie.is_for(&self.url)) {
            cookies.retain(|(name, _)| *name != cookie.name);
            cookies.push((cookie.name.clone(), cookie.value.clone()));
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

    /// Goes where a refusal leads, if it is a redirect that may be followed.
    ///
    /// # Errors
    /// `http_refused` if it is no redirect, `http_redirect` if it must not be followed.
    pub(super) fn follow(&mut self, head: &Head, body: Vec<u8>) -> Result<()> {
        let here = host_and_port(&self.url);
        if !matches!(head.status, 301 | 302 | 303 | 307 | 308) {
            return Err(upgrade::refusal(&self.url, head, body));
        }
        let status = head.status_text();
        let refuse = |why: String| {
            head.error(ErrorCode::HttpRedirect, format!("the server {here} redirects ({status}){why}"), body.clone()).retryable(false)
        };
        let options = &self.request.options;
        let Some(location) = head.headers.get("location").map(|value| String::from_utf8_lossy(value.as_bytes())) else {
            return Err(refuse(" without saying where to".into()));
        };
        let Some(mut target) = self.url.join(&location).ok().and_then(map_scheme) else {
            return Err(refuse(" to something that is no ws, wss, http or https URL".into()));
        };
        target.set_fragment(None);
        // Path and query stay out of messages: they are where servers put tokens.
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
        self.followed += 1;
        for cookie in head.headers.get_all("set-cookie") {
            self.keep_cookie(&String::from_utf8_lossy(cookie.as_bytes()));
        }
        if origin(&self.url) == origin(&target) {
            if credentials_of(&target).is_none() {
                // As browsers do: the credentials of the URL hold for its origin. Neither call can fail for a URL with a host.
                let _ = target.set_username(self.url.username());
                let _ = target.set_password(self.url.password());
            }
        } else {
            self.trusted = false;
            let _ = target.set_username("");
            let _ = target.set_password(None);
            let secret =
                |name: &str| ["authorization", "cookie", "proxy-authorization"].iter().any(|secret| name.eq_ignore_ascii_case(secret));
            self.headers.retain(|(name, _)| !secret(name));
        }
        self.url = target;
        Ok(())
    }

    fn keep_cookie(&mut self, header: &str) {
        let Some((cookie, expired)) = Cookie::parse(header, &self.url) else { return };
        self.jar.retain(|kept| (&kept.name, &kept.domain, &kept.path) != (&cookie.name, &cookie.domain, &cookie.path));
        if !expired {
            self.jar.push(cookie);
        }
    }
}

/// Scheme, host and port.
fn origin(url: &Url) -> (&str, Option<&str>, Option<u16>) {
    (url.scheme(), url.host_str(), url.port_or_known_default())
}

impl Cookie {
    /// Reads a Set-Cookie header of `url`'s answer; the flag says that the cookie is to be forgotten.
    fn parse(header: &str, url: &Url) -> Option<(Self, bool)> {
        let host = url.host_str()?.to_owned();
        let mut parts = header.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let directory = url.path().rsplit_once('/').map_or("/", |(directory, _)| if directory.is_empty() { "/" } else { directory });
        let mut cookie = Self {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            domain: host.clone(),
            with_subdomains: false,
            path: directory.to_owned(),
            secure: false,
        };
        let mut expired = false;
        for part in parts {
            let (attribute, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim();
            match attribute.trim().to_ascii_lowercase().as_str() {
                "domain" if !value.is_empty() => {
                    let domain = value.trim_start_matches('.').to_ascii_lowercase();
                    let is_ours =
                        host == domain || (host.ends_with(&format!(".{domain}")) && domain.contains('.') && url.domain().is_some());
                    if !is_ours {
                        return None;
                    }
                    cookie.with_subdomains = url.domain().is_some();
                    cookie.domain = domain;
                }
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "secure" => cookie.secure = true,
                "max-age" => expired = value.parse::<i64>().is_ok_and(|age| age <= 0),
                _ => {}
            }
        }
        let printable = |text: &str| text.bytes().all(|byte| byte >= b' ' && byte != 0x7f);
        (!cookie.name.is_empty() && printable(&cookie.name) && printable(&cookie.value)).then_some((cookie, expired))
    }

    fn is_for(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let of_host = host == self.domain || (self.with_subdomains && host.ends_with(&format!(".{}", self.domain)));
        let path = url.path();
        let of_path =
            path == self.path || (path.starts_with(&self.path) && (self.path.ends_with('/') || path[self.path.len()..].starts_with('/')));
        of_host && of_path && (!self.secure || url.scheme() == "wss")
    }
}
