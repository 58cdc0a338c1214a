//! Any options in either dialect, any URL, any answer of a user's function: faults are named one by one, and accepted values pass their own checks.

use heartwire::Options;
use heartwire_proto::address::parse_url;
use heartwire_proto::options::{Dialect, read_headers, read_payload, read_protocols};
use heartwire_proto::protocol::extension::{agree, offer};

/// One input: JSON, or else a URL.
///
/// # Panics
/// Where a rule is broken.
pub fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(url) = parse_url(text) {
        assert!(matches!(url.scheme(), "ws" | "wss") && url.fragment().is_none() && url.host_str().is_some_and(|host| !host.is_empty()));
        assert!(parse_url(url.as_str()).is_ok_and(|again| again == url), "{url}");
    }
    let Ok(value) = serde_json::from_str(text) else { return };
    let _ = (read_headers(&value), read_payload(&value), read_protocols(&value));
    for dialect in Dialect::ALL {
        match Options::parse(&value, dialect) {
            Ok((options, _)) => {
                options.check().expect("what was parsed is checked");
                if let Some(compression) = &options.compression {
                    assert!(agree(Some(compression), offer(compression).split(';').next().unwrap_or_default()).is_ok());
                }
            }
            Err(error) => {
                assert!(!error.faults.is_empty() && !error.message.is_empty() && !error.retryable, "{error:?}");
            }
        }
    }
}
