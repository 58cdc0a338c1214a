//! The passes of the host's loop for the sockets: the first message of a pass leaves at once, the others in one write at its end. The state that
//! scripts can read changes only between tasks. Knows handles, no sockets.

use heartwire::binding::os;

use crate::place::Home;
use crate::uv::{Handle, Watch};

/// How long sockets may be served in one pass before the loop continues, in milliseconds.
const BUDGET: u64 = 10;

#[derive(Default)]
pub(crate) struct Turn {
    /// The present pass, and whether there is work at its end.
    pub(crate) number: u64,
    open: bool,
    /// The present task: one event, or the rest of the pass.
    pub(crate) task: u64,
    began: u64,
    /// The sockets whose output waits for the end.
    held: Vec<u32>,
    end: Option<Watch<Home>>,
}

impl Turn {
    /// Sets the watch that reports the end of a pass. Without one, JavaScript reports it.
    pub(crate) fn set_end(&mut self, end: Option<Watch<Home>>) {
        self.end = end;
    }

    /// Begins the pass, unless it has begun.
    pub(crate) fn begin(&mut self) {
        if self.open {
            return;
        }
        self.open = true;
        self.began = coarse_time();
        if let Some(end) = &self.end {
            end.start_prepare(on_end);
        }
    }

    /// Makes the output of a socket wait for the end.
    pub(crate) fn hold(&mut self, handle: u32) {
        self.held.push(handle);
    }

    /// Ends the task. True: the loop has to continue.
    pub(crate) fn end_task(&mut self) -> bool {
        self.task += 1;
        coarse_time() >= self.began + BUDGET
    }

    /// Ends the pass. Returns the sockets whose output waits.
    pub(crate) fn finish(&mut self) -> Vec<u32> {
        if let Some(end) = &self.end {
            end.stop_prepare();
        }
        self.open = false;
        self.number += 1;
        self.task += 1;
        std::mem::take(&mut self.held)
    }
}

unsafe extern "C" fn on_end(handle: Handle) {
    // SAFETY: the callback of a handle that was made with a `Home`.
    if let Some(home) = unsafe { Watch::<Home>::data(handle) } {
        home.with(crate::environment::Environment::end_turn);
    }
}

/// Milliseconds of a clock with steps of a few milliseconds, which costs a few nanoseconds to read.
pub(crate) fn coarse_time() -> u64 {
    os::coarse_time() / 1_000_000
}
