//! Any story of a socket: options, functions and events, in any order.

use std::time::Duration;

use heartwire::{HeartbeatOptions, Matcher, Options, Overflow, Payload, Providers, ReconnectOptions, SendQueueOptions};
use serde_json::{Value, json};

use super::super::script::{Choice, Script};

/// A step of a socket's life. Every step may come at any time: a step that does not fit the state must do no harm.
#[derive(Clone, Debug)]
pub enum Step {
    Opened,
    DialFailed(u16, Option<Duration>),
    DialHopeless,
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
    Send(usize, Option<bool>),
    SentFragment,
    UserPing,
    Close(Option<u16>),
    Abandon,
    Terminate,
    Goodbye,
    /// An answer to one of the questions. `None` gives an answer that fits it.
    Answer(usize, Option<Result<Value, String>>),
}

const STEPS: [Choice<Step>; 20] = [
    (8, |_| Step::Opened),
    (3, |script| Step::DialFailed(script.pick(&[401, 403, 404, 429, 500, 503]), script.maybe(|script| script.seconds(100)))),
    (1, |script| if script.up_to(7) == 1 { Step::DialHopeless } else { Step::DialFailed(503, None) }),
    (4, |script| Step::Received(script.up_to(2) as usize)),
    (2, |script| Step::Text(script.pick(&["ok", "no"]))),
    (2, |_| Step::PongOfLast),
    (3, |script| Step::PeerClose(script.maybe(|script| script.pick(&[1000, 1001, 1008, 1012, 4000, 4001])))),
    (1, |_| Step::Failure),
    (4, |_| Step::Lost),
    (1, |_| Step::EndRead),
    (2, |script| Step::Reading(script.flag())),
    (6, |script| Step::Pass(script.up_to(60_000))),
    (8, |_| Step::UntilDeadline),
    (2, |script| Step::LateBy(script.up_to(60_000))),
    (1, |_| Step::ClockJump),
    (10, |script| Step::Send(script.up_to(40) as usize, script.maybe(Script::flag))),
    (1, |_| Step::SentFragment),
    (1, |_| Step::UserPing),
    (1, leave),
    (8, |script| Step::Answer(script.up_to(3) as usize, answer(script))),
];

pub fn step(script: &mut Script<'_>) -> Step {
    script.weigh(&STEPS)
}

/// Most stories are longer than that.
fn leave(script: &mut Script<'_>) -> Step {
    match script.up_to(15) {
        1 => Step::Close(script.maybe(|_| 4000)),
        3 => Step::Abandon,
        5 => Step::Terminate,
        7 => Step::Goodbye,
        _ => Step::UntilDeadline,
    }
}

fn answer(script: &mut Script<'_>) -> Option<Result<Value, String>> {
    Some(Ok(match script.up_to(15) {
        1 => json!(true),
        2 => json!(false),
        3 => Value::Null,
        4 => json!({"x": "y"}),
        5 => json!(["v1"]),
        6 => return Some(Err("raised".to_owned())),
        _ => return None,
    }))
}

fn reconnect(script: &mut Script<'_>) -> ReconnectOptions {
    let max_delay = script.seconds(40);
    ReconnectOptions::new()
        .max_delay(max_delay)
        .min_delay(script.pick(&[Duration::from_millis(500), Duration::ZERO, Duration::from_secs(3)]).min(max_delay))
        .factor(f64::from(script.up_to(12)) / 4.0 + 1.0)
        .max_retries(script.maybe(|script| script.up_to(9)))
        .min_uptime(script.seconds(60))
        .max_auth_failures(script.maybe(|script| script.up_to(7)))
        .retry_on_first_connect(script.up_to(3) > 0)
        .fatal_close_codes(vec![1008, 4000, 4001])
        .retry_close_codes(if script.flag() { vec![4001] } else { Vec::new() })
}

fn heartbeat(script: &mut Script<'_>) -> HeartbeatOptions {
    let function = script.flag();
    let timeout = script.maybe(|script| script.seconds(90).max(Duration::from_secs(1)));
    HeartbeatOptions::default()
        .message(if function { Payload::Function } else { Payload::Text("beat".into()) })
        .interval(Duration::from_secs(30))
        .response(script.maybe(|_| Matcher::Text("ok".into())))
        .timeout(timeout)
        .max_missed(if timeout.is_some() { 1 + script.up_to(2) } else { 1 })
        .only_when_idle(script.flag())
        .jitter(f64::from(script.up_to(4)) / 4.0)
        .mandatory(function && script.flag())
        .close_code(1001)
        .fill(Vec::new())
}

fn queue(script: &mut Script<'_>) -> SendQueueOptions {
    SendQueueOptions::new()
        .max_messages(1 + script.up_to(4) as usize)
        .max_bytes(1 + script.up_to(120) as usize)
        .ttl(script.maybe(|script| script.seconds(60).max(Duration::from_secs(1))))
        .overflow(script.pick(&[Overflow::Error, Overflow::DropOldest, Overflow::DropNewest]))
}

pub fn options(script: &mut Script<'_>) -> Options {
    let reconnect = (script.up_to(4) > 0).then(|| reconnect(script));
    let mut limit = |most| script.maybe(|script| script.seconds(most).max(Duration::from_secs(1)));
    let options = Options::new()
        .ping_interval(limit(60))
        .ping_timeout(limit(60))
        .idle_timeout(limit(200))
        .data_idle_timeout(limit(200))
        .heartbeat(script.maybe(heartbeat))
        .send_queue(if reconnect.is_some() && script.up_to(4) > 0 { Some(queue(script)) } else { None })
        .reconnect(reconnect);
    options.check().expect("options that a user may give");
    options
}

pub fn providers(script: &mut Script<'_>) -> Providers {
    let functions = script.up_to(31);
    // Half of the sockets have none.
    let is_one = |bit: u32| functions >= 16 && functions >> bit & 1 == 1;
    Providers::default().url(is_one(0)).headers(is_one(1)).protocols(is_one(2)).should_reconnect(is_one(3)).ready(false)
}
