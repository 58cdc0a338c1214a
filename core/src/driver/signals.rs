//! Signals that would end the process close the sockets first, and then end it as usual. The handler is our own and not a library's: it must be
//! removed in a forked child, whose signals are not its parent's. Knows no socket; `exit` sends the Close frames.

use std::os::fd::IntoRawFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::exit;
use crate::process::{self, PerProcess};

/// Signals that are sent to end a process, and whose default action does so.
const SIGNALS: [i32; 6] = [libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2];

/// How long handlers of the last events may take if the signal itself does not end the process.
const LAST_EVENTS: Duration = Duration::from_millis(500);

/// How long a thread that ends the process waits for the signal that already ends it: longer than any closing handshake takes.
const SIGNALS_TURN: Duration = Duration::from_secs(10);

/// The write end for the handler; -1 while no signal is watched.
static TELL: AtomicI32 = AtomicI32::new(-1);
static WATCHED_IN: AtomicU32 = AtomicU32::new(u32::MAX);

/// The signals that the host's program has taken over since, as bits.
static LEFT: AtomicU32 = AtomicU32::new(0);

/// A signal arrived that ends the process after the closing handshakes.
static ENDING: AtomicBool = AtomicBool::new(false);

/// How many threads wait for that.
static STAYING: AtomicUsize = AtomicUsize::new(0);

/// The host may put its own handler over ours at any time. That handler calls ours and then ends the process itself.
static HOST_CHAINS: AtomicBool = AtomicBool::new(false);

/// How long a handler over ours is held back for the closing handshakes, in milliseconds.
const HOLD_BACK: u32 = 3000;

/// The handler that ours replaced, if it was not the default action.
static PREVIOUS: PerProcess<Vec<(i32, libc::sigaction)>> = PerProcess::new();

/// From now on the signals that end a process (TERM, HUP, INT, QUIT, USR1, USR2) close the sockets and then do their usual work. It takes only
/// signals whose action is the default one at the time of the call. Call it for each socket with `close_on_exit`, and whenever the default action was
/// restored.
pub fn watch() {
    if !hear() {
        return;
    }
    for signal in SIGNALS {
        if action_of(signal).sa_sigaction == libc::SIG_DFL {
            forget_previous(signal);
            set_action(signal, &ours());
        }
    }
}

/// Watches again the signals that [`watch`] has watched in this process. It does nothing before the first [`watch`].
pub fn watch_again() {
    if WATCHED_IN.load(Ordering::Acquire) == process::generation() {
        watch();
    }
}

/// As [`watch`], for signals with a handler that the host does not know, if that handler raises its signal again to run the default action, as
/// `faulthandler.register(chain=True)` does. Such a handler does not block its own signal, which tells it from others.
pub fn watch_chaining(signals: &[i32]) {
    for &signal in signals {
        if action_of(signal).sa_flags & libc::SA_NODEFER != 0 {
            watch_inherited(&[signal], true);
        }
    }
}

/// As [`watch`], for signals with a handler of the host itself that the program does not listen to: it restores the terminal and lets the signal end
/// the process. With `handled`, that handler counts as the default action, and is installed again before the signal is raised again. A later call
/// takes back a signal that the host took in between.
pub fn watch_inherited(signals: &[i32], handled: bool) {
    if !hear() {
        return;
    }
    for &signal in signals.iter().filter(|signal| SIGNALS.contains(signal)) {
        LEFT.fetch_and(!bit(signal), Ordering::AcqRel);
        let standing = action_of(signal);
        let is_default = standing.sa_sigaction == libc::SIG_DFL;
        if standing.sa_sigaction == libc::SIG_IGN || standing.sa_sigaction == handler() || !(is_default || handled) {
            continue;
        }
        forget_previous(signal);
        if !is_default {
            PREVIOUS.lock().push((signal, standing));
        }
        set_action(signal, &ours());
    }
}

fn forget_previous(signal: i32) {
    PREVIOUS.lock().retain(|(of, _)| *of != signal);
}

/// As [`watch_inherited`], for Deno: it listens to these signals itself, from some time after its start, and one of its threads ends the process if
/// nothing else listens. Its handler counts as the default action. If it replaces ours, it is held back until the closing handshakes are done.
pub fn watch_over_host(signals: &[i32]) {
    HOST_CHAINS.store(true, Ordering::Release);
    watch_inherited(signals, true);
}

/// From now on the host's program listens to this signal, and decides what follows. For hosts whose handler calls the one before it, which is ours;
/// other handlers replace it.
pub fn leave_to_host(signal: i32) {
    if SIGNALS.contains(&signal) {
        LEFT.fetch_or(bit(signal), Ordering::AcqRel);
        if HOST_CHAINS.load(Ordering::Acquire) && action_of(signal).sa_sigaction == handler() {
            // The host does not install its handler a second time.
            let previous = PREVIOUS.lock();
            if let Some((_, standing)) = previous.iter().find(|(of, _)| *of == signal) {
                set_action(signal, standing);
            }
        }
    }
}

fn bit(signal: i32) -> u32 {
    1 << signal
}

/// Starts the thread that waits for signals, once in each process. False: it could not start.
fn hear() -> bool {
    let generation = process::generation();
    if WATCHED_IN.swap(generation, Ordering::AcqRel) == generation {
        return TELL.load(Ordering::Acquire) >= 0;
    }
    let Ok((mut hear, tell)) = UnixStream::pair() else { return false };
    let spawned = std::thread::Builder::new().name("heartwire-signals".to_owned()).spawn(move || {
        let mut signal = [0_u8];
        while matches!(std::io::Read::read(&mut hear, &mut signal), Ok(1)) {
            let signal = i32::from(signal[0]);
            if LEFT.load(Ordering::Acquire) & bit(signal) == 0 {
                end_by(signal);
            }
            ENDING.store(false, Ordering::Release);
        }
    });
    if spawned.is_err() {
        return false;
    }
    TELL.store(tell.into_raw_fd(), Ordering::Release);
    process::in_child(let_go);
    true
}

/// Waits here while a signal ends the process: a second end would change the exit status. Not for the thread that waits for signals.
pub(super) fn stay_if_ending() {
    STAYING.fetch_add(1, Ordering::AcqRel);
    let until = Instant::now() + SIGNALS_TURN;
    while ENDING.load(Ordering::Acquire) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    STAYING.fetch_sub(1, Ordering::AcqRel);
}

/// Only stores the signal and writes a byte, which is safe in a handler.
extern "C" fn on_signal(signal: i32) {
    if LEFT.load(Ordering::Acquire) & bit(signal) == 0 {
        ENDING.store(true, Ordering::Release);
    }
    let byte = [signal as u8];
    // SAFETY: write(2) is async-signal-safe, and the buffer outlives the call; errno is put back for the code that was interrupted.
    unsafe {
        let before = errno::errno();
        libc::write(TELL.load(Ordering::Acquire), byte.as_ptr().cast(), 1);
        if HOST_CHAINS.load(Ordering::Acquire) && ENDING.load(Ordering::Acquire) {
            hold_back(signal);
        }
        errno::set_errno(before);
    }
}

/// Runs within a handler that stands over ours: it delays that handler until the closing handshakes are done, which end the process. It is bounded,
/// because this thread may hold a lock that the closing handshakes need. Calls only functions that are safe in a handler.
fn hold_back(signal: i32) {
    let millisecond = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    for _ in 0..HOLD_BACK {
        if action_of(signal).sa_sigaction == handler() || !ENDING.load(Ordering::Acquire) {
            return;
        }
        // SAFETY: a plain system call with a pointer to a live variable.
        unsafe { libc::nanosleep(&raw const millisecond, std::ptr::null_mut()) };
    }
}

fn handler() -> libc::sighandler_t {
    on_signal as extern "C" fn(i32) as libc::sighandler_t
}

fn ours() -> libc::sigaction {
    action(handler())
}

/// In a forked child: restores the default actions, because only the parent would hear the handler.
fn let_go() {
    for signal in SIGNALS {
        if action_of(signal).sa_sigaction == handler() {
            set_action(signal, &action(libc::SIG_DFL));
        }
    }
    ENDING.store(false, Ordering::Release);
    let tell = TELL.swap(-1, Ordering::AcqRel);
    if tell >= 0 {
        // SAFETY: the descriptor is this process's copy of the write end; nothing here uses it any more.
        unsafe { libc::close(tell) };
    }
}

/// Closes the sockets, and ends the process by the action that stood before, so its exit status is the usual one.
fn end_by(signal: i32) {
    let parted = exit::goodbye_before_signal();
    let previous = PREVIOUS.lock();
    let ends_itself = HOST_CHAINS.load(Ordering::Acquire);
    let standing = previous.iter().find(|(of, _)| *of == signal && !ends_itself).map_or(action(libc::SIG_DFL), |(_, standing)| *standing);
    drop(previous);
    set_action(signal, &standing);
    // SAFETY: the set is written before it is read; the other calls take numbers. `raise` is delivered to this thread, which does not block it any more.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        libc::raise(signal);
    }
    // The kernel does not apply the default actions to process 1 of a container. User code still runs there, so the sockets get their last events.
    exit::tell(&parted, LAST_EVENTS, || STAYING.load(Ordering::Acquire) > 0);
    if is_of_another_copy(&standing) {
        // Its handler has only woken its own thread, which closes its own sockets and then ends the process by the signal.
        std::thread::sleep(SIGNALS_TURN);
    }
    // SAFETY: ends the process at once, with the status that a shell gives for the signal.
    unsafe { libc::_exit(128 + signal) }
}

/// Whether another copy of this crate in the process has installed this handler. The other handlers into which we may raise a signal run its default
/// action before they return: that of `watch_inherited` has `SA_RESETHAND`, that of `watch_chaining` `SA_NODEFER`.
fn is_of_another_copy(standing: &libc::sigaction) -> bool {
    standing.sa_sigaction != libc::SIG_DFL && standing.sa_flags & (libc::SA_RESETHAND | libc::SA_NODEFER) == 0
}

fn action_of(signal: i32) -> libc::sigaction {
    // SAFETY: a null new action only asks; the old one is written into zeroed memory of the right type.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action);
        action
    }
}

/// An action that calls `handler` and interrupts no system call.
fn action(handler: libc::sighandler_t) -> libc::sigaction {
    // SAFETY: zeroes are a valid value of the structure, and its mask is then emptied.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = handler;
        new.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigemptyset(&raw mut new.sa_mask);
        new
    }
}

fn set_action(signal: i32, action: &libc::sigaction) {
    // SAFETY: the structure is complete, and it calls the default action, an earlier handler, or ours, which is safe there.
    unsafe { libc::sigaction(signal, action, std::ptr::null_mut()) };
}
