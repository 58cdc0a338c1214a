//! The counts of a session, for the stats. Reads, and changes nothing.

use super::Session;
use super::outbox::Outbox;

impl Session {
    /// How many messages wait: in the send queue, and for the rate limit.
    pub fn queued_messages(&self) -> usize {
        self.outbox.as_ref().map_or(0, Outbox::len) + self.limiter.as_ref().map_or(0, |limiter| limiter.waiting())
    }

    /// How many messages had to wait for the rate limit so far.
    pub fn throttled(&self) -> u64 {
        self.throttled
    }
}
