//! States and events, close and terminate (`DESIGN.md` section 3; RFC 6455 section 7; `field/browser-api.md` section 9).

use super::{Sim, reconnecting, secs};
use crate::close::{CloseCode, CloseFrame};
use crate::error::{Error, ErrorCode, Phase};
use crate::event::ReadyState;
use crate::options::Options;
use crate::session::{Route, Session};

#[test]
fn the_constructor_does_nothing_until_start() {
    let mut sim = Sim::new(Options::default());
    assert_eq!((sim.session.next_deadline(), sim.state()), (None, ReadyState::Connecting));
    sim.go(Session::start);
    assert_eq!(sim.take(), ["dial"]);
    sim.go(Session::start);
    assert!(sim.take().is_empty(), "once only");
    sim.opened();
    assert_eq!((sim.take(), sim.state()), (vec!["open".to_owned()], ReadyState::Open));
}

#[test]
fn error_comes_where_we_failed_the_connection_just_before_close() {
    let mut sim = Sim::open(Options::default());
    sim.fails();
    assert_eq!(sim.take(), ["send close 1002 protocol_error", "drop", "error protocol_error", "close 1006 unclean protocol_error final"]);
    assert_eq!(sim.state(), ReadyState::Closed);

    let mut sim = Sim::new(Options::default());
    sim.go(Session::start);
    sim.refused(404);
    assert_eq!(sim.take(), ["dial", "error http_refused", "close 1006 unclean http_refused final"]);
}

#[test]
fn a_link_that_the_peer_dropped_is_close_1006_alone_and_its_error_carries_the_cause() {
    let mut sim = Sim::open(Options::default());
    sim.lost();
    assert_eq!(sim.take(), ["drop", "close 1006 unclean connection_lost final"]);

    let mut sim = Sim::open(Options::default());
    let reset = Error::new(ErrorCode::ConnectionLost, "connection reset by peer");
    sim.go(|session, now| session.handle_lost(now, Some(reset)));
    assert_eq!(sim.last_close().error.as_ref().unwrap().message, "connection reset by peer");
}

#[test]
fn close_runs_the_closing_handshake_and_the_server_ends_tcp_first() {
    let mut sim = Sim::open(Options::default());
    sim.close(4000, "bye");
    assert_eq!((sim.take(), sim.state()), (vec!["send close 4000 bye".to_owned()], ReadyState::Closing));
    sim.peer_closes(Some(4000), "bye");
    assert!(sim.take().is_empty(), "waits for the end of TCP");
    sim.lost();
    assert_eq!(sim.take(), ["drop", "close 4000 \"bye\" clean final"]);
    assert_eq!((sim.state(), sim.session.next_deadline()), (ReadyState::Closed, None));
}

#[test]
fn close_without_arguments_sends_an_empty_close_and_1005_is_seen() {
    let mut sim = Sim::open(Options::default());
    sim.go(|session, now| session.close(now, None, "")).unwrap();
    sim.peer_closes(None, "");
    sim.lost();
    assert_eq!(sim.take(), ["send close", "drop", "close 1005 clean final"]);
}

#[test]
fn a_peer_that_does_not_end_tcp_is_waited_for_two_seconds_at_most() {
    let mut sim = Sim::open(Options::default());
    sim.close(1000, "");
    sim.pass(1.0);
    sim.peer_closes(Some(1000), "");
    sim.pass(1.9);
    assert_eq!(sim.state(), ReadyState::Closing);
    sim.pass(0.2);
    assert_eq!(sim.take(), ["send close 1000", "drop", "close 1000 clean final"]);
}

#[test]
fn close_timeout_bounds_the_whole_handshake_the_end_of_tcp_included() {
    let mut sim = Sim::open(Options::default());
    sim.close(1000, "");
    sim.pass(4.5);
    sim.peer_closes(Some(1000), "");
    sim.pass(0.6);
    assert_eq!(sim.take(), ["send close 1000", "drop", "close 1000 clean final"]);

    let mut sim = Sim::open(Options { close_timeout: secs(1), ..Options::default() });
    sim.peer_closes(Some(1000), "");
    sim.pass(1.0);
    assert_eq!(sim.state(), ReadyState::Closed);
}

#[test]
fn the_peers_close_is_echoed_and_closes_cleanly() {
    for (code, error) in [(Some(1000), ""), (Some(1001), ""), (None, ""), (Some(1008), "closed_by_peer "), (Some(4999), "closed_by_peer ")]
    {
        let mut sim = Sim::open(Options::default());
        sim.peer_closes(code, "why");
        assert_eq!(sim.state(), ReadyState::Closing);
        let echo = code.map_or("send close".to_owned(), |code| format!("send close {code}"));
        assert_eq!(sim.take(), [echo]);
        sim.lost();
        let seen = code.unwrap_or(1005);
        assert_eq!(sim.take(), ["drop".to_owned(), format!("close {seen} \"why\" clean {error}final")]);
    }
}

#[test]
fn closed_by_peer_names_code_and_reason() {
    let mut sim = Sim::open(Options::default());
    sim.peer_closes(Some(1008), "flood");
    sim.lost();
    let error = sim.last_close().error.clone().unwrap();
    assert_eq!((error.message.as_str(), error.phase), ("the peer closed the connection with 1008: \"flood\"", Phase::Closed));
}

#[test]
fn the_echo_of_our_own_code_is_no_error_another_code_is() {
    for (theirs, error) in [(4001, "final"), (1011, "closed_by_peer final")] {
        let mut sim = Sim::open(reconnecting());
        sim.close(4001, "");
        sim.peer_closes(Some(theirs), "");
        sim.lost();
        assert_eq!(sim.take().pop().unwrap(), format!("close {theirs} clean {error}"));
    }
}

#[test]
fn close_timeout_begins_anew_while_the_peer_takes_what_was_sent_before() {
    let mut sim = Sim::open(Options::default());
    sim.close(1000, "");
    for _ in 0..10 {
        sim.pass(4.9);
        sim.go(Session::handle_progress);
    }
    assert_eq!((sim.state(), sim.take()), (ReadyState::Closing, vec!["send close 1000".to_owned()]));
    sim.pass(5.1);
    assert_eq!(sim.take(), ["drop", "close 1006 unclean close_timeout final"]);
}

#[test]
fn a_peer_that_never_answers_close_is_dropped_after_close_timeout() {
    let mut sim = Sim::open(Options::default());
    sim.close(1000, "");
    sim.pass(4.9);
    assert_eq!(sim.state(), ReadyState::Closing);
    sim.pass(0.2);
    assert_eq!(sim.take(), ["send close 1000", "drop", "close 1006 unclean close_timeout final"]);
}

#[test]
fn a_peer_that_drops_the_link_without_its_close_is_1006() {
    let mut sim = Sim::open(Options::default());
    sim.close(1000, "");
    sim.lost();
    assert_eq!(sim.take(), ["send close 1000", "drop", "close 1006 unclean connection_lost final"]);
}

#[test]
fn garbage_after_our_close_fails_the_connection_without_a_second_close_frame() {
    let mut sim = Sim::open(Options::default());
    sim.close(1000, "");
    sim.fails();
    assert_eq!(sim.take(), ["send close 1000", "drop", "error protocol_error", "close 1006 unclean protocol_error final"]);
}

#[test]
fn close_while_connecting_is_error_cancelled_and_close_1006() {
    let mut sim = Sim::new(reconnecting());
    sim.go(Session::start);
    sim.close(1000, "");
    assert_eq!(sim.take(), ["dial", "cancel dial", "error cancelled", "close 1006 unclean cancelled final"]);
    assert_eq!(sim.state(), ReadyState::Closed);

    let mut sim = Sim::new(reconnecting());
    sim.close(1000, "");
    sim.go(Session::start);
    assert_eq!(sim.take(), ["error cancelled", "close 1006 unclean cancelled final"], "before the start, which then does nothing");
}

#[test]
fn close_while_waiting_for_the_next_attempt_is_error_cancelled_and_close_1006() {
    let mut sim = Sim::open(reconnecting());
    sim.lost();
    assert_eq!(sim.take(), ["drop", "close 1006 unclean connection_lost again", "reconnecting 1"]);
    sim.close(1000, "");
    assert_eq!(sim.take(), ["error cancelled", "close 1006 unclean cancelled final"]);
    sim.pass(100.0);
    assert!(sim.take().is_empty());
}

#[test]
fn a_dial_that_opens_after_it_was_cancelled_is_dropped() {
    let mut sim = Sim::new(Options::default());
    sim.go(Session::start);
    sim.close(1000, "");
    sim.take();
    sim.opened();
    assert_eq!((sim.take(), sim.state()), (vec!["drop".to_owned()], ReadyState::Closed));
    sim.refused(500);
    assert!(sim.take().is_empty());
}

#[test]
fn terminate_drops_at_once_and_is_final() {
    let mut sim = Sim::open(reconnecting());
    sim.go(Session::terminate);
    assert_eq!(sim.take(), ["drop", "close 1006 unclean terminated final"]);

    let mut sim = Sim::open(reconnecting());
    sim.close(1000, "");
    sim.go(Session::terminate);
    assert_eq!(sim.take(), ["send close 1000", "drop", "close 1006 unclean terminated final"]);

    let mut sim = Sim::new(reconnecting());
    sim.go(Session::start);
    sim.go(Session::terminate);
    assert_eq!(sim.take(), ["dial", "cancel dial", "error cancelled", "close 1006 unclean cancelled final"]);
    sim.go(Session::terminate);
    assert!(sim.take().is_empty());
}

#[test]
fn terminate_after_the_handshake_does_not_make_a_clean_close_unclean() {
    let mut sim = Sim::open(reconnecting());
    sim.peer_closes(Some(1000), "done");
    sim.go(Session::terminate);
    assert_eq!(sim.take(), ["send close 1000", "drop", "close 1000 \"done\" clean final"]);
}

#[test]
fn our_own_close_during_the_peers_handshake_is_final() {
    let mut sim = Sim::open(reconnecting());
    sim.peer_closes(Some(1012), "");
    sim.close(1000, "");
    sim.lost();
    assert_eq!(sim.take(), ["send close 1012", "drop", "close 1012 clean closed_by_peer final"]);
}

#[test]
fn a_second_close_changes_nothing() {
    let mut sim = Sim::open(Options::default());
    sim.close(1000, "");
    sim.close(4000, "again");
    sim.peer_closes(Some(1000), "");
    sim.lost();
    sim.close(4000, "again");
    assert_eq!(sim.take(), ["send close 1000", "drop", "close 1000 clean final"]);
}

#[test]
fn close_arguments_are_checked_in_every_state() {
    let mut sim = Sim::open(Options::default());
    for _ in 0..2 {
        for (code, reason) in
            [(Some(1005), ""), (Some(1006), ""), (Some(2999), ""), (Some(5000), ""), (Some(1000), &"é".repeat(62)), (None, "why")]
        {
            let error = sim.go(|session, now| session.close(now, code.map(CloseCode), reason)).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidClose, "{code:?} {reason}");
        }
        sim.go(|session, now| session.close(now, Some(CloseCode(3000)), &"x".repeat(123))).unwrap();
        sim.go(Session::terminate);
    }
}

#[test]
fn every_code_that_rfc_6455_allows_may_be_given() {
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999] {
        let mut sim = Sim::open(Options::default());
        sim.close(code, "");
        assert_eq!(sim.take(), [format!("send close {code}")]);
    }
}

#[test]
fn messages_sent_while_closing_go_nowhere() {
    let mut sim = Sim::open(reconnecting());
    sim.close(1000, "");
    assert_eq!(sim.send("late"), Ok(Route::Discarded));
    sim.lost();
    assert_eq!(sim.send("later"), Ok(Route::Discarded));
    assert!(!sim.take().iter().any(|line| line.starts_with("transmit")));
}

#[test]
fn the_goodbye_is_1001_and_does_not_wait_for_the_end_of_tcp() {
    let mut sim = Sim::open(reconnecting());
    sim.go(|session, now| session.goodbye(now, CloseCode::GOING_AWAY));
    assert_eq!(sim.take(), ["send close 1001"]);
    sim.peer_closes(Some(1001), "");
    assert_eq!(sim.take(), ["drop", "close 1001 clean final"]);

    let mut sim = Sim::open(reconnecting());
    sim.peer_closes(Some(1000), "");
    sim.go(|session, now| session.goodbye(now, CloseCode::GOING_AWAY));
    assert_eq!(sim.take(), ["send close 1000", "drop", "close 1000 clean final"]);

    let mut sim = Sim::open(reconnecting());
    sim.lost();
    sim.take();
    sim.go(|session, now| session.goodbye(now, CloseCode::GOING_AWAY));
    assert_eq!(sim.take(), ["error cancelled", "close 1006 unclean cancelled final"]);
}

#[test]
fn the_goodbye_waits_no_longer_than_close_on_exit() {
    let mut sim = Sim::open(Options { close_on_exit: Some(secs(1)), close_timeout: secs(5), ..reconnecting() });
    sim.go(|session, now| session.goodbye(now, CloseCode::INTERNAL));
    assert_eq!(sim.take(), ["send close 1011"]);
    sim.pass(1.0);
    assert_eq!(sim.take(), ["drop", "close 1006 unclean close_timeout final"]);

    let mut sim = Sim::open(Options { close_on_exit: None, close_timeout: secs(5), ..reconnecting() });
    sim.go(|session, now| session.goodbye(now, CloseCode::GOING_AWAY));
    sim.take();
    sim.pass(4.0);
    assert!(sim.take().is_empty(), "without it, close_timeout is the bound");
}

#[test]
fn a_goodbye_whose_time_is_over_ends_the_socket() {
    let mut sim = Sim::open(reconnecting());
    sim.go(|session, now| session.goodbye(now, CloseCode::GOING_AWAY));
    sim.take();
    sim.go(Session::end_goodbye);
    assert_eq!(sim.take(), ["drop", "close 1006 unclean exiting final"]);
    sim.go(Session::end_goodbye);
    assert!(sim.take().is_empty());
}

#[test]
fn an_end_that_waits_behind_a_barrier_stops_every_deadline_of_the_connection() {
    let mut sim = Sim::open(Options { idle_timeout: Some(secs(30)), ..Options::default() });
    sim.session.handle_end_read(None);
    sim.pass(1000.0);
    // A turn that is taken for another reason finds nothing due, either.
    sim.go(crate::session::Session::handle_timeout);
    assert!(sim.take().is_empty());
    assert_eq!(sim.send("a handler's last word"), Ok(Route::Transmit));
    sim.peer_closes(Some(1000), "");
    assert_eq!(sim.take(), ["send close 1000"]);
    sim.pass(2.0);
    assert_eq!(sim.take(), ["drop", "close 1000 clean final"], "the wait for the end of TCP is bounded again");
}

#[test]
fn close_while_the_peers_close_waits_behind_a_barrier_is_clean() {
    let mut sim = Sim::open(Options::default());
    sim.session.handle_end_read(None);
    sim.close(4000, "mine");
    sim.pass(60.0);
    sim.peer_closes(Some(1000), "theirs");
    sim.lost();
    assert_eq!(sim.take(), ["send close 4000 mine", "drop", "close 1000 \"theirs\" clean final"]);
}

#[test]
fn ends_that_come_too_late_are_ignored() {
    let mut sim = Sim::open(reconnecting());
    sim.lost();
    sim.take();
    sim.fails();
    sim.lost();
    sim.peer_closes(Some(1000), "");
    sim.received();
    sim.go(|session, now| session.handle_answer(now, 99, Ok(true.into())));
    assert!(sim.take().is_empty());
    assert_eq!(sim.session.handle_pong(sim.now, b"x"), None);
}

#[test]
fn an_absurd_timeout_is_no_timeout_and_no_panic() {
    let forever = std::time::Duration::MAX;
    let options = Options { close_timeout: forever, ping_interval: Some(forever), idle_timeout: Some(forever), ..Options::default() };
    let mut sim = Sim::open(options);
    assert_eq!(sim.session.next_deadline(), None);
    sim.close(1000, "");
    assert_eq!(sim.session.next_deadline(), None);
    sim.go(|session, now| session.handle_peer_close(now, CloseFrame::default()));
    assert!(sim.session.next_deadline().is_some());
}
