//! The goodbye: Close 1001 to the peer of every open socket with `close_on_exit`, however the process ends.

use std::time::Duration;

/// Says goodbye on all sockets of this process: flushes, sends Close 1001, waits for the peers' answers, each within its own
/// `close_on_exit`, all together at most `at_most`. Blocks; safe from any thread; a second call does nothing.
/// After it no socket does anything any more.
pub fn goodbye(at_most: Option<Duration>) {
    todo!()
}

/// From now on SIGTERM, SIGHUP and, if `sigint`, SIGINT say goodbye and then do what they would have done. Only signals whose action is the
/// default one at the time of the call; called with the first socket that has `close_on_exit`. Calling again does nothing.
pub fn watch_signals(sigint: bool) {
    todo!()
}
