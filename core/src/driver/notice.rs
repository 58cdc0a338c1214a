//! Tells the keeper that something may wait for a host, without a look at each socket: flags that hosts and other threads set, the
//! descriptors, and a calendar of deadlines. False positives happen; false negatives do not. Knows no socket.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use crate::os::{self, RawDescriptor};
use crate::process::PerProcess;

/// The time span of one page of the calendar, and the number of pages. Half of them are for the future: a later deadline is on the last of them, and
/// is found there before its time.
const PAGE: Duration = Duration::from_millis(250);
const PAGES: u32 = 1024;
const NOWHERE: u32 = u32::MAX;
/// How far back the search for a deadline goes.
const BACK: u32 = 256;

static NEWS: AtomicBool = AtomicBool::new(false);
static WATCHED: PerProcess<Watched> = PerProcess::new();
static CALENDAR: [AtomicU32; PAGES as usize] = [const { AtomicU32::new(0) }; PAGES as usize];
/// The page of the latest check.
static TODAY: AtomicU32 = AtomicU32::new(0);

/// All descriptors of hosted sockets.
#[derive(Default)]
struct Watched {
    poll: Option<(Poll, Events)>,
    /// At least one of them could not be watched.
    blind: bool,
}

/// Call it once work waits for a host that neither a descriptor nor a deadline shows.
pub(super) fn note() {
    // If the flag is set already, its consumer runs after this fence and sees the waiting work; see `something`.
    fence(Ordering::SeqCst);
    if !NEWS.load(Ordering::Relaxed) {
        NEWS.store(true, Ordering::Release);
    }
}

/// Watches a descriptor, until it is closed.
pub(super) fn observe(descriptor: RawDescriptor) {
    let mut watched = WATCHED.lock();
    if watched.observe(descriptor).is_err() {
        watched.blind = true;
    }
}

impl Watched {
    fn observe(&mut self, descriptor: RawDescriptor) -> io::Result<()> {
        if self.poll.is_none() {
            self.poll = Some((Poll::new()?, Events::with_capacity(64)));
        }
        let Some((poll, _)) = &self.poll else { return Ok(()) };
        os::observe(poll.registry(), descriptor)
    }

    /// Whether bytes have arrived since the last check and are still unread.
    fn is_ready(&mut self) -> bool {
        match &mut self.poll {
            _ if self.blind => true,
            Some((poll, events)) => poll.poll(events, Some(Duration::ZERO)).is_err() || !events.is_empty(),
            None => false,
        }
    }
}

/// A time as a number for atomics. `None` is later than any time.
pub(super) fn stamp(time: Option<Instant>) -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(Instant::now);
    time.map_or(u64::MAX, |time| time.saturating_duration_since(start).as_nanos() as u64)
}

fn page(stamp: u64) -> u32 {
    (stamp / PAGE.as_nanos() as u64).min(u64::from(NOWHERE)) as u32
}

/// The place of a deadline in the calendar.
pub(super) struct Entry(AtomicU32);

impl Entry {
    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(NOWHERE))
    }

    /// Replaces the deadline.
    pub(super) fn set(&self, stamp: u64) {
        let page = match page(stamp) {
            NOWHERE => NOWHERE,
            page => page.min(TODAY.load(Ordering::Relaxed) + PAGES / 2),
        };
        if self.0.load(Ordering::Relaxed) == page {
            return;
        }
        let before = self.0.swap(page, Ordering::Relaxed);
        if page != NOWHERE {
            CALENDAR[(page % PAGES) as usize].fetch_add(1, Ordering::Relaxed);
        }
        if before != NOWHERE {
            CALENDAR[(before % PAGES) as usize].fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.set(u64::MAX);
    }
}

/// Whether something may wait. `exactly` also counts a deadline that has passed just now; without it, a deadline counts a moment later.
pub(super) fn something(now: Instant, exactly: bool) -> bool {
    let today = page(stamp(Some(now)));
    TODAY.store(today, Ordering::Relaxed);
    let end = if exactly { today + 1 } else { today };
    let past = end.saturating_sub(BACK)..end;
    // Reads both, because reading clears them.
    let ready = WATCHED.lock().is_ready();
    let news = NEWS.swap(false, Ordering::AcqRel);
    fence(Ordering::SeqCst);
    ready || news || past.into_iter().any(|page| CALENDAR[(page % PAGES) as usize].load(Ordering::Relaxed) > 0)
}
