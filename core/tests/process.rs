//! What the process's life does to open sockets in Rust: exit, signals, fork, and being stopped. Each in a child process, which is this test binary
//! again with [`ROLE`] set.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "what a child tells its parent")]

mod hosted;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use heartwire::internals::driver;
use heartwire::internals::driver::times_stood_in;
use heartwire::{Event, Options, WebSocket};
use hosted::{BOUND, run};
use tungstenite::{Message, WebSocket as Peer};

/// What a child does; its argument is the URL.
const ROLE: &str = "HEARTWIRE_TEST_ROLE";
const URL: &str = "HEARTWIRE_TEST_URL";

/// This test again, as a child of it.
fn child(test: &str, url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .envs([(ROLE, "child"), (URL, url)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The URL, in a child.
fn url() -> Option<String> {
    std::env::var(ROLE).ok().and_then(|_| std::env::var(URL).ok())
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    (listener, url)
}

fn accept(listener: &TcpListener) -> Peer<TcpStream> {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    tungstenite::accept(stream).unwrap()
}

/// The code of the next Close frame.
fn close_code(peer: &mut Peer<TcpStream>) -> Option<u16> {
    match peer.read() {
        Ok(Message::Close(frame)) => {
            let _ = peer.flush();
            frame.map(|frame| frame.code.into())
        }
        other => panic!("no Close: {other:?}"),
    }
}

/// An open socket; its later events are not taken.
fn open(url: &str) -> (WebSocket, heartwire::Events) {
    let (socket, mut events) = WebSocket::connect(url, Options::default()).unwrap();
    assert!(matches!(events.next_blocking(Some(BOUND)), Some(Event::Open(_))));
    (socket, events)
}

#[test]
fn at_the_normal_end_the_server_gets_1001() {
    if let Some(url) = url() {
        // Not dropped: that would end the connection before the process does.
        std::mem::forget(open(&url));
        return;
    }
    let (listener, url) = listen();
    let mut child = child("at_the_normal_end_the_server_gets_1001", &url);
    let mut peer = accept(&listener);
    assert_eq!(close_code(&mut peer), Some(1001));
    assert!(child.wait().unwrap().success());
}

#[test]
fn on_a_signal_the_server_gets_1001_and_the_status_is_the_signals() {
    if let Some(url) = url() {
        std::mem::forget(open(&url));
        println!("open");
        std::thread::sleep(BOUND);
        return;
    }
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let (listener, url) = listen();
        let mut child = child("on_a_signal_the_server_gets_1001_and_the_status_is_the_signals", &url);
        let mut peer = accept(&listener);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().ends_with("open")));
        // SAFETY: a call on numbers; the child was not waited for, so the number is its.
        assert_eq!(unsafe { libc::kill(child.id().cast_signed(), signal) }, 0);
        assert_eq!(close_code(&mut peer), Some(1001), "signal {signal}");
        assert_eq!(child.wait().unwrap().signal(), Some(signal));
    }
}

/// Else the server would not hear of the end of the connection while the child lives.
#[test]
fn a_forked_child_keeps_no_descriptor_of_a_socket() {
    if let Some(url) = url() {
        let (socket, _events) = open(&url);
        // SAFETY: the child calls only functions that are safe after a fork of a process with threads.
        let forked = unsafe { libc::fork() };
        if forked == 0 {
            // SAFETY: as above; the parent kills it.
            unsafe {
                loop {
                    libc::pause();
                }
            }
        }
        socket.terminate();
        println!("forked {forked}");
        let _ = std::io::stdin().read(&mut [0]);
        // SAFETY: calls on the number of a child that was not waited for.
        unsafe {
            libc::kill(forked, libc::SIGKILL);
            libc::waitpid(forked, std::ptr::null_mut(), 0);
        }
        return;
    }
    let (listener, url) = listen();
    let mut child = child("a_forked_child_keeps_no_descriptor_of_a_socket", &url);
    let mut peer = accept(&listener);
    let end = peer.get_mut().read(&mut [0; 64]);
    assert!(
        matches!(end, Ok(0)) || end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset),
        "the connection did not end"
    );
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(child.wait().unwrap().success());
}

/// Another thread may hold any of our locks at the moment of the fork, and does not exist in the child.
#[test]
fn a_forked_child_waits_for_no_lock_of_its_parents_threads() {
    if let Some(url) = url() {
        // From the first socket on, forks are noticed.
        let _socket = WebSocket::connect(&url, Options::default()).unwrap();
        let busy = || loop {
            driver::exit::goodbye(Some(Duration::ZERO));
        };
        std::thread::spawn(busy);
        for _ in 0..300 {
            // SAFETY: the child takes locks, which is the subject, and leaves by `_exit`; an alarm ends it if it hangs.
            let forked = unsafe { libc::fork() };
            if forked == 0 {
                // SAFETY: calls on numbers.
                unsafe { libc::alarm(BOUND.as_secs() as libc::c_uint) };
                driver::exit::goodbye(Some(Duration::ZERO));
                // SAFETY: ends the child without the end of its parent's program.
                unsafe { libc::_exit(0) };
            }
            let mut status = 0;
            // SAFETY: the number of a child that was not waited for, and a place for its status.
            assert_eq!(unsafe { libc::waitpid(forked, &raw mut status, 0) }, forked);
            assert_eq!(status, 0, "the child hung");
        }
        return;
    }
    let mut child = child("a_forked_child_waits_for_no_lock_of_its_parents_threads", "ws://127.0.0.1:9/");
    assert!(child.wait().unwrap().success());
}

/// While the process was stopped no thread could drive: that is no fault of the host.
#[test]
fn a_host_that_was_stopped_with_its_process_is_not_taken_for_late() {
    const PATIENCE: Duration = Duration::from_secs(3);
    if let Some(url) = url() {
        run(&url, Options::new().keeper(Some(PATIENCE)), |connection, _| {
            println!("busy");
            let _ = std::io::stdin().read(&mut [0]);
            println!("stood in {}", times_stood_in());
            connection.terminate();
        });
        return;
    }
    let (listener, url) = listen();
    let mut child = child("a_host_that_was_stopped_with_its_process_is_not_taken_for_late", &url);
    let mut peer = accept(&listener);
    peer.send(Message::text("first")).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().any(|line| line.unwrap().ends_with("busy")));
    // Something waits for the host, and the keeper has seen it.
    peer.send(Message::text("second")).unwrap();
    // Time is the subject: how long the keeper watches, how long the process is stopped, and how long it runs again.
    std::thread::sleep(PATIENCE * 2 / 3);
    let signal = |signal| {
        // SAFETY: a call on numbers; the child was not waited for.
        assert_eq!(unsafe { libc::kill(child.id().cast_signed(), signal) }, 0);
    };
    signal(libc::SIGSTOP);
    std::thread::sleep(PATIENCE * 2);
    signal(libc::SIGCONT);
    std::thread::sleep(PATIENCE / 3);
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let told = lines.map(Result::unwrap).find(|line| line.starts_with("stood in")).unwrap();
    assert_eq!(told, "stood in 0");
    child.wait().unwrap();
}
