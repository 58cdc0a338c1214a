//! Logs to `tracing` (feature `tracing`): opens, ends and retries as INFO of the target `heartwire`, frames as DEBUG of `heartwire::frames`. Without the
//! feature it does nothing. The Rust API calls it while the program takes events; no lock is held then.

use crate::event::Event;

/// Asks whether somebody wants frames. Those of connections that begin from now on are kept, or are not.
pub(crate) fn heed() {
    #[cfg(feature = "tracing")]
    {
        use std::sync::atomic::{AtomicBool, Ordering};
        static WANTED: AtomicBool = AtomicBool::new(false);
        let wanted = tracing::enabled!(target: "heartwire::frames", tracing::Level::DEBUG);
        if WANTED.swap(wanted, Ordering::Relaxed) != wanted {
            crate::frames::want(wanted);
        }
    }
}

/// Logs the frames that were kept.
pub(crate) fn frames() {
    #[cfg(feature = "tracing")]
    if crate::frames::waiting() {
        let (frames, lost) = crate::frames::take();
        for frame in frames {
            tracing::debug!(target: "heartwire::frames", "{frame}");
        }
        if lost > 0 {
            tracing::debug!(target: "heartwire::frames", "{lost} frames more came too fast to be logged");
        }
    }
}

/// Logs an open, an end or a retry, and asks again whether somebody wants frames.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "only `tracing` is told"))]
pub(crate) fn event(url: impl FnOnce() -> String, event: &Event) {
    #[cfg(feature = "tracing")]
    {
        let cause = |error: &Option<crate::error::Error>| error.as_ref().map(ToString::to_string).unwrap_or_default();
        match event {
            Event::Open(open) => tracing::info!(target: "heartwire", url = public(&open.url), "open"),
            Event::Close(close) => {
                let code = close.code.0;
                tracing::info!(target: "heartwire", url = public(&url()), code, reason = %close.reason, cause = cause(&close.error), "closed");
            }
            Event::Reconnecting(next) => {
                let delay = next.delay.as_secs_f64();
                let attempt = next.attempt;
                tracing::info!(target: "heartwire", url = public(&url()), attempt, delay, cause = cause(&next.cause), "reconnecting");
            }
            _ => return,
        }
        heed();
    }
}

/// Scheme, host and path, without credentials and query.
#[cfg(feature = "tracing")]
fn public(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split_once('?').map_or(rest, |(place, _)| place);
    let (authority, path) = rest.split_once('/').map_or((rest, ""), |(authority, path)| (authority, path));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}/{path}")
}
