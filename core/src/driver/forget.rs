//! Lets go of a socket at once, whatever state it is in: what delivered its events is gone while the process goes on. Knows nothing of why.

use std::time::Instant;

use super::Connection;

impl Connection {
    /// Ends the socket here and now, without an event and without a word to the peer (see [`exit::goodbye_of`](super::exit::goodbye_of)). An attempt
    /// under way is given up, so that others may connect to the same place; descriptors are closed as soon as no loop watches them.
    /// The host must have dropped its own watch before.
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
        // The background's task, if there is one, finds nothing left to do: it drops its watch and the attempt.
        shared.poke.notify_one();
    }
}
