//! The keeper: a late host loses neither its connection nor a message, whatever it does meanwhile; host and background may race. `BLOCK=30` blocks
//! for so many seconds instead of a few, and has strict bounds of time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hosted;

use std::io::{self, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use heartwire::internals::driver::{Connection, OwnLoop, times_stood_in};
use heartwire::{Data, Event, HeartbeatOptions, Options, Payload, Providers, SendOptions};
use heartwire_proto::event::{Batch, Item};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tungstenite::{Message, WebSocket as Peer};

use hosted::{BOUND, run};

fn serve<T: Send + 'static>(peer: impl FnOnce(Peer<TcpStream>) -> T + Send + 'static) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        peer(tungstenite::accept(stream).unwrap())
    });
    (url, server)
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

/// The server pings all the time while the handler blocks: for ten rounds, or with `BLOCK` for so long, and then drops a peer that is silent for 5 s.
#[test]
fn a_blocked_handler_keeps_its_connection() {
    let long = std::env::var("BLOCK").ok().map(|seconds| Duration::from_secs(number(&seconds)));
    let (blocked, every, silent, patience, share) = match long {
        Some(seconds) => (seconds, Duration::from_secs(1), Duration::from_secs(5), Duration::from_millis(500), 0.6),
        None => (Duration::from_secs(1), Duration::from_millis(100), BOUND, Duration::from_millis(50), 0.0),
    };
    let silent_peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let idle = format!("ws://{}/", silent_peer.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    let (url, server) = serve(move |mut peer| {
        peer.send(Message::text("0")).unwrap();
        let (start, mut round, mut slowest, mut beats) = (Instant::now(), 0_u64, Duration::ZERO, Vec::new());
        while round < 10 || beats.len() < 3 || start.elapsed() < blocked {
            round += 1;
            let asked = Instant::now();
            peer.send(Message::Ping(round.to_be_bytes().to_vec().into())).unwrap();
            peer.send(Message::text(round.to_string())).unwrap();
            let mut answered = None;
            while answered.is_none() || asked.elapsed() < every {
                let left = if answered.is_none() { silent } else { every };
                peer.get_ref().set_read_timeout(Some(left.saturating_sub(asked.elapsed()).max(Duration::from_millis(1)))).unwrap();
                match peer.read() {
                    Ok(Message::Pong(payload)) if payload[..] == round.to_be_bytes() => answered = Some(asked.elapsed()),
                    Ok(Message::Text(_)) => beats.push(Instant::now()),
                    Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                        assert!(answered.is_some(), "the peer was silent for too long");
                    }
                    other => _ = other.unwrap(),
                }
            }
            slowest = slowest.max(answered.unwrap_or(BOUND));
        }
        tell.send(start.elapsed()).unwrap();
        peer.get_ref().set_read_timeout(Some(BOUND)).unwrap();
        peer.close(None).unwrap();
        while peer.read().is_ok() {}
        (round, slowest, beats)
    });
    let heartbeat = HeartbeatOptions::default().message(Payload::Text("beat".to_owned())).interval(every);
    let options = Options::new().keeper(patience).heartbeat(heartbeat);
    // One that is patient is there already, and the keeper sleeps as long as that one allows: it must wake for the new one.
    let patient = Connection::hosted(&idle, Options::new().keeper(Some(BOUND)), Providers::default(), Arc::new(|| {})).unwrap();
    patient.start();
    let (mut seen, mut stall) = (Vec::new(), None);
    run(&url, options, |connection, text| {
        seen.push(number(text));
        if seen.len() == 1 {
            let begun = Instant::now();
            let asked = told.recv_timeout(blocked + BOUND).expect("all is answered while the handler blocks");
            stall = connection.take_stall().map(|stall| (stall, asked, begun.elapsed()));
        }
    });
    let (rounds, slowest, beats) = server.join().unwrap();
    assert!(seen.iter().copied().eq(0..=rounds), "every message, in order: {seen:?}");
    let longest = beats.windows(2).map(|two| two[1] - two[0]).max().unwrap_or(BOUND);
    println!("{rounds} pings, the slowest answered after {slowest:?}; {} heartbeats, at most {longest:?} apart", beats.len());
    let (stall, asked, away) = stall.expect("the keeper stood in");
    assert!(stall <= away && stall > asked / 2, "{stall:?} of {asked:?}");
    patient.terminate();
    assert!(beats.len() as f64 > blocked.as_secs_f64() / every.as_secs_f64() * share, "{} heartbeats", beats.len());
}

/// What the keeper reads has its bound: then TCP slows the peer down.
#[test]
fn the_keeper_reads_up_to_the_limit() {
    const TOTAL: usize = 64 << 20;
    const SIZE: usize = 16 << 10;
    let written = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&written);
    let (url, server) = serve(move |mut peer| {
        let message = "x".repeat(SIZE);
        while counting.load(Ordering::Relaxed) < TOTAL {
            peer.send(Message::text(message.as_str())).unwrap();
            counting.fetch_add(SIZE, Ordering::Relaxed);
        }
        peer.close(None).unwrap();
        while peer.read().is_ok() {}
    });
    let options = Options::new().keeper(Duration::from_millis(20)).read_limit(256 << 10);
    let (mut seen, mut meanwhile) = (0, 0);
    run(&url, options, |_, text| {
        seen += text.len();
        if seen == SIZE {
            // Time is the subject: what the keeper reads while the handler is away.
            std::thread::sleep(Duration::from_secs(1));
            meanwhile = written.load(Ordering::Relaxed);
        }
    });
    server.join().unwrap();
    assert_eq!(seen, TOTAL);
    // The kernel's buffers of both sides take some megabytes by themselves.
    assert!(meanwhile < TOTAL / 2, "{meanwhile} bytes were taken while the handler slept");
}

/// Host and keeper change places as often as they can while messages go both ways and other threads send.
#[test]
fn both_may_race() {
    const SOCKETS: u64 = 8;
    const MESSAGES: u64 = 3000;
    let before = times_stood_in();
    let sockets: Vec<_> = (0..SOCKETS)
        .map(|seed| {
            std::thread::spawn(move || {
                let (url, server) = serve(move |peer| echo_at_random(peer, seed, MESSAGES));
                let mut random = SmallRng::seed_from_u64(seed);
                let options = Options::new().keeper(Duration::from_millis(1)).read_limit(4096);
                let mut next = 0;
                let (tell, told) = mpsc::channel::<Connection>();
                let sender = std::thread::spawn(move || {
                    let Ok(connection) = told.recv() else { return };
                    for i in 0..MESSAGES {
                        connection.send(Data::Text(&i.to_string()), SendOptions::default()).unwrap();
                        if i % 64 == 0 {
                            // Time is the subject: how far apart they are sent.
                            std::thread::sleep(Duration::from_micros(500));
                        }
                    }
                });
                let connection = run(&url, options, |connection, text| {
                    assert_eq!(number(text), next, "seed {seed}: every message once, in order");
                    if next == 0 {
                        tell.send(connection.clone()).unwrap();
                    }
                    next += 1;
                    if random.random_bool(0.02) {
                        // Time is the subject: a handler that takes longer than the keeper waits, now and then.
                        std::thread::sleep(Duration::from_micros(random.random_range(0..6000)));
                    }
                });
                sender.join().unwrap();
                assert_eq!(next, MESSAGES, "seed {seed}");
                assert_eq!(server.join().unwrap(), MESSAGES, "seed {seed}: every message of ours, in order");
                assert!(connection.is_finished());
            })
        })
        .collect();
    for socket in sockets {
        socket.join().unwrap();
    }
    let times = times_stood_in() - before;
    println!("the keeper stood in {times} times");
    assert!(times > 20, "the race took place: {times}");
}

/// Sends numbers in bursts and reads numbers, until all have passed both ways. Returns how many arrived in order.
fn echo_at_random(mut peer: Peer<TcpStream>, seed: u64, messages: u64) -> u64 {
    let mut random = SmallRng::seed_from_u64(!seed);
    let (mut sent, mut came) = (0, 0);
    peer.get_ref().set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let until = Instant::now() + BOUND;
    while sent < messages || came < messages {
        assert!(Instant::now() < until, "{sent} sent, {came} came");
        for _ in 0..random.random_range(0..100).min(messages - sent) {
            peer.send(Message::text(sent.to_string())).unwrap();
            sent += 1;
        }
        loop {
            match peer.read() {
                Ok(Message::Text(text)) => {
                    assert_eq!(number(&text), came);
                    came += 1;
                }
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    peer.get_ref().set_read_timeout(Some(BOUND)).unwrap();
    peer.close(None).unwrap();
    while peer.read().is_ok() {}
    came
}

/// A host that waits is not late, however long no event comes; nor is one whose peer does not read.
#[test]
fn a_host_in_time_is_left_alone() {
    let quiet = Arc::new(AtomicBool::new(false));
    let (url, server) = serve({
        let quiet = Arc::clone(&quiet);
        move |mut peer| {
            peer.send(Message::text("0")).unwrap();
            // Reads nothing, so that the client's bytes have to wait there. Time is the subject.
            std::thread::sleep(Duration::from_millis(500));
            quiet.store(true, Ordering::Release);
            let mut size = 0;
            while size < 16 << 20 {
                size += peer.read().unwrap().len();
            }
            peer.close(None).unwrap();
            while peer.read().is_ok() {}
        }
    });
    let options = Options::new().keeper(Duration::from_millis(50));
    let mut connection = None;
    run(&url, options, |socket, _| {
        socket.send(Data::Text(&"x".repeat(16 << 20)), SendOptions::default()).unwrap();
        connection = Some(socket.clone());
    });
    server.join().unwrap();
    assert!(quiet.load(Ordering::Acquire));
    assert_eq!(connection.unwrap().take_stall(), None);
}

/// Held messages of a burst do not wait for a handler that blocks afterwards.
#[test]
fn what_is_held_back_leaves_while_the_handler_blocks() {
    let (tell, told) = mpsc::channel();
    let (url, server) = serve(move |mut peer| {
        peer.send(Message::text("0")).unwrap();
        for number in 0..100 {
            assert_eq!(peer.read().unwrap(), Message::text(number.to_string()));
        }
        tell.send(()).unwrap();
        peer.close(None).unwrap();
        while peer.read().is_ok() {}
    });
    // No ping may flush for it.
    let options = Options::new().keeper(Duration::from_millis(50)).ping_interval(None);
    run(&url, options, |connection, _| {
        for number in 0..100 {
            connection.send_paced(Data::Text(&number.to_string()), SendOptions::default()).unwrap();
        }
        told.recv_timeout(BOUND).expect("the server has all of it while the handler blocks");
    });
    server.join().unwrap();
}

/// The background also does what another thread asks for while the host is late: here, it drops a peer that never answers a Close.
#[test]
fn another_thread_may_close_while_the_handler_blocks() {
    let (tell, hear) = mpsc::channel();
    let (url, server) = serve(move |mut peer| {
        peer.send(Message::text("0")).unwrap();
        assert_eq!(peer.read().unwrap(), Message::text("the handler has begun"));
        peer.send(Message::Ping("?".into())).unwrap();
        assert_eq!(peer.read().unwrap(), Message::Pong("?".into()));
        tell.send("the background stands in").unwrap();
        // Takes the Close without a word, and is dropped.
        io::copy(peer.get_mut(), &mut io::sink()).unwrap();
        tell.send("the connection has ended").unwrap();
    });
    let options = Options::new().keeper(Duration::from_millis(50)).close_timeout(Duration::from_millis(300)).ping_interval(None);
    run(&url, options, |connection, _| {
        connection.send(Data::Text("the handler has begun"), SendOptions::default()).unwrap();
        assert_eq!(hear.recv_timeout(BOUND), Ok("the background stands in"));
        let own = connection.clone();
        std::thread::spawn(move || own.close(None, "")).join().unwrap().unwrap();
        assert_eq!(hear.recv_timeout(BOUND), Ok("the connection has ended"));
    });
    server.join().unwrap();
}

/// The opening handshake is the host's own work, too: while the host is busy, the keeper continues it and the connection after it.
#[test]
fn a_host_that_is_busy_while_it_connects_gets_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    let (answered, idle) = mpsc::channel();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(BOUND)).unwrap();
        // The host is busy now.
        told.recv().unwrap();
        let mut peer = tungstenite::accept(stream).unwrap();
        peer.send(Message::text("last")).unwrap();
        peer.send(Message::Ping(vec![1].into())).unwrap();
        assert_eq!(peer.read().unwrap(), Message::Pong(vec![1].into()));
        answered.send(()).unwrap();
        peer.close(None).unwrap();
        while peer.read().is_ok() {}
    });
    let mut own = OwnLoop::new().unwrap();
    let waking = own.handle();
    let options = Options::new().keeper(Duration::from_millis(20));
    let connection = Connection::hosted(&url, options, Providers::default(), Arc::new(move || waking.wake(0))).unwrap();
    connection.start();
    own.handle().add(0, connection.clone());
    let (mut due, mut batch, mut seen) = (Vec::new(), Batch::default(), Vec::new());
    own.wait(Some(BOUND), &mut due).unwrap();
    own.drive(0, &mut batch).unwrap();
    tell.send(()).unwrap();
    // As long as the peer takes to open, to send, to ping, and to have its answer.
    idle.recv_timeout(BOUND).expect("the keeper did not stand in");
    assert!(connection.take_stall().is_some());
    let until = Instant::now() + BOUND;
    while !connection.is_finished() {
        assert!(Instant::now() < until, "{seen:?}");
        own.wait(Some(BOUND), &mut due).unwrap();
        for &token in &due {
            own.drive(token, &mut batch).unwrap();
            for item in &batch.items {
                match item {
                    Item::Text(range) | Item::Ascii(range) if connection.may_deliver() => seen.push(batch.text(range).to_owned()),
                    Item::Event(event) if connection.enter(event) => match &**event {
                        Event::Open(_) => seen.push("open".to_owned()),
                        Event::Close(close) => seen.push(close.code.to_string()),
                        _ => {}
                    },
                    Item::Barrier => connection.settle(),
                    _ => {}
                }
            }
            connection.delivered(&batch);
        }
    }
    server.join().unwrap();
    assert_eq!(seen, ["open", "last", "1005"]);
}

/// No bytes arrive, so only a deadline shows that the host is late. It is seen at once, or a moment later with the usual patience.
#[test]
fn a_heartbeat_is_sent_for_a_host_that_is_late() {
    for patience in [Duration::from_millis(50), Duration::from_millis(300)] {
        let (tell, told) = mpsc::channel();
        let (url, server) = serve(move |mut peer| {
            peer.send(Message::text("0")).unwrap();
            for _ in 0..6 {
                assert_eq!(peer.read().unwrap(), Message::text("beat"));
            }
            tell.send(()).unwrap();
            peer.close(None).unwrap();
            while peer.read().is_ok() {}
        });
        let every = Duration::from_millis(100);
        let heartbeat = HeartbeatOptions::default().message(Payload::Text("beat".to_owned())).interval(every);
        let options = Options::new().keeper(patience).heartbeat(heartbeat);
        run(&url, options, |_, _| {
            told.recv_timeout(BOUND)
                .unwrap_or_else(|_| panic!("heartbeats are sent while the handler blocks, where the keeper waits for {patience:?}"));
        });
        server.join().unwrap();
    }
}

/// The last event has passed, so the host takes no more turns. The peer has not hung up, and the keeper would come in an hour, or never.
#[test]
fn a_connection_whose_host_is_done_is_closed_in_time() {
    for keeper in [None, Some(Duration::from_secs(3600))] {
        let (url, server) = serve(|mut peer| {
            peer.send(Message::text("0")).unwrap();
            let stream = peer.get_mut();
            stream.write_all(b"\x83\x00").unwrap(); // no opcode of RFC 6455 section 5.2
            let give_up = Instant::now() + BOUND;
            while stream.write_all(&[0]).is_ok() {
                assert!(Instant::now() < give_up, "the client neither closes its descriptor nor reads");
                std::thread::sleep(Duration::from_millis(10)); // only the next write reports its end
            }
        });
        run(&url, Options::new().keeper(keeper), |_, _| {});
        server.join().unwrap();
    }
}
