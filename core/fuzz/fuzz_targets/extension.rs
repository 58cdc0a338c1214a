//! Any answer of a server to the offer of compression: nothing panics, and what is agreed on reads back as itself.
#![no_main]

use heartwire::options::CompressionOptions;
use heartwire::protocol::extension::agree;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|answer: &str| {
    let options = CompressionOptions::default();
    if let Ok(Some(agreed)) = agree(Some(&options), answer) {
        let again = agree(Some(&options), &agreed.to_string());
        assert!(matches!(again, Ok(Some(same)) if same == agreed));
    }
    assert!(agree(None, answer).is_err() || answer.trim_matches([' ', '\t']).is_empty());
});
