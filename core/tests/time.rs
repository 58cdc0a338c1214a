//! Unusual time: a process that is stopped and continued, a wall clock that jumps; under both drivers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hosted;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use heartwire::testing::FaultServer;
use heartwire::{Data, Event, Message, Options, SendOptions};
use heartwire_proto::options::Dialect;
use serde_json::{Value, json};

use hosted::{BOUND, run};

/// How a child of this test program lives.
const DRIVER: &str = "HEARTWIRE_TEST_DRIVER";
const OPTIONS: &str = "HEARTWIRE_TEST_OPTIONS";
const URL: &str = "HEARTWIRE_TEST_URL";

#[test]
#[ignore = "the child process of the tests below"]
fn child() {
    let [url, driver, options] = [URL, DRIVER, OPTIONS].map(|name| std::env::var(name).unwrap());
    let (options, _) = Options::parse(&serde_json::from_str(&options).unwrap(), Dialect::Python).unwrap();
    if driver == "host" {
        run(&url, options, |connection, text| connection.send(Data::Text(text), SendOptions::default()).unwrap());
        return;
    }
    let (socket, mut events) = heartwire::WebSocket::connect(&url, options).unwrap();
    while let Some(event) = events.next_blocking(Some(BOUND)) {
        if let Event::Message(Message::Text(text)) = event {
            socket.send(text.as_str()).unwrap();
        }
    }
}

/// The child under a driver, with additional variables in its environment; it echoes until its connection ends.
fn start(server: &FaultServer, driver: &str, options: &Value, environment: &[(&str, &Path)]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child"])
        .envs([(DRIVER, driver), (OPTIONS, &options.to_string()), (URL, &server.url())])
        .envs(environment.iter().copied())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// SIGSTOP for longer than every deadline, and SIGCONT: bytes that arrived meanwhile show that the server is alive.
#[test]
fn a_process_that_was_stopped_goes_on_with_its_connection() {
    for driver in ["host", "background"] {
        let server = FaultServer::start(&json!([
            {"do": "accept"}, {"do": "send", "text": "here"}, {"do": "expect", "text": "here", "within": 60},
            {"do": "delay", "for": 1}, {"do": "send", "text": "are you back"}, {"do": "expect", "text": "are you back", "within": 60},
            {"do": "close", "code": 1000}
        ]))
        .unwrap();
        let mut child = start(&server, driver, &json!({"ping_interval": 1, "ping_timeout": 1}), &[]);
        server.wait_for(&json!({"event": "message", "text": "here"}), BOUND).unwrap();
        let id = i32::try_from(child.id()).unwrap();
        // SAFETY: a signal to a child that was not waited for, so that the number is still its own.
        unsafe { libc::kill(id, libc::SIGSTOP) };
        // Time is the subject: longer than ping_interval and ping_timeout together.
        std::thread::sleep(Duration::from_millis(2500));
        // SAFETY: as above.
        unsafe { libc::kill(id, libc::SIGCONT) };
        server.wait_for(&json!({"event": "close", "code": 1000}), BOUND).unwrap();
        assert!(child.wait().unwrap().success(), "{driver}: {:#}", server.records());
    }
}

#[test]
fn a_jump_of_the_wall_clock_ends_nothing_and_one_forward_is_probed() {
    let places = ["x86_64", "aarch64"].map(|cpu| PathBuf::from(format!("/usr/lib/{cpu}-linux-gnu/faketime/libfaketime.so.1")));
    let Some(faketime) = places.iter().find(|path| path.exists()) else {
        assert!(std::env::var_os("CI").is_none(), "needs libfaketime");
        return;
    };
    for driver in ["host", "background"] {
        let clock = std::env::temp_dir().join(format!("heartwire-clock-{driver}-{}", std::process::id()));
        std::fs::write(&clock, "+0").unwrap();
        let server = FaultServer::start(&json!([
            {"do": "accept"}, {"do": "send", "text": "here"}, {"do": "expect", "text": "here", "within": 60},
            {"do": "expect", "text": "never", "within": 60}
        ]))
        .unwrap();
        // An hour passes for all three, if it is the wall clock that counts.
        let options = json!({"ping_interval": 600, "idle_timeout": 1200, "heartbeat": {"message": "beat", "interval": 1200}});
        let environment: [(&str, &Path); 4] = [
            ("LD_PRELOAD", faketime),
            ("FAKETIME_TIMESTAMP_FILE", &clock),
            ("FAKETIME_NO_CACHE", Path::new("1")),
            ("FAKETIME_DONT_FAKE_MONOTONIC", Path::new("1")),
        ];
        let mut child = start(&server, driver, &options, &environment);
        server.wait_for(&json!({"event": "message", "text": "here"}), BOUND).unwrap();
        std::fs::write(&clock, "+3600").unwrap();
        server.wait_for(&json!({"event": "ping"}), BOUND).unwrap();
        std::fs::write(&clock, "-3600").unwrap();
        // Time is the subject: the clocks are compared each second.
        std::thread::sleep(Duration::from_millis(2500));
        server.drop_connections();
        assert!(child.wait().unwrap().success(), "{driver}: {:#}", server.records());
        std::fs::remove_file(&clock).unwrap();
        let records = server.records();
        let count = |event: &str| records.as_array().unwrap().iter().filter(|record| record["event"] == event).count();
        assert_eq!((count("ping"), count("message"), count("close")), (1, 1, 0), "{driver}: {records:#}");
    }
}
