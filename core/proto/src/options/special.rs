//! The kinds that one option has to itself: headers, subprotocols, credentials, the proxy, PEM, heartbeats. Knows the rules of their
//! values, not what becomes of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use url::Url;

use super::kind::{Kind, Marks, either};
use super::report::{BYTES, Dialect, FUNCTION, OTHER, Report, marked};
use super::types::{Matcher, Payload, Proxy};
use crate::address::{header_fault, is_token, protocol_fault};
use crate::error::ErrorCode;

/// The bytes that a face sent.
fn read_bytes(value: &Value) -> Option<Vec<u8>> {
    marked(value, BYTES).and_then(Value::as_str).and_then(|text| BASE64.decode(text).ok())
}

fn show_bytes(bytes: &[u8]) -> Value {
    serde_json::json!({ BYTES: BASE64.encode(bytes) })
}

/// Subprotocols: a text or a list of texts.
pub(super) struct Protocols;

impl Kind for Protocols {
    type Value = Vec<String>;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Vec<String>> {
        let protocols = match value {
            Value::String(protocol) => Some(vec![protocol.clone()]),
            Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        match &protocols {
            Some(protocols) => self.check(report, protocols),
            None => report.refuse(value, &self.allowed(report.dialect)),
        }
        protocols
    }

    fn check(&self, report: &mut Report, value: &Vec<String>) {
        for index in 0..value.len() {
            if let Some(words) = protocol_fault(value, index) {
                let shown = Some(report.dialect.value(&value[index].as_str().into())).filter(|_| !value[index].is_empty());
                report.at_index(index, |report| report.add(ErrorCode::InvalidProtocol, shown, words.to_owned()));
            }
        }
    }

    fn show(&self, value: &Vec<String>, _: Dialect) -> Value {
        value.clone().into()
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "str | Sequence[str]", "string | readonly string[]")
    }

    fn allowed(&self, _: Dialect) -> String {
        "a text or a list of texts".to_owned()
    }
}

/// Names with values: an object, or a list of pairs where the order matters; a list as the value stands for several of the same name.
pub(super) struct Pairs {
    /// What is wrong with a pair, in words that follow its name.
    pub(super) fault: fn(&str, &str) -> Option<&'static str>,
    pub(super) code: ErrorCode,
}

/// Headers.
pub(super) const HEADERS: Pairs = Pairs { fault: header_fault, code: ErrorCode::InvalidHeader };

/// Cookies (RFC 6265 section 4.1.1, less strict in the value, as browsers are).
pub(super) const COOKIES: Pairs = Pairs {
    fault: |name, value| {
        if !is_token(name) {
            Some("has a name that a cookie must not have; allowed are ASCII letters, digits and !#$%&'*+-.^_`|~")
        } else if value.contains(|letter: char| letter.is_ascii_control() || letter == ';') {
            Some("has a control character or a semicolon in its value")
        } else {
            None
        }
    },
    code: ErrorCode::InvalidHeader,
};

impl Pairs {
    fn entry(report: &mut Report, pairs: &mut Vec<(String, String)>, name: &str, value: &Value) {
        let values: Option<Vec<&str>> = match value {
            Value::String(text) => Some(vec![text]),
            Value::Array(items) => items.iter().map(Value::as_str).collect(),
            _ => None,
        };
        match values {
            Some(values) => pairs.extend(values.into_iter().map(|value| (name.to_owned(), value.to_owned()))),
            None => report.at_key(name, |report| report.refuse_secret("a text or a list of texts")),
        }
    }
}

impl Kind for Pairs {
    type Value = Vec<(String, String)>;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Self::Value> {
        let mut pairs = Vec::new();
        match value {
            Value::Object(members) if !members.keys().any(|key| key.starts_with('$')) => {
                for (name, value) in members {
                    Self::entry(report, &mut pairs, name, value);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    match item.as_array().map(Vec::as_slice) {
                        Some([Value::String(name), value]) => Self::entry(report, &mut pairs, name, value),
                        _ => report.at_index(index, |report| report.refuse_secret("a pair of name and value")),
                    }
                }
            }
            _ => report.refuse_secret(&self.allowed(report.dialect)),
        }
        self.check(report, &pairs);
        Some(pairs)
    }

    fn check(&self, report: &mut Report, value: &Self::Value) {
        for (name, value) in value {
            if let Some(words) = (self.fault)(name, value) {
                report.at_key(name, |report| report.add(self.code, None, words.to_owned()));
            }
        }
    }

    fn show(&self, value: &Self::Value, _: Dialect) -> Value {
        value.iter().map(|(name, value)| Value::from(vec![name.as_str(), value])).collect()
    }

    fn type_name(&self, _: Dialect) -> String {
        "NamedValues".to_owned()
    }

    fn allowed(&self, dialect: Dialect) -> String {
        either(dialect, "a dict of texts, or a list of pairs", "an object of texts, or a list of pairs")
    }

    fn marks(&self) -> Marks {
        Marks { secret: true, ..Marks::default() }
    }
}

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

/// The proxy: the environment's, none, or a URL.
pub(super) struct ProxyUrl;

impl ProxyUrl {
    const SCHEMES: [&'static str; 5] = ["http", "https", "socks4a", "socks5", "socks5h"];

    fn accepts(url: &Url) -> bool {
        Self::SCHEMES.contains(&url.scheme()) && url.host_str().is_some_and(|host| !host.is_empty())
    }

    /// Whether a text is a host with a port, or part of that. Any other may hold a password, as the "host:port:user:password" of some vendors does.
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
pub(super) struct Pem;

impl Kind for Pem {
    type Value = String;

    fn read(&self, report: &mut Report, value: &Value) -> Option<String> {
        let text = match value {
            Value::String(text) => Some(text.clone()),
            _ => read_bytes(value).and_then(|bytes| String::from_utf8(bytes).ok()),
        };
        let text = text.filter(|text| !text.is_empty() && !text.contains('\0'));
        if text.is_none() {
            report.refuse_secret(&self.allowed(report.dialect));
        }
        text
    }

    fn check(&self, report: &mut Report, value: &String) {
        if value.is_empty() || value.contains('\0') {
            report.refuse_secret(&self.allowed(report.dialect));
        }
    }

    fn show(&self, value: &String, _: Dialect) -> Value {
        value.as_str().into()
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

/// Whether a value is plain JSON all the way down: no bytes, no functions, nothing that JSON has no value for, and of a sane depth.
fn is_plain(value: &Value, depth: usize) -> bool {
    match value {
        _ if depth == 0 => false,
        Value::Object(members) => {
            ![BYTES, FUNCTION, OTHER].iter().any(|mark| marked(value, mark).is_some())
                && members.values().all(|value| is_plain(value, depth - 1))
        }
        Value::Array(items) => items.iter().all(|value| is_plain(value, depth - 1)),
        _ => true,
    }
}

/// How deep JSON in options may be.
const DEPTH: usize = 100;

/// What a heartbeat sends.
pub(super) struct Message {
    /// Whether it may be a function that gives it.
    pub(super) function: bool,
}

impl Kind for Message {
    type Value = Payload;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Payload> {
        let payload = match value {
            Value::Null => None,
            Value::String(text) => Some(Payload::Text(text.clone())),
            _ if self.function && marked(value, FUNCTION).is_some() => Some(Payload::Function),
            _ => read_bytes(value).map(Payload::Binary).or_else(|| is_plain(value, DEPTH).then(|| Payload::Text(value.to_string()))),
        };
        if payload.is_none() {
            report.refuse(value, &self.allowed(report.dialect));
        }
        payload
    }

    fn check(&self, _: &mut Report, _: &Payload) {}

    fn show(&self, value: &Payload, _: Dialect) -> Value {
        match value {
            Payload::Text(text) => text.as_str().into(),
            Payload::Binary(bytes) => show_bytes(bytes),
            Payload::Function => serde_json::json!({ FUNCTION: true }),
        }
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "Provided[HeartbeatMessage]", "Provided<HeartbeatMessage>")
    }

    fn allowed(&self, _: Dialect) -> String {
        let function = if self.function { ", or a function that returns one of them" } else { "" };
        format!("a text, bytes or a JSON value{function}")
    }
}

/// What counts as the response to a heartbeat.
pub(super) struct Response;

impl Kind for Response {
    type Value = Matcher;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Matcher> {
        match value {
            Value::String(text) => Some(Matcher::Text(text.clone())),
            _ if is_plain(value, DEPTH) => Some(Matcher::Json(value.clone())),
            _ => {
                report.refuse(value, &self.allowed(report.dialect));
                None
            }
        }
    }

    fn check(&self, _: &mut Report, _: &Matcher) {}

    fn show(&self, value: &Matcher, _: Dialect) -> Value {
        match value {
            Matcher::Text(text) => text.as_str().into(),
            Matcher::Json(value) => value.clone(),
        }
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "str | Mapping[str, Any] | Sequence[Any]", "string | object")
    }

    fn allowed(&self, _: Dialect) -> String {
        "a text or a JSON value".to_owned()
    }
}
