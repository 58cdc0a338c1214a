//! A whole socket under simulated time: its transport is one end of a pair whose other end the test holds, and the clock is a number.
//! Whatever the order of attempts, losses, messages, timers, sends and closes, the events keep the standard's order and no message is lost
//! without a word. A failing case is printed by proptest with its seed.

mod wire;

use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Client, Turn};
use crate::close::CloseCode;
use crate::error::{Error, ErrorCode};
use crate::event::{Batch, Event, Item, ReadyState};
use crate::message::{Data, Message, SendOptions};
use crate::options::{Options, Overflow, Providers, ReconnectOptions, SendQueueOptions};

pub(crate) use wire::{frames, opened};

/// More than a pair of unix sockets ever holds.
const KERNEL: usize = 1 << 20;

#[derive(Clone, Debug)]
enum Step {
    Pass(u16),
    Drive,
    Deliver(u8),
    Accept,
    Refuse(bool),
    PeerSends(u8),
    PeerReads,
    PeerCloses(u16),
    PeerBreaksARule,
    PeerEnds,
    PeerGoes,
    Send(u32),
    Close,
    Terminate,
    Pause(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..3000_u16).prop_map(Step::Pass),
        10 => Just(Step::Drive),
        10 => (0..20_u8).prop_map(Step::Deliver),
        6 => Just(Step::Accept),
        2 => any::<bool>().prop_map(Step::Refuse),
        8 => (1..20_u8).prop_map(Step::PeerSends),
        8 => Just(Step::PeerReads),
        1 => prop_oneof![Just(1000_u16), Just(1001), Just(1012), Just(4000), Just(4001)].prop_map(Step::PeerCloses),
        1 => Just(Step::PeerBreaksARule),
        1 => Just(Step::PeerEnds),
        1 => Just(Step::PeerGoes),
        10 => prop_oneof![8 => 1..200_u32, 1 => 60_000..300_000_u32].prop_map(Step::Send),
        1 => Just(Step::Close),
        1 => Just(Step::Terminate),
        1 => any::<bool>().prop_map(Step::Pause),
    ]
}

fn options() -> impl Strategy<Value = Options> {
    let overflow = prop_oneof![Just(Overflow::Error), Just(Overflow::DropOldest), Just(Overflow::DropNewest)];
    let queue = (1..5_usize, overflow, prop::option::of(Just(Duration::from_secs(2))));
    (any::<bool>(), prop::option::of(queue), any::<bool>()).prop_map(|(reconnect, queue, live)| Options {
        compression: None,
        read_limit: 4096,
        write_limit: 10_000,
        ping_interval: live.then_some(Duration::from_secs(5)),
        ping_timeout: live.then_some(Duration::from_secs(2)),
        reconnect: reconnect.then(|| ReconnectOptions { max_delay: Duration::from_secs(3), ..ReconnectOptions::default() }),
        send_queue: queue.filter(|_| reconnect).map(|(max_messages, overflow, ttl)| SendQueueOptions {
            max_messages,
            ttl,
            overflow,
            ..SendQueueOptions::default()
        }),
        ..Options::default()
    })
}

/// What became of a message of the user's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// Accepted; the connection that was the last to open then.
    Accepted(usize),
    Refused,
    /// Given after the end: never to be sent.
    Late,
    Arrived,
    Dropped,
}

struct Peer {
    stream: Option<UnixStream>,
    /// Read and not yet parsed.
    bytes: Vec<u8>,
    sent: u32,
    /// Nothing of ours got lost on the way so far, and its Close was answered.
    clean: bool,
    close_sent: bool,
}

struct World {
    client: Client,
    now: Instant,
    dialling: bool,
    turn: Turn,
    batches: VecDeque<Batch>,
    /// How far the first batch is delivered.
    at: usize,
    peers: Vec<Peer>,
    fates: HashMap<u32, (Fate, usize)>,
    next: u32,
    /// The number of the last message that was delivered on the present connection.
    came: u32,
    left: bool,
    /// The last event that is no message.
    last: &'static str,
    opens: usize,
    closes: usize,
    is_over: bool,
}

impl World {
    fn new(options: Options, seed: u64) -> Self {
        let client = Client::new("ws://model/".parse().expect("a URL"), Arc::new(options), Providers::default(), seed);
        let now = Instant::now();
        client.start(now);
        Self {
            client,
            now,
            dialling: false,
            turn: Turn::default(),
            batches: VecDeque::new(),
            at: 0,
            peers: Vec::new(),
            fates: HashMap::new(),
            next: 0,
            came: 0,
            left: false,
            last: "start",
            opens: 0,
            closes: 0,
            is_over: false,
        }
    }

    fn drive(&mut self) {
        let mut batch = Batch::default();
        let mut turn = self.client.drive(self.now, &mut batch);
        if turn.dial.take().is_some() {
            assert!(!self.dialling, "one attempt at a time");
            self.dialling = true;
        } else if turn.cancel_dial {
            self.dialling = false;
        }
        self.client.released(&[turn.descriptor.map(|(id, _)| id)]);
        if !batch.is_empty() {
            self.batches.push_back(batch);
        }
        let waiting: usize = self.batches.iter().map(Batch::weight).sum();
        assert!(waiting < 4096 + 4 * (64 << 10) + (64 << 10), "{waiting} bytes were read ahead");
        self.turn = turn;
    }

    fn deliver(&mut self, mut count: usize) {
        while let Some(batch) = self.batches.pop_front() {
            while self.at < batch.items.len() {
                if count == 0 {
                    self.batches.push_front(batch);
                    return;
                }
                count -= 1;
                self.at += 1;
                match &batch.items[self.at - 1] {
                    Item::Text(range) => {
                        if self.client.ready_state() == ReadyState::Open {
                            self.message(batch.text(range));
                        }
                    }
                    Item::Barrier => self.client.settle(self.now),
                    Item::Event(event) => {
                        if self.client.enter(event) {
                            self.event(event);
                        }
                    }
                    Item::Binary(_) => panic!("nobody sends these"),
                }
            }
            self.at = 0;
            self.client.delivered(batch.weight());
        }
    }

    fn message(&mut self, text: &str) {
        assert_eq!(self.last, "open", "messages come between open and the end");
        let number: u32 = text.parse().expect("a number");
        assert_eq!(number, self.came, "every message once, in order");
        self.came += 1;
    }

    fn event(&mut self, event: &Event) {
        assert!(!self.is_over, "nothing after the last close: {event:?}");
        let state = self.client.ready_state();
        match event {
            Event::Open(_) => {
                assert!(matches!(self.last, "start" | "reconnecting"), "open after {}", self.last);
                assert_eq!(state, ReadyState::Open);
                (self.opens, self.came, self.last) = (self.opens + 1, 0, "open");
            }
            Event::Message(Message::Text(text)) => self.message(text),
            Event::Error(_) => {
                assert_ne!(self.last, "error");
                // What the user gives up between two attempts ends, too.
                assert!(self.last != "close" || self.left);
                assert_eq!(state, ReadyState::Closed);
                self.last = "error";
            }
            Event::Close(close) => {
                assert!(self.last != "close" || self.left, "one close for each connection or attempt");
                assert_eq!(state, ReadyState::Closed);
                if close.was_clean && !self.left && self.peers[self.opens - 1].stream.is_some() {
                    assert_eq!(self.came, self.peers[self.opens - 1].sent, "everything before a clean close was delivered");
                }
                self.closes += 1;
                self.is_over = !close.will_reconnect;
                assert!(close.will_reconnect == close.retry_in.is_some());
                self.last = "close";
            }
            Event::Reconnecting(plan) => {
                assert_eq!(self.last, "close");
                assert_eq!(state, ReadyState::Connecting);
                assert!(plan.delay <= Duration::from_secs(3), "{:?}", plan.delay);
                self.last = "reconnecting";
            }
            Event::Dropped(dropped) => {
                for message in &dropped.messages {
                    let Message::Text(text) = message else { panic!("text was sent") };
                    self.end(text, Fate::Dropped);
                }
            }
            Event::Drain => assert!(self.client.buffered_amount() <= self.unread(), "drain when all has left"),
            _ => {}
        }
    }

    /// A message of the user's has arrived or was dropped: once, and only if it was accepted.
    fn end(&mut self, text: &str, fate: Fate) {
        let number = text.split('.').next().and_then(|number| number.parse().ok()).expect("a number");
        let before = self.fates.insert(number, (fate, text.len())).map(|(fate, _)| fate);
        assert!(matches!(before, Some(Fate::Accepted(_))), "message {number}: {before:?}, then {fate:?}");
    }

    /// Bytes of messages that were accepted and have not arrived, nor were dropped.
    fn unread(&self) -> usize {
        self.fates.values().filter(|(fate, _)| matches!(fate, Fate::Accepted(_) | Fate::Late)).map(|(_, size)| size).sum()
    }

    fn send(&mut self, size: usize) {
        let number = self.next;
        self.next += 1;
        let text = format!("{number}.{}", "x".repeat(size));
        let before = self.client.lock().discarded;
        let fate = match self.client.send(|| self.now, Data::Text(&text), SendOptions::default(), number.is_multiple_of(2)) {
            // It came too late, and counts in `buffered_amount` for ever, as the standard has it.
            Ok(_) if self.client.lock().discarded > before => Fate::Late,
            Ok(_) if self.left => panic!("sent after the end"),
            Ok(_) => Fate::Accepted(self.peers.len()),
            Err(error) => {
                let code = error.code();
                assert!(matches!(code, ErrorCode::InvalidState | ErrorCode::QueueFull | ErrorCode::WriteLimit), "{error:?}");
                Fate::Refused
            }
        };
        self.fates.insert(number, (fate, text.len()));
        assert!(self.client.buffered_amount() <= self.unread(), "{} of {} bytes", self.client.buffered_amount(), self.unread());
    }

    fn accept(&mut self) {
        if std::mem::take(&mut self.dialling) {
            let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
            theirs.set_nonblocking(true).expect("a socket");
            self.peers.push(Peer { stream: Some(theirs), bytes: Vec::new(), sent: 0, clean: false, close_sent: false });
            self.client.dialled(self.now, Ok(opened(ours)));
        }
    }

    fn refuse(&mut self, retryable: bool) {
        if std::mem::take(&mut self.dialling) {
            let code = if retryable { ErrorCode::ConnectionRefused } else { ErrorCode::InvalidUrl };
            self.client.dialled(self.now, Err(Error::new(code, "as the test wants it")));
        }
    }

    fn write(&mut self, bytes: &[u8]) -> bool {
        let Some(peer) = self.peers.last_mut().filter(|peer| !peer.close_sent) else { return false };
        // A peer whose client does not read says nothing; small writes to a unix socket are whole or not at all.
        let written =
            peer.stream.as_mut().is_some_and(|mut stream| Write::write(&mut stream, bytes).is_ok_and(|count| count == bytes.len()));
        if !written {
            peer.clean = false;
        }
        written
    }

    fn peer_sends(&mut self, count: u8) {
        for _ in 0..count {
            let number = self.peers.last().map_or(0, |peer| peer.sent).to_string();
            if self.write(&[&[0x81, number.len() as u8], number.as_bytes()].concat())
                && let Some(peer) = self.peers.last_mut()
            {
                peer.sent += 1;
            }
        }
    }

    fn peer_closes(&mut self, code: u16) {
        if self.write(&[&[0x88, 2][..], &code.to_be_bytes()].concat())
            && let Some(peer) = self.peers.last_mut()
        {
            peer.close_sent = true;
        }
    }

    /// Every peer reads what is there, answers a Close and then ends.
    fn peers_read(&mut self) {
        for index in 0..self.peers.len() {
            let peer = &mut self.peers[index];
            let Some(stream) = &mut peer.stream else { continue };
            let mut room = vec![0; 1 << 16];
            while let Ok(count @ 1..) = stream.read(&mut room) {
                peer.bytes.extend_from_slice(&room[..count]);
            }
            for (first, payload) in frames(&mut peer.bytes) {
                match first {
                    0x81 => self.end(&payload, Fate::Arrived),
                    0x88 => {
                        let peer = &mut self.peers[index];
                        if let Some(mut stream) = peer.stream.take() {
                            // The client may be gone already.
                            let _ = if peer.close_sent { Ok(0) } else { Write::write(&mut stream, &[0x88, 0]) };
                            peer.clean = true;
                        }
                        break;
                    }
                    _ => {}
                }
            }
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Pass(milliseconds) => {
                self.now += Duration::from_millis(milliseconds.into());
                self.drive();
            }
            Step::Drive => self.drive(),
            Step::Deliver(count) => self.deliver(count.into()),
            Step::Accept => self.accept(),
            Step::Refuse(retryable) => self.refuse(retryable),
            Step::PeerSends(count) => self.peer_sends(count),
            Step::PeerReads => self.peers_read(),
            Step::PeerCloses(code) => self.peer_closes(code),
            Step::PeerBreaksARule => _ = self.write(&[0x83, 0]),
            Step::PeerEnds => {
                if let Some(stream) = self.peers.last().and_then(|peer| peer.stream.as_ref()) {
                    // It may have gone already.
                    let _ = stream.shutdown(std::net::Shutdown::Write);
                    self.peers.last_mut().expect("there is one").close_sent = true;
                }
            }
            Step::PeerGoes => {
                if let Some(peer) = self.peers.last_mut() {
                    peer.stream = None;
                }
            }
            Step::Send(size) => self.send(size as usize),
            Step::Close => {
                self.left = true;
                self.client.close(self.now, Some(CloseCode::NORMAL), "").expect("an allowed code");
            }
            Step::Terminate => {
                self.left = true;
                self.client.terminate(self.now);
            }
            Step::Pause(paused) => self.client.set_paused(paused),
        }
    }

    /// The network is well again and the user closes: that ends, and then every message is accounted for.
    fn finish(&mut self) {
        self.client.set_paused(false);
        for round in 0.. {
            assert!(round < 1000, "it ends; {:?}, last {}", self.client.ready_state(), self.last);
            self.drive();
            self.deliver(usize::MAX);
            self.peers_read();
            if self.turn.finished && self.batches.is_empty() {
                break;
            }
            if round == 100 {
                self.take(&Step::Close);
            }
            if !self.turn.again && round % 4 == 3 {
                self.now += Duration::from_millis(500);
            }
            self.accept();
        }
        assert!(self.is_over && self.client.is_finished());
        assert_eq!(self.client.ready_state(), ReadyState::Closed);
        let late: usize = self.fates.values().filter(|(fate, _)| *fate == Fate::Late).map(|(_, size)| size).sum();
        assert_eq!(self.client.buffered_amount(), late, "only what came too late counts for ever");
        for (number, (fate, _)) in &self.fates {
            if let Fate::Accepted(connections) = fate {
                let since = connections.saturating_sub(1);
                assert!(
                    self.peers[since..].iter().any(|peer| !peer.clean),
                    "message {number} was neither sent nor dropped, and no connection was lost since"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_order_holds_and_nothing_is_lost_in_silence(options in options(), seed: u64, steps in prop::collection::vec(step(), 1..200)) {
        let mut world = World::new(options, seed);
        for step in &steps {
            world.take(step);
            let (buffered, unread) = (world.client.buffered_amount(), world.unread());
            assert!(buffered <= unread, "{buffered} bytes are said to wait of {unread}");
            if world.peers.last().is_none_or(|peer| peer.stream.is_some()) && world.last != "close" && world.peers.len() == 1 && !world.left {
                assert!(buffered + KERNEL >= unread, "{buffered} bytes are said to wait of {unread}");
            }
        }
        world.finish();
    }
}
