//! The keeper: one timer for the whole process. It has the background stand in for a host that is late while bytes wait or a deadline has
//! passed, and has every connection probed when the wall clock jumps, for then the machine has slept.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::Runtime;

use super::{Shared, exit};
use crate::process;

/// How often to look at the clocks, where no host has to be watched.
const SELDOM: Duration = Duration::from_secs(1);
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

/// Starts to look, if nobody does: until no socket is left.
pub(super) fn watch(runtime: &Runtime) {
    let generation = process::generation();
    if WATCHED_IN.swap(generation, Ordering::AcqRel) != generation {
        runtime.spawn(look_on(generation));
    }
}

async fn look_on(generation: u32) {
    let mut last = (Instant::now(), SystemTime::now());
    let mut seen = HashMap::new();
    let mut every = pace(&exit::all(), false);
    loop {
        tokio::time::sleep(every).await;
        let sockets = exit::all();
        if sockets.is_empty() && resign(generation) {
            return;
        }
        let now = (Instant::now(), SystemTime::now());
        if jumped(now.0 - last.0, now.1.duration_since(last.1).ok()) {
            for shared in &sockets {
                shared.client.clock_jumped(now.0);
                shared.poke();
            }
        }
        if now.0 - last.0 > every + SELDOM {
            // We are late ourselves: the process was stopped, or the machine is busy. That says nothing of the hosts.
            seen.clear();
        }
        last = now;
        seen = stand_in(&sockets, &seen, now.0);
        every = pace(&sockets, !seen.is_empty());
    }
}

/// How long to wait for the next look: where something waits already, it is a closer one.
fn pace(sockets: &[Arc<Shared>], something_waits: bool) -> Duration {
    let least = sockets.iter().filter_map(|shared| shared.hosted.as_ref()?.patience).min().unwrap_or(SELDOM).min(SELDOM);
    if something_waits { least / 2 } else { least }
}

/// Ends the looking, unless a socket has started meanwhile.
fn resign(generation: u32) -> bool {
    WATCHED_IN.store(NOBODY, Ordering::Release);
    exit::all().is_empty() || WATCHED_IN.swap(generation, Ordering::AcqRel) == generation
}

/// Whether the wall clock went on by much more than the monotonic one, which stands still while the machine sleeps.
fn jumped(monotonic: Duration, wall: Option<Duration>) -> bool {
    wall.is_some_and(|wall| wall.saturating_sub(monotonic) > JUMP)
}

/// Which sockets have something for their host to do, and since when. Those whose host has let it wait for too long are kept from now on.
/// Costs an idle socket no lock: only what may be due is looked at.
fn stand_in(sockets: &[Arc<Shared>], seen: &HashMap<usize, Sighting>, now: Instant) -> HashMap<usize, Sighting> {
    let hosted: Vec<_> = sockets
        .iter()
        .filter_map(|shared| {
            let hosted = shared.hosted.as_ref().filter(|hosted| !hosted.is_kept())?;
            // Asked first: a turn that is taken from here on shows that the host moves.
            Some((shared, hosted.patience?, hosted, hosted.drives()))
        })
        .collect();
    let mut polled: Vec<libc::pollfd> = hosted
        .iter()
        .map(|(shared, _, hosted, _)| libc::pollfd {
            fd: shared.client.present_descriptor().unwrap_or(-1),
            events: libc::POLLIN | if hosted.waits_to_write() || shared.client.holds_back() { libc::POLLOUT } else { 0 },
            revents: 0,
        })
        .collect();
    // SAFETY: the pointer and the length are those of the vector, which outlives the call; a descriptor that was closed meanwhile, or is
    // another's by now, is only reported as such.
    unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, 0) };
    let mut seen_now = HashMap::new();
    for ((shared, patience, hosted, drives), polled) in hosted.into_iter().zip(polled) {
        if polled.revents == 0 && !hosted.is_awaited(now) {
            continue;
        }
        let Some(waits) = shared.client.waits_for(now) else { continue };
        let wanted = if waits.to_read { libc::POLLIN } else { 0 } | if waits.to_write { libc::POLLOUT } else { 0 };
        if !waits.late && polled.revents & (wanted | libc::POLLHUP | libc::POLLERR) == 0 {
            continue;
        }
        let key = Arc::as_ptr(shared) as usize;
        let since = seen.get(&key).filter(|sighting| sighting.drives == drives).map_or(now, |sighting| sighting.since);
        if now - since < patience {
            seen_now.insert(key, Sighting { drives, since });
        } else if hosted.keep(drives, since, &STOOD_IN) {
            shared.poke.notify_one();
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
