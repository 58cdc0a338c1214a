//! The keeper: one timer for the whole process. It has the background stand in for a host that is late while bytes wait or a deadline has
//! passed, and has every connection probed when the wall clock jumps, for then the machine has slept.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::Runtime;

use super::{Shared, exit};
use crate::process;

/// How often to look. A host that has not moved between two looks is late.
const EVERY: Duration = Duration::from_millis(500);
/// A difference between the two clocks that no adjustment of the time makes.
const JUMP: Duration = Duration::from_secs(5);

static WATCHED_IN: AtomicU32 = AtomicU32::new(u32::MAX);

/// Starts to look, once in each process.
pub(super) fn watch(runtime: &Runtime) {
    let generation = process::generation();
    if WATCHED_IN.swap(generation, Ordering::AcqRel) == generation {
        return;
    }
    runtime.spawn(async {
        let mut last = (Instant::now(), SystemTime::now());
        let mut due = HashMap::new();
        loop {
            tokio::time::sleep(EVERY).await;
            let now = (Instant::now(), SystemTime::now());
            let sockets = exit::all();
            if jumped(now.0 - last.0, now.1.duration_since(last.1).ok()) {
                for shared in &sockets {
                    shared.client.clock_jumped(now.0);
                    shared.poke();
                }
            }
            last = now;
            due = stand_in(&sockets, &due, now.0);
        }
    });
}

/// Whether the wall clock went on by much more than the monotonic one, which stands still while the machine sleeps.
fn jumped(monotonic: Duration, wall: Option<Duration>) -> bool {
    wall.is_some_and(|wall| wall.saturating_sub(monotonic) > JUMP)
}

/// Which sockets have something for their host to do, with the number of turns it had taken; those that had it at the last look already, and
/// whose host has taken none since, are kept.
fn stand_in(sockets: &[Arc<Shared>], due_before: &HashMap<usize, u64>, now: Instant) -> HashMap<usize, u64> {
    let hosted: Vec<_> = sockets
        .iter()
        .filter_map(|shared| Some((shared, shared.hosted.as_ref().filter(|hosted| !hosted.is_kept())?, shared.client.waits_for(now)?)))
        .collect();
    let mut polled: Vec<libc::pollfd> =
        hosted.iter().map(|(_, _, waits)| libc::pollfd { fd: waits.descriptor.unwrap_or(-1), events: libc::POLLIN, revents: 0 }).collect();
    // SAFETY: the pointer and the length are those of the vector, which outlives the call; a descriptor that was closed meanwhile is only
    // reported as such.
    unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, 0) };
    let mut due = HashMap::new();
    for ((shared, hosted, waits), polled) in hosted.into_iter().zip(polled) {
        if !waits.late && polled.revents & (libc::POLLIN | libc::POLLHUP | libc::POLLERR) == 0 {
            continue;
        }
        let (key, drives) = (Arc::as_ptr(shared) as usize, hosted.drives());
        if due_before.get(&key) == Some(&drives) {
            hosted.keep();
            shared.poke.notify_one();
        } else {
            due.insert(key, drives);
        }
    }
    due
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
