//! The kinds that only one option has: headers, subprotocols, heartbeats. Knows the rules of their values, not their use.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::kind::{Kind, Marks, either};
use super::report::{BYTES, Dialect, FUNCTION, OTHER, Report, marked};
use super::types::{Matcher, Payload};
use crate::address::{header_fault, is_token, protocol_fault, shown_name};
use crate::error::ErrorCode;

/// The bytes that a face sent.
pub(super) fn read_bytes(value: &Value) -> Option<Vec<u8>> {
    marked(value, BYTES).and_then(Value::as_str).and_then(|text| BASE64.decode(text).ok())
}

pub(super) fn show_bytes(bytes: &[u8]) -> Value {
    serde_json::json!({ BYTES: BASE64.encode(bytes) })
}

/// Subprotocols: a text or a list of texts. Some services take a secret there, so no message shows one.
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
            None => report.refuse_secret(&self.allowed(report.dialect)),
        }
        protocols
    }

    fn check(&self, report: &mut Report, value: &Vec<String>) {
        for index in 0..value.len() {
            if let Some(words) = protocol_fault(value, index) {
                report.at_index(index, |report| report.add(ErrorCode::InvalidProtocol, None, words.to_owned()));
            }
        }
    }

    fn show(&self, value: &Vec<String>, _: Dialect) -> Value {
        value.clone().into()
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "str | Iterable[str]", "string | Iterable<string>")
    }

    fn allowed(&self, _: Dialect) -> String {
        "a text or a list of texts".to_owned()
    }

    fn marks(&self) -> Marks {
        Marks { secret: true, ..Marks::default() }
    }
}

/// Names with values: an object, or a list of pairs if the order matters. A list as the value means several entries of the same name.
pub(super) struct Pairs {
    /// The fault of a pair, in words that follow its name.
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
            None => report.at_shown_key(&shown_name(name), |report| report.refuse_secret("a text or a list of texts")),
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
                report.at_shown_key(&shown_name(name), |report| report.add(self.code, None, words.to_owned()));
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

/// The content of a heartbeat.
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

/// The description of a message that a server sends: a response to a heartbeat, the answer to a login, an announcement.
pub(super) struct Response;

impl Kind for Response {
    type Value = Matcher;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Matcher> {
        match value {
            Value::String(text) => Some(Matcher::Text(text.clone())),
            // A number or `true` is a mistake rather than a message.
            Value::Object(_) | Value::Array(_) if is_plain(value, DEPTH) => Some(Matcher::Json(value.clone())),
            _ => {
                report.refuse(value, &self.allowed(report.dialect));
                None
            }
        }
    }

    fn check(&self, report: &mut Report, value: &Matcher) {
        if let Matcher::Json(value) = value
            && !matches!(value, Value::Object(_) | Value::Array(_))
        {
            report.refuse(value, &self.allowed(report.dialect));
        }
    }

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
        "a text, or a JSON object or array".to_owned()
    }
}
