//! Reads the members of one JSON object strictly: reads each by name and type, and collects every fault with its path, its value and the allowed
//! values. Knows nothing of the meaning of members.

use std::time::Duration;

use serde_json::{Map, Value};

/// One object that is being read.
pub(super) struct Fields<'a> {
    path: String,
    members: Option<&'a Map<String, Value>>,
    known: Vec<&'static str>,
    faults: &'a mut Vec<String>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(path: String, value: &'a Value, faults: &'a mut Vec<String>) -> Self {
        let members = value.as_object();
        if members.is_none() {
            faults.push(format!("{path}: {value} is not an object"));
        }
        Self { path, members, known: Vec::new(), faults }
    }

    /// A member, if it is there and not null.
    pub(super) fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.nullable(name).filter(|value| !value.is_null())
    }

    /// A member, if it is there, null or not.
    pub(super) fn nullable(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.members?.get(name)
    }

    pub(super) fn fault(&mut self, name: &str, value: &Value, allowed: &str) {
        self.faults.push(format!("{}.{name}: {value} is not {allowed}", self.path));
    }

    fn read<T>(&mut self, name: &'static str, allowed: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.value(name)?;
        let found = read(value);
        if found.is_none() {
            self.fault(name, value, allowed);
        }
        found
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<&'a str> {
        self.read(name, "a text", Value::as_str)
    }

    pub(super) fn flag(&mut self, name: &'static str, default: bool) -> bool {
        self.read(name, "true or false", Value::as_bool).unwrap_or(default)
    }

    pub(super) fn whole(&mut self, name: &'static str, lowest: u64, highest: u64) -> Option<u64> {
        self.read(name, &format!("a whole number from {lowest} to {highest}"), |value| {
            value.as_u64().filter(|n| (lowest..=highest).contains(n))
        })
    }

    /// A time in seconds.
    pub(super) fn seconds(&mut self, name: &'static str) -> Option<Duration> {
        self.read(name, "a number of seconds from 0 to 86400", |value| {
            value.as_f64().filter(|seconds| (0.0..=86_400.0).contains(seconds)).map(Duration::from_secs_f64)
        })
    }

    /// Bytes as hexadecimal digits; white space between them is allowed.
    pub(super) fn hex(&mut self, name: &'static str) -> Option<Vec<u8>> {
        self.read(name, "pairs of hexadecimal digits", |value| {
            let digits: Vec<u8> =
                value.as_str()?.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
            digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
        })
    }

    /// A header list: an object, or a list of pairs. A value of null takes the server's own header of that name away.
    pub(super) fn headers(&mut self, name: &'static str) -> Vec<(String, Option<String>)> {
        let pair = |name: &str, value: &Value| match value {
            Value::Null => Some((name.to_owned(), None)),
            Value::String(text) => Some((name.to_owned(), Some(text.clone()))),
            _ => None,
        };
        self.read(name, "an object of texts, or a list of pairs of texts", |value| match value {
            Value::Object(members) => members.iter().map(|(name, value)| pair(name, value)).collect(),
            Value::Array(pairs) => pairs
                .iter()
                .map(|item| match item.as_array().map(Vec::as_slice) {
                    Some([Value::String(name), value]) => pair(name, value),
                    _ => None,
                })
                .collect(),
            _ => None,
        })
        .unwrap_or_default()
    }

    /// Reports unknown fields.
    pub(super) fn finish(mut self) {
        self.unknown();
    }

    fn unknown(&mut self) {
        for name in self.members.into_iter().flat_map(Map::keys) {
            if !self.known.contains(&name.as_str()) {
                self.faults.push(format!("{}.{name}: unknown; allowed are {}", self.path, self.known.join(", ")));
            }
        }
    }

    /// A fault about the object as a whole.
    pub(super) fn complain(&mut self, words: &str) {
        self.faults.push(format!("{}: {words}", self.path));
    }
}
