//! `reconnect()`: another connection, now.

use url::Url;

use super::{Sim, open_event, reconnecting, reconnecting_with, secs};
use crate::close::CloseCode;
use crate::error::ErrorCode;
use crate::event::ReadyState;
use crate::options::{Options, Providers, ReconnectOptions};
use crate::session::Session;

fn again(sim: &mut Sim, url: Option<&str>) -> Result<(), ErrorCode> {
    let url = url.map(|url| Url::parse(url).unwrap());
    sim.go(|session, now| session.reconnect(now, url, Some(CloseCode(4000)), "resume")).map_err(|error| error.code())
}

const REPLACED: [&str; 4] = ["send close 4000 resume", "drop", "close 1006 unclean replaced again", "reconnecting 1"];

#[test]
fn the_next_attempt_begins_without_a_delay() {
    let mut sim = Sim::open(reconnecting_with(ReconnectOptions { min_delay: secs(20), ..ReconnectOptions::default() }));
    again(&mut sim, None).unwrap();
    assert_eq!(sim.take(), REPLACED);
    assert_eq!(sim.last_close().retry_in, Some(secs(0)));
    sim.pass(0.0);
    assert_eq!(sim.take(), ["dial"]);
}

#[test]
fn it_needs_no_option_and_then_one_attempt_is_all() {
    let mut sim = Sim::open(Options::default());
    again(&mut sim, None).unwrap();
    sim.pass(0.0);
    sim.take();
    sim.refused(503);
    assert_eq!(sim.take(), ["error http_refused", "close 1006 unclean http_refused final"]);
}

#[test]
fn a_url_holds_for_one_attempt() {
    let mut sim = Sim::open(reconnecting());
    again(&mut sim, Some("wss://other.example/")).unwrap();
    sim.pass(0.0);
    assert_eq!(sim.take()[4..], [r#"dial Some("wss://other.example/") None None"#]);
    sim.refused(503);
    sim.pass(30.0);
    assert_eq!(sim.take().last().unwrap(), "dial");
}

#[test]
fn should_reconnect_is_not_asked() {
    let mut sim = Sim::with(reconnecting(), Providers { should_reconnect: true, ..Providers::default() }, 7);
    sim.go(Session::start);
    sim.opened();
    sim.take();
    again(&mut sim, None).unwrap();
    assert_eq!(sim.take(), REPLACED);
}

#[test]
fn where_the_user_is_being_asked_the_answer_is_not_awaited() {
    let mut sim = Sim::with(reconnecting(), Providers { should_reconnect: true, ..Providers::default() }, 7);
    sim.go(Session::start);
    sim.opened();
    sim.lost();
    sim.take();
    again(&mut sim, None).unwrap();
    assert_eq!(sim.take(), ["close 1006 unclean connection_lost again", "reconnecting 1"]);
    sim.answer(false.into());
    sim.pass(0.0);
    assert_eq!(sim.take(), ["dial"]);
}

#[test]
fn the_wait_for_the_next_attempt_is_cut_short() {
    let mut sim = Sim::open(reconnecting());
    sim.lost();
    sim.take();
    again(&mut sim, None).unwrap();
    assert_eq!(sim.take(), ["dial"]);
}

#[test]
fn an_attempt_under_way_goes_on_unless_it_goes_elsewhere() {
    let mut sim = Sim::new(reconnecting());
    sim.go(Session::start);
    sim.take();
    again(&mut sim, None).unwrap();
    assert!(sim.take().is_empty());
    again(&mut sim, Some("wss://other.example/")).unwrap();
    assert!(sim.take().is_empty());
    sim.go(|session, now| session.handle_opened(now, open_event()));
    assert_eq!(sim.take(), ["drop", r#"dial Some("wss://other.example/") None None"#]);
    sim.opened();
    assert_eq!(sim.take(), ["open"]);
    again(&mut sim, None).unwrap();
    again(&mut sim, Some("wss://third.example/")).unwrap();
    sim.pass(0.0);
    assert_eq!(sim.take().last().unwrap(), r#"dial Some("wss://third.example/") None None"#);
}

#[test]
fn a_closing_handshake_of_the_peer_is_cut_short() {
    let mut sim = Sim::open(reconnecting());
    sim.peer_closes(Some(1000), "");
    sim.take();
    again(&mut sim, None).unwrap();
    assert_eq!(sim.take(), ["drop", "close 1006 unclean replaced again", "reconnecting 1"]);
}

#[test]
fn after_close_and_after_the_end_it_is_refused() {
    let mut sim = Sim::open(reconnecting());
    sim.close(1000, "");
    assert_eq!(again(&mut sim, None), Err(ErrorCode::InvalidState));
    let mut sim = Sim::open(Options::default());
    sim.lost();
    assert_eq!(sim.state(), ReadyState::Closed);
    assert_eq!(again(&mut sim, None), Err(ErrorCode::InvalidState));
    let mut sim = Sim::open(reconnecting());
    let error = sim.go(|session, now| session.reconnect(now, None, Some(CloseCode(5000)), "")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidClose);
}
