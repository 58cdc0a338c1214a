//! The kinds of options for reaching a server: credentials, the proxy, the place to connect to, PEM, passwords. Knows the rules of their values, not
//! their use.

use std::path::Path;

use serde_json::Value;
use url::Url;

use super::kind::{Kind, Marks, either};
use super::report::{Dialect, Report};
use super::special::{read_bytes, show_bytes};
use super::types::{Pem, Proxy};
use crate::address::Place;

/// A user name and a password.
pub(super) struct Credentials;

impl Kind for Credentials {
    type Value = (String, String);

    fn read(&self, report: &mut Report, value: &Value) -> Option<Self::Value> {
        let Some([Value::String(user), Value::String(password)]) = value.as_array().map(Vec::as_slice) else {
            report.refuse_secret(&self.allowed(report.dialect));
            return None;
        };
        let credentials = (user.clone(), password.clone());
        self.check(report, &credentials);
        Some(credentials)
    }

    fn check(&self, report: &mut Report, (user, password): &Self::Value) {
        if user.contains(':') || user.contains(char::is_control) || password.contains(char::is_control) {
            report.refuse_secret("a user name without a colon and a password, both without control characters");
        }
    }

    fn show(&self, (user, password): &Self::Value, _: Dialect) -> Value {
        vec![user.as_str(), password].into()
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "tuple[str, str]", "readonly [user: string, password: string]")
    }

    fn allowed(&self, _: Dialect) -> String {
        "a pair of user name and password".to_owned()
    }

    fn marks(&self) -> Marks {
        Marks { secret: true, ..Marks::default() }
    }
}

/// The proxy: that of the environment, no proxy, or a URL.
pub(super) struct ProxyUrl;

impl ProxyUrl {
    const SCHEMES: [&'static str; 6] = ["http", "https", "socks", "socks4a", "socks5", "socks5h"];

    fn accepts(url: &Url) -> bool {
        Self::SCHEMES.contains(&url.scheme()) && url.host_str().is_some_and(|host| !host.is_empty())
    }

    /// Whether a text is a host with a port, or a part of that. Any other text may hold a password, as the "host:port:user:password" of some vendors
    /// does.
    fn is_a_place(text: &str) -> bool {
        let place = text.split_once("://").map_or(text, |(_, place)| place).trim_end_matches('/');
        let (host, port) = place.rsplit_once(':').unwrap_or((place, ""));
        host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-')) && port.chars().all(|c| c.is_ascii_digit())
    }
}

impl Kind for ProxyUrl {
    type Value = Proxy;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Proxy> {
        match value {
            Value::Bool(true) => return Some(Proxy::Environment),
            Value::Bool(false) | Value::Null => return Some(Proxy::None),
            Value::String(text) => {
                if let Some(url) = Url::parse(text).ok().filter(Self::accepts) {
                    return Some(Proxy::Url(url));
                }
                if !Self::is_a_place(text) {
                    report.refuse_secret(&self.allowed(report.dialect));
                    return None;
                }
            }
            _ => {}
        }
        report.refuse(value, &self.allowed(report.dialect));
        None
    }

    fn check(&self, report: &mut Report, value: &Proxy) {
        if matches!(value, Proxy::Url(url) if !Self::accepts(url)) {
            report.refuse_secret(&self.allowed(report.dialect));
        }
    }

    fn show(&self, value: &Proxy, _: Dialect) -> Value {
        match value {
            Proxy::Environment => true.into(),
            Proxy::None => false.into(),
            Proxy::Url(url) => url.as_str().into(),
        }
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "bool | str | None", "boolean | string | null")
    }

    fn allowed(&self, dialect: Dialect) -> String {
        let schemes = Self::SCHEMES.join(", ");
        format!("{} (the environment's), {} (none), or a URL whose scheme is one of {schemes}", dialect.bool(true), dialect.bool(false))
    }
}

/// PEM: its text, its bytes, or the path of a file that holds it.
pub(super) struct PemSource;

impl Kind for PemSource {
    type Value = Pem;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Pem> {
        let pem = match value {
            Value::String(text) => Some(Pem::from(text.as_str())),
            _ => read_bytes(value).map(Pem::Content),
        };
        match &pem {
            Some(pem) => self.check(report, pem),
            None => report.refuse_secret(&self.allowed(report.dialect)),
        }
        pem
    }

    fn check(&self, report: &mut Report, value: &Pem) {
        let is_path = |path: &Path| !path.as_os_str().is_empty() && !path.as_os_str().as_encoded_bytes().contains(&0);
        if !matches!(value, Pem::Content(bytes) if !bytes.is_empty()) && !matches!(value, Pem::File(path) if is_path(path)) {
            report.refuse_secret(&self.allowed(report.dialect));
        }
    }

    fn show(&self, value: &Pem, _: Dialect) -> Value {
        match value {
            Pem::Content(bytes) => show_bytes(bytes),
            Pem::File(path) => path.to_string_lossy().into(),
        }
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "str | bytes | os.PathLike[str]", "string | Uint8Array")
    }

    fn allowed(&self, _: Dialect) -> String {
        "PEM as a text or bytes, or the path of a PEM file".to_owned()
    }

    fn marks(&self) -> Marks {
        Marks { secret: true, ..Marks::default() }
    }
}

/// A text that no message shows.
pub(super) struct Secret;

impl Kind for Secret {
    type Value = String;

    fn read(&self, report: &mut Report, value: &Value) -> Option<String> {
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            report.refuse_secret(&self.allowed(report.dialect));
        }
        text
    }

    fn check(&self, _: &mut Report, _: &String) {}

    fn show(&self, value: &String, _: Dialect) -> Value {
        value.as_str().into()
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "str", "string")
    }

    fn allowed(&self, _: Dialect) -> String {
        "a text".to_owned()
    }

    fn marks(&self) -> Marks {
        Marks { secret: true, ..Marks::default() }
    }
}

/// A host and a port to connect to.
pub(super) struct ConnectTo;

impl Kind for ConnectTo {
    type Value = Place;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Place> {
        let place = value.as_str().and_then(Place::parse);
        if place.is_none() {
            report.refuse(value, &self.allowed(report.dialect));
        }
        place
    }

    fn check(&self, report: &mut Report, value: &Place) {
        let text = value.to_string();
        if Place::parse(&text).is_none_or(|read| read != *value) {
            report.refuse(&text.into(), &self.allowed(report.dialect));
        }
    }

    fn show(&self, value: &Place, _: Dialect) -> Value {
        value.to_string().into()
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "str", "string")
    }

    fn allowed(&self, _: Dialect) -> String {
        "a host, host:port or [IPv6 address%zone]:port".to_owned()
    }
}
