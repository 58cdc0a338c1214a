//! The measurements and counts of a socket, for its users and for the sum of the process.

use std::time::Duration;

use super::stats::{self, Counted};
use super::{Connection, Shared};
use crate::stats::{Counts, Stats};

impl Connection {
    /// The last measured round trip of a ping.
    pub fn latency(&self) -> Option<Duration> {
        self.0.client.latency()
    }

    /// The counts so far, over all connections of this socket. Zero in a forked child.
    pub fn stats(&self) -> Stats {
        self.0.counts().into_stats()
    }
}

impl Counted for Shared {
    fn counts(&self) -> Counts {
        let mut counts = self.client.counts();
        counts.stats.slow_handlers = self.hosted.as_ref().map_or(0, super::host::Hosted::stalls);
        counts
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.client.is_ours() {
            stats::retire(self);
        }
    }
}
