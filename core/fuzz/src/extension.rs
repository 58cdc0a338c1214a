//! Any answer of a server to the offer of compression: nothing panics, and the agreement reads back as itself.

use heartwire::CompressionOptions;
use heartwire_proto::protocol::extension::agree;

/// One input: the value of the header.
///
/// # Panics
/// Where a rule is broken.
pub fn run(input: &[u8]) {
    let Ok(answer) = std::str::from_utf8(input) else { return };
    let options = CompressionOptions::default();
    if let Ok(Some(agreed)) = agree(Some(&options), answer) {
        let again = agree(Some(&options), &agreed.to_string());
        assert!(matches!(again, Ok(Some(same)) if same == agreed));
    }
    assert!(agree(None, answer).is_err() || answer.trim_matches([' ', '\t', ',']).is_empty());
}
