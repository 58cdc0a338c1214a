//! JSON pointers (RFC 6901) into JSON text: finds a value, or puts another value there. The text is scanned, not parsed into values, so the rest of
//! the text costs little and stays as it was written. A leaf.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON pointer, such as `/headers/req_id`. The empty one is the whole text.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Pointer {
    text: String,
    tokens: Vec<String>,
}

impl Pointer {
    /// Reads a pointer: empty, or tokens that each begin with a slash; `~1` means a slash and `~0` a tilde.
    pub fn parse(text: &str) -> Option<Self> {
        let tokens = match text.strip_prefix('/') {
            Some(rest) => rest.split('/').map(unescape).collect::<Option<Vec<_>>>()?,
            None if text.is_empty() => Vec::new(),
            None => return None,
        };
        Some(Self { text: text.to_owned(), tokens })
    }

    /// The pointer's own text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The JSON text of the value there. `None` without such a value, or if `json` is not one JSON value. Of several members with one name the last
    /// counts.
    pub fn find<'a>(&self, json: &'a str) -> Option<&'a str> {
        find(&self.tokens, json)
    }

    /// `json` with `value`, which is JSON text, in this place. Missing objects on the way are made. `None` if that is impossible: `json` is not one
    /// JSON value, or the way leads through a value that is not an object.
    pub fn put(&self, json: &str, value: &str) -> Option<String> {
        for depth in (0..=self.tokens.len()).rev() {
            let (known, missing) = self.tokens.split_at(depth);
            let Some(found) = find(known, json) else { continue };
            let start = found.as_ptr() as usize - json.as_ptr() as usize;
            let [name, deeper @ ..] = missing else {
                return Some(format!("{}{value}{}", &json[..start], &json[start + found.len()..]));
            };
            let members = found.strip_prefix('{')?;
            let comma = if members.trim_start().starts_with('}') { "" } else { "," };
            let inner = deeper.iter().rev().fold(value.to_owned(), |inner, name| format!("{{{}:{inner}}}", quote(name)));
            let (before, after) = json.split_at(start + 1);
            return Some(format!("{before}{}:{inner}{comma}{after}", quote(name)));
        }
        None
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

fn unescape(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push(match part.as_bytes().first() {
            Some(b'0') => '~',
            Some(b'1') => '/',
            _ => return None,
        });
        text.push_str(&part[1..]);
    }
    Some(text)
}

fn quote(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

fn find<'a>(tokens: &[String], json: &'a str) -> Option<&'a str> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let found = Walk(tokens).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    found
}

/// The rest of the way to a value.
struct Walk<'t>(&'t [String]);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Option<&'de str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        if self.0.is_empty() {
            let value: &RawValue = serde::Deserialize::deserialize(reader)?;
            return Ok(Some(value.get()));
        }
        reader.deserialize_any(self)
    }
}

/// The way ends at values that hold no others.
macro_rules! ends {
    ($($visit:ident($type:ty);)+) => {$(
        fn $visit<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok(None)
        }
    )+};
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    ends! { visit_bool(bool); visit_i64(i64); visit_u64(u64); visit_f64(f64); visit_str(&str); }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = members.next_key_seed(Name(&self.0[0]))? {
            if is_it {
                found = members.next_value_seed(Walk(&self.0[1..]))?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let token = &self.0[0];
        // RFC 6901 section 4: digits without a leading zero.
        let wanted = token.parse::<usize>().ok().filter(|index| index.to_string() == *token);
        let mut found = None;
        for index in 0.. {
            if wanted == Some(index) {
                let Some(value) = items.next_element_seed(Walk(&self.0[1..]))? else { break };
                found = value;
            } else if items.next_element::<IgnoredAny>()?.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

/// Whether a member has this name.
struct Name<'t>(&'t str);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<bool, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::Pointer;

    fn at<'a>(pointer: &str, json: &'a str) -> Option<&'a str> {
        Pointer::parse(pointer).unwrap().find(json)
    }

    fn put(pointer: &str, json: &str, value: &str) -> Option<String> {
        Pointer::parse(pointer).unwrap().put(json, value)
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for text in ["id", "id/", "/a~", "/~2", "/a~b", "#/id"] {
            assert_eq!(Pointer::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_examples_of_rfc_6901() {
        let json = r#"{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8}"#;
        let expected = [("/foo", r#"["bar", "baz"]"#), ("/foo/0", "\"bar\""), ("/", "0"), ("/a~1b", "1"), ("/c%d", "2"), ("/e^f", "3")];
        let more = [("/g|h", "4"), ("/i\\j", "5"), ("/k\"l", "6"), ("/ ", "7"), ("/m~0n", "8"), ("", json)];
        for (pointer, value) in expected.into_iter().chain(more) {
            assert_eq!(at(pointer, json), Some(value), "{pointer}");
        }
        for pointer in ["/foo/00", "/foo/2", "/foo/-", "/foo/bar", "/nothing", "/m~0n/x"] {
            assert_eq!(at(pointer, json), None, "{pointer}");
        }
    }

    #[test]
    fn of_one_name_the_last_counts_and_the_whole_text_must_be_json() {
        assert_eq!(at("/a", r#"{"a":1,"a":[2]}"#), Some("[2]"));
        assert_eq!(at("/a", r#"{"a":1} x"#), None);
        assert_eq!(at("/a", r#"{"a":1"#), None);
        assert_eq!(at("/a", "hello"), None);
        assert_eq!(at("/a", &"[".repeat(100_000)), None, "depth is bounded");
    }

    #[test]
    fn the_rest_of_the_text_stays_as_it_was_written() {
        assert_eq!(put("/d", r#"{ "op": 1, "d": null }"#, "7").unwrap(), r#"{ "op": 1, "d": 7 }"#);
        assert_eq!(put("/id", r#"{"big": 12345678901234567890123}"#, "7").unwrap(), r#"{"id":7,"big": 12345678901234567890123}"#);
        assert_eq!(put("/id", "{ }", "7").unwrap(), r#"{"id":7 }"#);
        assert_eq!(put("/h/req id", r#"{"a":1}"#, "7").unwrap(), r#"{"h":{"req id":7},"a":1}"#);
        assert_eq!(put("/h/id", r#"{"h":{"x":1}}"#, "7").unwrap(), r#"{"h":{"id":7,"x":1}}"#);
        assert_eq!(put("/0", "[1,2]", "7").unwrap(), "[7,2]");
        assert_eq!(put("", "1", "7").unwrap(), "7");
        for (pointer, json) in [("/id", "[]"), ("/2", "[1,2]"), ("/id", "hello"), ("/id", "3"), ("/h/id", r#"{"h":1}"#), ("/id", "")] {
            assert_eq!(put(pointer, json, "7"), None, "{pointer} {json}");
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-c~/\"\\\\é]{0,3}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-c~/]{0,2}", inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_finds_what_serde_json_finds(value in values(), tokens in prop::collection::vec("[a-c~/0-2]{0,2}", 0..4)) {
            let pointer: String = tokens.iter().map(|token| "/".to_owned() + &token.replace('~', "~0").replace('/', "~1")).collect();
            let (text, expected) = (value.to_string(), value.pointer(&pointer).cloned());
            let found = at(&pointer, &text).map(|found| serde_json::from_str::<Value>(found).unwrap());
            prop_assert_eq!(found, expected);
            if let Some(changed) = put(&pointer, &text, "\"new\"") {
                let changed: Value = serde_json::from_str(&changed).unwrap();
                prop_assert_eq!(changed.pointer(&pointer), Some(&json!("new")));
            }
        }
    }
}
