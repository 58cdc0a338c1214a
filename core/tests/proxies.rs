//! A proxy that we did not write (tinyproxy) is killed, or stopped, under an open connection, and comes back; under both drivers. Scenarios play every other
//! fault of proxies. Without tinyproxy the tests say so, and fail where `CI` is set.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "scenarios/face.rs"]
#[allow(dead_code, reason = "the scenarios use more of it")]
mod face;

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use heartwire::testing::FaultServer;
use heartwire::{Data, Options};
use heartwire_proto::options::Dialect;
use serde_json::{Value, json};

use face::{Driver, Face};

const BOUND: Duration = Duration::from_secs(60);

/// A proxy for one user, always on the same port.
struct Tinyproxy {
    child: Child,
    configuration: PathBuf,
    port: u16,
}

impl Tinyproxy {
    /// `None`: it is not installed, and need not be.
    fn new(name: &str) -> Option<Self> {
        if !Path::new("/usr/bin/tinyproxy").exists() {
            assert!(std::env::var_os("CI").is_none(), "tinyproxy is not installed");
            eprintln!("skipped: tinyproxy is not installed");
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let configuration = std::env::temp_dir().join(format!("heartwire-{name}-{}.conf", std::process::id()));
        let words = format!("Port {port}\nListen 127.0.0.1\nTimeout 600\nAllow 127.0.0.1\nBasicAuth bot s3cretword\nLogLevel Critical\n");
        std::fs::write(&configuration, words).unwrap();
        let child = Self::start(&configuration, port);
        Some(Self { child, configuration, port })
    }

    fn start(configuration: &Path, port: u16) -> Child {
        let mut command = Command::new("/usr/bin/tinyproxy");
        let mut child = command.arg("-d").arg("-c").arg(configuration).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(child.try_wait().unwrap().is_none() && begun.elapsed() < BOUND, "tinyproxy does not start");
            // The program does not report when it listens.
            std::thread::sleep(Duration::from_millis(10));
        }
        child
    }

    fn restart(&mut self) {
        self.child = Self::start(&self.configuration, self.port);
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap().success());
    }
}

impl Drop for Tinyproxy {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_file(&self.configuration);
    }
}

/// The life of a bot that says "hi" on every connection and leaves after the second answer. `act` gets each event and the count of its kind.
fn live(driver: Driver, proxy: &mut Tinyproxy, mut options: Value, act: fn(&mut Tinyproxy, &str, usize)) -> Vec<String> {
    let server = FaultServer::start(&Value::Null).unwrap();
    options["proxy"] = format!("http://bot:s3cretword@127.0.0.1:{}", proxy.port).into();
    options["reconnect"] = json!({"min_delay": 0.01, "max_delay": 0.1});
    let (options, providers) = Options::parse(&options, Dialect::Python).unwrap();
    let mut face = Face::open(driver, &server.url(), options, providers).unwrap();
    let (mut kinds, mut history, mut over) = (Vec::new(), Vec::<String>::new(), false);
    let begun = Instant::now();
    while !over {
        assert!(begun.elapsed() < BOUND, "{history:?}");
        face.run(Duration::from_millis(10), &mut |socket, event| {
            let seen = face::seen(socket, &event);
            assert!(!format!("{event:?}").contains("s3cretword"));
            let kind = seen["event"].as_str().unwrap().to_owned();
            kinds.push(kind.clone());
            let count = kinds.iter().filter(|other| **other == kind).count();
            match kind.as_str() {
                "open" => socket.send(Data::Text("hi")).unwrap(),
                "message" if count == 2 => socket.close(None, "").unwrap(),
                "close" => over = seen["will_reconnect"] == false,
                _ => {}
            }
            act(proxy, &kind, count);
            let cause = if kind == "close" { &seen["error"] } else { &seen["code"] };
            let one = format!("{kind} {} {}", cause.as_str().unwrap_or_default(), seen["phase"].as_str().unwrap_or_default());
            // The repeated ends of attempts count as one, with the events that announce the next attempt.
            let is_again = matches!(&*kind, "error" | "close") && history.iter().rev().take(2).any(|other| *other == one.trim_end());
            if matches!(&*kind, "open" | "message" | "error" | "close") && !is_again {
                history.push(one.trim_end().to_owned());
            }
        });
    }
    history
}

#[test]
fn a_proxy_that_is_killed_is_asked_again_until_it_is_back() {
    for (driver, name) in [(Driver::Host, "killed-host"), (Driver::Background, "killed-background")] {
        let Some(mut proxy) = Tinyproxy::new(name) else { return };
        let history = live(driver, &mut proxy, json!({}), |proxy, kind, count| match (kind, count) {
            ("message", 1) => proxy.kill(),
            ("error", 1) => proxy.restart(),
            _ => {}
        });
        let lost = ["close connection_lost closed", "error proxy_failed proxy", "close proxy_failed proxy"];
        assert_eq!(history, [&["open", "message"][..], &lost, &["open", "message", "close"]].concat(), "{name}");
    }
}

#[test]
fn a_proxy_that_is_stopped_is_noticed_and_asked_again_until_it_goes_on() {
    for (driver, name) in [(Driver::Host, "stopped-host"), (Driver::Background, "stopped-background")] {
        let Some(mut proxy) = Tinyproxy::new(name) else { return };
        let options = json!({"ping_interval": 1, "ping_timeout": 2, "open_timeout": 1});
        let history = live(driver, &mut proxy, options, |proxy, kind, count| match (kind, count) {
            ("message", 1) => proxy.signal("-STOP"),
            ("error", 2) => proxy.signal("-CONT"),
            _ => {}
        });
        let dead = ["error ping_timeout liveness", "close ping_timeout liveness", "error open_timeout proxy", "close open_timeout proxy"];
        assert_eq!(history, [&["open", "message"][..], &dead, &["open", "message", "close"]].concat(), "{name}");
    }
}
