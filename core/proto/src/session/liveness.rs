//! Decides whether the peer is alive: pings after silence, and deadlines of silence. Any inbound byte and any acknowledgement of queued data is a
//! sign of life. A pong is one too, and it measures the round trip. Knows nothing of the consequences.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::RngExt as _;
use rand::rngs::SmallRng;

use super::action::{Action, Outlet};
use super::timing::{earliest, seconds};
use crate::error::{Error, ErrorCode};
use crate::options::Options;

/// How many pings may wait for their pong; the oldest are forgotten beyond.
const MAX_PENDING: usize = 64;

/// The signs of life of one connection. Restarted with each.
#[derive(Debug, Default)]
pub(super) struct Liveness(Option<Signs>);

#[derive(Debug)]
struct Signs {
    /// The time of the last inbound byte.
    life: Instant,
    /// The time of the last data message.
    data: Instant,
    /// The time of our last ping.
    pinged: Option<Instant>,
    /// The first of our pings since the last inbound byte.
    unanswered: Option<Instant>,
    /// Pings, ours and the user's, whose pong has not arrived yet.
    pending: VecDeque<(Bytes, Instant)>,
}

impl Liveness {
    /// A new connection, with clean clocks.
    pub(super) fn restart(&mut self, now: Instant) {
        self.0 = Some(Signs { life: now, data: now, pinged: None, unanswered: None, pending: VecDeque::new() });
    }

    /// The connection is ending.
    pub(super) fn stop(&mut self) {
        self.0 = None;
    }

    /// Notes inbound bytes.
    pub(super) fn received(&mut self, now: Instant, data: bool) {
        if let Some(signs) = &mut self.0 {
            signs.life = now;
            signs.unanswered = None;
            if data {
                signs.data = now;
            }
        }
    }

    /// Reading resumes: the peer gets its full time again.
    pub(super) fn resume(&mut self, now: Instant) {
        if let Some(signs) = &mut self.0 {
            signs.life = now;
            signs.data = now;
            signs.unanswered = None;
            // The pongs may have waited in our own buffers, so they measure nothing.
            signs.pending.clear();
        }
    }

    /// The peer has acknowledged queued data: our pings may have waited behind it.
    pub(super) fn progress(&mut self, now: Instant) {
        if let Some(unanswered) = self.0.as_mut().and_then(|signs| signs.unanswered.as_mut()) {
            *unanswered = now;
        }
    }

    /// A ping goes out; its pong will be measured.
    pub(super) fn pinged(&mut self, now: Instant, payload: Bytes) {
        if let Some(signs) = &mut self.0 {
            if signs.pending.len() == MAX_PENDING {
                signs.pending.pop_front();
            }
            signs.pending.push_back((payload, now));
        }
    }

    /// The round trip of the ping that a pong answers. Earlier pings count as answered, too (RFC 6455 section 5.5.3).
    pub(super) fn pong(&mut self, now: Instant, payload: &[u8]) -> Option<Duration> {
        let signs = self.0.as_mut()?;
        let index = signs.pending.iter().position(|(pinged, _)| pinged == payload)?;
        let (_, sent) = signs.pending.drain(..=index).next_back()?;
        Some(now.saturating_duration_since(sent))
    }

    /// Pings at once and gives the peer `ping_timeout` from now.
    pub(super) fn probe(&mut self, now: Instant, rng: &mut SmallRng, out: &mut Outlet) {
        if let Some(signs) = &mut self.0 {
            signs.unanswered = None;
        }
        self.ping(now, rng, out);
    }

    fn ping(&mut self, now: Instant, rng: &mut SmallRng, out: &mut Outlet) {
        // Random, so that it differs from the user's payloads.
        let payload = Bytes::copy_from_slice(&rng.random::<[u8; 8]>());
        self.pinged(now, payload.clone());
        if let Some(signs) = &mut self.0 {
            signs.pinged = Some(now);
            signs.unanswered.get_or_insert(now);
        }
        out.push(Action::Ping(payload));
    }

    /// Sends the due ping, or returns the verdict. It makes none while reading is stopped.
    pub(super) fn timeout(
        &mut self,
        now: Instant,
        options: &Options,
        reading: bool,
        rng: &mut SmallRng,
        out: &mut Outlet,
    ) -> Option<Error> {
        let signs = self.0.as_ref()?;
        let passed = |deadline: Option<Instant>| reading && deadline.is_some_and(|deadline| deadline <= now);
        let silent = |code, limit: Option<Duration>, what: &str, option: &str| {
            Some(Error::new(code, format!("{what} for {} ({option})", seconds(limit.unwrap_or_default()))))
        };
        if passed(signs.ping_dead(options)) {
            return silent(ErrorCode::PingTimeout, options.ping_timeout, "a ping was sent and nothing came from the peer", "ping_timeout");
        }
        if passed(signs.idle(options)) {
            return silent(ErrorCode::IdleTimeout, options.idle_timeout, "nothing came from the peer", "idle_timeout");
        }
        if passed(signs.data_idle(options)) {
            return silent(
                ErrorCode::DataIdleTimeout,
                options.data_idle_timeout,
                "no data message came from the peer",
                "data_idle_timeout",
            );
        }
        if signs.ping_due(options).is_some_and(|due| due <= now) {
            self.ping(now, rng, out);
        }
        None
    }

    /// When something is due.
    pub(super) fn next_deadline(&self, options: &Options, reading: bool) -> Option<Instant> {
        let signs = self.0.as_ref()?;
        let verdict = earliest([signs.ping_dead(options), signs.idle(options), signs.data_idle(options)]);
        earliest([signs.ping_due(options), verdict.filter(|_| reading)])
    }
}

impl Signs {
    fn ping_due(&self, options: &Options) -> Option<Instant> {
        self.pinged.map_or(self.life, |pinged| pinged.max(self.life)).checked_add(options.ping_interval?)
    }

    fn ping_dead(&self, options: &Options) -> Option<Instant> {
        self.unanswered?.checked_add(options.ping_timeout?)
    }

    fn idle(&self, options: &Options) -> Option<Instant> {
        self.life.checked_add(options.idle_timeout?)
    }

    fn data_idle(&self, options: &Options) -> Option<Instant> {
        self.data.checked_add(options.data_idle_timeout?)
    }
}
