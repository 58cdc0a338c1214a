//! Whether and when to come back: what each kind of end means, the budgets, and the delay (full-jitter exponential backoff).
//! Knows nothing of states or events.
//!
//! | end | class |
//! |---|---|
//! | status 401, 403, 407 (the server's or a proxy's); close codes 1002, 1003, 1007, 1008, 1010, 3000, 4001, 4003, 4004, `fatal_close_codes` | `Unwelcome`: `max_auth_failures` of them end it |
//! | the link was lost, was dead, broke the protocol, or could not be made; every other close code, 1000 too | `Transient` |
//! | 5xx, 408, 425, 429; an answer that is not HTTP; a TLS failure other than the certificate's; a function of the user failed | `Transient` |
//! | any other status (404, 200, a redirect); a subprotocol or extension that does not fit; a way or a proxy that cannot do what is asked of it | `Lasting`: it would not help, unless `should_reconnect` knows better |
//! | options, URL, certificate, fork, exit, a fault of ours | `Hopeless`: never |

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::close::CloseCode;
use crate::error::{Error, ErrorCode, Phase};
use crate::options::ReconnectOptions;

/// What the end of an attempt says about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It may go better next time.
    Transient,
    /// The server does not want us.
    Unwelcome,
    /// The same will happen again.
    Lasting,
    /// The same will happen again, whoever says otherwise.
    Hopeless,
}

/// What the policy says before `should_reconnect` is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No attempt follows.
    Stop,
    /// `should_reconnect` may decide; without it, this.
    Open(bool),
}

/// The class of an attempt that did not open.
pub(super) fn class_of_error(error: &Error) -> Class {
    match (error.code(), error.status) {
        (ErrorCode::ProxyAuthRequired, _) | (ErrorCode::HttpRefused | ErrorCode::ProxyFailed, Some(401 | 403 | 407)) => Class::Unwelcome,
        (ErrorCode::HttpRefused, Some(408 | 425 | 429 | 500..))
        | (ErrorCode::ProviderFailed | ErrorCode::HttpInvalid | ErrorCode::RuntimeFailed, _) => Class::Transient,
        (ErrorCode::TlsCertificate, _) => Class::Hopeless,
        _ => match error.code().phase() {
            // Who tried knows that it will not go better: a proxy of no known kind, or whose rules forbid it.
            Phase::Dns | Phase::Tcp | Phase::Proxy | Phase::Tls if !error.retryable => Class::Lasting,
            Phase::Dns | Phase::Tcp | Phase::Proxy | Phase::Tls | Phase::Protocol | Phase::Liveness | Phase::Closed => Class::Transient,
            Phase::Http => Class::Lasting,
            Phase::Options | Phase::Process => Class::Hopeless,
        },
    }
}

/// The class of a connection that the peer closed.
pub(super) fn class_of_close(code: CloseCode, options: Option<&ReconnectOptions>) -> Class {
    match code.0 {
        1002 | 1003 | 1007 | 1008 | 1010 | 3000 | 4001 | 4003 | 4004 => Class::Unwelcome,
        code if options.is_some_and(|options| options.fatal_close_codes.contains(&code)) => Class::Unwelcome,
        _ => Class::Transient,
    }
}

/// The counters of a socket that comes back.
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

    /// An attempt or a connection (with its uptime) ended.
    pub(super) fn judge(&mut self, class: Class, uptime: Option<Duration>, options: &ReconnectOptions) -> Verdict {
        if uptime.is_some_and(|uptime| uptime >= options.min_uptime) {
            self.retries = 0;
            self.unwelcome = 0;
        }
        if class == Class::Unwelcome {
            self.unwelcome = self.unwelcome.saturating_add(1);
        }
        let stop = class == Class::Hopeless
            || (class == Class::Unwelcome && self.unwelcome >= options.max_auth_failures)
            || (!self.was_open && !options.retry_on_first_connect)
            || options.max_retries.is_some_and(|most| self.retries >= most);
        if stop { Verdict::Stop } else { Verdict::Open(class != Class::Lasting) }
    }

    /// The number of the next attempt, once it is sure that it comes.
    pub(super) fn plan(&mut self) -> u32 {
        self.retries = self.retries.saturating_add(1);
        self.retries
    }

    /// The delay before the next attempt: random in (0, bound], so that many clients that lost one server do not come back in a wave;
    /// after the time of Retry-After, if the server gave one.
    pub(super) fn delay(&self, retry_after: Option<Duration>, options: &ReconnectOptions, rng: &mut SmallRng) -> Duration {
        let bound = self.bound(options);
        let share = 1.0 - rng.random::<f64>();
        let jitter = bound.mul_f64(share).clamp(Duration::from_nanos(1).min(bound), bound);
        retry_after.unwrap_or_default().saturating_add(jitter)
    }

    /// `min(max_delay, min_delay * factor ^ retries)`.
    fn bound(&self, options: &ReconnectOptions) -> Duration {
        let grown = options.min_delay.as_secs_f64() * options.factor.powf(f64::from(self.retries));
        Duration::try_from_secs_f64(grown).map_or(options.max_delay, |grown| grown.min(options.max_delay))
    }
}
