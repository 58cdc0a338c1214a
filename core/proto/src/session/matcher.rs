//! A received message, as the features see it: whether a matcher describes it, and the value at a pointer. It is parsed at most once, and only if
//! needed.

use std::cell::OnceCell;

use serde_json::Value;

use crate::message::Data;
use crate::options::Matcher;
use crate::pointer::Pointer;

/// A received message.
pub(super) struct Inbound<'a> {
    text: Option<&'a str>,
    json: OnceCell<Option<Value>>,
}

impl<'a> Inbound<'a> {
    pub(super) fn new(data: Data<'a>) -> Self {
        let text = match data {
            Data::Text(text) => Some(text),
            Data::Binary(_) => None,
        };
        Self { text, json: OnceCell::new() }
    }

    /// Whether the matcher describes it. Binary messages match nothing.
    pub(super) fn matches(&self, matcher: &Matcher) -> bool {
        let Some(text) = self.text else { return false };
        match matcher {
            Matcher::Text(expected) => expected == text,
            Matcher::Json(expected) => {
                self.json.get_or_init(|| serde_json::from_str(text).ok()).as_ref().is_some_and(|value| contains(value, expected))
            }
        }
    }

    /// Its text. `None` for a binary message.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.text
    }

    /// The JSON text of the value at a pointer.
    pub(super) fn at(&self, pointer: &Pointer) -> Option<&'a str> {
        pointer.find(self.text?)
    }
}

/// Whether `value` contains `expected`. An object must have each member, by the same rule; other values must be equal.
fn contains(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::Object(members), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| members.get(name).is_some_and(|member| contains(member, wanted)))
        }
        (Value::Array(items), Value::Array(wanted)) => {
            items.len() == wanted.len() && items.iter().zip(wanted).all(|(item, wanted)| equal(item, wanted))
        }
        _ => equal(value, expected),
    }
}

/// Equality in JSON: 1 and 1.0 are the same number.
fn equal(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || (left.is_f64() != right.is_f64() && left.as_f64() == right.as_f64())
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len() && left.iter().all(|(name, left)| right.get(name).is_some_and(|right| equal(left, right)))
        }
        _ => value == expected,
    }
}
