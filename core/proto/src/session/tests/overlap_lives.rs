//! Random lives of a socket whose connections overlap, in any order of opens, logins, losses, answers, requests and closes.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::json;

use super::{Sim, open_event, reconnecting_with, refused, secs};
use crate::close::{CloseCode, CloseFrame};
use crate::error::Error;
use crate::message::{Data, RequestCall};
use crate::options::{HeartbeatOptions, Matcher, Options, Payload, RateLimitOptions, RateScope, ReadyOptions, ReconnectOptions};
use crate::session::Session;

#[derive(Clone, Debug)]
enum Step {
    Opened,
    Lost,
    EndRead,
    PeerCloses,
    Reply(u64),
    Welcome,
    Request(bool),
    Send,
    Beside(bool),
    Again,
    NextOpens,
    NextIsRefused(u16),
    NextHears(bool),
    NextIsLost,
    NextEndRead,
    HandOver,
    OldCloses,
    OldIsLost,
    OldReplies(u64),
    Reading(bool),
    Pass(u64),
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Opened),
        1 => Just(Step::Lost),
        1 => Just(Step::EndRead),
        1 => Just(Step::PeerCloses),
        2 => (1..30u64).prop_map(Step::Reply),
        3 => Just(Step::Welcome),
        3 => any::<bool>().prop_map(Step::Request),
        3 => Just(Step::Send),
        6 => any::<bool>().prop_map(Step::Beside),
        1 => Just(Step::Again),
        6 => Just(Step::NextOpens),
        1 => prop_oneof![Just(503u16), Just(401)].prop_map(Step::NextIsRefused),
        5 => prop::bool::weighted(0.9).prop_map(Step::NextHears),
        1 => Just(Step::NextIsLost),
        1 => Just(Step::NextEndRead),
        6 => Just(Step::HandOver),
        3 => Just(Step::OldCloses),
        1 => Just(Step::OldIsLost),
        2 => (1..30u64).prop_map(Step::OldReplies),
        1 => any::<bool>().prop_map(Step::Reading),
        4 => (0..9u64).prop_map(Step::Pass),
        1 => prop::bool::weighted(0.1).prop_map(|closes| if closes { Step::Close } else { Step::Pass(1) }),
    ];
    prop::collection::vec(step, 0..90)
}

/// What a world outside sees of one socket.
#[derive(Default)]
struct World {
    /// The present, the next and the old connection, as numbers; the program's, whose `open` was reported last.
    link: Option<usize>,
    next: Option<usize>,
    old: Option<usize>,
    shown: bool,
    dials_beside: bool,
    made: usize,
    /// When each connection was sent something.
    sent: Vec<Vec<f64>>,
    ended: HashMap<u64, usize>,
    finished: bool,
}

impl World {
    fn opens(&mut self) -> usize {
        self.made += 1;
        self.sent.push(Vec::new());
        self.made - 1
    }

    fn see(&mut self, line: &str, time: f64) {
        assert!(!self.finished, "{line} after the end");
        if let Some(line) = line.strip_prefix("beside: ") {
            return self.see_beside(line, time);
        }
        let word = line.split(' ').next().unwrap_or_default();
        match word {
            "transmit" => self.sent[self.link.expect("a connection to send on")].push(time),
            "drop" if line == "drop old" => _ = self.old.take().expect("an old connection to drop"),
            "drop" => _ = self.link.take().expect("a connection to drop"),
            "hand" => {
                assert!(self.old.is_none());
                self.old = self.link.replace(self.next.take().expect("a connection to hand over to"));
            }
            "promote" => {
                assert!(self.link.is_none());
                (self.link, self.dials_beside) = (self.next.take(), false);
            }
            "open" => assert!(!std::mem::replace(&mut self.shown, true), "open twice"),
            "close" => {
                self.shown = false;
                self.finished = line.ends_with("final");
            }
            "settled" => {
                let ticket = line.split(' ').nth(1).and_then(|ticket| ticket.parse().ok()).expect("a ticket");
                *self.ended.entry(ticket).or_default() += 1;
            }
            _ => {}
        }
    }

    fn see_beside(&mut self, line: &str, time: f64) {
        match line.split(' ').next().unwrap_or_default() {
            "dial" => {
                assert!(self.next.is_none() && self.old.is_none() && !std::mem::replace(&mut self.dials_beside, true), "one at a time");
                assert!(self.link.is_some(), "beside what?");
            }
            "cancel" => assert!(std::mem::take(&mut self.dials_beside)),
            "transmit" => self.sent[self.next.expect("a next connection")].push(time),
            "drop" => _ = self.next.take().expect("a next connection to drop"),
            _ => assert!(self.next.is_some(), "{line}"),
        }
    }
}

const MESSAGES: usize = 4;
const PER: u64 = 7;

fn options(scope: RateScope, logs_in: bool) -> Options {
    let ready = logs_in.then(|| ReadyOptions {
        send: Some(Payload::Text("login".into())),
        expect: Some(Matcher::Json(json!({"op": "welcome"}))),
        reject: Some(Matcher::Json(json!({"op": "refused"}))),
        ..ReadyOptions::default()
    });
    let heartbeat = HeartbeatOptions { message: Payload::Text("beat".into()), interval: secs(10), ..HeartbeatOptions::default() };
    let rate_limit = RateLimitOptions { messages: MESSAGES, per: secs(PER), reserve: Some(2), scope, ..RateLimitOptions::default() };
    let reconnect = ReconnectOptions { max_auth_failures: Some(3), ..ReconnectOptions::default() };
    Options { ready, heartbeat: Some(heartbeat), rate_limit: Some(rate_limit), ping_interval: None, ..reconnecting_with(reconnect) }
}

fn take(sim: &mut Sim, world: &mut World) {
    let lines: Vec<_> = sim.log.iter().cloned().zip(sim.times.iter().copied()).collect();
    sim.take();
    for (line, time) in lines {
        world.see(&line, time);
    }
}

fn frame() -> CloseFrame {
    CloseFrame { code: Some(CloseCode(1000)), reason: String::new() }
}

proptest! {
    #[test]
    fn nothing_is_told_twice_or_never(story in steps(), logs_in in any::<bool>(), per_socket in any::<bool>()) {
        let scope = if per_socket { RateScope::Socket } else { RateScope::Connection };
        let mut sim = Sim::new(options(scope, logs_in));
        let mut world = World::default();
        sim.go(Session::start);
        take(&mut sim, &mut world);
        let mut tickets = 0;
        for step in story {
            match step {
                Step::Opened => {
                    if sim.session.is_dialling() {
                        world.link = Some(world.opens());
                        sim.opened();
                    }
                }
                Step::Lost => if world.link.is_some() { sim.lost() },
                Step::EndRead => if world.link.is_some() { sim.go(|session, _| session.handle_end_read(None)) },
                Step::PeerCloses => if world.link.is_some() { sim.peer_closes(Some(1012), ""); sim.lost(); },
                Step::Reply(id) => if world.link.is_some() { sim.message(&format!("{{\"id\":{id}}}")) },
                Step::Welcome => if world.link.is_some() { sim.message(r#"{"op":"welcome"}"#) },
                Step::Request(resend) => {
                    if sim.request(tickets + 1, "{}", &RequestCall { resend: Some(resend), ..RequestCall::default() }).is_ok() {
                        tickets += 1;
                    }
                }
                Step::Send => {
                    if sim.send("text") == Ok(crate::session::Route::Transmit) {
                        let now = (sim.now - sim.start).as_secs_f64();
                        world.sent[world.link.expect("a connection")].push(now);
                    }
                }
                Step::Beside(elsewhere) => {
                    let url = elsewhere.then(|| url::Url::parse("wss://other.example/").unwrap());
                    let _ = sim.go(|session, now| session.reconnect_beside(now, url, None, "").map_err(|error: Error| error.code()));
                }
                Step::Again => _ = sim.go(|session, now| session.reconnect(now, None, None, "")),
                Step::NextOpens => {
                    if std::mem::take(&mut world.dials_beside) {
                        world.next = Some(world.opens());
                        sim.go(|session, now| session.beside(|next| next.handle_opened(now, open_event()), now));
                    }
                }
                Step::NextIsRefused(status) => {
                    if std::mem::take(&mut world.dials_beside) {
                        sim.go(|session, now| session.beside(|next| next.handle_dial_failed(now, refused(status)), now));
                    }
                }
                Step::NextHears(welcome) => {
                    let text = if welcome { r#"{"op":"welcome"}"# } else { r#"{"op":"refused"}"# };
                    sim.go(|session, now| session.beside(|next| next.handle_message(now, Data::Text(text)), now));
                }
                Step::NextIsLost => if world.next.is_some() {
                    sim.go(|session, now| session.beside(|next| next.handle_lost(now, None), now));
                },
                Step::NextEndRead => if sim.session.is_next_ready() {
                    sim.go(|session, now| session.beside(|next| next.handle_end_read(None), now));
                },
                Step::HandOver => _ = sim.go(Session::handle_hand_over),
                Step::OldCloses => sim.go(|session, now| session.handle_parting_close(now, frame())),
                Step::OldIsLost => sim.go(|session, now| session.handle_parting_lost(now, None)),
                Step::OldReplies(id) => {
                    let text = format!("{{\"id\":{id}}}");
                    sim.go(|session, _| session.handle_parting_message(Data::Text(&text)));
                }
                Step::Reading(reading) => sim.go(|session, now| session.handle_reading(now, reading)),
                Step::Pass(seconds) => sim.pass(seconds as f64),
                Step::Close => sim.close(1000, ""),
            }
            take(&mut sim, &mut world);
        }
        if !world.finished {
            sim.go(Session::terminate);
            take(&mut sim, &mut world);
        }
        prop_assert!(world.finished && world.link.is_none() && world.next.is_none() && world.old.is_none() && !world.dials_beside);
        prop_assert_eq!(sim.session.next_deadline(), None);
        for ticket in 1..=tickets {
            prop_assert_eq!(world.ended.get(&ticket), Some(&1), "request {}", ticket);
        }
        for times in &world.sent {
            for (index, first) in times.iter().enumerate() {
                let within = times[index..].iter().filter(|time| **time - first < PER as f64).count();
                prop_assert!(within <= MESSAGES, "{} messages in {} s: {:?}", within, PER, times);
            }
        }
    }
}
