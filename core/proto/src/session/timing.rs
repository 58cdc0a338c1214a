//! Deadlines and lengths of time, as the parts of the session need them.

use std::time::{Duration, Instant};

/// The earliest of deadlines that may be absent.
pub(super) fn earliest<const N: usize>(deadlines: [Option<Instant>; N]) -> Option<Instant> {
    deadlines.into_iter().flatten().min()
}

/// Seconds for a message, with as few digits as necessary.
pub(super) fn seconds(time: Duration) -> String {
    format!("{} s", (time.as_secs_f64() * 1000.0).round() / 1000.0)
}
