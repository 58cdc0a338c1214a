//! Keeps frames for the program's log, in order, until a binding or the Rust API takes them. The logger is code of the user, so it runs later, with no lock
//! held. Nothing is kept unless somebody wants frames. Knows no connection.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::process::PerProcess;

/// How many wait at most for somebody who takes them.
const MOST: usize = 4096;

/// How many want them.
static WANTED: AtomicUsize = AtomicUsize::new(0);
static WAITING: AtomicBool = AtomicBool::new(false);
static KEPT: PerProcess<Kept> = PerProcess::new();

#[derive(Default)]
struct Kept {
    frames: VecDeque<Frame>,
    lost: usize,
}

/// A frame or a whole message, as the log shows it. Secrets are hidden in it.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Scheme, host and path of the connection.
    pub place: Arc<str>,
    /// Sent, else received.
    pub sent: bool,
    /// `text`, `binary`, `ping`, `pong` or `close`.
    pub kind: &'static str,
    /// The payload's length in bytes.
    pub length: usize,
    /// The beginning of a text, or the code and reason of a Close. Empty for the others: binary data is not shown.
    pub shown: String,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = if self.sent { '>' } else { '<' };
        write!(f, "{}: {arrow} {}, {} bytes", self.place, self.kind, self.length)?;
        if self.shown.is_empty() { Ok(()) } else { write!(f, ": {}", self.shown) }
    }
}

/// Somebody wants frames from now on, of connections that begin; or no more.
pub fn want(wants: bool) {
    if wants {
        WANTED.fetch_add(1, Ordering::Relaxed);
    } else {
        WANTED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether somebody wants them.
pub(crate) fn wanted() -> bool {
    WANTED.load(Ordering::Relaxed) > 0
}

/// Keeps a frame for the log.
pub(crate) fn keep(frame: Frame) {
    let mut kept = KEPT.lock();
    if kept.frames.len() < MOST {
        kept.frames.push_back(frame);
    } else {
        kept.lost += 1;
    }
    WAITING.store(true, Ordering::Release);
}

/// Whether [`take`] would give something.
#[inline]
pub fn waiting() -> bool {
    WAITING.load(Ordering::Acquire)
}

/// Takes what was kept, and how many more there were for which there was no room.
pub fn take() -> (Vec<Frame>, usize) {
    let mut kept = KEPT.lock();
    WAITING.store(false, Ordering::Release);
    (std::mem::take(&mut kept.frames).into(), std::mem::take(&mut kept.lost))
}
