//! Counts attempts, opens, ends and round trips of a socket. The protocol counts messages and bytes. Knows no connection.

use std::time::{Duration, Instant};

use crate::event::{Event, Heartbeat};
use crate::stats::{Counts, Traffic};

/// The counts of a socket, without those of the connections that it still has.
#[derive(Default)]
pub(super) struct Tally(Counts);

impl Tally {
    /// An attempt to connect begins.
    pub(super) fn attempt(&mut self) {
        self.0.stats.attempts += 1;
    }

    /// The session emits an event.
    pub(super) fn event(&mut self, event: &Event) {
        let stats = &mut self.0.stats;
        match event {
            Event::Open(_) => stats.opens += 1,
            Event::Close(close) => *stats.ends.entry(close.code.0).or_default() += 1,
            Event::Dropped(dropped) => stats.dropped += dropped.messages.len() as u64,
            Event::Heartbeat(Heartbeat::Sent) => stats.heartbeats.sent += 1,
            Event::Heartbeat(Heartbeat::Answered { .. }) => stats.heartbeats.answered += 1,
            Event::Heartbeat(Heartbeat::Missed { .. }) => stats.heartbeats.missed += 1,
            _ => {}
        }
    }

    /// A pong answered a ping.
    pub(super) fn round_trip(&mut self, now: Instant, time: Duration) {
        self.0.latencies.record(now, time);
    }

    /// Adds the traffic of a connection that is gone.
    pub(super) fn traffic(&mut self, (sent, received): (Traffic, Traffic)) {
        self.0.stats.sent.add(sent);
        self.0.stats.received.add(received);
    }

    /// So far.
    pub(super) fn counts(&self) -> Counts {
        self.0.clone()
    }
}
