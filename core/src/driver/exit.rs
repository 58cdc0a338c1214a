//! Sends Close 1001 to the peer of every open socket with `close_on_exit`, however the process ends. Knows all sockets that started.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

pub use super::signals::{
    leave_to_host as leave_signal_to_host, watch as watch_signals, watch_again as watch_signals_again,
    watch_chaining as watch_chaining_signals, watch_inherited as watch_inherited_signals, watch_over_host as watch_signals_over_host,
};
use super::{Connection, Shared, signals};
use crate::client::Farewell;
use crate::os::{self, Polled};
use crate::process::PerProcess;

/// A forked child starts with an empty list: its parent's sockets are not its own.
static SOCKETS: PerProcess<Vec<Weak<Shared>>> = PerProcess::new();

/// The time between two checks of [`tell`] whether the last events were delivered.
const LOOK: Duration = Duration::from_millis(2);

/// Remembers a socket.
pub(super) fn register(shared: &Arc<Shared>) {
    let mut sockets = SOCKETS.lock();
    if sockets.len() == sockets.capacity() {
        sockets.retain(|socket| socket.strong_count() > 0);
    }
    sockets.push(Arc::downgrade(shared));
}

/// Whether there is a socket that this process started.
pub(super) fn any() -> bool {
    SOCKETS.lock().iter().any(|socket| socket.strong_count() > 0)
}

/// All sockets that this process started.
pub(super) fn all() -> Vec<Arc<Shared>> {
    SOCKETS.lock().iter().filter_map(Weak::upgrade).collect()
}

/// Closes all sockets of this process: sends waiting messages and Close 1001, and waits for the peers' answers, for each socket at most its
/// `close_on_exit`, for all together at most `at_most`. Blocks; safe from any thread. A second call closes the sockets that started since. Afterwards
/// the closed sockets do nothing more. If a signal already ends the process, this does not return: the exit status is the signal's.
pub fn goodbye(at_most: Option<Duration>) {
    signals::stay_if_ending();
    say(&take(), at_most);
}

/// As [`goodbye`], for a process that still runs user code: each socket then has its last event, `close` (1001 if the peer answered), and no
/// reconnection follows.
pub fn goodbye_and_tell(at_most: Option<Duration>) {
    signals::stay_if_ending();
    let sockets = take();
    say(&sockets, at_most);
    tell_all(&sockets);
}

/// Sockets that have sent their Close, and whose program does not know it yet.
pub(super) struct Parted(Vec<Arc<Shared>>);

/// Closes the sockets before a signal does its work.
pub(super) fn goodbye_before_signal() -> Parted {
    let sockets = take();
    say(&sockets, None);
    Parted(sockets)
}

/// Gives the sockets their last events, because the signal did not end the process. Waits for their delivery, at most for `patience`, and stops once
/// `enough` returns true.
pub(super) fn tell(Parted(sockets): &Parted, patience: Duration, enough: impl Fn() -> bool) {
    tell_all(sockets);
    let until = Instant::now() + patience;
    while Instant::now() < until && !enough() && sockets.iter().any(|shared| !shared.client.is_told()) {
        std::thread::sleep(LOOK);
    }
}

fn tell_all(sockets: &[Arc<Shared>]) {
    for shared in sockets {
        shared.client.tell_goodbye(Instant::now());
        shared.poke();
    }
}

/// Closes some sockets: those of a worker that ends while the process goes on. They release all that they have.
pub fn goodbye_of(sockets: &[Connection], at_most: Option<Duration>) {
    let sockets: Vec<Arc<Shared>> = sockets.iter().map(|socket| Arc::clone(&socket.0)).collect();
    say(&sockets, at_most);
    for shared in &sockets {
        shared.client.give_up();
        shared.poke();
    }
}

/// Removes from the list the sockets that this process started, and returns them.
fn take() -> Vec<Arc<Shared>> {
    let sockets = std::mem::take(&mut *SOCKETS.lock());
    sockets.iter().filter_map(Weak::upgrade).collect()
}

fn say(sockets: &[Arc<Shared>], at_most: Option<Duration>) {
    let start = Instant::now();
    let mut open: Vec<(Instant, &Arc<Shared>)> = Vec::new();
    for shared in sockets {
        match shared.client.options().close_on_exit {
            Some(bound) => open.push((start + at_most.map_or(bound, |most| most.min(bound)), shared)),
            None => shared.client.forsake(),
        }
    }
    loop {
        let now = Instant::now();
        let mut waiting: Vec<Polled> = Vec::new();
        open.retain(|(until, shared)| match shared.client.farewell() {
            Farewell::Waiting { descriptor, to_write } if now < *until => {
                waiting.push(Polled::new(Some(descriptor), to_write));
                true
            }
            _ => false,
        });
        let Some(until) = open.iter().map(|(until, _)| *until).max() else { return };
        os::poll(&mut waiting, until.saturating_duration_since(now));
    }
}

/// From now on a normal end of the process (a return from `main`, `std::process::exit`) closes the sockets first. This is for programs in Rust; the
/// bindings use hooks of their hosts.
pub fn watch_normal_end() {
    os::at_exit(|| goodbye(None));
}
