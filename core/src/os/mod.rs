//! Functions that differ between systems: descriptors, waiting for them, alarms, forks, clocks, the end of the process. The names are the same on
//! each system, so no other file needs `cfg`. Knows nothing of sockets' lives, frames or runtimes.

#[cfg(unix)]
#[path = "unix/mod.rs"]
mod system;
#[cfg(windows)]
#[path = "windows/mod.rs"]
mod system;

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub(crate) use system::{
    Alarm, AsyncUnixStream, ENDS_WAITS_EARLY, Polled, Readiness, Source, UnixStream, Watched, at_exit, at_fork, descriptor_of, give_up,
    is_under_way, never_ready, number_of, observe, poll_ready, unacknowledged, watch,
};
pub use system::{CHECK_FOR_INTERRUPTS, RawDescriptor, coarse_time, find_symbol};

/// The number of a descriptor, or no number, shared by threads.
pub(crate) struct Shared(system::AtomicNumber);

impl Shared {
    /// Without a number.
    pub(crate) const fn none() -> Self {
        Self(system::AtomicNumber::new(system::NO_NUMBER))
    }

    /// The number.
    pub(crate) fn get(&self) -> Option<RawDescriptor> {
        Some(self.0.load(Ordering::Relaxed)).filter(|number| *number != system::NO_NUMBER)
    }

    /// Stores the number, or clears it.
    pub(crate) fn set(&self, descriptor: Option<RawDescriptor>) {
        self.0.store(descriptor.unwrap_or(system::NO_NUMBER), Ordering::Relaxed);
    }

    /// Returns the number and clears it.
    pub(crate) fn take(&self) -> Option<RawDescriptor> {
        Some(self.0.swap(system::NO_NUMBER, Ordering::Relaxed)).filter(|number| *number != system::NO_NUMBER)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(formatter)
    }
}

/// Waits until one of the descriptors is ready, or the time is over. A descriptor that was closed meanwhile, or whose number another file has by now,
/// is only reported as such.
pub(crate) fn poll(polled: &mut [Polled], at_most: Duration) {
    // Rounded up, because a wait that ends too early is repeated.
    let milliseconds = if at_most.is_zero() { 0 } else { i32::try_from(at_most.as_millis() + 1).unwrap_or(i32::MAX) };
    system::poll(polled, milliseconds);
}
