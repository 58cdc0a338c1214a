//! The state of a session while its connections overlap: the next connection, with a session `S` of its own, and the old one. Knows no rule.

use std::time::Instant;

use url::Url;

use crate::close::{CloseCode, CloseFrame};
use crate::event::Open;

/// The next connection, which is being opened beside the present one.
#[derive(Debug)]
pub(super) struct Overlap<S> {
    pub(super) next: S,
    /// Its `open` event, to be reported when it takes the old one's place.
    pub(super) open: Option<Open>,
    /// It is logged in. The old one is closed when the host has reached that point.
    pub(super) is_ready: bool,
    pub(super) wish: Wish,
}

/// What `reconnect()` with `overlap` was called with.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) url: Option<Url>,
    /// The close code for the old connection's peer.
    pub(super) code: Option<CloseCode>,
    pub(super) reason: String,
}

/// The old connection, whose last messages are read.
#[derive(Debug)]
pub(super) struct Parting {
    pub(super) ours: CloseFrame,
    /// The deadline of its peer's answer. `None` while it is not read.
    pub(super) deadline: Option<Instant>,
    pub(super) open: Option<Open>,
    /// `reconnect()` with `overlap` was called again meanwhile.
    pub(super) again: Option<Wish>,
}
