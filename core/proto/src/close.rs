//! Close codes and the Close frame's content (RFC 6455 sections 5.5.1 and 7.4). Knows nothing of states or sockets.

use std::fmt;

use crate::error::{Error, ErrorCode, Result};

/// The content of a Close frame: no body, or a code and a reason of at most 123 bytes of UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloseFrame {
    /// The status code; `None` for a Close frame without a body.
    pub code: Option<CloseCode>,
    /// The reason, or empty.
    pub reason: String,
}

/// A close status code, as in RFC 6455 section 7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// An endpoint goes away: a process that ends, a page that is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The endpoint does not accept this kind of data.
    pub const UNSUPPORTED: Self = Self(1003);
    /// Never sent: the Close frame had no code.
    pub const NO_STATUS: Self = Self(1005);
    /// Never sent: the connection ended without a Close frame, or we failed it.
    pub const ABNORMAL: Self = Self(1006);
    /// Text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// The peer's policy is violated.
    pub const POLICY: Self = Self(1008);
    /// A message over the limit.
    pub const TOO_BIG: Self = Self(1009);
    /// The server did not negotiate an extension as it should.
    pub const EXTENSION: Self = Self(1010);
    /// The server met a condition that it did not expect.
    pub const INTERNAL: Self = Self(1011);
    /// The server restarts.
    pub const RESTART: Self = Self(1012);
    /// The server is overloaded: try later.
    pub const TRY_LATER: Self = Self(1013);

    /// The codes that are allowed in a Close frame, in words.
    pub const MAY_BE_SENT: &str = "1000 to 1003, 1007 to 1014, and 3000 to 4999";
    /// The codes that the browser's `close()` takes, in words.
    pub const FOR_PAGES: &str = "1000, and 3000 to 4999";

    /// The longest reason, in bytes of UTF-8 (125 bytes of a control frame less the code).
    pub const MAX_REASON_BYTES: usize = 123;

    /// Whether the code is allowed in a Close frame, in either direction (RFC 6455 section 7.4.1 and 7.4.2, and the registry's 1012 to 1014).
    pub fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    /// Whether the browser's `close()` takes it (WHATWG WebSockets: 1000, or 3000 to 4999).
    pub fn is_for_pages(self) -> bool {
        matches!(self.0, 1000 | 3000..=4999)
    }
}

/// Checks the arguments of `close()`: an allowed code or no code, and a reason only with a code.
///
/// # Errors
/// `invalid_close`.
pub fn check(code: Option<CloseCode>, reason: &str) -> Result<()> {
    check_arguments(code, reason, code.is_none_or(CloseCode::may_be_sent), CloseCode::MAY_BE_SENT)
}

/// Checks the arguments of the `close()` of the browser's class.
///
/// # Errors
/// `invalid_close`.
pub fn check_as_browser(code: Option<CloseCode>, reason: &str) -> Result<()> {
    check_arguments(code, reason, code.is_none_or(CloseCode::is_for_pages), CloseCode::FOR_PAGES)
}

fn check_arguments(code: Option<CloseCode>, reason: &str, is_allowed: bool, allowed: &str) -> Result<()> {
    let refuse = |why: String| Err(Error::new(ErrorCode::InvalidClose, why));
    match code {
        Some(code) if !is_allowed => return refuse(format!("the close code is {code}: allowed are {allowed}")),
        None if !reason.is_empty() => return refuse("a close reason needs a code".to_owned()),
        _ if reason.len() > CloseCode::MAX_REASON_BYTES => {
            let most = CloseCode::MAX_REASON_BYTES;
            return refuse(format!("the close reason has {} bytes of UTF-8: allowed are {most}", reason.len()));
        }
        _ => {}
    }
    Ok(())
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::CloseCode;

    #[test]
    fn only_codes_of_the_wire_may_be_sent() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            assert!(!CloseCode(code).may_be_sent(), "{code}");
        }
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
            assert!(CloseCode(code).may_be_sent(), "{code}");
        }
    }

    #[test]
    fn a_page_gives_1000_or_3000_to_4999() {
        for code in [0, 1001, 1005, 1006, 2999, 5000] {
            assert!(!CloseCode(code).is_for_pages(), "{code}");
        }
        for code in [1000, 3000, 4999] {
            assert!(CloseCode(code).is_for_pages(), "{code}");
        }
    }
}
