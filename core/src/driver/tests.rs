//! The hand-over between host, background and keeper under a model checker: random schedules of all that may run at the same time, with a
//! real socket underneath. Locks of the client count as one step each, because no code here waits under them.
//!
//! `make mutants` shows that it finds faults: it breaks one line of the hand-over at a time, and a test must fail.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::thread;

use super::background::take_turn;
use super::keeper;
use super::{Connection, Data, Plan, SendOptions, Shared};
use crate::client::Turn;
use crate::event::{Batch, Event, Item};
use crate::message::Message;
use crate::options::{HeartbeatOptions, Options, Providers};
use crate::wire::{frames, opened};

const MESSAGES: u8 = 12;
const SCHEDULES: usize = 20_000;

/// Whether a turn would find the descriptor ready, as a loop of the system would tell.
fn is_ready(descriptor: Option<i32>, to_read: bool, to_write: bool) -> bool {
    let events = if to_read { libc::POLLIN } else { 0 } | if to_write { libc::POLLOUT } else { 0 };
    let mut polled = libc::pollfd { fd: descriptor.filter(|_| events != 0).unwrap_or(-1), events, revents: 0 };
    // SAFETY: one pollfd that lives as long as the call.
    unsafe { libc::poll(&raw mut polled, 1, 0) > 0 }
}

thread_local! {
    /// What the next attempt opens.
    static DIALLED: RefCell<Option<UnixStream>> = const { RefCell::new(None) };
}

pub(super) fn begin(shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    thread::spawn(move || background(&shared));
}

/// The background's task, as far as the client's turns go: each line of its loop, with a check instead of a wait.
fn background(shared: &Arc<Shared>) {
    let mut turn = take_turn(shared);
    while !turn.finished {
        if turn.dial.take().is_some()
            && let Some(stream) = DIALLED.take()
        {
            shared.client.dialled(Instant::now(), Ok(opened(stream, "")));
            turn = take_turn(shared);
            if shared.hosted.as_ref().is_some_and(|hosted| !hosted.is_kept()) {
                shared.poke();
            }
            continue;
        }
        let Turn { descriptor, want_read, want_write, again, .. } = turn;
        if let Some(hosted) = &shared.hosted {
            hosted.turn().background = descriptor.map(|(id, _)| id);
            shared.release();
            if descriptor.is_none() && hosted.lets_go() {
                return;
            }
        }
        let poked = pin!(shared.poke.notified()).poll(&mut Context::from_waker(Waker::noop())) != Poll::Pending;
        if poked || again || is_ready(descriptor.map(|(_, descriptor)| descriptor), want_read, want_write) {
            turn = take_turn(shared);
        }
        thread::yield_now();
    }
    if let Some(hosted) = &shared.hosted {
        hosted.turn().tasked = false;
    }
}

/// The host's loop: waits for its wake and its descriptor, takes turns, delivers, and answers each message. Returns the received messages.
fn host(connection: &Connection, woken: &AtomicBool) -> Vec<u8> {
    let mut came = Vec::new();
    let mut batch = Batch::default();
    let mut plan = connection.drive(&mut batch);
    let mut watched = None;
    loop {
        for item in &batch.items {
            match item {
                Item::Text(range) | Item::Ascii(range) if connection.may_deliver() => came.push(answer(connection, batch.text(range))),
                Item::Barrier => connection.settle(),
                Item::Event(event) => match &**event {
                    event if !connection.enter(event) => {}
                    Event::Message(Message::Text(text)) => came.push(answer(connection, text)),
                    _ => {}
                },
                _ => {}
            }
        }
        connection.delivered(&batch);
        if connection.is_finished() {
            return came;
        }
        if watched != plan.descriptor {
            watched = plan.descriptor;
            connection.watching(watched.map(|(id, _)| id));
        }
        let is_due = |plan: &Plan| {
            plan.again
                || woken.swap(false, Ordering::AcqRel)
                || is_ready(watched.map(|(_, descriptor)| descriptor), plan.want_read, plan.want_write)
        };
        while !is_due(&plan) {
            thread::yield_now();
        }
        plan = connection.drive(&mut batch);
    }
}

fn answer(connection: &Connection, text: &str) -> u8 {
    let number: u8 = text.parse().expect("a number");
    connection.send(Data::Text(text), SendOptions::default()).expect("an open connection");
    number
}

/// Sends numbers, reads as many and those of the user, is silent until the background has `let_go`, closes, and ends when the Close is answered.
/// Returns the received numbers.
fn peer(mut stream: UnixStream, let_go: &AtomicBool) -> Vec<u8> {
    stream.set_nonblocking(true).expect("a socket");
    let (mut sent, mut closed, mut bytes, mut came) = (0, false, Vec::new(), Vec::new());
    while came.last().is_none_or(|(opcode, _)| *opcode != 0x88) {
        if sent < MESSAGES {
            let text = sent.to_string();
            stream.write_all(&[&[0x81, text.len() as u8], text.as_bytes()].concat()).expect("room");
            sent += 1;
        }
        thread::yield_now();
        let mut room = [0; 4096];
        match stream.read(&mut room) {
            Ok(0) => panic!("the end came before the Close"),
            Ok(count) => bytes.extend_from_slice(&room[..count]),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
        came.append(&mut frames(&mut bytes));
        if came.len() == usize::from(MESSAGES) * 2 && !closed && let_go.load(Ordering::Acquire) {
            stream.write_all(&[0x88, 2, 0x03, 0xe8]).expect("room");
            closed = true;
        }
    }
    let texts = came.into_iter().filter(|(opcode, _)| *opcode == 0x81);
    texts.map(|(_, text)| String::from_utf8(text).expect("UTF-8").parse().expect("a number")).collect()
}

fn play() {
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let woken = Arc::new(AtomicBool::new(false));
    let waking = Arc::clone(&woken);
    // With and without pauses of reading, which cause wakes of their own.
    let read_limit = if thread_rng().r#gen() { 200 } else { 1 << 20 };
    let options = Options::new().read_limit(read_limit).compression(None);
    let wake = Arc::new(move || waking.store(true, Ordering::Release));
    let connection = Connection::hosted("ws://model/", options, Providers::default(), wake).expect("plain options");
    connection.0.client.start(Instant::now());
    DIALLED.set(Some(ours));
    let mut threads = Vec::new();
    let let_go = Arc::new(AtomicBool::new(false));
    let (own, coming_back, letting_go) = (connection.clone(), Arc::clone(&woken), Arc::clone(&let_go));
    threads.push(thread::spawn(move || {
        let hosted = own.0.hosted.as_ref().expect("a hosted socket");
        // Far more often than it would, and whether the host is late or not.
        for _ in 0..thread_rng().gen_range(1..40) {
            if hosted.keep(hosted.drives(), Instant::now(), &keeper::STOOD_IN) {
                own.0.summon();
            }
            thread::yield_now();
        }
        // A host that is back has its socket to itself, though no further event may wake the background.
        while hosted.is_kept() || hosted.turn().background.is_some() {
            // Only events that the background read make the host come back.
            if own.0.queue.is_empty() {
                coming_back.store(true, Ordering::Release);
            }
            thread::yield_now();
        }
        letting_go.store(true, Ordering::Release);
    }));
    let own = connection.clone();
    threads.push(thread::spawn(move || {
        // Another thread of the user: its messages are 100 and above.
        let mut next = 100;
        while next < 100 + MESSAGES {
            if own.may_deliver() {
                own.send(Data::Text(&next.to_string()), SendOptions::default()).expect("an open connection");
                next += 1;
            }
            thread::yield_now();
        }
    }));
    let server = thread::spawn(move || peer(theirs, &let_go));
    let came = host(&connection, &woken);
    assert!(came.iter().copied().eq(0..MESSAGES), "the host saw {came:?}");
    let (sent, answered): (Vec<u8>, Vec<u8>) = server.join().expect("the peer").into_iter().partition(|number| *number >= 100);
    assert!(answered.iter().copied().eq(0..MESSAGES), "the peer got {answered:?}");
    assert!(sent.iter().copied().eq(100..100 + MESSAGES), "the peer got {sent:?}");
    for thread in threads {
        thread.join().expect("no panic");
    }
}

#[test]
fn the_hand_over_loses_nothing_in_any_order() {
    let mut config = shuttle::Config::new();
    // A wake-up that is lost shows as steps without end.
    config.max_steps = shuttle::MaxSteps::FailAfter(200_000);
    config.stack_size = 1 << 19;
    shuttle::Runner::new(shuttle::scheduler::RandomScheduler::new(SCHEDULES), config).run(play);
}

/// A host that is back takes the events that the background read, and may then be busy again for long: the keeper has to know when to stand in again.
#[test]
fn a_host_that_takes_the_queue_leaves_its_deadline_to_the_keeper() {
    shuttle::check_random(
        || {
            let (ours, mut theirs) = UnixStream::pair().expect("a pair of sockets");
            let interval = Duration::from_secs(60);
            let heartbeat = Some(HeartbeatOptions::default().interval(interval));
            let options = Options::new().heartbeat(heartbeat).ping_interval(None);
            let connection = Connection::hosted("ws://model/", options, Providers::default(), Arc::new(|| {})).expect("plain options");
            let (shared, mut batch) = (&connection.0, Batch::default());
            shared.client.start(Instant::now());
            drop(shared.client.take_dial());
            shared.client.dialled(Instant::now(), Ok(opened(ours, "")));
            let plan = connection.drive(&mut batch);
            connection.watching(plan.descriptor.map(|(id, _)| id));
            let hosted = shared.hosted.as_ref().expect("a hosted socket");
            assert!(hosted.keep(hosted.drives(), Instant::now(), &keeper::STOOD_IN));
            theirs.write_all(b"\x81\x01a").expect("room");
            let opens = |item: &Item| matches!(item, Item::Event(event) if connection.enter(event));
            assert!(batch.items.iter().all(opens) && connection.may_deliver());
            // More than the kernel takes.
            connection.send(Data::Binary(&vec![0; 8 << 20]), SendOptions::default()).expect("an open connection");
            take_turn(shared);
            let plan = connection.drive(&mut batch);
            assert!(plan.again && plan.want_write && hosted.waits_to_write());
            assert!(plan.deadline.is_some() && hosted.is_awaited(Instant::now() + 2 * interval) && !hosted.is_awaited(Instant::now()));
        },
        1,
    );
}
