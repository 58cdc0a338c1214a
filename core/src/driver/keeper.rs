//! The keeper: one timer for the whole process. It lets the background stand in for a host that is late while bytes wait or a deadline has passed. It
//! probes every connection when the wall clock jumps, because the machine has then slept.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::{Shared, exit, notice};
use crate::os::{self, Polled};
use crate::process::{self, PerProcess};

/// The time between two checks of the clocks if there is no host to watch.
const SELDOM: Duration = Duration::from_secs(1);
/// With checks as frequent as this, a deadline has to be seen as soon as it has passed.
const SHORT: Duration = Duration::from_millis(250);
/// No adjustment of the time makes a difference this large between the two clocks.
const JUMP: Duration = Duration::from_secs(5);

/// The generation of the process in which the keeper runs.
static WATCHED_IN: AtomicU32 = AtomicU32::new(NOBODY);
const NOBODY: u32 = u32::MAX;

pub(super) static STOOD_IN: AtomicUsize = AtomicUsize::new(0);

/// How often the background began to stand in for a host, in this process. A binding compares it to find out whether a handler was slow.
pub fn times_stood_in() -> usize {
    STOOD_IN.load(Ordering::Relaxed)
}

/// How many turns a socket's host had taken when waiting work was first seen, and the time.
struct Sighting {
    drives: u64,
    since: Instant,
}

/// The least patience of a hosted socket, in nanoseconds.
static LEAST: AtomicU64 = AtomicU64::new(u64::MAX);
/// Wakes the keeper when the least patience falls, because it sleeps for as long as the others allow.
static LESS: PerProcess<Arc<Notify>> = PerProcess::new();

/// Starts the keeper if it does not run. It runs until no socket is left. `patience` is that of a new hosted socket.
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
        // Starts from the present times: the first connection may be open before the task runs.
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
            // This task is late itself: the process was stopped, or the machine is busy. That says nothing about the hosts.
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

/// The time until the next check. It is shorter if something waits already.
fn pace(something_waits: bool) -> Duration {
    let least = Duration::from_nanos(LEAST.load(Ordering::Acquire)).min(SELDOM);
    if something_waits { least / 2 } else { least }
}

fn patience(shared: &Arc<Shared>) -> Option<u64> {
    Some(shared.hosted.as_ref()?.patience?.as_nanos() as u64)
}

/// Stops the keeper, unless a socket has started meanwhile.
fn resign(generation: u32) -> bool {
    WATCHED_IN.store(NOBODY, Ordering::Release);
    !exit::any() || WATCHED_IN.swap(generation, Ordering::AcqRel) == generation
}

/// Whether the wall clock advanced by much more than the monotonic one, which stands still while the machine sleeps.
fn jumped(monotonic: Duration, wall: Option<Duration>) -> bool {
    wall.is_some_and(|wall| wall.saturating_sub(monotonic) > JUMP)
}

/// The sockets whose host has something to do, and since when. The background stands in for those whose host is too late. It runs only if [`notice`]
/// reports that something may wait; an idle socket then costs no lock.
fn stand_in(sockets: &[Arc<Shared>], seen: &HashMap<usize, Sighting>, now: Instant) -> HashMap<usize, Sighting> {
    let hosted: Vec<_> = sockets
        .iter()
        .filter_map(|shared| {
            let hosted = shared.hosted.as_ref().filter(|hosted| !hosted.is_kept())?;
            let patience = hosted.patience?;
            hosted.renew_entry();
            if hosted.waits_to_write() || shared.client.holds_back() {
                // No descriptor reports this to `notice`.
                notice::note();
            }
            // Read first: a turn after this shows that the host is alive.
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
        // Only the attempt knows its own deadline: when it passes, the attempt wakes the host.
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
