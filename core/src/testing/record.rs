//! The records of the fault server, the wait for one, and the match with a pattern. Knows nothing of sockets or scripts.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::error::{ErrorKind, TestError};

/// Payloads up to this many bytes are recorded whole, larger ones by their size and beginning.
const WHOLE: usize = 64 << 10;

/// The list of records, shared by the connections and the test.
pub(super) struct Log {
    started: Instant,
    records: Mutex<Vec<Value>>,
    grown: Condvar,
}

impl Default for Log {
    fn default() -> Self {
        Self { started: Instant::now(), records: Mutex::default(), grown: Condvar::new() }
    }
}

impl Log {
    fn records(&self) -> MutexGuard<'_, Vec<Value>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a record: its kind, then the members of `details`.
    pub(super) fn add(&self, connection: usize, event: &str, details: Value) {
        let at = (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e6;
        let mut record = Map::new();
        record.insert("connection".to_owned(), json!(connection));
        record.insert("at".to_owned(), json!(at));
        record.insert("event".to_owned(), json!(event));
        if let Value::Object(details) = details {
            record.extend(details);
        }
        self.records().push(Value::Object(record));
        self.grown.notify_all();
    }

    pub(super) fn all(&self) -> Value {
        Value::Array(self.records().clone())
    }

    pub(super) fn wait_for(&self, pattern: &Value, at_most: Duration) -> Result<Value, TestError> {
        let deadline = Instant::now() + at_most.min(Duration::from_secs(86_400));
        let mut pattern = pattern.clone();
        let count = match pattern.as_object_mut().and_then(|members| members.shift_remove("count")) {
            None => 1,
            Some(count) => match count.as_u64() {
                Some(count) if count > 0 => count as usize,
                _ => return Err(TestError::new(ErrorKind::Script, format!("count: {count} is not a whole number from 1"))),
            },
        };
        let mut records = self.records();
        loop {
            if let Some(record) = records.iter().filter(|record| matches(&pattern, record)).nth(count - 1) {
                return Ok(record.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let seen: Vec<String> = records.iter().map(|record| format!("\n  {record}")).collect();
                let words = format!(
                    "nothing like {pattern} was recorded {count} time(s) within {} s, but:{}",
                    at_most.as_secs_f64(),
                    seen.concat()
                );
                return Err(TestError::new(ErrorKind::Timeout, words));
            }
            records = self.grown.wait_timeout(records, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The details of a text message.
pub(super) fn text(text: &str) -> Value {
    let mut end = text.len().min(WHOLE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    json!({"text": &text[..end], "size": text.len()})
}

/// The details of a binary message.
pub(super) fn binary(bytes: &[u8]) -> Value {
    json!({"binary": hex(&bytes[..bytes.len().min(WHOLE)]), "size": bytes.len()})
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut digits, byte| {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Whether `value` matches `pattern`: each member of an object exists and matches; lists match item by item; other values are equal. An object whose
/// only members are `min`/`max` (a number between them), `contains` (a text), `any` (not null) or `not` (a pattern) is a matcher. The tests of all
/// languages match like this.
pub fn matches(pattern: &Value, value: &Value) -> bool {
    match (pattern, value) {
        (Value::Object(members), _) if is_matcher(members) => members.iter().all(|(name, bound)| match name.as_str() {
            "min" => number_pair(value, bound).is_some_and(|(value, bound)| value >= bound),
            "max" => number_pair(value, bound).is_some_and(|(value, bound)| value <= bound),
            "contains" => value.as_str().zip(bound.as_str()).is_some_and(|(value, part)| value.contains(part)),
            "any" => !value.is_null(),
            _ => !matches(bound, value),
        }),
        (Value::Object(members), Value::Object(found)) => {
            members.iter().all(|(name, pattern)| found.get(name).is_some_and(|value| matches(pattern, value)))
        }
        (Value::Array(patterns), Value::Array(found)) => {
            patterns.len() == found.len() && patterns.iter().zip(found).all(|(pattern, value)| matches(pattern, value))
        }
        (Value::Number(_), Value::Number(_)) => number_pair(pattern, value).is_some_and(|(a, b)| a.total_cmp(&b).is_eq()),
        _ => pattern == value,
    }
}

fn is_matcher(members: &Map<String, Value>) -> bool {
    !members.is_empty() && members.keys().all(|name| matches!(name.as_str(), "min" | "max" | "contains" | "any" | "not"))
}

fn number_pair(a: &Value, b: &Value) -> Option<(f64, f64)> {
    a.as_f64().zip(b.as_f64())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{ErrorKind, Log, matches};
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn a_pattern_is_a_subset() {
        assert!(matches(&json!({"event": "close", "code": 1000}), &json!({"event": "close", "code": 1000, "reason": ""})));
        assert!(!matches(&json!({"event": "close", "code": 1000}), &json!({"event": "close", "code": 1001})));
        assert!(!matches(&json!({"event": "close"}), &json!({})));
        assert!(matches(&json!(1), &json!(1.0)));
        assert!(!matches(&json!([1]), &json!([1, 2])));
        assert!(matches(
            &json!({"a": {"min": 1, "max": 2}, "b": {"contains": "x"}, "c": {"any": true}, "d": {"not": 3}}),
            &json!({"a": 1.5, "b": "axe", "c": 0, "d": 4})
        ));
        assert!(!matches(&json!({"any": true}), &json!(null)));
        assert!(!matches(&json!({"min": 1}), &json!("text")));
    }

    #[test]
    fn waiting_finds_what_is_there_and_says_what_is_not() {
        let log = Log::default();
        log.add(0, "message", json!({"text": "a"}));
        log.add(0, "message", json!({"text": "b"}));
        let second = log.wait_for(&json!({"event": "message", "count": 2}), Duration::ZERO).unwrap();
        assert_eq!(second["text"], "b");
        let error = log.wait_for(&json!({"event": "close"}), Duration::from_millis(1)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert!(error.message.contains(r#""text":"b""#), "{error}");
    }
}
