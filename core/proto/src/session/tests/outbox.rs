//! The send queue.

use super::{Sim, reconnecting, secs};
use crate::error::ErrorCode;
use crate::message::Data;
use crate::options::{Options, Overflow, SendQueueOptions};
use crate::session::{Action, Route, Session};

fn queueing(queue: SendQueueOptions) -> Options {
    Options { send_queue: Some(queue), ..reconnecting() }
}

fn small(overflow: Overflow) -> SendQueueOptions {
    SendQueueOptions { max_messages: 2, max_bytes: 10, ttl: None, overflow }
}

/// A socket that waits for its second connection.
fn down(queue: SendQueueOptions) -> Sim {
    let mut sim = Sim::open(queueing(queue));
    sim.lost();
    sim.take();
    sim
}

#[test]
fn it_holds_messages_while_down_and_sends_them_in_order_after_open() {
    let mut sim = Sim::new(queueing(SendQueueOptions::default()));
    assert_eq!(sim.send("before the start"), Ok(Route::Queued));
    sim.go(Session::start);
    assert_eq!(sim.send("dialling"), Ok(Route::Queued));
    assert_eq!(sim.session.queued_bytes(), 24);
    sim.opened();
    assert_eq!(sim.take(), ["dial", "open", "transmit before the start", "transmit dialling"]);
    assert_eq!(sim.session.queued_bytes(), 0);
    assert_eq!(sim.send("open"), Ok(Route::Transmit));
    sim.lost();
    assert_eq!(sim.send("waiting"), Ok(Route::Queued));
    sim.pass(1.0);
    sim.opened();
    assert_eq!(sim.take()[4..], ["open", "transmit waiting"]);
}

#[test]
fn what_open_handlers_send_leaves_before_the_queue() {
    let mut sim = down(SendQueueOptions::default());
    sim.send("queued").unwrap();
    sim.pass(1.0);
    sim.opens();
    assert_eq!(sim.send("of a thread that does not know of the connection"), Ok(Route::Queued));
    sim.go(|session, _| session.handle_open_seen());
    assert_eq!(sim.send("login"), Ok(Route::Transmit));
    assert_eq!(sim.take(), ["dial", "open"]);
    sim.go(Session::handle_open_delivered);
    assert_eq!(sim.take(), ["transmit queued", "transmit of a thread that does not know of the connection"]);
    assert_eq!(sim.send("later"), Ok(Route::Transmit));
}

#[test]
fn a_queue_whose_open_handlers_came_too_late_waits_for_the_next_connection() {
    let mut sim = down(SendQueueOptions::default());
    sim.send("queued").unwrap();
    sim.pass(1.0);
    sim.opens();
    sim.lost();
    assert!(!sim.go(Session::handle_open_delivered));
    sim.pass(5.0);
    assert!(!sim.log.iter().any(|line| line.starts_with("transmit")));
    sim.take();
    sim.opened();
    assert_eq!(sim.take(), ["open", "transmit queued"]);
}

#[test]
fn the_wish_to_compress_is_kept() {
    let mut sim = down(SendQueueOptions::default());
    sim.session.send(sim.now, Data::Text("x"), Some(false)).unwrap();
    sim.pass(1.0);
    sim.opens();
    sim.session.handle_open_delivered(sim.now);
    let actions: Vec<_> = std::iter::from_fn(|| sim.session.poll()).collect();
    assert!(matches!(actions.last(), Some(Action::Transmit(_, Some(false)))), "{actions:?}");
}

#[test]
fn without_a_queue_or_without_reconnect_connecting_is_invalid_state() {
    for options in [Options::default(), reconnecting(), Options { send_queue: Some(SendQueueOptions::default()), ..Options::default() }] {
        let mut sim = Sim::new(options);
        assert_eq!(sim.send("x"), Err(ErrorCode::InvalidState));
        sim.go(Session::start);
        assert_eq!(sim.send("x"), Err(ErrorCode::InvalidState));
        assert_eq!(sim.session.queued_bytes(), 0);
    }
}

#[test]
fn what_was_handed_to_the_protocol_is_not_resent() {
    let mut sim = down(SendQueueOptions::default());
    sim.send("once").unwrap();
    sim.pass(1.0);
    sim.opened();
    sim.lost();
    sim.pass(5.0);
    sim.opened();
    assert_eq!(sim.take().iter().filter(|line| *line == "transmit once").count(), 1);
}

#[test]
fn a_message_that_waits_longer_than_ttl_is_dropped_with_an_event() {
    let mut sim = Sim::new(queueing(SendQueueOptions::default()));
    sim.go(Session::start);
    sim.send("a").unwrap();
    sim.pass(10.0);
    sim.send("b").unwrap();
    sim.pass(20.0);
    assert_eq!(sim.take(), ["dial", "dropped expired a"]);
    sim.now += secs(11);
    sim.opened();
    assert_eq!(sim.take(), ["open", "dropped expired b"], "not even if nobody called at the deadline");
}

#[test]
fn overflow_error_refuses_the_message_at_the_call() {
    let mut sim = down(small(Overflow::Error));
    assert_eq!(sim.send("12345678901"), Err(ErrorCode::QueueFull), "too many bytes");
    assert_eq!(sim.send("123456789"), Ok(Route::Queued));
    assert_eq!(sim.send("12"), Err(ErrorCode::QueueFull));
    assert_eq!(sim.send("1"), Ok(Route::Queued));
    assert_eq!(sim.send(""), Err(ErrorCode::QueueFull), "too many messages");
    sim.pass(1.0);
    sim.opened();
    assert_eq!(sim.take(), ["dial", "open", "transmit 123456789", "transmit 1"]);
}

#[test]
fn overflow_drop_oldest_makes_room() {
    let mut sim = down(small(Overflow::DropOldest));
    sim.send("aaaa").unwrap();
    sim.send("bbbb").unwrap();
    assert_eq!(sim.send("cccccccccc"), Ok(Route::Queued));
    assert_eq!(sim.take(), ["dropped overflow aaaa,bbbb"]);
    assert_eq!(sim.session.queued_bytes(), 10);
    assert_eq!(sim.send("what can never fit"), Ok(Route::Dropped));
    assert_eq!(sim.take(), ["dropped overflow what can never fit"], "and the queue is not emptied for it");
    assert_eq!(sim.session.queued_bytes(), 10);
}

#[test]
fn overflow_drop_newest_drops_the_message() {
    let mut sim = down(small(Overflow::DropNewest));
    sim.send("a").unwrap();
    sim.send("b").unwrap();
    assert_eq!(sim.send("c"), Ok(Route::Dropped));
    assert_eq!(sim.take(), ["dropped overflow c"]);
    sim.pass(1.0);
    sim.opened();
    assert_eq!(sim.take(), ["dial", "open", "transmit a", "transmit b"]);
}

#[test]
fn at_the_final_close_what_waits_is_dropped_with_an_event_before_the_close() {
    let mut sim = down(SendQueueOptions::default());
    sim.send("a").unwrap();
    sim.send("b").unwrap();
    sim.close(1000, "");
    assert_eq!(sim.take(), ["dropped closed a,b", "error cancelled", "close 1006 unclean cancelled final"]);
    assert_eq!(sim.send("c"), Ok(Route::Discarded));
    assert_eq!(sim.session.next_deadline(), None);
}

#[test]
fn when_the_attempts_are_exhausted_what_waits_is_dropped() {
    let mut sim = Sim::new(queueing(SendQueueOptions::default()));
    sim.go(Session::start);
    sim.send("a").unwrap();
    sim.refused(401);
    assert_eq!(sim.take(), ["dial", "dropped closed a", "error http_refused", "close 1006 unclean http_refused final"]);
}

#[test]
fn during_the_peers_closing_handshake_messages_wait_for_the_next_connection() {
    let mut sim = Sim::open(queueing(SendQueueOptions::default()));
    sim.peer_closes(Some(1012), "");
    assert_eq!(sim.send("next"), Ok(Route::Queued));
    sim.lost();
    sim.pass(1.0);
    sim.opened();
    assert_eq!(sim.take()[1..], ["drop", "close 1012 clean closed_by_peer again", "reconnecting 1", "dial", "open", "transmit next"]);
}

#[test]
fn a_queue_that_expires_under_a_function_that_is_slow_is_reported() {
    let providers = crate::options::Providers { url: true, ..crate::options::Providers::default() };
    let mut sim = Sim::with(queueing(SendQueueOptions::default()), providers, 1);
    sim.go(Session::start);
    sim.send("a").unwrap();
    sim.pass(31.0);
    assert_eq!(sim.take(), ["ask url", "dropped expired a"]);
}
