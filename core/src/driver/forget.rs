//! Releases a socket at once, in any state, when the part that delivered its events is gone while the process goes on. Knows nothing of the reason.

use std::time::Instant;

use super::Connection;

impl Connection {
    /// Ends the socket at once, without an event and without a Close frame (see [`exit::goodbye_of`](super::exit::goodbye_of)). It ends the
    /// present attempt, so others may connect to the same place. Descriptors are closed as soon as no loop watches them. The host must drop its own
    /// watch first.
    pub fn forget(&self) {
        let shared = &self.0;
        if !shared.client.is_ours() {
            return;
        }
        shared.client.abandon(Instant::now());
        if let Some(hosted) = &shared.hosted {
            hosted.finish();
            let mut held = hosted.turn();
            held.end_attempt(shared);
            held.host = None;
            let done = held.myself.take();
            drop(held);
            drop(done);
        }
        shared.release();
        // If the background has a task, the task finds no work: it drops its watch and the attempt.
        shared.poke.notify_one();
    }
}
