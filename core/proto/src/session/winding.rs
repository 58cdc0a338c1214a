//! The orderly end: the socket opens no more connections, and stays until its work is done. The driver then sends Close.

use std::time::Instant;

use super::{Intent, Session, State};
use crate::close::CloseCode;

impl Session {
    /// Allows no further connection. A running attempt continues if messages or requests wait for it. Otherwise, and between two attempts, the socket
    /// ends now. This cannot be undone.
    pub fn wind_down(&mut self, now: Instant) {
        self.winding_down = true;
        self.give_up_next(Some(CloseCode::GOING_AWAY), "");
        let goes_on = match self.state {
            State::Open | State::Closing(_) | State::Closed => true,
            State::Asking(_) | State::Dialling => self.has_work(),
            State::New | State::Deciding(..) | State::Waiting(_) => false,
        };
        if !goes_on {
            self.goodbye(now, CloseCode::GOING_AWAY);
        }
    }

    /// Whether messages wait to leave, or requests for their replies.
    pub fn has_work(&self) -> bool {
        self.outbox.as_ref().is_some_and(|outbox| !outbox.is_empty())
            || self.limiter.as_ref().is_some_and(|limiter| limiter.waiting() > 0)
            || self.requests.as_ref().is_some_and(|requests| !requests.is_empty())
    }

    /// Whether another connection may follow.
    pub(super) fn may_return(&self) -> bool {
        self.intent == Intent::Stay && !self.winding_down
    }
}
