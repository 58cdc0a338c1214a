//! The kinds of JSON pointers: one, and pairs of target and source. Knows the rule of RFC 6901, not the texts that they point into.

use serde_json::Value;

use super::kind::{Kind, either};
use super::report::{Dialect, Report};
use crate::pointer::Pointer;

const ALLOWED: &str = "a JSON pointer (RFC 6901) such as \"/id\"";

/// A pointer that is known to be one.
pub(super) fn pointer(text: &str) -> Pointer {
    Pointer::parse(text).unwrap_or_default()
}

/// A JSON pointer.
pub(super) struct At;

impl Kind for At {
    type Value = Pointer;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Pointer> {
        let pointer = value.as_str().and_then(Pointer::parse);
        if pointer.is_none() {
            report.refuse(value, ALLOWED);
        }
        pointer
    }

    fn check(&self, _: &mut Report, _: &Pointer) {}

    fn show(&self, value: &Pointer, _: Dialect) -> Value {
        value.as_str().into()
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "str", "string")
    }

    fn allowed(&self, _: Dialect) -> String {
        ALLOWED.to_owned()
    }
}

/// Which value goes where: an object whose names are pointers into the sent text, and whose values are pointers into the received one.
pub(super) struct Fill;

impl Kind for Fill {
    type Value = Vec<(Pointer, Pointer)>;

    fn read(&self, report: &mut Report, value: &Value) -> Option<Self::Value> {
        let Value::Object(members) = value else {
            report.refuse(value, &self.allowed(report.dialect));
            return None;
        };
        let mut pairs = Vec::new();
        for (target, source) in members {
            let from = source.as_str().and_then(Pointer::parse);
            match (Pointer::parse(target), from) {
                (Some(target), Some(source)) => pairs.push((target, source)),
                (None, _) => {
                    report.at_shown_key(target, |report| report.refuse(&Value::from(target.as_str()), &format!("named by {ALLOWED}")));
                }
                _ => report.at_shown_key(target, |report| report.refuse(source, ALLOWED)),
            }
        }
        Some(pairs)
    }

    fn check(&self, _: &mut Report, _: &Self::Value) {}

    fn show(&self, value: &Self::Value, _: Dialect) -> Value {
        Value::Object(value.iter().map(|(target, source)| (target.as_str().to_owned(), source.as_str().into())).collect())
    }

    fn type_name(&self, dialect: Dialect) -> String {
        either(dialect, "Mapping[str, str]", "Readonly<Record<string, string>>")
    }

    fn allowed(&self, dialect: Dialect) -> String {
        format!("{} of JSON pointers (RFC 6901), such as {{\"/d\": \"/s\"}}", either(dialect, "a dict", "an object"))
    }
}
