//! Deadlines of every feature, met in one place and in one order.

use std::time::Instant;

use super::timing::earliest;
use super::{Session, State};
use crate::close::CloseCode;

impl Session {
    /// Does all that is due. Afterwards [`Session::next_deadline`] is in the future.
    pub fn handle_timeout(&mut self, now: Instant) {
        let overlaps = self.overlap.is_some();
        if let (Some(outbox), Some(options)) = (&mut self.outbox, &self.options.send_queue) {
            outbox.expire(now, options, &mut self.out);
        }
        self.expire_requests(now);
        match &self.state {
            State::Closing(closing) if !self.end_read && closing.deadline.is_some_and(|deadline| deadline <= now) => {
                self.closing_timed_out(now);
            }
            State::Open if !self.end_read => {
                self.stay_alive(now);
                self.bot_timeout(now);
            }
            _ => {}
        }
        self.overlap_timeout(now);
        // Also for an end that happened just now, if there is no delay (`max_delay` 0).
        if matches!(self.state, State::Waiting(Some(until)) if until <= now) {
            self.attempt();
        }
        // The next connection may have taken the place of the present one just now. Its own deadlines count then.
        if overlaps && self.overlap.is_none() {
            self.handle_timeout(now);
        }
    }

    /// Does the due work of an open connection: sends pings and heartbeats, or decides that the peer is dead.
    fn stay_alive(&mut self, now: Instant) {
        let mut dead = self.liveness.timeout(now, &self.options, self.reading, &mut self.rng, &mut self.out);
        let mut code = CloseCode::GOING_AWAY;
        if dead.is_none()
            && let Some(heartbeat) = &mut self.heartbeat
        {
            dead = heartbeat.timeout(now, self.reading, &mut self.out);
            code = heartbeat.close_code();
        }
        self.meter(now);
        if let Some(error) = dead {
            self.peer_is_dead(now, error, code);
        }
    }

    /// The time of the next [`Session::handle_timeout`].
    pub fn next_deadline(&self) -> Option<Instant> {
        let queue = match (&self.outbox, &self.options.send_queue) {
            (Some(outbox), Some(options)) => outbox.next_deadline(options),
            _ => None,
        };
        let state = match &self.state {
            State::Waiting(until) => *until,
            State::Closing(closing) if !self.end_read => closing.deadline,
            State::Open if !self.end_read => {
                let heartbeat = self.heartbeat.as_ref().and_then(|heartbeat| heartbeat.next_deadline(self.reading));
                earliest([heartbeat, self.liveness.next_deadline(&self.options, self.reading), self.bot_deadline()])
            }
            _ => None,
        };
        let requests = self.requests.as_ref().and_then(|requests| requests.next_deadline());
        earliest([queue, state, requests, self.overlap_deadline()])
    }
}
