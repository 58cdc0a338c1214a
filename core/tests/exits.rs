//! Every way out of a program in Rust: the server gets Close 1001, and the exit status stays the usual one. Each test runs this file again as a child
//! process ([`program`]), which plays one way out.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use heartwire::testing::FaultServer;
use heartwire::{Event, Events, Options, WebSocket};
use serde_json::{Value, json};

const BOUND: Duration = Duration::from_secs(60);
/// Tells a child its way out.
const WAY: &str = "HEARTWIRE_TEST_WAY";
const URL: &str = "HEARTWIRE_TEST_URL";

fn open() -> (WebSocket, Events) {
    let url = std::env::var(URL).expect("a URL");
    let (socket, mut events) = WebSocket::connect(&url, Options::default()).expect("a socket");
    assert!(matches!(events.next_blocking(Some(BOUND)), Some(Event::Open(_))), "the connection opens");
    println!("open");
    (socket, events)
}

/// What a child plays; no test by itself.
#[test]
#[ignore = "a program of the other tests"]
fn program() {
    let Ok(way) = std::env::var(WAY) else { return };
    match way.as_str() {
        // A test is a function that returns to the harness, which ends the process.
        "return" => drop(open()),
        "panic" => {
            let _held = open();
            panic!("as the test wants it");
        }
        "exit" => {
            let _held = open();
            std::process::exit(5);
        }
        "panic in a handler" => {
            let url = std::env::var(URL).expect("a URL");
            let (_socket, thread) = WebSocket::with_handler(&url, Options::default(), |_, event| {
                if matches!(event, Event::Open(_)) {
                    println!("open");
                    panic!("as the test wants it");
                }
            })
            .expect("a socket");
            assert!(thread.join().is_err(), "the handler panicked");
        }
        "wait" => {
            let (_socket, mut events) = open();
            while let Some(event) = events.next_blocking(None) {
                if let Event::Close(close) = event {
                    println!("close {} {}", close.code, close.will_reconnect);
                }
            }
            // The signal ends the process, also where the kernel would not.
            loop {
                std::thread::park();
            }
        }
        other => unreachable!("{other}"),
    }
}

/// How a child ended.
#[derive(Debug)]
struct End {
    code: Value,
    status: ExitStatus,
    lines: Vec<String>,
}

/// Plays a way out; `signal` is sent once the connection is open, to the child or, in a PID namespace, to the process that is number 1 there.
fn play(way: &str, signal: Option<i32>, namespace: bool) -> End {
    let server = FaultServer::start(&json!([{"do": "accept"}])).expect("a server");
    let program = std::env::current_exe().expect("this program");
    let mut command = if namespace {
        let mut command = Command::new("unshare");
        command.args(["-pf", "--mount-proc", "--kill-child"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.args(["--exact", "program", "--ignored", "--nocapture", "--test-threads=1"]);
    let mut child =
        command.env(WAY, way).env(URL, server.url()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a child process");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    assert!(lines.by_ref().any(|line| line.ends_with("open")), "{way}: the child opens its socket");
    if let Some(signal) = signal {
        let target = if namespace { first_child(&child) } else { child.id() };
        // SAFETY: a call on numbers; the child was not waited for yet, so the number is still its own.
        assert_eq!(unsafe { libc::kill(target.cast_signed(), signal) }, 0, "the signal is sent");
    }
    let rest = lines.collect();
    let status = child.wait().expect("the child ends");
    let record = server.wait_for(&json!({"event": "end"}), BOUND).expect("the connection ends");
    let records = server.records();
    let closed = records.as_array().into_iter().flatten().find(|record| record["event"] == "close");
    End { code: closed.map_or(record["event"].clone(), |record| record["code"].clone()), status, lines: rest }
}

/// The process that `unshare` made: number 1 of its namespace.
fn first_child(child: &Child) -> u32 {
    let id = child.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("its children");
    children.split_whitespace().next().expect("a child").parse().expect("a number")
}

#[test]
fn a_return_from_main_says_1001() {
    let end = play("return", None, false);
    assert_eq!((&end.code, end.status.code()), (&json!(1001), Some(0)), "{end:?}");
}

#[test]
fn a_panic_says_1001() {
    for way in ["panic", "panic in a handler"] {
        let end = play(way, None, false);
        assert_eq!(end.code, json!(1001), "{way}: {end:?}");
    }
}

#[test]
fn process_exit_says_1001() {
    let end = play("exit", None, false);
    assert_eq!((&end.code, end.status.code()), (&json!(1001), Some(5)), "{end:?}");
}

#[test]
fn signals_that_end_a_process_say_1001_and_end_it() {
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2] {
        let end = play("wait", Some(signal), false);
        assert_eq!((&end.code, end.status.signal()), (&json!(1001), Some(signal)), "{end:?}");
    }
}

/// The kernel spares process 1 of a container the default actions of signals.
#[test]
fn process_1_ends_by_its_signals_and_its_sockets_are_told() {
    let allowed = Command::new("unshare").args(["-pf", "--mount-proc", "true"]).stderr(Stdio::null()).status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no PID namespace can be made here");
        return;
    }
    for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGUSR1, libc::SIGUSR2] {
        let end = play("wait", Some(signal), true);
        assert_eq!((&end.code, end.status.code()), (&json!(1001), Some(128 + signal)), "{end:?}");
        assert!(end.lines.iter().any(|line| line == "close 1001 false"), "the program is told: {end:?}");
    }
}
