//! permessage-deflate (RFC 7692) for frames that are made ready: the agreement, and the compressed messages. Knows nothing of frames.

use std::fmt;
use std::io;

use zlib_rs::{Deflate, DeflateFlush};

/// What a sender leaves off each message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// What the server may do in its direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Agreement {
    takeover: bool,
    window: Option<u8>,
}

impl Agreement {
    /// Takes the first acceptable offer, unchanged.
    pub(crate) fn choose(offers: &str) -> Option<Self> {
        offers.split(',').find_map(|offer| {
            let mut parameters = offer.split(';').map(str::trim);
            if parameters.next() != Some("permessage-deflate") {
                return None;
            }
            let mut agreed = Self { takeover: true, window: None };
            for parameter in parameters {
                match parameter.split_once('=').map_or((parameter, ""), |(name, value)| (name.trim(), value.trim().trim_matches('"'))) {
                    ("server_no_context_takeover", "") => agreed.takeover = false,
                    // zlib cannot make a window of 8 bits.
                    ("server_max_window_bits", bits) => agreed.window = Some(bits.parse().ok().filter(|bits| (9..=15).contains(bits))?),
                    ("client_no_context_takeover" | "client_max_window_bits", _) => {}
                    _ => return None,
                }
            }
            Some(agreed)
        })
    }

    /// The payloads of the messages, compressed in order from a fresh start: they may be sent again and again from the first one on.
    pub(crate) fn compress(self, messages: &[Vec<u8>]) -> io::Result<Vec<Vec<u8>>> {
        let mut deflate = Deflate::new(6, false, self.window.unwrap_or(15));
        messages
            .iter()
            .map(|message| {
                if !self.takeover {
                    deflate.reset();
                }
                let before = deflate.total_out();
                let mut output = vec![0; zlib_rs::compress_bound(message.len()) + 64];
                // The bound holds for one block; with it and the room for the flush, one call takes everything.
                deflate.compress(message, &mut output, DeflateFlush::SyncFlush).map_err(|error| io::Error::other(error.as_str()))?;
                output.truncate((deflate.total_out() - before) as usize - TAIL.len());
                Ok(output)
            })
            .collect()
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "permessage-deflate")?;
        if !self.takeover {
            write!(formatter, "; server_no_context_takeover")?;
        }
        self.window.map_or(Ok(()), |bits| write!(formatter, "; server_max_window_bits={bits}"))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use zlib_rs::{Inflate, InflateFlush};

    use super::{Agreement, TAIL};

    #[test]
    fn offers_are_taken_as_they_stand() {
        let text = |offers: &str| Agreement::choose(offers).map(|agreed| agreed.to_string());
        assert_eq!(text("permessage-deflate; client_max_window_bits").as_deref(), Some("permessage-deflate"));
        assert_eq!(
            text("x-other, permessage-deflate; server_no_context_takeover; server_max_window_bits=\"12\"").as_deref(),
            Some("permessage-deflate; server_no_context_takeover; server_max_window_bits=12")
        );
        assert_eq!(text("permessage-deflate; server_max_window_bits=8"), None);
        assert_eq!(text("permessage-deflate; made_up"), None);
    }

    #[test]
    fn compressed_messages_can_be_sent_again_from_the_first_one_on() {
        let messages: Vec<_> =
            (0..40).map(|number| format!("{{\"number\":{number},\"text\":\"the same words again\"}}").into_bytes()).collect();
        for takeover in [true, false] {
            let ready = Agreement { takeover, window: Some(9) }.compress(&messages).unwrap();
            let mut inflate = Inflate::new(false, 15);
            for (message, payload) in messages.iter().zip(&ready).take(25).chain(messages.iter().zip(&ready)) {
                let before = inflate.total_out();
                let mut output = vec![0; message.len() + 1];
                inflate.decompress(&[payload.as_slice(), &TAIL].concat(), &mut output, InflateFlush::SyncFlush).unwrap();
                assert_eq!(&output[..(inflate.total_out() - before) as usize], message);
            }
        }
    }
}
