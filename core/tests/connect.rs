//! `connect` and `sync::connect`: the caller's own task or thread delivers, an end is told as the stream has it, and the background helps when the
//! caller is busy.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread, ThreadId};
use std::time::Duration;

use heartwire::testing::FaultServer;
use heartwire::{
    CloseCode, Driver, ErrorCode, Event, Message, Options, ReconnectOptions, RequestCall, RequestOptions, WebSocket, connect, sync,
};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

const BOUND: Duration = Duration::from_secs(30);

fn server(script: &Value) -> FaultServer {
    FaultServer::start(script).unwrap()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs a future to its end within the bound.
fn run<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(async { tokio::time::timeout(BOUND, future).await.unwrap() })
}

type Threads = Arc<Mutex<Vec<ThreadId>>>;

/// A hook that notes on which threads it ran.
fn noting_threads() -> (Threads, impl FnMut(&WebSocket, &Event) + Send + 'static) {
    let threads = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&threads);
    (threads, move |_: &WebSocket, _: &Event| noted.lock().unwrap().push(thread::current().id()))
}

#[test]
fn a_task_gets_messages_and_events_on_its_own_thread() {
    let server = server(&Value::Null);
    let (threads, hook) = noting_threads();
    run(async {
        let mut ws = connect(&server.url()).on_event(hook).await.unwrap();
        ws.send("hello").await.unwrap();
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("hello"));
        ws.send(b"\x01\x02").await.unwrap();
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from(b"\x01\x02"));
        ws.close(None, "").await.unwrap();
        assert!(ws.next().await.is_none());
        assert_eq!(ws.last_close().unwrap().code, CloseCode::NORMAL);
    });
    let threads = threads.lock().unwrap();
    assert!(threads.len() >= 2 && threads.iter().all(|id| *id == thread::current().id()));
    server.wait_for(&json!({"event": "close", "code": 1000}), BOUND).unwrap();
}

#[test]
fn a_thread_gets_messages_and_events_itself() {
    let server = server(&Value::Null);
    let (threads, hook) = noting_threads();
    let mut ws = sync::connect(&server.url()).on_event(hook).open().unwrap();
    ws.send("hello").unwrap();
    assert_eq!(ws.next().unwrap().unwrap(), Message::from("hello"));
    assert_eq!(ws.recv(Duration::ZERO).unwrap(), None);
    assert!(!ws.has_ended());
    ws.close(CloseCode(4001), "enough").unwrap();
    assert!(ws.next().is_none() && ws.has_ended());
    let threads = threads.lock().unwrap();
    assert!(threads.len() >= 2 && threads.iter().all(|id| *id == thread::current().id()));
    server.wait_for(&json!({"event": "close", "code": 4001, "reason": "enough"}), BOUND).unwrap();
}

/// What a stream and an iterator show of an end.
fn shows_end(script: &Value, is_error: Option<ErrorCode>) {
    let server = server(script);
    let code = |item: Option<heartwire::Result<Message>>| item.map(|item| item.unwrap_err().code());
    run(async {
        let mut ws = connect(&server.url()).await.unwrap();
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("last"));
        assert_eq!(code(ws.next().await), is_error);
        assert!(ws.next().await.is_none() && ws.next().await.is_none());
        assert!(ws.send("late").await.is_err());
        ws.close(None, "").await.unwrap();
    });
    let mut ws = sync::connect(&server.url()).open().unwrap();
    assert_eq!(ws.next().unwrap().unwrap(), Message::from("last"));
    assert_eq!(code(ws.next()), is_error);
    assert!(ws.next().is_none());
    assert!(ws.send("late").is_err());
}

#[test]
fn a_normal_end_ends_the_stream_and_another_one_is_an_error_first() {
    shows_end(&json!([{"do": "accept"}, {"do": "send", "text": "last"}, {"do": "close", "code": 1000}]), None);
    let kicked = json!([{"do": "accept"}, {"do": "send", "text": "last"}, {"do": "close", "code": 4003, "reason": "kicked"}]);
    shows_end(&kicked, Some(ErrorCode::ClosedByPeer));
    shows_end(&json!([{"do": "accept"}, {"do": "send", "text": "last"}, {"do": "end"}]), Some(ErrorCode::ConnectionLost));
}

#[test]
fn an_attempt_that_fails_is_the_error_of_connect() {
    let server = server(&json!([{"do": "refuse", "status": 401}]));
    let failed = run(async { connect(&server.url()).await.map(|_| ()) }).unwrap_err();
    assert_eq!((failed.code(), failed.status), (ErrorCode::HttpRefused, Some(401)));
    let failed = sync::connect(&server.url()).open().map(|_| ()).unwrap_err();
    assert_eq!(failed.code(), ErrorCode::HttpRefused);
    assert_eq!(sync::connect("ftp://x").open().map(|_| ()).unwrap_err().code(), ErrorCode::InvalidUrl);
}

#[test]
fn the_stream_goes_on_after_a_reconnection() {
    let lost = json!([{"do": "accept"}, {"do": "send", "text": "one"}, {"do": "reset"}]);
    let back = json!([{"do": "accept"}, {"do": "send", "text": "two"}, {"do": "close", "code": 1000}]);
    let script = json!({"connections": [lost, back], "then": "cycle"});
    let options = || Options::new().reconnect(ReconnectOptions::new().min_delay(Duration::ZERO).max_delay(Duration::ZERO).max_retries(1));
    let peer = server(&script);
    run(async {
        let mut ws = connect(&peer.url()).options(options()).await.unwrap();
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("one"));
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("two"));
        ws.close(None, "").await.unwrap();
    });
    let peer = server(&script);
    let mut ws = sync::connect(&peer.url()).options(options()).open().unwrap();
    assert_eq!(ws.next().unwrap().unwrap(), Message::from("one"));
    assert_eq!(ws.next().unwrap().unwrap(), Message::from("two"));
}

#[test]
fn a_request_waits_for_its_reply_and_keeps_other_messages() {
    let script = json!([
        {"do": "accept"}, {"do": "send", "text": "before"},
        {"do": "reply", "json": {"action": "ping"}, "with": {"id": 7, "data": "pong"}}, {"do": "wait_end"}
    ]);
    let options = || Options::new().request(RequestOptions::new());
    let asked = json!({"id": 7, "action": "ping"});
    let peer = server(&script);
    run(async {
        let mut ws = connect(&peer.url()).options(options()).await.unwrap();
        assert_eq!(ws.request(&asked, &RequestCall::new()).await.unwrap()["data"], "pong");
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("before"));
    });
    let mut ws = sync::connect(&peer.url()).options(options()).open().unwrap();
    assert_eq!(ws.request(&asked, &RequestCall::new()).unwrap()["data"], "pong");
    assert_eq!(ws.next().unwrap().unwrap(), Message::from("before"));
}

#[test]
fn a_send_waits_above_the_write_limit_and_loses_no_message() {
    let script = || {
        json!({"receive_buffer": 4096, "connections": [
            {"do": "accept"}, {"do": "send", "text": "meanwhile"}, {"do": "expect", "size": 8 << 20}, {"do": "wait_end"}
        ]})
    };
    let large = vec![0; 8 << 20];
    let peer = server(&script());
    run(async {
        let mut ws = connect(&peer.url()).await.unwrap();
        ws.send(&large).await.unwrap();
        assert!(ws.socket().buffered_amount() <= 1 << 20);
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("meanwhile"));
    });
    let peer = server(&script());
    let mut ws = sync::connect(&peer.url()).open().unwrap();
    ws.send(&large).unwrap();
    assert!(ws.socket().buffered_amount() <= 1 << 20);
    assert_eq!(ws.next().unwrap().unwrap(), Message::from("meanwhile"));
}

#[test]
fn the_background_answers_while_the_caller_is_busy() {
    let script = json!([{"do": "accept"}, {"do": "ping", "wait": true}, {"do": "mark", "name": "answered"}, {"do": "send", "text": "after"}, {"do": "wait_end"}]);
    let options = || Options::new().keeper(Duration::from_millis(50));
    let peer = server(&script);
    run(async {
        let mut ws = connect(&peer.url()).options(options()).await.unwrap();
        // Nothing polls the socket meanwhile.
        peer.wait_for(&json!({"event": "mark", "name": "answered"}), BOUND).unwrap();
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("after"));
    });
    let peer = server(&script);
    let mut ws = sync::connect(&peer.url()).options(options()).open().unwrap();
    peer.wait_for(&json!({"event": "mark", "name": "answered"}), BOUND).unwrap();
    assert_eq!(ws.next().unwrap().unwrap(), Message::from("after"));
}

#[test]
fn a_reply_comes_while_nobody_takes_events() {
    let script = json!([{"do": "accept"}, {"do": "reply", "json": {"id": 7}, "with": {"id": 7}}, {"do": "wait_end"}]);
    let peer = server(&script);
    let options = Options::new().request(RequestOptions::new()).keeper(Duration::from_millis(50)).driver(Driver::Host);
    let (ws, mut events) = WebSocket::connect(&peer.url(), options).unwrap();
    while !matches!(events.next_blocking(Some(BOUND)), Some(Event::Open(_))) {}
    let reply = ws.request(&json!({"id": 7}), &RequestCall::new()).unwrap();
    assert_eq!(reply.wait().unwrap()["id"], 7);
}

#[test]
fn a_task_may_move_to_another_runtime() {
    let peer = server(&Value::Null);
    let first = runtime();
    let mut ws = first.block_on(async { connect(&peer.url()).await.unwrap() });
    drop(first);
    run(async {
        ws.send("hello").await.unwrap();
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("hello"));
    });
    let other = thread::spawn(move || {
        run(async {
            ws.send("again").await.unwrap();
            assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("again"));
        });
    });
    other.join().unwrap();
}

/// The smallest executor: the thread sleeps until it is woken.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn run_without_tokio<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park_timeout(BOUND),
        }
    }
}

#[test]
fn it_works_in_an_executor_that_is_not_tokio() {
    let peer = server(&Value::Null);
    run_without_tokio(async {
        let mut ws = connect(&peer.url()).await.unwrap();
        ws.send("hello").await.unwrap();
        assert_eq!(ws.next().await.unwrap().unwrap(), Message::from("hello"));
        ws.close(None, "").await.unwrap();
    });
}

#[test]
fn dropping_it_says_goodbye() {
    let peer = server(&Value::Null);
    run(async { drop(connect(&peer.url()).await.unwrap()) });
    peer.wait_for(&json!({"event": "close", "code": 1001}), BOUND).unwrap();
    drop(sync::connect(&peer.url()).open().unwrap());
    peer.wait_for(&json!({"event": "close", "code": 1001, "count": 2}), BOUND).unwrap();
}

#[test]
fn a_wait_that_is_cancelled_loses_nothing() {
    let peer = server(&Value::Null);
    run(async {
        let mut ws = connect(&peer.url()).await.unwrap();
        for number in 0..50 {
            let text = number.to_string();
            ws.send(text.as_str()).await.unwrap();
            let message = loop {
                if let Ok(message) = tokio::time::timeout(Duration::from_micros(1), ws.next()).await {
                    break message;
                }
            };
            assert_eq!(message.unwrap().unwrap(), Message::Text(text));
        }
    });
}

#[test]
fn a_flood_leaves_time_for_other_tasks_of_the_thread() {
    const COUNT: usize = 200_000;
    let peer = server(&json!([{"do": "accept"}, {"do": "send", "text": "x", "count": COUNT}, {"do": "wait_end"}]));
    run(async {
        let mut ws = connect(&peer.url()).await.unwrap();
        let turns = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = Arc::clone(&turns);
        let other = tokio::spawn(async move {
            loop {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        for _ in 0..COUNT {
            ws.next().await.unwrap().unwrap();
        }
        assert!(turns.load(std::sync::atomic::Ordering::Relaxed) >= COUNT / 128 / 128);
        other.abort();
    });
}
