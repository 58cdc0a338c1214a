//! The console events of Windows that end a process (Ctrl+C, Ctrl+Break, closing, logging off, shutting down) send the Close frames first, and then
//! end the process as usual. On Windows it replaces `signals` and has the same names. Knows no socket; `exit` sends the Close frames.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT, SetConsoleCtrlHandler,
};
use windows_sys::Win32::System::RemoteDesktop::ProcessIdToSessionId;

use super::exit;

/// The numbers that C runtimes and libuv give the events. SIGHUP stands for a closed window, a logoff and a shutdown.
const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGBREAK: i32 = 21;

/// How long a thread that ends the process waits while an event already ends it: first for the closing handshakes, longer than they can take; then
/// for the event's next handlers, of which the system's own is the last.
const GOODBYES_TURN: Duration = Duration::from_secs(10);
const HANDLERS_TURN: Duration = Duration::from_millis(100);

/// The events that the host's program handles itself, as bits.
static LEFT: AtomicU32 = AtomicU32::new(0);

/// Closing handshakes are under way for an event that ends the process afterwards.
static ENDING: AtomicBool = AtomicBool::new(false);

/// From now on these events close the sockets and then do their usual work. A handler that the program sets later runs first; for one that was set
/// before, see [`leave_to_host`].
pub fn watch() {
    static ONCE: Once = Once::new();
    // SAFETY: the handler is a plain function that lives as long as the program.
    ONCE.call_once(|| _ = unsafe { SetConsoleCtrlHandler(Some(on_event), 1) });
}

/// Does nothing: the handler stays installed.
pub fn watch_again() {}

/// Does nothing: the host knows of every handler.
pub fn watch_chaining(_: &[i32]) {}

/// As [`watch`], for events that the program does not handle (any more), as the host reports.
pub fn watch_inherited(signals: &[i32], _handled: bool) {
    for signal in signals {
        LEFT.fetch_and(!bit(*signal), Ordering::AcqRel);
    }
    watch();
}

/// As [`watch_inherited`].
pub fn watch_over_host(signals: &[i32]) {
    watch_inherited(signals, true);
}

/// From now on the host's program handles this event, and decides what follows.
pub fn leave_to_host(signal: i32) {
    LEFT.fetch_or(bit(signal), Ordering::AcqRel);
}

fn bit(signal: i32) -> u32 {
    u32::try_from(signal).ok().and_then(|signal| 1_u32.checked_shl(signal)).unwrap_or_default()
}

/// Waits here while an event ends the process: a second end would change the exit status.
pub(super) fn stay_if_ending() {
    if !ENDING.load(Ordering::Acquire) {
        return;
    }
    let until = Instant::now() + GOODBYES_TURN;
    while ENDING.load(Ordering::Acquire) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(HANDLERS_TURN);
}

/// The system calls it, on a thread that it makes for the event.
unsafe extern "system" fn on_event(event: u32) -> i32 {
    let signal = match event {
        CTRL_C_EVENT => SIGINT,
        CTRL_BREAK_EVENT => SIGBREAK,
        // A service gets the logoff of every user, and stays.
        CTRL_LOGOFF_EVENT if is_service() => return 0,
        CTRL_CLOSE_EVENT | CTRL_LOGOFF_EVENT | CTRL_SHUTDOWN_EVENT => SIGHUP,
        _ => return 0,
    };
    if LEFT.load(Ordering::Acquire) & bit(signal) == 0 {
        ENDING.store(true, Ordering::Release);
        let parted = exit::goodbye_before_signal();
        // A handler that the program has set earlier may keep the process alive.
        exit::tell(&parted, Duration::ZERO, || true);
        ENDING.store(false, Ordering::Release);
    }
    // Passes on to the next handler. The last one is the system's own, which ends the process.
    0
}

/// Services run in a session of their own, number 0.
fn is_service() -> bool {
    let mut session = 0;
    // SAFETY: the call writes one number, which is ours.
    unsafe { ProcessIdToSessionId(std::process::id(), &raw mut session) != 0 && session == 0 }
}
