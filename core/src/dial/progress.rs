//! The present step of an attempt, so that `open_timeout` can name it. Knows nothing of the steps themselves.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, ErrorCode, Phase};

/// The present step.
#[derive(Debug)]
pub(super) struct Progress(Mutex<(Phase, String)>);

impl Progress {
    pub(super) fn new() -> Self {
        Self(Mutex::new((Phase::Dns, String::new())))
    }

    /// Stores the step that begins. `doing` continues the sentence "it was ...".
    pub(super) fn begins(&self, phase: Phase, doing: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (phase, doing.into());
    }

    /// The error for an attempt that took too long.
    pub(super) fn timed_out(&self, place: &str, after: Duration) -> Error {
        let (phase, doing) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Error::new(ErrorCode::OpenTimeout, format!("{place} was not open within {after:?} (open_timeout): it was {doing}"))
            .with(|detail| detail.phase = *phase)
    }
}
