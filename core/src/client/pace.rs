//! Decides which sends leave at once, and which wait for the end of the host's turn to leave together in one write. Knows no socket.
//!
//! A write costs as much as twenty chat messages, so a burst leaves in few writes. A single send never waits: only after some sends in quick
//! succession the next ones are held. If a turn brings only one of them, it waits for a few turns more (microseconds in all) while each brings
//! another. If holding saved no write, it is not tried again for a while.

use std::time::{Duration, Instant};

/// Two sends no further apart than this are quick: between them lies about one turn of asyncio's loop.
const QUICK: Duration = Duration::from_micros(20);
/// How many quick sends in a row leave at once.
const AT_ONCE: i16 = 4;
/// How many more leave at once after a flush that brought a single message.
const IN_VAIN: i16 = 16;
/// After a turn that brings fewer, it is worth waiting for the next turn.
const ENOUGH: u32 = 16;
/// The longest wait for more turns, from the first message that is held.
const LONGEST: Duration = Duration::from_micros(50);
/// A write is worth its price from this many held bytes or messages on.
const WORTH_A_WRITE: usize = 32 << 10;
const MOST: u32 = 256;

/// The pace of one connection's sends.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Instant>,
    /// How many quick sends have followed each other. It is below zero after a useless hold.
    streak: i16,
    held: u32,
    /// The last flush was worth it, and nothing was sent since; `last` is its time.
    carried: bool,
    /// How many were held at the end of the turn before, and the time of the first one.
    seen: u32,
    since: Option<Instant>,
}

impl Pace {
    /// A message arrived: the next send may be its answer, so it is no burst yet.
    pub(super) fn heard(&mut self) {
        self.streak = self.streak.min(0);
    }

    /// Whether the message that is being sent waits. `waiting` counts the bytes before the next write, with its own.
    pub(super) fn holds(&mut self, now: Instant, waiting: usize) -> bool {
        let window = if std::mem::take(&mut self.carried) { LONGEST } else { QUICK };
        let quick = self.last.is_some_and(|last| now.saturating_duration_since(last) <= window);
        self.last = Some(now);
        self.streak = if quick { self.streak.saturating_add(1) } else { self.streak.min(0) };
        let holds = (self.streak >= AT_ONCE || self.held > 0) && waiting < WORTH_A_WRITE && self.held < MOST;
        if holds && self.held == 0 {
            (self.seen, self.since) = (0, self.last);
        }
        self.held += u32::from(holds);
        holds
    }

    /// Whether held messages leave now, at the end of the host's turn. False: the next turn is worth waiting for; ask again then.
    pub(super) fn is_ripe(&mut self, now: Instant) -> bool {
        let grows = self.held > std::mem::replace(&mut self.seen, self.held);
        let late = self.since.is_none_or(|since| now.saturating_duration_since(since) >= LONGEST);
        !grows || late || self.held >= ENOUGH
    }

    /// Whether exactly one message is held.
    pub(super) fn is_first(&self) -> bool {
        self.held == 1
    }

    /// The time of the first held message, if there is one.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since.filter(|_| self.held > 0)
    }

    /// Whether messages are held.
    pub(super) fn is_holding(&self) -> bool {
        self.held > 0
    }

    /// Call it when the kernel has all held messages.
    pub(super) fn flushed(&mut self, now: Instant) {
        match std::mem::take(&mut self.held) {
            0 => {}
            1 => self.streak = -IN_VAIN,
            _ => (self.carried, self.last) = (true, Some(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_micros(1);

    /// Sends `count` messages in quick succession. Returns how many left at once.
    fn burst(pace: &mut Pace, now: &mut Instant, count: usize) -> usize {
        (0..count)
            .filter(|_| {
                *now += STEP;
                let holds = pace.holds(*now, 100);
                if !holds {
                    pace.flushed(*now);
                }
                !holds
            })
            .count()
    }

    #[test]
    fn a_burst_is_held_after_its_first_messages() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        assert_eq!(burst(&mut pace, &mut now, 100), 4);
        pace.flushed(now);
        assert_eq!(burst(&mut pace, &mut now, 100), 0, "the next turn goes on at once");
        pace.flushed(now);
        now += LONGEST + STEP;
        assert_eq!(burst(&mut pace, &mut now, 100), 4, "after a pause it is no burst until it is one again");
    }

    #[test]
    fn what_is_sent_now_and_then_never_waits() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        for _ in 0..100 {
            now += QUICK + STEP;
            assert!(!pace.holds(now, 100));
        }
    }

    #[test]
    fn what_answers_one_message_each_never_waits() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        for _ in 0..100 {
            pace.heard();
            assert_eq!(burst(&mut pace, &mut now, 3), 3);
        }
    }

    #[test]
    fn turns_of_one_message_share_a_write() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        burst(&mut pace, &mut now, 4);
        let mut turns = 0;
        loop {
            assert_eq!(burst(&mut pace, &mut now, 1), 0);
            turns += 1;
            if pace.is_ripe(now) {
                break;
            }
        }
        assert_eq!(turns, ENOUGH);
        pace.flushed(now);
        burst(&mut pace, &mut now, 1);
        assert!(!pace.is_ripe(now));
        assert!(pace.is_ripe(now), "a turn brought nothing");
        burst(&mut pace, &mut now, 1);
        assert!(pace.is_ripe(now + LONGEST), "it was long");
    }

    #[test]
    fn short_turns_are_noticed() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        let at_once: usize = (0..1000)
            .map(|_| {
                let at_once = burst(&mut pace, &mut now, 1);
                pace.flushed(now);
                at_once
            })
            .sum();
        assert!(at_once > 940, "{at_once}");
    }

    #[test]
    fn much_does_not_wait() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        burst(&mut pace, &mut now, 10);
        assert!(pace.holds(now, WORTH_A_WRITE - 1));
        assert!(!pace.holds(now, WORTH_A_WRITE));
    }
}
