//! Any story of a client: options, functions, servers and events, in any order.

use std::time::Duration;

use heartwire::{CompressionOptions, HeartbeatOptions, Matcher, Options, Overflow, Payload, Providers, ReconnectOptions, SendQueueOptions};

use super::super::script::{Choice, Script};

/// A step. Every step may come at any time: a step that does not fit the state must do no harm.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Pass(u32),
    Drive,
    Deliver(usize),
    /// The dial opens, with one of the answers to the extensions that were offered.
    Accept(u32),
    Refuse(bool),
    PeerSends {
        count: u32,
        fill: usize,
        compress: bool,
    },
    PeerReads,
    PeerPings,
    PeerSaysOk,
    PeerCloses(u16),
    PeerBreaksARule,
    PeerEnds,
    PeerGoes,
    Send {
        size: usize,
        paced: bool,
        compress: Option<bool>,
    },
    Ping,
    Flush,
    Answer {
        which: usize,
        good: bool,
    },
    ClockJump,
    Close,
    GoAway,
    Terminate,
    Pause(bool),
}

const STEPS: [Choice<Step>; 20] = [
    (6, |script| Step::Pass(1 + script.up_to(9000))),
    (10, |_| Step::Drive),
    (10, |script| Step::Deliver(script.up_to(19) as usize)),
    (6, |script| Step::Accept(script.up_to(5))),
    (2, |script| Step::Refuse(script.up_to(7) > 0)),
    (8, |script| Step::PeerSends { count: 1 + script.up_to(18), fill: script.pick(&[0, 10, 200, 3000]), compress: script.flag() }),
    (8, |_| Step::PeerReads),
    (2, |_| Step::PeerPings),
    (2, |_| Step::PeerSaysOk),
    (1, |script| Step::PeerCloses(script.pick(&[1000, 1001, 1012, 4000, 4001]))),
    (1, |_| Step::PeerBreaksARule),
    (1, |_| Step::PeerEnds),
    (1, |_| Step::PeerGoes),
    (10, |script| Step::Send { size: size(script), paced: script.flag(), compress: script.maybe(Script::flag) }),
    (1, |_| Step::Ping),
    (1, |_| Step::Flush),
    (5, |script| Step::Answer { which: script.up_to(3) as usize, good: script.up_to(3) > 0 }),
    (1, |_| Step::ClockJump),
    (1, leave),
    (2, |script| Step::Pause(script.flag())),
];

/// Most stories are longer than that.
fn leave(script: &mut Script<'_>) -> Step {
    script.pick(&[Step::Drive, Step::Close, Step::Drive, Step::Drive, Step::GoAway, Step::Drive, Step::Terminate, Step::Drive])
}

fn size(script: &mut Script<'_>) -> usize {
    (if script.up_to(8) == 0 { 60_000 + script.up_to(240_000) } else { 1 + script.up_to(200) }) as usize
}

pub fn step(script: &mut Script<'_>) -> Step {
    script.weigh(&STEPS)
}

/// The server's answer to an offer of permessage-deflate; the last is one that no client may take.
pub fn extensions(number: u32) -> &'static str {
    match number {
        0 | 1 => "permessage-deflate",
        2 => "permessage-deflate; client_no_context_takeover",
        3 => "permessage-deflate; server_no_context_takeover; client_max_window_bits=9",
        4 => "",
        _ => "permessage-deflate; unheard_of",
    }
}

fn heartbeat(script: &mut Script<'_>) -> HeartbeatOptions {
    let function = script.flag();
    let timeout = script.maybe(|script| script.seconds(6).max(Duration::from_secs(1)));
    HeartbeatOptions::default()
        .message(if function { Payload::Function } else { Payload::Text("beat".into()) })
        .interval(script.pick(&[Duration::from_secs(3), Duration::from_millis(400)]))
        .response(script.maybe(|_| Matcher::Text("ok".into())))
        .timeout(timeout)
        .max_missed(if timeout.is_some() { 1 + script.up_to(2) } else { 1 })
        .only_when_idle(script.flag())
        .jitter(f64::from(script.up_to(2)) / 2.0)
        .mandatory(function && script.flag())
        .close_code(1001)
        .fill(Vec::new())
}

fn queue(script: &mut Script<'_>) -> SendQueueOptions {
    SendQueueOptions::new()
        .max_messages(1 + script.up_to(4) as usize)
        .ttl(script.maybe(|_| Duration::from_secs(2)))
        .overflow(script.pick(&[Overflow::Error, Overflow::DropOldest, Overflow::DropNewest]))
}

pub fn options(script: &mut Script<'_>) -> Options {
    let pings = script.flag();
    let reconnect = (script.up_to(4) > 0).then(|| ReconnectOptions::new().max_delay(Duration::from_secs(3)));
    let options = Options::new()
        .compression(script.maybe(|script| CompressionOptions::new().threshold(script.pick(&[128, 0]))))
        .read_limit(4096)
        .write_limit(10_000)
        .ping_interval(pings.then_some(Duration::from_secs(5)))
        .ping_timeout(pings.then_some(Duration::from_secs(2)))
        .heartbeat(script.maybe(heartbeat))
        .send_queue(if reconnect.is_some() { script.maybe(queue) } else { None })
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
