//! Whether and when to reconnect: the meaning of each kind of end, the budgets, and the delay (full-jitter exponential backoff).
//! Knows nothing of states or events.
//!
//! | end | class |
//! |---|---|
//! | status 401, 403, 407 (the server's or a proxy's); a login that was rejected; `fatal_close_codes` without `retry_close_codes` | `Unwelcome`: `max_auth_failures` of them end it |
//! | status 5xx, 408, 425, 429; every other close code, 1000 too; every error that is `retryable` | `Transient` |
//! | everything else | `Lasting`: it would not help |
//!
//! `should_reconnect` overrules all of it.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::close::CloseCode;
use crate::error::{Error, ErrorCode};
use crate::options::{Providers, ReconnectOptions};

/// The meaning of an end for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The next attempt may succeed.
    Transient,
    /// The server does not want us.
    Unwelcome,
    /// The same will happen again.
    Lasting,
}

/// The class of an attempt that did not open, or of a connection that failed or was lost.
pub(super) fn class_of_error(error: &Error) -> Class {
    match (error.code(), error.status) {
        (ErrorCode::ProxyAuthRequired | ErrorCode::ReadyRejected, _)
        | (ErrorCode::HttpRefused | ErrorCode::ProxyFailed, Some(401 | 403 | 407)) => Class::Unwelcome,
        (ErrorCode::HttpRefused, Some(408 | 425 | 429 | 500..)) => Class::Transient,
        _ if error.retryable => Class::Transient,
        _ => Class::Lasting,
    }
}

/// The class of a connection that the peer closed.
pub(super) fn class_of_close(code: CloseCode, options: Option<&ReconnectOptions>) -> Class {
    let is_fatal =
        options.is_some_and(|options| options.fatal_close_codes.contains(&code.0) && !options.retry_close_codes.contains(&code.0));
    if is_fatal { Class::Unwelcome } else { Class::Transient }
}

/// How often the server may refuse us for good. A function may give a fresh token, so it gets a second chance.
fn auth_budget(options: &ReconnectOptions, providers: Providers) -> u32 {
    let asks = providers.url || providers.headers || providers.protocols;
    options.max_auth_failures.unwrap_or(if asks { 2 } else { 1 })
}

/// The counters of a socket that reconnects.
#[derive(Debug, Default)]
pub(super) struct Reconnect {
    /// Attempts planned since the counters were reset.
    retries: u32,
    /// How often the server did not want us since the counters were reset.
    unwelcome: u32,
    /// Whether any connection was ever open.
    was_open: bool,
}

impl Reconnect {
    /// A connection is open.
    pub(super) fn opened(&mut self) {
        self.was_open = true;
    }

    /// An attempt or a connection (with its uptime) ended. Returns whether another one follows by the rules.
    pub(super) fn judge(&mut self, class: Class, uptime: Option<Duration>, options: &ReconnectOptions, providers: Providers) -> bool {
        self.rest(uptime, options);
        if class == Class::Unwelcome {
            self.unwelcome = self.unwelcome.saturating_add(1);
        }
        class != Class::Lasting
            && (class != Class::Unwelcome || self.unwelcome < auth_budget(options, providers))
            && (self.was_open || options.retry_on_first_connect)
            && options.max_retries.is_none_or(|most| self.retries < most)
    }

    /// A connection ended: after a long one the counters start again.
    pub(super) fn rest(&mut self, uptime: Option<Duration>, options: &ReconnectOptions) {
        if uptime.is_some_and(|uptime| uptime >= options.min_uptime) {
            self.retries = 0;
            self.unwelcome = 0;
        }
    }

    /// The number of the next attempt, once it is certain.
    pub(super) fn plan(&mut self) -> u32 {
        self.retries = self.retries.saturating_add(1);
        self.retries
    }

    /// The delay before the next attempt. It is random in (0, bound], so that many clients that lost one server do not reconnect in a wave. It starts
    /// after the time of Retry-After, if the server gave one, at most `max_retry_after`.
    pub(super) fn delay(&self, retry_after: Option<Duration>, options: &ReconnectOptions, rng: &mut SmallRng) -> Duration {
        let bound = self.bound(options);
        let share = 1.0 - rng.random::<f64>();
        let jitter = bound.mul_f64(share).clamp(Duration::from_nanos(1).min(bound), bound);
        let asked = retry_after.unwrap_or_default();
        asked.min(options.max_retry_after.unwrap_or(Duration::MAX)).saturating_add(jitter)
    }

    /// `min(max_delay, min_delay * factor ^ retries)`.
    fn bound(&self, options: &ReconnectOptions) -> Duration {
        let grown = options.min_delay.as_secs_f64() * options.factor.powf(f64::from(self.retries));
        Duration::try_from_secs_f64(grown).map_or(options.max_delay, |grown| grown.min(options.max_delay))
    }
}
