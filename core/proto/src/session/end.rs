//! The end of a connection in the session: the present closing handshake, and the facts about an end that was reached.

use std::time::{Duration, Instant};

use super::reconnect::{self, Class};
use crate::close::{CloseCode, CloseFrame};
use crate::error::{Error, ErrorCode};
use crate::event::Close;
use crate::options::ReconnectOptions;

/// A closing handshake.
#[derive(Debug)]
pub(super) struct Closing {
    /// Our Close frame, if we began.
    pub(super) ours: Option<CloseFrame>,
    /// The peer's Close frame. We always answer it, so the handshake is then complete.
    pub(super) theirs: Option<CloseFrame>,
    /// The time at which we stop waiting.
    pub(super) deadline: Option<Instant>,
}

impl Closing {
    /// Whether the peer's Close has not arrived yet.
    pub(super) fn waits_for_peer(&self) -> bool {
        self.theirs.is_none()
    }
}

/// The end of a connection, or of an attempt to make one.
#[derive(Debug)]
pub(super) struct Ended {
    /// Whether we failed it, so that an `error` event comes first.
    pub(super) failed: bool,
    pub(super) code: CloseCode,
    pub(super) reason: String,
    pub(super) was_clean: bool,
    pub(super) error: Option<Error>,
    pub(super) class: Class,
    /// The delay drawn for the next attempt, if one may follow.
    pub(super) delay: Option<Duration>,
}

impl Ended {
    /// We failed it.
    pub(super) fn failed(error: Error) -> Self {
        Self { failed: true, ..Self::lost(error) }
    }

    /// It went away without a Close frame.
    pub(super) fn lost(error: Error) -> Self {
        let class = reconnect::class_of_error(&error);
        Self { failed: false, code: CloseCode::ABNORMAL, reason: String::new(), was_clean: false, error: Some(error), class, delay: None }
    }

    /// Adds the delay before the next attempt.
    pub(super) fn followed_after(self, delay: Duration) -> Self {
        Self { delay: Some(delay), ..self }
    }

    /// Both Close frames passed.
    fn clean(frame: CloseFrame, error: Option<Error>, class: Class) -> Self {
        let code = frame.code.unwrap_or(CloseCode::NO_STATUS);
        Self { failed: false, code, reason: frame.reason, was_clean: true, error, class, delay: None }
    }

    /// The `close` event. Its error also says what follows.
    pub(super) fn close_event(&mut self, will_reconnect: bool) -> Close {
        let retry_in = self.delay.filter(|_| will_reconnect);
        let retryable = self.class == Class::Transient;
        self.error = self.error.take().map(|error| {
            error.with(|detail| {
                detail.retryable = retryable;
                detail.retry_in = retry_in;
            })
        });
        let (code, reason, was_clean, error) = (self.code, self.reason.clone(), self.was_clean, self.error.clone());
        Close { code, reason, was_clean, error, will_reconnect, retry_in, unsent: 0, overlapped: false }
    }

    /// Both Close frames passed: ours, if we began, and the peer's.
    pub(super) fn after_handshake(ours: Option<&CloseFrame>, frame: CloseFrame, options: Option<&ReconnectOptions>) -> Self {
        let is_echo = ours.is_some_and(|ours| ours.code == frame.code);
        let error = match frame.code {
            None | Some(CloseCode::NORMAL | CloseCode::GOING_AWAY) => None,
            _ if is_echo => None,
            Some(code) => {
                let reason = if frame.reason.is_empty() { String::new() } else { format!(": {:?}", frame.reason) };
                Some(Error::new(ErrorCode::ClosedByPeer, format!("the peer closed the connection with {code}{reason}")))
            }
        };
        let class = frame.code.map_or(Class::Transient, |code| reconnect::class_of_close(code, options));
        Self::clean(frame, error, class)
    }
}
