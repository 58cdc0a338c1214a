//! The stats of a socket: its counts, and the messages that wait at the moment. Reads, and changes nothing.

use super::link::{Link, Retired};
use super::{Client, Inner};
use crate::stats::Counts;

impl Client {
    /// The counts so far, over all connections.
    pub fn counts(&self) -> Counts {
        if !self.is_ours() {
            return Counts::default();
        }
        let buffered = self.buffered_amount();
        let inner = self.lock();
        let mut counts = inner.counts();
        counts.stats.waiting.bytes_to_send = buffered.saturating_sub(inner.discarded + inner.left_behind) as u64;
        counts.stats.waiting.bytes_to_handle = self.backlog.waiting() as u64;
        counts
    }
}

impl Inner {
    fn counts(&self) -> Counts {
        let mut counts = self.tally.counts();
        for link in self.links().chain(self.retired.iter().map(Retired::link)) {
            let (sent, received) = link.traffic();
            counts.stats.sent.add(sent);
            counts.stats.received.add(received);
        }
        let in_links: usize = self.links().map(Link::unsent_messages).sum();
        counts.stats.waiting.to_send = (self.session.queued_messages() + in_links) as u64;
        counts.stats.throttled = self.session.throttled();
        counts
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        let beside = self.beside.iter().flat_map(|beside| beside.next.iter().chain(&beside.old));
        self.link.iter().chain(beside)
    }
}
