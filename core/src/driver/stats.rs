//! The counts of all sockets of the process: of those that live, and of those that are gone. Knows of a socket only that it counts.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::process::PerProcess;
use crate::stats::{Counts, Stats};

/// A socket, as far as this file knows it.
pub(super) trait Counted: Send + Sync {
    /// Its counts so far, and the messages that wait at the moment.
    fn counts(&self) -> Counts;
}

/// A forked child starts at zero: its parent's counts are not its own.
static SOCKETS: PerProcess<Sockets> = PerProcess::new();

#[derive(Default)]
struct Sockets {
    living: HashMap<usize, Weak<dyn Counted>>,
    gone: Counts,
}

/// How often to look for a socket that another thread is dropping just now.
const LOOKS: usize = 1000;

/// Remembers a socket that has started.
pub(super) fn register<T: Counted + 'static>(socket: &Arc<T>) {
    let socket: Arc<dyn Counted> = Arc::<T>::clone(socket);
    SOCKETS.lock().living.insert(Arc::as_ptr(&socket).addr(), Arc::downgrade(&socket));
}

/// The socket is being dropped: its counts stay in the sum.
pub(super) fn retire<T: Counted>(socket: &T) {
    let key = std::ptr::from_ref(socket).addr();
    let known = SOCKETS.lock().living.contains_key(&key);
    if known {
        let mut counts = socket.counts();
        counts.stats.waiting = crate::stats::Waiting::default();
        let mut sockets = SOCKETS.lock();
        sockets.gone.add(&counts);
        sockets.living.remove(&key);
    }
}

/// The counts of all sockets that this process has started, of those that are gone, too.
pub fn stats() -> Stats {
    for _ in 0..LOOKS {
        let sockets = SOCKETS.lock();
        let living: Vec<_> = sockets.living.values().map(Weak::upgrade).collect();
        let mut sum = sockets.gone.clone();
        // Not under the lock: the last handle of a socket may be the one in `living`, and its end takes the lock.
        drop(sockets);
        if living.iter().any(Option::is_none) {
            // One is neither among the living nor among those that are gone: for a moment.
            std::thread::yield_now();
            continue;
        }
        for socket in living.iter().flatten() {
            sum.add(&socket.counts());
        }
        return sum.into_stats();
    }
    SOCKETS.lock().gone.clone().into_stats()
}
