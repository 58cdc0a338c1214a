//! The orderly end of several sockets while the process goes on: they open no connection any more, send their queued messages, get the replies to
//! their requests, and then send Close 1001. The caller calls [`Shutdown::advance`] again and again; nothing here waits.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Connection, Shared, exit, runtime};
use crate::close::CloseCode;

/// A useful time between two calls.
pub const LOOK: Duration = Duration::from_millis(5);

/// A shutdown under way. Once it is dropped, sockets may start again.
#[derive(Debug)]
pub struct Shutdown {
    deadline: Option<Instant>,
    /// The sockets that were told to end after their work, and those that have sent their Close.
    told: HashSet<usize>,
    parted: HashSet<usize>,
    /// Every socket had done its work when it sent its Close.
    complete: bool,
    whole: bool,
}

impl Shutdown {
    /// Shuts down all sockets of this process; from now on no socket starts. `timeout` limits the time for their work.
    pub fn of_process(timeout: Duration) -> Self {
        let mut shutdown = Self::of_some(timeout);
        runtime::SHUTDOWNS.fetch_add(1, Ordering::AcqRel);
        shutdown.whole = true;
        shutdown
    }

    /// Shuts down the sockets that are passed to [`Shutdown::advance_some`].
    pub fn of_some(timeout: Duration) -> Self {
        let deadline = Instant::now().checked_add(timeout);
        Self { deadline, told: HashSet::new(), parted: HashSet::new(), complete: true, whole: false }
    }

    /// Continues. The result is `None` until all sockets of the process have ended, and then whether all work was done in time.
    pub fn advance(&mut self) -> Option<bool> {
        self.step(&exit::all())
    }

    /// As [`Shutdown::advance`], for these sockets.
    pub fn advance_some(&mut self, sockets: &[Connection]) -> Option<bool> {
        let sockets: Vec<Arc<Shared>> = sockets.iter().map(|socket| Arc::clone(&socket.0)).collect();
        self.step(&sockets)
    }

    fn step(&mut self, sockets: &[Arc<Shared>]) -> Option<bool> {
        let now = Instant::now();
        let late = self.deadline.is_some_and(|deadline| deadline <= now);
        let mut ended = true;
        for shared in sockets.iter().filter(|shared| shared.client.is_ours()) {
            let name = Arc::as_ptr(shared) as usize;
            if self.told.insert(name) {
                shared.client.wind_down(now);
                shared.poke();
            }
            if shared.client.has_ended() {
                continue;
            }
            ended = false;
            let done = shared.client.has_done_its_work();
            if (done || late) && self.parted.insert(name) {
                self.complete &= done;
                shared.client.go_away(now, CloseCode::GOING_AWAY);
                shared.poke();
            }
        }
        ended.then_some(self.complete)
    }
}

impl Connection {
    /// As [`Connection::start`] during a shutdown: the socket ends at once with `cancelled`, and does not dial.
    pub fn start_in_shutdown(&self) {
        self.begin(true);
    }
}

impl Drop for Shutdown {
    fn drop(&mut self) {
        if self.whole {
            runtime::SHUTDOWNS.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Ends all sockets of this process in good order: they open no connection any more, and new ones end at once with `cancelled`. Queued messages are
/// sent, and requests get their replies, for at most `timeout`. Then each socket sends Close 1001. Returns whether all of that was done in time. The
/// caller needs no runtime.
///
/// ```no_run
/// # async fn end() {
/// if !heartwire::shutdown(std::time::Duration::from_secs(10)).await {
///     eprintln!("some messages were not sent");
/// }
/// # }
/// ```
pub async fn shutdown(timeout: Duration) -> bool {
    let Ok(runtime) = runtime::handle() else { return true };
    let mut shutdown = Shutdown::of_process(timeout);
    let task = runtime.spawn(async move {
        loop {
            if let Some(complete) = shutdown.advance() {
                return complete;
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    task.await.unwrap_or(false)
}

/// As [`shutdown`], for a thread that may block.
pub fn shutdown_blocking(timeout: Duration) -> bool {
    let mut shutdown = Shutdown::of_process(timeout);
    loop {
        if let Some(complete) = shutdown.advance() {
            return complete;
        }
        std::thread::sleep(LOOK);
    }
}
