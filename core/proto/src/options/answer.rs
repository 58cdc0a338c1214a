//! The return values of the user's functions, read and checked as the options that they replace.

use serde_json::Value;

use super::kind::Kind;
use super::report::{Dialect, Report};
use super::special::{HEADERS, Message, Protocols};
use super::suggest::nearest;
use super::types::Payload;
use crate::error::Result;

/// Headers: an object or a list of pairs.
///
/// # Errors
/// `invalid_option`, `invalid_header`.
pub fn read_headers(value: &Value) -> Result<Vec<(String, String)>> {
    read("headers", &HEADERS, value)
}

/// Subprotocols: a text or a list of texts.
///
/// # Errors
/// `invalid_option`, `invalid_protocol`.
pub fn read_protocols(value: &Value) -> Result<Vec<String>> {
    read("protocols", &Protocols, value)
}

/// The content of a heartbeat: a text, `{"$bytes": "<base64>"}`, or any JSON value, which becomes its text. Never [`Payload::Function`].
///
/// # Errors
/// `invalid_option`.
pub fn read_payload(value: &Value) -> Result<Payload> {
    let kind = Message { function: false };
    read("heartbeat.message", &kind, value)
}

fn read<K: Kind>(name: &str, kind: &K, value: &Value) -> Result<K::Value> {
    let mut report = Report::new(Dialect::RUST, nearest);
    let value = report.within(name, |report| kind.read(report, value));
    // Without a value there is a fault, and with a fault `finish` gives its error.
    report
        .finish(value)
        .and_then(|value| value.ok_or_else(|| crate::error::Error::new(crate::error::ErrorCode::Internal, "no value and no fault")))
}
