//! The negotiation of permessage-deflate (RFC 7692 section 7): the offer, and a strict reading of the answer.
//! Must not know frames or deflate itself.

use std::fmt;
use std::ops::RangeInclusive;

use crate::error::{Error, ErrorCode, Result};
use crate::options::CompressionOptions;

const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";
const WINDOW_BITS: RangeInclusive<u8> = 8..=15;

/// The parameters that the server answered with. Shown as the value of `Sec-WebSocket-Extensions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// The server starts each message with an empty window.
    pub server_no_context_takeover: bool,
    /// We must start each message with an empty window.
    pub client_no_context_takeover: bool,
    /// The largest window that the server uses.
    pub server_max_window_bits: Option<u8>,
    /// The largest window that we may use.
    pub client_max_window_bits: Option<u8>,
}

impl fmt::Display for Agreed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, *self)
    }
}

/// The value of `Sec-WebSocket-Extensions` in the request.
pub fn offer(options: &CompressionOptions) -> String {
    // The server may always lower our window, so that parameter is always there; without a value it means "any".
    let mut offer = Agreed {
        server_no_context_takeover: options.server_no_context_takeover,
        client_no_context_takeover: options.client_no_context_takeover,
        server_max_window_bits: Some(options.server_max_window_bits).filter(|bits| *bits < 15),
        client_max_window_bits: Some(options.client_max_window_bits).filter(|bits| *bits < 15),
    }
    .to_string();
    if options.client_max_window_bits == 15 {
        offer.push_str("; ");
        offer.push_str(CLIENT_MAX_WINDOW_BITS);
    }
    offer
}

/// Reads the server's `Sec-WebSocket-Extensions` (all of its lines, joined with commas; empty without such a header).
///
/// # Errors
/// `extension_mismatch` if the answer is malformed, or contains a value that was not offered.
pub fn agree(offered: Option<&CompressionOptions>, answer: &str) -> Result<Option<Agreed>> {
    // An empty element of a list is ignored (RFC 9110 section 5.6.1).
    let between = [' ', '\t', ','];
    let answer = answer.trim_start_matches(between);
    if answer.is_empty() {
        return Ok(None);
    }
    parse(offered, answer).map(Some).map_err(|fault| {
        let shown: String = answer.chars().take(200).collect();
        Error::new(ErrorCode::ExtensionMismatch, format!("the server's Sec-WebSocket-Extensions {shown:?} is not acceptable: {fault}"))
    })
}

fn parse(offered: Option<&CompressionOptions>, answer: &str) -> Result<Agreed, String> {
    let mut words = Words { rest: answer };
    let name = words.token()?;
    let Some(options) = offered.filter(|_| name == NAME) else {
        return Err(format!("{name} was not offered"));
    };
    let mut agreed = Agreed::default();
    while words.eat(';') {
        let name = words.token()?;
        let value = if words.eat('=') { Some(words.value()?) } else { None };
        match name {
            SERVER_NO_CONTEXT_TAKEOVER => set_flag(&mut agreed.server_no_context_takeover, name, value)?,
            CLIENT_NO_CONTEXT_TAKEOVER => set_flag(&mut agreed.client_no_context_takeover, name, value)?,
            SERVER_MAX_WINDOW_BITS => set_bits(&mut agreed.server_max_window_bits, name, value, options.server_max_window_bits)?,
            CLIENT_MAX_WINDOW_BITS => set_bits(&mut agreed.client_max_window_bits, name, value, options.client_max_window_bits)?,
            _ => return Err(format!("the parameter {name} is unknown")),
        }
    }
    let mut is_over = false;
    while words.eat(',') {
        is_over = true;
    }
    if is_over && !words.rest.is_empty() {
        return Err("a second extension was not offered".to_owned());
    }
    if words.rest.is_empty() { Ok(agreed) } else { Err(format!("it is malformed at {:?}", words.rest)) }
}

fn set_flag(flag: &mut bool, name: &str, value: Option<&str>) -> Result<(), String> {
    if value.is_some() {
        return Err(format!("{name} takes no value"));
    }
    if std::mem::replace(flag, true) { Err(format!("{name} is given twice")) } else { Ok(()) }
}

fn set_bits(bits: &mut Option<u8>, name: &str, value: Option<&str>, offered: u8) -> Result<(), String> {
    let value = value.ok_or_else(|| format!("{name} needs a value"))?;
    let number = value.parse().ok().filter(|number| WINDOW_BITS.contains(number) && value.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.filter(|_| !value.starts_with('0')).ok_or_else(|| format!("{name} is not a number from 8 to 15"))?;
    if number > offered {
        return Err(format!("{name} is more than the {offered} that was offered"));
    }
    if bits.replace(number).is_some() { Err(format!("{name} is given twice")) } else { Ok(()) }
}

fn write(f: &mut fmt::Formatter<'_>, agreed: Agreed) -> fmt::Result {
    f.write_str(NAME)?;
    let flags =
        [(agreed.server_no_context_takeover, SERVER_NO_CONTEXT_TAKEOVER), (agreed.client_no_context_takeover, CLIENT_NO_CONTEXT_TAKEOVER)];
    for (_, name) in flags.iter().filter(|(set, _)| *set) {
        write!(f, "; {name}")?;
    }
    for (bits, name) in [(agreed.server_max_window_bits, SERVER_MAX_WINDOW_BITS), (agreed.client_max_window_bits, CLIENT_MAX_WINDOW_BITS)] {
        if let Some(bits) = bits {
            write!(f, "; {name}={bits}")?;
        }
    }
    Ok(())
}

/// The tokens of a header value (RFC 6455 section 9.1), with the white space that HTTP allows between them.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn eat(&mut self, separator: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(separator) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn token(&mut self) -> Result<&'a str, String> {
        self.skip_space();
        let end = self.rest.bytes().position(|byte| !is_token(byte)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        if token.is_empty() {
            return Err(format!("a name or value is missing before {rest:?}"));
        }
        self.rest = rest;
        self.skip_space();
        Ok(token)
    }

    /// A token, or a quoted one. No value that we take needs a backslash, so one with it is malformed.
    fn value(&mut self) -> Result<&'a str, String> {
        if !self.eat('"') {
            return self.token();
        }
        let Some((value, rest)) = self.rest.split_once('"') else {
            return Err("a quote is not closed".to_owned());
        };
        if value.is_empty() || !value.bytes().all(is_token) {
            return Err(format!("the value {value:?} is not a token"));
        }
        self.rest = rest;
        self.skip_space();
        Ok(value)
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn read(answer: &str) -> Result<Option<Agreed>> {
        agree(Some(&CompressionOptions::default()), answer)
    }

    #[test]
    fn offers() {
        let mut options = CompressionOptions::default();
        assert_eq!(offer(&options), "permessage-deflate; client_max_window_bits");
        options.client_max_window_bits = 12;
        options.server_max_window_bits = 10;
        assert_eq!(offer(&options), "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12");
        options =
            CompressionOptions { client_no_context_takeover: true, server_no_context_takeover: true, ..CompressionOptions::default() };
        let flags = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits";
        assert_eq!(offer(&options), flags);
    }

    #[test]
    fn answers_that_are_right_are_shown_as_they_are() {
        for answer in [
            "permessage-deflate",
            "permessage-deflate; server_no_context_takeover",
            "permessage-deflate; client_no_context_takeover",
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15; client_max_window_bits=8",
        ] {
            assert_eq!(read(answer).unwrap().unwrap().to_string(), answer);
        }
    }

    #[test]
    fn white_space_quotes_and_order_do_not_matter() {
        let agreed = read(" permessage-deflate ;\tclient_max_window_bits = \"12\" ;server_no_context_takeover ").unwrap().unwrap();
        assert_eq!(agreed, Agreed { client_max_window_bits: Some(12), server_no_context_takeover: true, ..Agreed::default() });
    }

    #[test]
    fn empty_elements_of_the_list_count_for_nothing() {
        for answer in [",permessage-deflate", "permessage-deflate,", " ,\t, permessage-deflate , , "] {
            assert_eq!(read(answer).unwrap(), Some(Agreed::default()), "{answer:?}");
        }
        assert!(read("permessage-deflate,, x").is_err());
        assert!(read(",;").is_err());
    }

    #[test]
    fn no_answer_is_no_compression() {
        assert_eq!(read("").unwrap(), None);
        for empty in [" \t", ",", " , ,\t"] {
            assert_eq!(read(empty).unwrap(), None, "{empty:?}");
        }
        assert_eq!(agree(None, "").unwrap(), None);
    }

    #[test]
    fn wrong_answers_are_refused() {
        assert_eq!(agree(None, "permessage-deflate").unwrap_err().code(), ErrorCode::ExtensionMismatch);
        for answer in [
            "x-webkit-deflate-frame",
            "Permessage-Deflate",
            "permessage-deflate, permessage-deflate",
            "permessage-deflate, permessage-bzip2",
            "permessage-deflate;",
            "permessage-deflate;;",
            "permessage-deflate; ;server_no_context_takeover",
            "permessage-deflate=1",
            "permessage-deflate server_no_context_takeover",
            "permessage-deflate; unknown",
            "permessage-deflate; unknown=1",
            "permessage-deflate; SERVER_NO_CONTEXT_TAKEOVER",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover=",
            "permessage-deflate; client_no_context_takeover=true",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits=015",
            "permessage-deflate; client_max_window_bits=+9",
            "permessage-deflate; client_max_window_bits=9.0",
            "permessage-deflate; client_max_window_bits=265",
            "permessage-deflate; client_max_window_bits=ten",
            "permessage-deflate; client_max_window_bits=\"\"",
            "permessage-deflate; client_max_window_bits=\"9",
            "permessage-deflate; client_max_window_bits=\"9\\\"",
            "permessage-deflate; client_max_window_bits=9; client_max_window_bits=9",
            "permessage-deflate; server_max_window_bits=9; server_max_window_bits=10",
            "permessage-deflate; café",
            "permessage-deflate\r\n",
        ] {
            assert_eq!(read(answer).unwrap_err().code(), ErrorCode::ExtensionMismatch, "{answer}");
        }
    }

    #[test]
    fn a_window_larger_than_offered_is_refused() {
        let options = CompressionOptions { client_max_window_bits: 10, server_max_window_bits: 11, ..CompressionOptions::default() };
        let read = |answer: &str| agree(Some(&options), &format!("permessage-deflate; {answer}"));
        assert!(read("client_max_window_bits=10; server_max_window_bits=11").is_ok());
        assert!(read("client_max_window_bits=11").is_err());
        assert!(read("server_max_window_bits=12").is_err());
    }
}
