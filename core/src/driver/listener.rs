//! The receiver of a socket's wakes: a task, a thread that waits here, or a thread that waits in its own loop. Knows no socket.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::Instant;

use super::inbox::LoopHandle;

/// The token of the one socket of a thread's own loop.
pub const TOKEN: usize = 0;

/// Wakes whatever waits for a socket. It is no `AtomicWaker`, because a thread may wait as well.
#[derive(Default)]
pub struct Listener {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    rung: bool,
    waker: Option<Waker>,
    own_loop: Option<LoopHandle>,
}

impl Listener {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the waiting task or thread. If nothing waits, the next wait ends at once.
    pub fn ring(&self) {
        let mut state = self.lock();
        state.rung = true;
        let waker = state.waker.take();
        if let Some(own_loop) = &state.own_loop {
            own_loop.wake(TOKEN);
        }
        drop(state);
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Lets the next ring wake this task. Returns whether it rang since the last call.
    pub fn listen(&self, waker: &Waker) -> bool {
        let mut state = self.lock();
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        std::mem::take(&mut state.rung)
    }

    /// Lets rings make the socket of this loop due, or of none.
    pub fn listen_in(&self, own_loop: Option<LoopHandle>) {
        self.lock().own_loop = own_loop;
    }

    /// Waits until it rings. Returns false when the time is over.
    pub fn wait(&self, until: Option<Instant>) -> bool {
        let mut state = self.lock();
        while !state.rung {
            state = match until {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.rung = false;
        true
    }
}

impl Wake for Listener {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}
