//! Random stories of a socket: options, functions, and what happens to it, in any order.

use proptest::prelude::*;

use super::secs;
use crate::options::{HeartbeatOptions, Matcher, Options, Overflow, Payload, Providers, ReconnectOptions, SendQueueOptions};

/// What can happen to a socket. Everything may come at any time: what does not fit must do no harm.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Opened,
    DialFailed(u16),
    Received(usize),
    Text(&'static str),
    PongOfLast,
    PeerClose(Option<u16>),
    Failure,
    Lost,
    EndRead,
    Reading(bool),
    Pass(u32),
    UntilDeadline,
    LateBy(u32),
    ClockJump,
    Send(usize),
    UserPing,
    Close(Option<u16>),
    Terminate,
    Goodbye,
    Answer(usize, bool),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Opened),
        3 => prop::sample::select(vec![401, 403, 404, 429, 500, 503]).prop_map(Step::DialFailed),
        4 => (0..3_usize).prop_map(Step::Received),
        2 => prop::sample::select(vec!["ok", "no"]).prop_map(Step::Text),
        2 => Just(Step::PongOfLast),
        3 => prop::option::of(prop::sample::select(vec![1000, 1001, 1008, 1012, 4001])).prop_map(Step::PeerClose),
        1 => Just(Step::Failure),
        4 => Just(Step::Lost),
        1 => Just(Step::EndRead),
        2 => any::<bool>().prop_map(Step::Reading),
        6 => (0..60_000_u32).prop_map(Step::Pass),
        8 => Just(Step::UntilDeadline),
        2 => (0..60_000_u32).prop_map(Step::LateBy),
        1 => Just(Step::ClockJump),
        10 => (0..40_usize).prop_map(Step::Send),
        1 => Just(Step::UserPing),
        1 => prop::option::of(Just(4000)).prop_map(Step::Close),
        1 => Just(Step::Terminate),
        1 => Just(Step::Goodbye),
        4 => (0..4_usize, any::<bool>()).prop_map(|(which, good)| Step::Answer(which, good)),
    ]
}

prop_compose! {
    fn reconnects()(max_retries in prop::option::of(0..5_u32), max_auth_failures in 0..3_u32, retry_on_first_connect: bool, factor in 1.0..4.0_f64) -> ReconnectOptions {
        ReconnectOptions { max_retries, max_auth_failures, retry_on_first_connect, factor, fatal_close_codes: vec![4000], ..ReconnectOptions::default() }
    }
}

prop_compose! {
    fn heartbeats()(function: bool, any_response: bool, timeout in prop::option::of(1..90_u64), max_missed in 1..3_u32, only_when_idle: bool, jitter in 0.0..1.0_f64, mandatory: bool)
        -> HeartbeatOptions {
        HeartbeatOptions {
            message: if function { Payload::Function } else { Payload::Text("beat".into()) },
            interval: secs(30),
            response: (!any_response).then(|| Matcher::Text("ok".into())),
            timeout: timeout.map(secs),
            max_missed, only_when_idle, jitter, mandatory,
        }
    }
}

prop_compose! {
    fn queues()(max_messages in 0..5_usize, max_bytes in 0..100_usize, ttl in prop::option::of(1..60_u64), overflow in prop::sample::select(vec![Overflow::Error, Overflow::DropOldest, Overflow::DropNewest]))
        -> SendQueueOptions {
        SendQueueOptions { max_messages, max_bytes, ttl: ttl.map(secs), overflow }
    }
}

prop_compose! {
    pub(super) fn all_options()(
        reconnect in prop::option::weighted(0.8, reconnects()),
        heartbeat in prop::option::of(heartbeats()),
        send_queue in prop::option::weighted(0.8, queues()),
        ping_interval in prop::option::of(1..60_u64),
        ping_timeout in prop::option::of(1..60_u64),
        idle_timeout in prop::option::of(1..200_u64),
        data_idle_timeout in prop::option::of(1..200_u64),
    ) -> Options {
        Options {
            reconnect, heartbeat, send_queue,
            ping_interval: ping_interval.map(secs), ping_timeout: ping_timeout.map(secs),
            idle_timeout: idle_timeout.map(secs), data_idle_timeout: data_idle_timeout.map(secs),
            ..Options::default()
        }
    }
}

pub(super) fn all_providers() -> impl Strategy<Value = Providers> {
    any::<(bool, bool, bool, bool)>().prop_map(|(url, headers, protocols, should_reconnect)| Providers {
        url: url && headers,
        headers: headers && protocols,
        protocols: protocols && url,
        should_reconnect,
    })
}
