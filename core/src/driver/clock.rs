//! Notices a jump of the wall clock: the machine slept, so every open connection is probed at once. One timer for the whole process.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::Runtime;

use super::exit;
use crate::process;

/// How often to look.
const EVERY: Duration = Duration::from_secs(1);
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
        loop {
            tokio::time::sleep(EVERY).await;
            let now = (Instant::now(), SystemTime::now());
            if jumped(now.0 - last.0, now.1.duration_since(last.1).ok()) {
                for shared in exit::all() {
                    shared.client.clock_jumped(now.0);
                    shared.poke();
                }
            }
            last = now;
        }
    });
}

/// Whether the wall clock went on by much more than the monotonic one, which stands still while the machine sleeps.
fn jumped(monotonic: Duration, wall: Option<Duration>) -> bool {
    wall.is_some_and(|wall| wall.saturating_sub(monotonic) > JUMP)
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
