//! What the random lives of a client (`fuzz/src/client`) and floods (`tests/hostile`) have found.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Client;
use crate::close::CloseCode;
use crate::error::{Error, ErrorCode};
use crate::event::{Batch, Event, Item, ReadyState};
use crate::message::{Data, SendOptions};
use crate::options::{HeartbeatOptions, Options, Payload, Providers, ReconnectOptions};
use crate::wire::opened;

/// Starts a socket and lets its first attempt succeed. Returns the peer's side.
fn open(client: &Client, now: Instant) -> UnixStream {
    client.start(now);
    assert!(client.drive(now, &mut Batch::default()).dial.is_some());
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    client.dialled(now, Ok(opened(ours, "")));
    theirs
}

#[test]
fn no_heartbeat_is_told_of_a_connection_whose_open_was_never_shown() {
    let heartbeat = HeartbeatOptions::default().message(Payload::Text("beat".into())).interval(Duration::from_secs(1));
    let options = Options::new().heartbeat(heartbeat);
    let client = Client::new("ws://model/".parse().expect("a URL"), Arc::new(options), Providers::default(), 1);
    let (mut now, mut batch) = (Instant::now(), Batch::default());
    let _theirs = open(&client, now);
    client.drive(now, &mut batch);
    now += Duration::from_secs(1);
    client.drive(now, &mut batch);
    client.close(now, None, "").expect("allowed at any time");
    client.drive(now, &mut batch);
    let events = batch.items.iter().filter_map(|item| if let Item::Event(event) = item { Some(&**event) } else { None });
    let (shown, hidden): (Vec<_>, Vec<_>) = events.partition(|event| client.enter(event));
    assert!(matches!(hidden[..], [Event::Open(_), Event::Heartbeat(_)]), "{hidden:?}");
    assert!(matches!(shown[..], [Event::Error(_), Event::Close(_)]), "{shown:?}");
}

#[test]
fn what_a_connection_took_along_counts_in_buffered_amount_until_its_close_is_told() {
    let options = Options::new().ping_interval(None).reconnect(ReconnectOptions::default());
    let client = Client::new("ws://model/".parse().expect("a URL"), Arc::new(options), Providers::default(), 1);
    let (now, mut batch) = (Instant::now(), Batch::default());
    let theirs = open(&client, now);
    client.drive(now, &mut batch);
    let tell = |batch: &mut Batch| {
        for item in std::mem::take(batch).items {
            if let Item::Event(event) = item {
                client.enter(&event);
            }
        }
    };
    tell(&mut batch);
    client.send(|| now, Data::Binary(&vec![0; 8 << 20]), SendOptions::default(), false).expect("below max_buffered");
    let waiting = client.buffered_amount();
    assert!(waiting > 1 << 20, "{waiting}");
    drop(theirs);
    client.drive(now, &mut batch);
    assert!(matches!(batch.items[..], [Item::Barrier]), "{:?}", batch.items);
    client.settle(now);
    batch.items.clear();
    client.drive(now, &mut batch);
    client.released(&[]);
    assert_eq!(client.buffered_amount(), waiting, "the user is not told yet");
    let unsent = batch.items.iter().find_map(|item| match item {
        Item::Event(event) => match &**event {
            Event::Close(close) => Some(close.unsent),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(unsent, Some(waiting), "the close tells");
    tell(&mut batch);
    assert_eq!((client.ready_state(), client.buffered_amount()), (ReadyState::Connecting, 0));
}

/// Closes an open socket whose peer sends so many more bytes of messages before it answers. Returns whether the close was clean.
fn close_before(client: &Client, more: usize) -> bool {
    let (now, mut batch) = (Instant::now(), Batch::default());
    let theirs = open(client, now);
    let mut turn = |sent: &[u8]| {
        (&theirs).write_all(sent).expect("a reader");
        batch.clear();
        // What a face does; of a turn that brought nothing it reports nothing.
        let turn = client.drive(now, &mut batch);
        let mut clean = false;
        for item in &batch.items {
            match item {
                Item::Event(event) => clean |= client.enter(event) && matches!(&**event, Event::Close(close) if close.was_clean),
                Item::Barrier => client.settle(now),
                _ => {}
            }
        }
        if !batch.items.is_empty() {
            client.delivered(|| now, batch.weight());
        }
        (turn.want_read, clean)
    };
    turn(b"");
    client.close(now, Some(CloseCode::NORMAL), "").expect("a code that may be sent");
    let message = [b"\x82\x7e\x40\x00".as_slice(), &[7; 16 << 10]].concat();
    for _ in 0..more.div_ceil(message.len()) {
        assert!(turn(&message).0, "the peer's Close is awaited");
    }
    turn(b"\x88\x02\x03\xe8");
    theirs.shutdown(Shutdown::Both).expect("a socket");
    turn(b"").1
}

#[test]
fn what_nobody_may_see_after_close_does_not_stop_the_reading() {
    let options = Options::new().read_limit(64 << 10);
    let client = Client::new("ws://model/".parse().expect("a URL"), Arc::new(options), Providers::default(), 1);
    assert!(close_before(&client, 256 << 10));
}

#[test]
fn a_paused_socket_that_closes_hears_the_peers_close() {
    let client = Client::new("ws://model/".parse().expect("a URL"), Arc::new(Options::default()), Providers::default(), 1);
    client.set_paused(true);
    assert!(close_before(&client, 0));
}

/// An open socket that has sent so many bytes at once, and whose peer counts as dead after a second of silence.
fn sending(size: usize) -> (Client, Instant, UnixStream) {
    let second = Duration::from_secs(1);
    let options = Options::new().ping_interval(second).ping_timeout(second).close_timeout(second);
    let client = Client::new("ws://model/".parse().expect("a URL"), Arc::new(options), Providers::default(), 1);
    let (now, mut batch) = (Instant::now(), Batch::default());
    let theirs = open(&client, now);
    client.drive(now, &mut batch);
    assert!(matches!(&batch.items[..], [Item::Event(event)] if client.enter(event)), "{:?}", batch.items);
    client.send(|| now, Data::Binary(&vec![0; size]), SendOptions::default(), false).expect("below max_buffered");
    (client, now, theirs)
}

/// Takes a turn at that time. Returns the error of the connection's end, if there is one.
fn verdict(client: &Client, now: Instant) -> Option<ErrorCode> {
    let mut batch = Batch::default();
    client.drive(now, &mut batch);
    batch.items.iter().find_map(|item| match item {
        Item::Event(event) => match &**event {
            Event::Close(close) => close.error.as_ref().map(Error::code),
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn a_peer_that_reads_slowly_is_neither_taken_for_dead_nor_cut_off_behind_close() {
    const SIZE: usize = 4 << 20;
    const CLOSE: usize = 8;
    let a_while = Duration::from_millis(900);
    let (client, mut now, mut theirs) = sending(SIZE);
    let (mut came, mut part) = (Vec::new(), vec![0; 128 << 10]);
    while came.len() < SIZE + CLOSE || came[came.len() - CLOSE..came.len() - 6] != [0x88, 0x82] {
        now += a_while;
        let read = theirs.read(&mut part).expect("an open socket");
        came.extend_from_slice(&part[..read]);
        assert_eq!(verdict(&client, now), None);
        if came.len() > SIZE / 2 && client.ready_state() == ReadyState::Open {
            client.close(now, Some(CloseCode::NORMAL), "").expect("a code that may be sent");
        }
    }
    assert_eq!(verdict(&client, now + 2 * a_while), None, "it has just read something");
    assert_eq!(verdict(&client, now + 4 * a_while), Some(ErrorCode::CloseTimeout));
}

#[test]
fn a_peer_that_stops_amid_a_message_is_dead() {
    let a_while = Duration::from_millis(900);
    let (client, mut now, mut theirs) = sending(4 << 20);
    for _ in 0..5 {
        now += a_while;
        let _ = theirs.read(&mut vec![0; 128 << 10]).expect("an open socket");
        assert_eq!(verdict(&client, now), None);
    }
    assert_eq!(verdict(&client, now + 2 * a_while), None, "it has just read something");
    assert_eq!(verdict(&client, now + 4 * a_while), Some(ErrorCode::PingTimeout));
}

#[test]
fn what_comes_while_a_flood_is_parsed_is_not_taken_for_read() {
    const MORE_THAN_A_TURN: usize = super::turn::MAX_MESSAGES + 1;
    let options = Options::new().read_limit(16 << 20);
    let client = Client::new("ws://model/".parse().expect("a URL"), Arc::new(options), Providers::default(), 1);
    let (now, mut batch) = (Instant::now(), Batch::default());
    let mut theirs = open(&client, now);
    theirs.write_all(&b"\x8a\x00".repeat(MORE_THAN_A_TURN)).expect("room for it");
    let turn = client.drive(now, &mut batch);
    assert!(turn.again && !turn.drained);
    theirs.write_all(b"\x8a\x00").expect("room for it");
    // A driver of a drained socket waits for the next byte.
    while !client.drive(now, &mut batch).drained {}
    let pongs = batch.items.iter().filter(|item| matches!(item, Item::Event(event) if matches!(**event, Event::Pong { .. }))).count();
    assert_eq!(pongs, MORE_THAN_A_TURN + 1);
}

#[test]
fn a_message_that_is_a_little_more_than_a_read_is_one_read_from_the_second_on() {
    let client = Client::new("ws://model/".parse().expect("a URL"), Arc::new(Options::default()), Providers::default(), 1);
    let (now, mut batch) = (Instant::now(), Batch::default());
    let mut theirs = open(&client, now);
    client.drive(now, &mut batch);
    let message = [b"\x82\x7f\0\0\0\0\0\x01\0\0".as_slice(), &vec![7; 64 << 10]].concat();
    for reads in [2, 1, 1] {
        theirs.write_all(&message).expect("room for it");
        let turns = (1..9).find(|_| {
            batch.clear();
            client.drive(now, &mut batch).drained
        });
        assert_eq!(turns, Some(reads));
    }
}

/// Sends a text that is worth compressing; the length of its frame.
fn sends(client: &Client, now: Instant, theirs: &mut UnixStream) -> usize {
    let text = (0..200).map(|number: u32| number.to_string() + " ").collect::<String>();
    client.send(|| now, Data::Text(&text), SendOptions::default(), false).expect("an open socket");
    let mut frame = vec![0; 4096];
    theirs.read(&mut frame).expect("the frame")
}

#[test]
fn after_15_quiet_seconds_memory_is_given_back_without_pings() {
    let options = Options::new().ping_interval(None);
    let client = Client::new("ws://model/".parse().expect("a URL"), Arc::new(options), Providers::default(), 1);
    let (mut now, mut batch) = (Instant::now(), Batch::default());
    client.start(now);
    client.drive(now, &mut batch);
    let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
    client.dialled(now, Ok(opened(ours, "permessage-deflate")));
    // Nothing but the turns that the socket asks for.
    let pass = |now: &mut Instant, batch: &mut Batch, seconds: u64| {
        let end = *now + Duration::from_secs(seconds);
        let mut turns = 0;
        loop {
            let turn = client.drive(*now, batch);
            for item in batch.items.drain(..) {
                if let Item::Event(event) = item {
                    client.enter(&event);
                }
            }
            match turn.deadline.filter(|deadline| *deadline <= end) {
                Some(deadline) => *now = deadline,
                None => break,
            }
            turns += 1;
        }
        *now = end;
        turns
    };
    pass(&mut now, &mut batch, 60);
    assert_eq!(pass(&mut now, &mut batch, 3600), 0, "an idle connection needs no turns");
    let first = sends(&client, now, &mut theirs);
    pass(&mut now, &mut batch, 5);
    assert!(sends(&client, now, &mut theirs) < first / 4, "the encoder refers to what was said before");
    pass(&mut now, &mut batch, 15);
    assert_eq!(sends(&client, now, &mut theirs), first, "the encoder was given back");
    assert!(pass(&mut now, &mut batch, 15) <= 2);
}

/// A paced message was not flagged for the flush, and left with the next ping.
#[test]
fn what_a_burst_holds_back_leaves_with_the_end_of_the_turn() {
    let client = Client::new("ws://model/".parse().expect("a URL"), Arc::new(Options::default()), Providers::default(), 1);
    let (now, mut batch) = (Instant::now(), Batch::default());
    let mut theirs = open(&client, now);
    client.drive(now, &mut batch);
    for item in std::mem::take(&mut batch).items {
        if let Item::Event(event) = item {
            client.enter(&event);
        }
    }
    for _ in 0..20 {
        client.send(|| now, Data::Text("x"), SendOptions::default(), true).expect("an open socket");
    }
    assert!(client.holds_back());
    client.delivered(|| now, 0);
    assert!(!client.holds_back());
    let mut frames = vec![0; 4096];
    assert_eq!(theirs.read(&mut frames).expect("the frames"), 20 * 7);
}
