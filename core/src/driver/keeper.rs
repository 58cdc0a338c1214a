//! The keeper: one timer for the whole process. It has the background stand in for a host that is late while bytes wait or a deadline has
//! passed, and has every connection probed when the wall clock jumps, for then the machine has slept.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::{Shared, exit, notice};
use crate::os::{self, Polled};
use crate::process::{self, PerProcess};

/// How often to look at the clocks, where no host has to be watched.
const SELDOM: Duration = Duration::from_secs(1);
/// From here on a deadline is to be seen as soon as it has passed.
const SHORT: Duration = Duration::from_millis(250);
/// A difference between the two clocks that no adjustment of the time makes.
const JUMP: Duration = Duration::from_secs(5);

/// The generation of the process in which somebody looks.
static WATCHED_IN: AtomicU32 = AtomicU32::new(NOBODY);
const NOBODY: u32 = u32::MAX;

pub(super) static STOOD_IN: AtomicUsize = AtomicUsize::new(0);

/// How many times the background began to stand in for a host, in this process. A face compares it to tell whether a handler was slow.
pub fn times_stood_in() -> usize {
    STOOD_IN.load(Ordering::Relaxed)
}

/// What a socket's host had to do when it was first seen, and how many turns it had taken then.
struct Sighting {
    drives: u64,
    since: Instant,
}

/// The least patience of a hosted socket, in nanoseconds.
static LEAST: AtomicU64 = AtomicU64::new(u64::MAX);
/// Tells the keeper that it has become less: it sleeps for as long as the others allow.
static LESS: PerProcess<Arc<Notify>> = PerProcess::new();

/// Starts to look, if nobody does: until no socket is left. `patience` is that of a new hosted socket.
pub(super) fn watch(runtime: &Runtime, patience: Option<Duration>) {
    if let Some(patience) = patience {
        let patience = patience.as_nanos() as u64;
        if LEAST.fetch_min(patience, Ordering::AcqRel) > patience {
            LESS.lock().notify_one();
        }
        notice::note();
    }
    let generation = process::generation();
    if WATCHED_IN.swap(generation, Ordering::AcqRel) != generation {
        // From now on: the first connection may be open before the task runs.
        runtime.spawn(look_on(generation, (Instant::now(), SystemTime::now())));
    }
}

async fn look_on(generation: u32, mut last: (Instant, SystemTime)) {
    let mut seen = HashMap::new();
    let mut every = pace(false);
    let less = Arc::clone(&LESS.lock());
    loop {
        let _ = tokio::time::timeout(every, less.notified()).await;
        if !exit::any() && resign(generation) {
            return;
        }
        let now = (Instant::now(), SystemTime::now());
        if jumped(now.0 - last.0, now.1.duration_since(last.1).ok()) {
            for shared in &exit::all() {
                shared.client.clock_jumped(now.0);
                shared.poke();
            }
        }
        if now.0 - last.0 > every + SELDOM {
            // We are late ourselves: the process was stopped, or the machine is busy. That says nothing of the hosts.
            seen.clear();
            notice::note();
        }
        last = now;
        if notice::something(now.0, every < SHORT) || !seen.is_empty() {
            let sockets = exit::all();
            LEAST.store(sockets.iter().filter_map(patience).min().unwrap_or(u64::MAX), Ordering::Release);
            seen = stand_in(&sockets, &seen, now.0);
        }
        every = pace(!seen.is_empty());
    }
}

/// How long to wait for the next look: where something waits already, it is a closer one.
fn pace(something_waits: bool) -> Duration {
    let least = Duration::from_nanos(LEAST.load(Ordering::Acquire)).min(SELDOM);
    if something_waits { least / 2 } else { least }
}

fn patience(shared: &Arc<Shared>) -> Option<u64> {
    Some(shared.hosted.as_ref()?.patience?.as_nanos() as u64)
}

/// Ends the looking, unless a socket has started meanwhile.
fn resign(generation: u32) -> bool {
    WATCHED_IN.store(NOBODY, Ordering::Release);
    !exit::any() || WATCHED_IN.swap(generation, Ordering::AcqRel) == generation
}

/// Whether the wall clock went on by much more than the monotonic one, which stands still while the machine sleeps.
fn jumped(monotonic: Duration, wall: Option<Duration>) -> bool {
    wall.is_some_and(|wall| wall.saturating_sub(monotonic) > JUMP)
}

/// Which sockets have something for their host to do, and since when. Those whose host has let it wait for too long are kept from now on.
/// Only where [`notice`] says that something may wait; costs an idle socket no lock then.
fn stand_in(sockets: &[Arc<Shared>], seen: &HashMap<usize, Sighting>, now: Instant) -> HashMap<usize, Sighting> {
    let hosted: Vec<_> = sockets
        .iter()
        .filter_map(|shared| {
            let hosted = shared.hosted.as_ref().filter(|hosted| !hosted.is_kept())?;
            let patience = hosted.patience?;
            hosted.renew_entry();
            if hosted.waits_to_write() || shared.client.holds_back() {
                // No descriptor tells the notice of that.
                notice::note();
            }
            // Asked first: a turn that is taken from here on shows that the host moves.
            Some((shared, patience, hosted, hosted.drives()))
        })
        .collect();
    let mut polled: Vec<Polled> = hosted
        .iter()
        .map(|(shared, _, hosted, _)| {
            Polled::new(shared.client.present_descriptor(), hosted.waits_to_write() || shared.client.holds_back())
        })
        .collect();
    os::poll(&mut polled, Duration::ZERO);
    let mut seen_now = HashMap::new();
    for ((shared, patience, hosted, drives), polled) in hosted.into_iter().zip(polled) {
        if !polled.has_news() && !hosted.is_awaited(now) {
            continue;
        }
        let Some(waits) = shared.client.waits_for(now) else { continue };
        // An attempt's own time is known to nobody else: when it is over, the attempt has the host told.
        let late = waits.late || (waits.dials && hosted.is_awaited(now));
        if !late && !polled.is_ready(waits.to_read, waits.to_write) {
            continue;
        }
        let key = Arc::as_ptr(shared) as usize;
        let since = seen.get(&key).filter(|sighting| sighting.drives == drives).map_or(now, |sighting| sighting.since);
        if now - since < patience {
            seen_now.insert(key, Sighting { drives, since });
        } else if hosted.keep(drives, since, &STOOD_IN) {
            shared.summon();
        }
    }
    seen_now
}

#[cfg(test)]
mod tests {
    use super::jumped;
    use std::time::Duration;

    #[test]
    fn sleep_is_a_jump_and_a_late_timer_is_not() {
        let secs = Duration::from_secs;
        assert!(jumped(secs(1), Some(secs(60))));
        assert!(!jumped(secs(60), Some(secs(60))), "the process was stopped, the clocks agree");
        assert!(!jumped(secs(1), Some(secs(2))));
        assert!(!jumped(secs(1), None), "the wall clock was set back");
    }
}
