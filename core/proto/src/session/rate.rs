//! Rate limits: sliding windows for all messages and for each key, a reserve for urgent ones, and queues of waiting messages. Every message leaves
//! exactly once: sent, or given back. Knows no connection; its owner reports when one is ready.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorCode, Result};
use crate::message::Message;
use crate::options::{KeyLimitOptions, RateLimitOptions};

/// A window lasts a little longer than the server's, because messages do not all travel equally fast.
fn margin(per: Duration) -> Duration {
    (per / 50).clamp(Duration::from_millis(20), Duration::from_secs(1))
}

/// The key of a message, such as a chat's name.
pub(super) type Key = Option<Arc<str>>;

/// Whether a message may have this key.
///
/// # Errors
/// `invalid_data` without `rate_limit.keys`.
pub(super) fn check_key(limiter: Option<&Limiter>, key: Option<&str>) -> Result<()> {
    if key.is_none() || limiter.is_some_and(Limiter::has_keys) {
        return Ok(());
    }
    Err(Error::new(ErrorCode::InvalidData, "a key needs the option rate_limit.keys, which says how much each key may send"))
}

/// A message that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) message: Message,
    pub(super) compress: Option<bool>,
    /// The ticket that reports its departure, if a caller awaits that.
    pub(super) ticket: Option<u64>,
}

/// The times at which recent messages left.
#[derive(Debug)]
struct Window {
    most: usize,
    per: Duration,
    /// The time between two messages after a burst. `None`: a whole window may leave at once.
    pace: Option<(Duration, usize)>,
    sent: VecDeque<Instant>,
    /// When the next message would leave if all left at an even pace.
    even: Option<Instant>,
}

impl Window {
    fn new(most: usize, per: Duration, burst: Option<usize>) -> Self {
        let per = per + margin(per);
        let pace = burst.filter(|burst| *burst < most).map(|burst| (per / u32::try_from(most).unwrap_or(u32::MAX), burst));
        Self { most, per, pace, sent: VecDeque::new(), even: None }
    }

    /// When one more may leave, with room left for `reserve` others.
    fn free_at(&self, now: Instant, reserve: usize) -> Instant {
        let room = self.most - reserve.min(self.most - 1);
        let full = self.sent.len().checked_sub(room).map_or(now, |index| self.sent[index] + self.per);
        // A reserve keeps urgent messages from any wait.
        let paced = match (self.pace, self.even) {
            (Some((pace, burst)), Some(even)) if reserve > 0 || self.most == 1 => {
                even.checked_sub(pace * u32::try_from(burst - 1).unwrap_or(u32::MAX)).unwrap_or(now)
            }
            _ => now,
        };
        full.max(paced).max(now)
    }

    fn take(&mut self, now: Instant) {
        while self.sent.front().is_some_and(|sent| *sent + self.per <= now) || self.sent.len() >= self.most {
            self.sent.pop_front();
        }
        self.sent.push_back(now);
        if let Some((pace, _)) = self.pace {
            self.even = Some(self.even.map_or(now, |even| even.max(now)) + pace);
        }
    }

    fn is_idle(&self, now: Instant) -> bool {
        self.sent.back().is_none_or(|sent| *sent + self.per <= now) && self.even.is_none_or(|even| even <= now)
    }

    fn clear(&mut self) {
        self.sent.clear();
        self.even = None;
    }
}

/// The line of one key.
#[derive(Debug, Default)]
struct Lane {
    window: Option<Window>,
    /// `throttle()` holds it until then.
    held: Option<Instant>,
    waiting: VecDeque<(u64, Waiting)>,
}

impl Lane {
    fn free_at(&self, now: Instant) -> Instant {
        let window = self.window.as_ref().map_or(now, |window| window.free_at(now, 0));
        self.held.map_or(window, |held| held.max(window))
    }
}

/// The verdict of `Limiter::offer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may leave now, and is counted.
    Leaves,
    /// It has to wait.
    Waits,
}

/// The limits of one socket, and the messages that wait for them.
#[derive(Debug)]
pub(super) struct Limiter {
    window: Window,
    reserve: usize,
    per_key: Option<KeyLimitOptions>,
    lanes: HashMap<Key, Lane>,
    /// The lanes with messages, ordered by the number of their first message.
    line: BTreeMap<u64, Key>,
    urgent: VecDeque<Waiting>,
    /// `throttle()` holds all messages that are not urgent until then.
    held: Option<Instant>,
    /// A connection is ready. Before that, only urgent messages leave.
    ready: bool,
    next: u64,
    waiting: usize,
    bytes: usize,
    /// The time at which the first waiting message may leave.
    due: Option<Instant>,
    /// The number of lanes at which idle ones are removed.
    crowded: usize,
}

const CROWDED: usize = 1024;

impl Limiter {
    pub(super) fn new(options: &RateLimitOptions) -> Self {
        // Room for a heartbeat, unless the limit is a single message.
        let reserve = options.reserve.unwrap_or_else(|| options.messages.div_ceil(10)).min(options.messages - 1);
        Self {
            window: Window::new(options.messages, options.per, options.burst),
            reserve,
            per_key: options.keys.clone(),
            lanes: HashMap::new(),
            line: BTreeMap::new(),
            urgent: VecDeque::new(),
            held: None,
            ready: false,
            next: 0,
            waiting: 0,
            bytes: 0,
            due: None,
            crowded: CROWDED,
        }
    }

    /// A new connection. `fresh`: the server counts from the beginning.
    pub(super) fn opened(&mut self, fresh: bool) {
        self.ready = false;
        if fresh {
            self.window.clear();
            self.lanes.values_mut().filter_map(|lane| lane.window.as_mut()).for_each(Window::clear);
        }
    }

    /// Another connection replaces the present one. `counted`: the server counts from zero, and these are the messages sent on it so far.
    pub(super) fn follow(&mut self, now: Instant, counted: Option<Self>) {
        self.opened(counted.is_some());
        if let Some(mut next) = counted {
            for (key, urgent, waiting) in next.take_all() {
                self.push(now, &key, urgent, waiting);
            }
            self.window = next.window;
        }
    }

    /// The connection is ready: waiting messages may leave, as far as the windows allow.
    pub(super) fn set_ready(&mut self) {
        self.ready = true;
    }

    /// Whether messages have keys.
    pub(super) fn has_keys(&self) -> bool {
        self.per_key.is_some()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Decides whether one more message may leave now.
    pub(super) fn offer(&mut self, now: Instant, key: &Key, urgent: bool) -> Verdict {
        if urgent {
            if !self.urgent.is_empty() || self.window.free_at(now, 0) > now {
                return Verdict::Waits;
            }
        } else if !self.ready || self.held.is_some_and(|held| held > now) || self.window.free_at(now, self.reserve) > now {
            return Verdict::Waits;
        }
        if urgent || (key.is_none() && self.lanes.is_empty()) {
            self.window.take(now);
            return Verdict::Leaves;
        }
        let lane = self.lane(now, key);
        if !lane.waiting.is_empty() || lane.free_at(now) > now {
            return Verdict::Waits;
        }
        if let Some(window) = &mut lane.window {
            window.take(now);
        }
        self.window.take(now);
        Verdict::Leaves
    }

    fn lane(&mut self, now: Instant, key: &Key) -> &mut Lane {
        if self.lanes.len() >= self.crowded {
            self.lanes.retain(|_, lane| {
                !lane.waiting.is_empty()
                    || lane.held.is_some_and(|held| held > now)
                    || lane.window.as_ref().is_some_and(|window| !window.is_idle(now))
            });
            self.crowded = (2 * self.lanes.len()).max(CROWDED);
        }
        let per_key = &self.per_key;
        self.lanes.entry(key.clone()).or_insert_with(|| {
            let limits = per_key.as_ref().filter(|_| key.is_some());
            Lane { window: limits.map(|limits| Window::new(limits.messages, limits.per, limits.burst)), ..Lane::default() }
        })
    }

    /// A pong left, which waits for nothing.
    pub(super) fn count(&mut self, now: Instant) {
        self.window.take(now);
    }

    /// Takes a message in that [`Limiter::offer`] has refused.
    pub(super) fn push(&mut self, now: Instant, key: &Key, urgent: bool, waiting: Waiting) {
        self.waiting += 1;
        self.bytes += waiting.message.len();
        let due = if urgent {
            self.urgent.push_back(waiting);
            self.window.free_at(now, 0)
        } else {
            let number = self.next;
            self.next += 1;
            let lane = self.lane(now, key);
            if lane.waiting.is_empty() {
                lane.waiting.push_back((number, waiting));
                self.line.insert(number, key.clone());
            } else {
                lane.waiting.push_back((number, waiting));
                return;
            }
            self.due_of(now, key)
        };
        self.due = super::timing::earliest([self.due, Some(due)]);
    }

    /// When the first message of a lane may leave, by the limits.
    fn due_of(&self, now: Instant, key: &Key) -> Instant {
        let lane = self.lanes.get(key).map_or(now, |lane| lane.free_at(now));
        self.window.free_at(now, self.reserve).max(lane).max(self.held.unwrap_or(now))
    }

    /// Returns the messages that may leave now, in order.
    pub(super) fn release(&mut self, now: Instant) -> Vec<Waiting> {
        let mut released = Vec::new();
        while !self.urgent.is_empty()
            && self.window.free_at(now, 0) <= now
            && let Some(urgent) = self.urgent.pop_front()
        {
            self.window.take(now);
            released.push(urgent);
        }
        let mut from = 0;
        while self.ready
            && self.held.is_none_or(|held| held <= now)
            && self.window.free_at(now, self.reserve) <= now
            && let Some((number, key)) = self.line.range(from..).next().map(|(number, key)| (*number, key.clone()))
        {
            from = number + 1;
            let Some(lane) = self.lanes.get_mut(&key).filter(|lane| lane.free_at(now) <= now) else { continue };
            let Some((_, first)) = lane.waiting.pop_front() else { continue };
            if let Some(window) = &mut lane.window {
                window.take(now);
            }
            self.window.take(now);
            self.line.remove(&number);
            if let Some((next, _)) = lane.waiting.front() {
                self.line.insert(*next, key);
            }
            released.push(first);
        }
        self.waiting -= released.len();
        self.bytes -= released.iter().map(|waiting| waiting.message.len()).sum::<usize>();
        self.plan(now);
        released
    }

    fn plan(&mut self, now: Instant) {
        let urgent = (!self.urgent.is_empty()).then(|| self.window.free_at(now, 0));
        let normal = self.line.values().map(|key| self.due_of(now, key)).min();
        self.due = super::timing::earliest([urgent, normal]);
    }

    /// When [`Limiter::release`] would return a message.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.ready || !self.urgent.is_empty() { self.due } else { None }
    }

    /// The oldest message that is not urgent makes room for another.
    pub(super) fn drop_oldest(&mut self) -> Option<Waiting> {
        let (_, key) = self.line.pop_first()?;
        let lane = self.lanes.get_mut(&key)?;
        let (_, oldest) = lane.waiting.pop_front()?;
        if let Some((next, _)) = lane.waiting.front() {
            self.line.insert(*next, key);
        }
        self.waiting -= 1;
        self.bytes -= oldest.message.len();
        Some(oldest)
    }

    /// Removes a message whose caller has cancelled it.
    pub(super) fn withdraw(&mut self, now: Instant, ticket: u64) {
        let mut all = self.take_all();
        all.retain(|(_, _, waiting)| waiting.ticket != Some(ticket));
        for (key, urgent, waiting) in all {
            self.push(now, &key, urgent, waiting);
        }
    }

    /// The connection is gone: returns all waiting messages, in order.
    pub(super) fn take_all(&mut self) -> Vec<(Key, bool, Waiting)> {
        let mut all: Vec<_> = std::mem::take(&mut self.urgent).into_iter().map(|waiting| (None, true, waiting)).collect();
        let mut numbered: Vec<_> = self
            .lanes
            .iter_mut()
            .flat_map(|(key, lane)| lane.waiting.drain(..).map(|(number, waiting)| (number, key.clone(), waiting)))
            .collect();
        numbered.sort_unstable_by_key(|(number, ..)| *number);
        all.extend(numbered.into_iter().map(|(_, key, waiting)| (key, false, waiting)));
        self.line.clear();
        (self.waiting, self.bytes, self.due) = (0, 0, None);
        all
    }

    /// Holds messages that are not urgent, or those with this key, for a time from now. Returns how long the first waiting message then has to wait.
    pub(super) fn throttle(&mut self, now: Instant, time: Duration, key: &Key) {
        let until = now.checked_add(time).filter(|_| !time.is_zero());
        if key.is_some() {
            self.lane(now, key).held = until;
        } else {
            self.held = until;
        }
        self.plan(now);
    }

    /// How long a message with this key would have to wait now.
    pub(super) fn delay(&self, now: Instant, key: &Key) -> Duration {
        self.due_of(now, key).saturating_duration_since(now)
    }
}
