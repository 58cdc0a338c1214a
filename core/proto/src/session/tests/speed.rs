//! What the bot layer costs, in CPU time of one thread. For people:
//! `cargo test -p heartwire-proto --lib session::tests::speed -- --ignored --nocapture`.
#![allow(clippy::print_stdout, reason = "it is what this is for")]

use std::time::{Duration, Instant};

use super::{Sim, secs};
use crate::message::{Data, RequestCall};
use crate::options::{HeartbeatOptions, Options, Payload, RateLimitOptions};
use crate::pointer::Pointer;
use crate::session::Route;

const TURNS: u32 = 200_000;

/// The least of several runs, because other work on the machine only adds to it.
fn least(name: &str, mut run: impl FnMut()) -> Duration {
    let time = (0..7)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..TURNS {
                run();
            }
            start.elapsed() / TURNS
        })
        .min()
        .unwrap();
    println!("{name}: {time:?}");
    time
}

fn quiet() -> Options {
    Options { ping_interval: None, ..Options::default() }
}

#[test]
#[ignore = "a measurement"]
fn what_the_bot_layer_costs() {
    let body = "x".repeat(240);
    let event = format!(r#"{{"t":"MESSAGE_CREATE","op":0,"s":4711,"d":{{"content":"{body}"}}}}"#);
    println!("{} bytes a message", event.len());

    let mut sim = Sim::open(quiet());
    least("a message that nothing looks at", || assert!(!std::hint::black_box(&sim.session).looks_at_messages()));
    let fill = vec![(Pointer::parse("/d").unwrap(), Pointer::parse("/s").unwrap())];
    let message = Payload::Text(r#"{"op":1,"d":null}"#.into());
    let heartbeat = HeartbeatOptions { message, fill, interval: secs(3600), ..HeartbeatOptions::default() };
    sim.go(|session, now| session.set_heartbeat(now, Some(heartbeat))).unwrap();
    let now = sim.now;
    least("a message with fill set", || assert!(sim.session.handle_message(now, Data::Text(&event))));

    let mut sim = Sim::open(quiet());
    least("a plain send", || assert_eq!(sim.session.send(now, Data::Text("hello"), None).unwrap(), Route::Transmit));
    let limit = RateLimitOptions { messages: 1_000_000, per: secs(1), reserve: Some(0), ..RateLimitOptions::default() };
    let mut sim = Sim::open(Options { rate_limit: Some(limit), ..quiet() });
    let mut now = sim.now;
    least("a send with a rate limit", || {
        now += Duration::from_micros(2);
        assert_eq!(sim.session.send(now, Data::Text("hello"), None).unwrap(), Route::Transmit);
    });

    let mut sim = Sim::open(quiet());
    let now = sim.now;
    let mut ticket = 0;
    least("a request and its reply, without the connection", || {
        ticket += 1;
        sim.session.request(now, ticket, r#"{"action":"get_login_info"}"#, &RequestCall::default()).unwrap();
        let reply = format!(r#"{{"status":"ok","id":{ticket},"data":{{"user_id":10001}}}}"#);
        assert!(!sim.session.handle_message(now, Data::Text(&reply)));
        while sim.session.poll().is_some() {}
    });
}
