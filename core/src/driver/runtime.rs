//! The shared tokio runtime: one worker thread, started with the first connection, replaced in a forked child, never shut down: it ends with the
//! process, after the Close frames.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, ErrorCode, Result};
use crate::process;

static RUNTIME: AtomicPtr<Runtime> = AtomicPtr::new(null_mut());
static MADE_IN: AtomicU32 = AtomicU32::new(0);

/// How many shutdowns run in this process: sockets that start now end at once.
pub(super) static SHUTDOWNS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// The runtime of this process.
pub(super) fn handle() -> Result<&'static Runtime> {
    let known = RUNTIME.load(Ordering::Acquire);
    if !known.is_null() && MADE_IN.load(Ordering::Acquire) == process::generation() {
        // SAFETY: the pointer comes from Box::into_raw below and is never freed: a parent's runtime is left alone in a forked child.
        return Ok(unsafe { &*known });
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("heartwire")
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Error::new(ErrorCode::RuntimeFailed, "no background thread could be started").caused_by(&error))?;
    let made = Box::into_raw(Box::new(runtime));
    match RUNTIME.compare_exchange(known, made, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {
            MADE_IN.store(process::generation(), Ordering::Release);
            // SAFETY: as above.
            Ok(unsafe { &*made })
        }
        Err(other) => {
            // SAFETY: `made` was made above and nobody else has seen it. Its threads do nothing yet, so shutting down does not block long.
            unsafe { Box::from_raw(made) }.shutdown_background();
            // SAFETY: as above; another thread of this process was faster.
            Ok(unsafe { &*other })
        }
    }
}
