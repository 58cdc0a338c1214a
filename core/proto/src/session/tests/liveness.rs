//! Liveness: pings after silence and the deadlines of silence.

use super::{Sim, reconnecting, secs};
use crate::error::{ErrorCode, Phase};
use crate::event::ReadyState;
use crate::options::Options;
use crate::session::Session;

fn quiet() -> Options {
    Options { ping_interval: None, ..Options::default() }
}

#[test]
fn by_default_a_ping_goes_out_after_20_s_of_silence_and_20_s_later_the_peer_is_dead() {
    let mut sim = Sim::open(Options::default());
    sim.pass(19.9);
    assert!(sim.take().is_empty());
    sim.pass(0.2);
    assert_eq!(sim.take(), ["ping"]);
    sim.pass(19.8);
    assert!(sim.take().is_empty());
    sim.pass(0.2);
    assert_eq!(sim.take(), ["send close 1001 ping_timeout", "drop", "error ping_timeout", "close 1006 unclean ping_timeout final"]);
}

#[test]
fn a_missed_deadline_closes_with_1006_and_phase_liveness() {
    for options in
        [Options::default(), Options { idle_timeout: Some(secs(5)), ..quiet() }, Options { data_idle_timeout: Some(secs(5)), ..quiet() }]
    {
        let mut sim = Sim::open(options);
        sim.pass(41.0);
        let close = sim.last_close();
        let error = close.error.as_ref().unwrap();
        assert_eq!((close.code.0, error.phase, error.retryable), (1006, Phase::Liveness, true));
        assert_eq!(sim.state(), ReadyState::Closed);
    }
}

#[test]
fn any_inbound_byte_counts_as_life() {
    let mut sim = Sim::open(Options::default());
    for _ in 0..100 {
        sim.pass(19.0);
        sim.received();
    }
    assert!(sim.take().is_empty(), "no ping where the peer is heard");
    sim.pass(30.0);
    sim.received();
    assert_eq!(sim.take(), ["ping"]);
    sim.pass(15.0);
    assert!(sim.take().is_empty(), "life without a pong is life");
    sim.pass(6.0);
    assert_eq!(sim.take(), ["ping"]);
}

#[test]
fn without_ping_interval_no_ping_goes_out() {
    let mut sim = Sim::open(quiet());
    sim.pass(1e6);
    assert!(sim.take().is_empty());
    assert_eq!(sim.session.next_deadline(), None);
}

#[test]
fn without_ping_timeout_pings_go_on_and_nobody_is_judged() {
    let mut sim = Sim::open(Options { ping_timeout: None, ..Options::default() });
    sim.pass(100.0);
    assert_eq!(sim.take(), ["ping"; 5]);
}

#[test]
fn a_ping_timeout_longer_than_the_interval_counts_from_the_first_unanswered_ping() {
    let mut sim = Sim::open(Options { ping_timeout: Some(secs(50)), ..Options::default() });
    sim.pass(69.0);
    assert_eq!(sim.take(), ["ping"; 3]);
    sim.pass(1.5);
    assert_eq!(sim.take().last().unwrap(), "close 1006 unclean ping_timeout final");
}

#[test]
fn idle_timeout_and_data_idle_timeout_are_separate_and_off() {
    let mut sim = Sim::open(Options { idle_timeout: Some(secs(30)), ..quiet() });
    for _ in 0..10 {
        sim.pass(29.0);
        sim.received();
    }
    assert!(sim.take().is_empty(), "idle_timeout: anything at all");
    sim.pass(30.0);
    assert_eq!(sim.take().last().unwrap(), "close 1006 unclean idle_timeout final");

    let mut sim = Sim::open(Options { data_idle_timeout: Some(secs(30)), ..quiet() });
    sim.pass(20.0);
    sim.message("data");
    sim.pass(29.0);
    sim.received();
    sim.pass(1.0);
    assert_eq!(sim.take().last().unwrap(), "close 1006 unclean data_idle_timeout final", "only data messages count");
}

#[test]
fn a_jump_of_the_wall_clock_probes_at_once() {
    let mut sim = Sim::open(Options::default());
    sim.pass(5.0);
    sim.go(Session::handle_clock_jump);
    assert_eq!(sim.take(), ["ping"]);
    sim.pass(19.9);
    assert!(sim.take().is_empty());
    sim.pass(0.2);
    assert_eq!(sim.take().last().unwrap(), "close 1006 unclean ping_timeout final");
}

#[test]
fn a_jump_during_a_ping_gives_the_peer_its_full_time_again() {
    let mut sim = Sim::open(Options::default());
    sim.pass(39.0);
    assert_eq!(sim.take(), ["ping"]);
    sim.go(Session::handle_clock_jump);
    sim.pass(19.0);
    assert_eq!(sim.take(), ["ping"]);
    sim.received();
    sim.pass(19.0);
    assert!(sim.take().is_empty());
}

#[test]
fn a_jump_where_pings_are_off_or_nothing_is_open_sends_nothing() {
    let mut sim = Sim::open(quiet());
    sim.go(Session::handle_clock_jump);
    sim.close(1000, "");
    sim.go(Session::handle_clock_jump);
    assert_eq!(sim.take(), ["send close 1000"]);
}

#[test]
fn liveness_restarts_clean_on_each_connection() {
    let mut sim = Sim::open(reconnecting());
    sim.pass(30.0);
    let old = sim.pings[0].clone();
    sim.lost();
    sim.pass(1.0);
    sim.opened();
    assert_eq!(sim.take(), ["ping", "drop", "close 1006 unclean connection_lost again", "reconnecting 1", "dial", "open"]);
    assert_eq!(sim.session.handle_pong(sim.now, &old), None, "a ping of the old connection");
    sim.pass(19.0);
    assert!(sim.take().is_empty(), "the silence of the old connection does not count");
    sim.pass(20.0);
    assert_eq!(sim.take(), ["ping"]);
}

#[test]
fn pongs_tell_the_latency_of_our_pings_and_the_users() {
    let mut sim = Sim::open(Options::default());
    sim.go(|session, now| session.handle_user_ping(now, b"mine"));
    sim.pass(20.5);
    let ours = sim.pings[0].clone();
    assert_eq!(ours.len(), 8);
    assert_eq!(sim.session.handle_pong(sim.now, b"nobody's"), None);
    assert_eq!(sim.session.handle_pong(sim.now, b"mine"), Some(secs(20) + secs(1) / 2));
    assert_eq!(sim.session.handle_pong(sim.now, b"mine"), None, "once");
    assert_eq!(sim.session.handle_pong(sim.now, &ours), Some(secs(1) / 2));
}

#[test]
fn a_pong_answers_the_pings_before_it_too() {
    let mut sim = Sim::open(Options::default());
    for payload in [b"1", b"2", b"3"] {
        sim.go(|session, now| session.handle_user_ping(now, payload));
        sim.pass(1.0);
    }
    assert_eq!(sim.session.handle_pong(sim.now, b"2"), Some(secs(2)));
    assert_eq!(sim.session.handle_pong(sim.now, b"1"), None);
    assert_eq!(sim.session.handle_pong(sim.now, b"3"), Some(secs(1)));
}

#[test]
fn pings_without_pongs_do_not_pile_up() {
    let mut sim = Sim::open(Options { ping_timeout: None, ..Options::default() });
    for n in 0..1000_u32 {
        sim.go(|session, now| session.handle_user_ping(now, &n.to_be_bytes()));
    }
    assert_eq!(sim.session.handle_pong(sim.now, &0_u32.to_be_bytes()), None);
    assert!(sim.session.handle_pong(sim.now, &999_u32.to_be_bytes()).is_some());
}

#[test]
fn while_we_do_not_read_silence_says_nothing_about_the_peer() {
    let mut sim = Sim::open(Options { idle_timeout: Some(secs(30)), data_idle_timeout: Some(secs(30)), ..Options::default() });
    sim.go(|session, now| session.handle_reading(now, false));
    sim.pass(100.0);
    assert_eq!(sim.take(), ["ping"; 5], "we are still heard");
    sim.go(|session, now| session.handle_reading(now, true));
    sim.pass(19.0);
    assert!(sim.take().is_empty(), "the peer gets its full time again");
    sim.pass(11.0);
    assert_eq!(sim.take()[0], "ping");
    assert_eq!(sim.state(), ReadyState::Closed, "and no more than that");
}

#[test]
fn a_peer_that_takes_what_waits_to_leave_is_alive() {
    let mut sim = Sim::open(Options { ping_timeout: Some(secs(10)), ..Options::default() });
    sim.pass(25.0);
    assert_eq!(sim.take(), ["ping"]);
    for _ in 0..20 {
        sim.go(Session::handle_progress);
        sim.pass(9.0);
    }
    assert_eq!(sim.state(), ReadyState::Open);
    sim.take();
    sim.pass(2.0);
    assert_eq!((sim.state(), sim.errors[0].code()), (ReadyState::Closed, ErrorCode::PingTimeout), "and no longer than it does");
}

#[test]
fn that_a_peer_takes_more_is_no_answer_to_the_deadlines_of_silence() {
    let mut sim = Sim::open(Options { ping_interval: None, idle_timeout: Some(secs(30)), ..Options::default() });
    sim.pass(29.0);
    sim.go(Session::handle_progress);
    sim.pass(2.0);
    assert_eq!(sim.errors[0].code(), ErrorCode::IdleTimeout);
}

#[test]
fn liveness_ends_with_the_closing_handshake() {
    let mut sim = Sim::open(Options { close_timeout: secs(100), ..Options::default() });
    sim.close(1000, "");
    sim.pass(90.0);
    assert_eq!(sim.take(), ["send close 1000"]);
}

#[test]
fn the_error_says_what_was_awaited_and_which_option_says_so() {
    let mut sim = Sim::open(Options { ping_timeout: Some(secs(1) / 4), ..Options::default() });
    sim.pass(21.0);
    assert_eq!(sim.errors[0].message, "a ping was sent and nothing came from the peer for 0.25 s (ping_timeout)");
}

#[test]
fn a_pause_of_the_reading_ends_with_its_connection() {
    let mut sim = Sim::open(reconnecting());
    sim.go(|session, now| session.handle_reading(now, false));
    sim.lost();
    sim.pass(100.0);
    sim.opened();
    sim.take();
    sim.pass(41.0);
    assert_eq!(sim.last_close().error.as_ref().map(crate::error::Error::code), Some(ErrorCode::PingTimeout));
}

#[test]
fn a_pause_of_the_reading_is_no_latency() {
    let mut sim = Sim::open(Options::default());
    sim.go(|session, now| session.handle_user_ping(now, b"mine"));
    sim.go(|session, now| session.handle_reading(now, false));
    sim.pass(5.0);
    sim.go(|session, now| session.handle_reading(now, true));
    assert_eq!(sim.go(|session, now| session.handle_pong(now, b"mine")), None);
}
