//! The world around one client: its driver, its host and its servers. In every story the events keep the standard's order, `close` comes once for
//! each connection or attempt, `buffered_amount` is right, and every message arrives once, is dropped with an event, or was lost with a connection
//! whose end was reported.

use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heartwire::internals::client::{Client, Turn};
use heartwire::{
    Ask, CloseCode, Data, Error, ErrorCode, Event, Heartbeat, Message, Options, Overflow, Providers, Question, ReadyState, SendOptions,
};
use heartwire_proto::event::{Batch, Item};
use serde_json::json;

use super::super::wire::opened;
use super::accounts::{Accounts, Fate, number};
use super::peer::{Got, Peer};
use super::story::{Step, extensions};

/// The most that one turn reads: four times 64 KiB, and the bytes read before the limit is noticed.
const READ_AHEAD: usize = 4096 + 5 * (64 << 10);

#[expect(clippy::struct_excessive_bools, reason = "a set of independent observations")]
pub struct World {
    client: Client,
    compression: bool,
    /// The send queue drops nothing before the end.
    keeps_all: bool,
    now: Instant,
    dialling: bool,
    turn: Turn,
    batches: VecDeque<Batch>,
    /// How far the first batch is delivered.
    at: usize,
    peers: Vec<Peer>,
    accounts: Accounts,
    /// The number of the last message that was delivered on the present connection.
    came: u32,
    /// Questions that no function has answered yet.
    asks: Vec<Ask>,
    /// Heartbeats that were sent, which count in `buffered_amount` as messages do.
    beats: usize,
    /// The handler of messages sends one for each.
    echo: bool,
    left: bool,
    paused: bool,
    /// The connection is gone, with its unsent bytes, though the user may not know it yet.
    is_gone: bool,
    /// The last event of the standard that is no message, or `reconnecting`.
    last: &'static str,
    opens: usize,
    is_over: bool,
}

impl World {
    pub fn new(options: Options, providers: Providers, seed: u64, echo: bool) -> Self {
        let compression = options.compression.is_some();
        let keeps_all = options.send_queue.as_ref().is_some_and(|queue| queue.ttl.is_none() && queue.overflow == Overflow::Error);
        let client = Client::new("ws://model/".parse().expect("a URL"), Arc::new(options), providers, seed);
        let now = Instant::now();
        client.start(now);
        Self {
            client,
            compression,
            keeps_all,
            now,
            dialling: false,
            turn: Turn::default(),
            batches: VecDeque::new(),
            at: 0,
            peers: Vec::new(),
            accounts: Accounts::default(),
            came: 0,
            asks: Vec::new(),
            beats: 0,
            echo,
            left: false,
            paused: false,
            is_gone: false,
            last: "start",
            opens: 0,
            is_over: false,
        }
    }

    pub fn take(&mut self, step: Step) {
        match step {
            Step::Pass(milliseconds) => {
                self.now += Duration::from_millis(milliseconds.into());
                self.drive();
            }
            Step::Drive => self.drive(),
            Step::Deliver(count) => self.deliver(count),
            Step::Accept(answer) => self.accept(answer),
            Step::Refuse(retryable) => self.refuse(retryable),
            Step::PeerSends { count, fill, compress } => {
                for _ in 0..count {
                    self.with_peer(|peer| peer.send(fill, compress));
                }
            }
            Step::PeerReads => self.peers_read(),
            Step::PeerPings => self.with_peer(|peer| peer.ping(vec![peer.pings.len() as u8; 5])),
            Step::PeerSaysOk => self.with_peer(|peer| _ = peer.write(b"\x81\x02ok")),
            Step::PeerCloses(code) => self.with_peer(|peer| peer.close(code)),
            Step::PeerBreaksARule => self.with_peer(|peer| _ = peer.write(&[0x83, 0])),
            Step::PeerEnds => self.with_peer(Peer::end),
            Step::PeerGoes => self.with_peer(Peer::go),
            Step::Send { size, paced, compress } => self.send(size, paced, compress),
            Step::Ping => {
                // It fails unless the socket is open.
                let sent = self.client.ping(self.now, b"user");
                assert_eq!(sent.is_ok(), self.client.ready_state() == ReadyState::Open, "{sent:?}");
            }
            Step::Flush => _ = self.client.flush(self.now),
            Step::Answer { which, good } => {
                if !self.asks.is_empty() {
                    let ask = self.asks.remove(which % self.asks.len());
                    self.answer(&ask, good);
                }
            }
            Step::ClockJump => {
                self.client.clock_jumped(self.now);
                self.drive();
            }
            Step::Close => {
                self.left = true;
                self.client.close(self.now, Some(CloseCode::NORMAL), "").expect("an allowed code");
            }
            Step::GoAway => {
                self.left = true;
                self.client.go_away(self.now, CloseCode::GOING_AWAY);
            }
            Step::Terminate => {
                self.left = true;
                self.may_lose(self.has_waiting());
                self.client.terminate(self.now);
            }
            Step::Pause(paused) => self.pause(paused),
        }
    }

    /// All that is seen from outside, but the wall clock.
    pub fn trace(&self) -> String {
        let (state, buffered, waiting) = (self.client.ready_state(), self.client.buffered_amount(), self.peers.iter().map(Peer::unread));
        let deadline = self.turn.deadline.map(|deadline| deadline.saturating_duration_since(self.now));
        format!("{state:?} {} {} {buffered} {} {:?} {deadline:?}", self.last, self.came, self.beats, waiting.collect::<Vec<_>>())
    }

    /// `buffered_amount` is the count of unsent bytes: no more than was sent.
    pub fn look(&self) {
        let (buffered, unread) = (self.client.buffered_amount(), self.unread());
        assert!(buffered <= unread, "{buffered} bytes are said to wait of {unread}");
    }

    /// And no less than the bytes that the peer cannot have got. Call it when the user knows all that the client knows.
    fn look_for_the_least(&self) {
        let (buffered, unread) = (self.client.buffered_amount(), self.unread());
        if self.keeps_all && self.peers.is_empty() {
            assert_eq!(buffered, unread, "where nothing can have left, all waits");
        }
        let only_one = self.peers.len() <= 1 && self.peers.iter().all(|peer| peer.stream.is_some());
        if only_one && !self.is_gone && !self.compression {
            let (waiting, under_way) = (unread - self.beats * 4, self.peers.first().map_or(0, Peer::unread));
            assert!(buffered + under_way >= waiting, "{buffered} bytes are said to wait and {under_way} to be under way, of {waiting}");
        }
    }

    fn with_peer(&mut self, act: impl FnOnce(&mut Peer)) {
        let waiting = self.has_waiting();
        if let Some(peer) = self.peers.last_mut() {
            let was_there = peer.stream.is_some();
            act(peer);
            peer.lossy |= waiting && was_there && peer.stream.is_none();
        }
    }

    /// Whether the client has something to send, a heartbeat perhaps.
    fn has_waiting(&self) -> bool {
        self.client.buffered_amount() > self.accounts.late()
    }

    /// The connection has ended: waiting messages may be lost with it.
    fn may_lose(&mut self, waited: bool) {
        if let Some(peer) = self.peers.last_mut() {
            peer.lossy |= waited;
        }
    }

    fn pause(&mut self, paused: bool) {
        self.client.set_paused(paused);
        self.paused = paused;
    }

    fn drive(&mut self) {
        let mut batch = Batch::default();
        let waited = self.has_waiting();
        let mut turn = self.client.drive(self.now, &mut batch);
        if turn.dial.take().is_some() {
            assert!(!self.dialling, "one attempt at a time");
            self.dialling = true;
        } else if turn.cancel_dial {
            self.dialling = false;
        }
        self.client.released(&[turn.descriptor.map(|(id, _)| id)]);
        let is_beat = |item: &&Item| matches!(item, Item::Event(event) if matches!(**event, Event::Heartbeat(Heartbeat::Sent)));
        self.beats += batch.items.iter().filter(is_beat).count();
        if batch.items.iter().any(|item| matches!(item, Item::Event(event) if matches!(**event, Event::Close(_)))) {
            self.is_gone = true;
            self.may_lose(waited);
        }
        if !batch.is_empty() {
            self.batches.push_back(batch);
        }
        let waiting: usize = self.batches.iter().map(Batch::weight).sum();
        // The size of a compressed message is known once it is inflated. Another test checks its bound (core/tests/hostile).
        assert!(self.compression || waiting < READ_AHEAD, "{waiting} bytes were read ahead");
        if self.batches.is_empty() && !turn.finished {
            let is_held = self.paused && self.client.ready_state() == ReadyState::Open;
            assert!(turn.want_read || turn.descriptor.is_none() || is_held, "where nothing waits for the host, reading goes on");
            self.look_for_the_least();
        }
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
                    Item::Text(range) | Item::Ascii(range) => {
                        if self.client.ready_state() == ReadyState::Open {
                            self.message(batch.text(range));
                        }
                    }
                    Item::Barrier
                        if self.at >= 2 && matches!(&batch.items[self.at - 2], Item::Event(event) if matches!(**event, Event::Open(_))) =>
                    {
                        self.client.settle(self.now);
                    }
                    Item::Barrier => {
                        self.may_lose(self.has_waiting());
                        self.client.settle(self.now);
                        self.is_gone = true;
                    }
                    Item::Event(event) => {
                        if self.client.enter(event) {
                            self.event(event);
                        }
                    }
                    Item::Binary(_) => panic!("nobody sends these"),
                }
            }
            self.at = 0;
            let now = self.now;
            self.client.delivered(|| now, batch.weight());
        }
    }

    fn message(&mut self, text: &str) {
        assert_eq!(self.last, "open", "messages come between open and the end");
        if text == "ok" {
            return;
        }
        assert_eq!(number(text), self.came, "every message once, in order");
        self.came += 1;
        if self.echo {
            self.send(text.len(), true, None);
        }
    }

    fn event(&mut self, event: &Event) {
        assert!(!self.is_over, "nothing after the last close: {event:?}");
        let state = self.client.ready_state();
        match event {
            Event::Open(open) => {
                assert!(matches!(self.last, "start" | "reconnecting"), "open after {}", self.last);
                assert_eq!(state, ReadyState::Open);
                assert_eq!((open.extensions.clone(), open.protocol.clone()), (self.client.extensions(), self.client.protocol()));
                (self.opens, self.came, self.last) = (self.opens + 1, 0, "open");
                self.is_gone = false;
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
                (self.is_gone, self.is_over) = (true, !close.will_reconnect);
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
                    self.accounts.end(text, Fate::Dropped);
                }
            }
            Event::Ask(ask) => self.asks.push(ask.clone()),
            Event::Ping(payload) => assert_eq!((self.last, payload.len()), ("open", 5)),
            Event::Pong { latency, .. } => {
                assert!(self.last == "open" && latency.is_none_or(|latency| latency < Duration::from_secs(3600)));
            }
            Event::Heartbeat(_) => assert_eq!(self.last, "open", "{event:?}"),
            Event::Drain => assert!(self.client.buffered_amount() <= self.unread(), "drain when all has left"),
            other => panic!("not an event that the world knows: {other:?}"),
        }
    }

    /// Bytes that were accepted and have not arrived, nor were dropped, heartbeats included.
    fn unread(&self) -> usize {
        self.accounts.waiting() + self.beats * 4
    }

    fn send(&mut self, size: usize, paced: bool, compress: Option<bool>) {
        let text = self.accounts.text(size);
        let options = SendOptions::new().compress(compress);
        let fate = match self.client.send(|| self.now, Data::Text(&text), options, paced) {
            // It came too late, and counts in `buffered_amount` for ever, as the standard requires.
            Ok(sent) if sent.discarded => Fate::Late,
            Ok(_) if self.left => panic!("sent after the end"),
            Ok(_) => {
                // The client cannot know yet that the peer is gone.
                self.may_lose(self.peers.last().is_some_and(|peer| peer.stream.is_none()));
                Fate::Accepted(self.peers.len())
            }
            Err(error) => {
                let code = error.code();
                assert!(matches!(code, ErrorCode::InvalidState | ErrorCode::QueueFull | ErrorCode::WriteLimit), "{error:?}");
                Fate::Refused
            }
        };
        self.accounts.begin(&text, fate);
        assert!(self.client.buffered_amount() <= self.unread(), "{} of {} bytes", self.client.buffered_amount(), self.unread());
    }

    fn accept(&mut self, answer: u32) {
        if std::mem::take(&mut self.dialling) {
            let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
            let extensions = if self.compression { extensions(answer) } else { "" };
            self.peers.push(Peer::new(theirs, extensions));
            self.client.dialled(self.now, Ok(opened(ours, extensions)));
        }
    }

    fn refuse(&mut self, retryable: bool) {
        if std::mem::take(&mut self.dialling) {
            let code = if retryable { ErrorCode::ConnectionRefused } else { ErrorCode::InvalidUrl };
            self.client.dialled(self.now, Err(Error::new(code, "as the story wants it")));
        }
    }

    fn answer(&mut self, ask: &Ask, good: bool) {
        let value = match ask.question {
            _ if !good => Err("raised".to_owned()),
            Question::Url => Ok(json!("ws://model/again")),
            Question::Headers => Ok(json!({"x-number": self.opens.to_string()})),
            Question::Protocols => Ok(json!([])),
            Question::HeartbeatMessage { .. } => Ok(json!("beat")),
            Question::Ready => Ok(json!(null)),
            Question::ShouldReconnect(_) => Ok(json!(true)),
        };
        self.client.answer(self.now, ask.id, value);
        self.drive();
    }

    /// Every peer reads the available bytes, and answers pings and a Close.
    fn peers_read(&mut self) {
        for index in 0..self.peers.len() {
            for got in self.peers[index].read() {
                match got {
                    Got::Text(text) if text == "beat" => {}
                    Got::Text(text) => self.accounts.end(&text, Fate::Arrived),
                    Got::Ping(payload) => self.peers[index].pong(&payload),
                    Got::Pong(payload) => {
                        // Each answers a ping, in their order; a later one may answer for earlier ones (RFC 6455 section 5.5.3).
                        let pings = &mut self.peers[index].pings;
                        let answered = pings.iter().position(|ping| *ping == payload).expect("a pong for a ping");
                        pings.drain(..=answered);
                    }
                    Got::Close => {}
                }
            }
        }
    }

    /// The network is well again and the user closes: that ends, and then every message is accounted for.
    pub fn finish(&mut self) {
        self.pause(false);
        for round in 0.. {
            assert!(round < 1000, "it ends; {:?}, last {}", self.client.ready_state(), self.last);
            self.drive();
            self.deliver(usize::MAX);
            self.peers_read();
            if self.turn.finished && self.batches.is_empty() {
                break;
            }
            if round == 100 {
                self.take(Step::Close);
            }
            if !self.turn.again && round % 4 == 3 {
                self.now += Duration::from_millis(500);
            }
            self.accept(0);
            for ask in std::mem::take(&mut self.asks) {
                self.answer(&ask, true);
            }
        }
        assert!(self.is_over && self.client.is_finished());
        assert_eq!(self.client.ready_state(), ReadyState::Closed);
        let late = self.accounts.late();
        // Plus the unsent bytes of the last connection.
        let (buffered, most) = (self.client.buffered_amount(), self.unread());
        assert!((late..=most).contains(&buffered), "what cannot leave any more counts for ever: {buffered} of {late} to {most}");
        for (number, connections) in self.accounts.missing() {
            assert!(
                self.peers[connections.saturating_sub(1)..].iter().any(|peer| !peer.clean && peer.lossy),
                "message {number} was neither sent nor dropped, and nothing was lost with a connection since"
            );
        }
    }
}
