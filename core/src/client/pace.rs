//! Which sends leave at once, and which wait for the end of the host's turn to leave with others in one write. Knows no socket.
//!
//! A write costs as much as twenty messages of a chat, so a burst leaves in few. But what is sent on its own never waits: only after some sends
//! in quick succession the next ones are held. Where a turn brings only one of them, it waits for a few turns more, microseconds in all, if each
//! brings another; and where holding brought nothing it is not tried again for a while.

use std::time::{Duration, Instant};

/// Two sends no further apart than this follow each other quickly: one turn of asyncio's loop lies between them, or little else.
const QUICK: Duration = Duration::from_micros(20);
/// How many such sends in a row leave at once.
const AT_ONCE: i16 = 4;
/// How many more do after a flush that brought a single message.
const IN_VAIN: i16 = 16;
/// A turn that brings fewer is not the last one to wait for.
const ENOUGH: u32 = 16;
/// For so long turns are waited for at most, from the first message that is held.
const LONGEST: Duration = Duration::from_micros(50);
/// Held bytes and messages from which on a write is worth its price in any case, and more would wait for long.
const WORTH_A_WRITE: usize = 32 << 10;
const MOST: u32 = 256;

/// The pace of one connection's sends.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Instant>,
    /// How many sends have followed each other quickly; below zero after holding in vain.
    streak: i16,
    held: u32,
    /// The last flush was worth it, and nothing was sent since; `last` is when it was.
    carried: bool,
    /// How many at the end of the turn before, and since when.
    seen: u32,
    since: Option<Instant>,
}

impl Pace {
    /// A message came by itself: what follows may well be the answer, and is no burst yet.
    pub(super) fn heard(&mut self) {
        self.streak = self.streak.min(0);
    }

    /// Whether the message that is sent now waits, with `waiting` bytes (its own included) before the next write.
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

    /// Whether what is held leaves now that the host's turn has ended: false if the next turn is worth waiting for, when this is asked again.
    pub(super) fn is_ripe(&mut self, now: Instant) -> bool {
        let grows = self.held > std::mem::replace(&mut self.seen, self.held);
        let late = self.since.is_none_or(|since| now.saturating_duration_since(since) >= LONGEST);
        !grows || late || self.held >= ENOUGH
    }

    /// Whether it is the first that waits.
    pub(super) fn is_first(&self) -> bool {
        self.held == 1
    }

    /// Since when something waits, if something does.
    pub(super) fn since(&self) -> Option<Instant> {
        self.since.filter(|_| self.held > 0)
    }

    /// Whether something waits.
    pub(super) fn is_holding(&self) -> bool {
        self.held > 0
    }

    /// To be called when everything that was held is given to the kernel.
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

    /// Sends `count` messages in quick succession; how many left at once.
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
