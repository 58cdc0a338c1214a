//! Through real proxies: tinyproxy and dante, started here on loopback. Without them the tests say so, and fail where `CI` is set.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use heartwire::{ErrorCode, Options, Proxy};

use crate::certificates::{Authority, serve_tls};
use crate::support::*;

/// A proxy's process, ended and cleaned up with the test.
struct Running {
    child: Child,
    directory: PathBuf,
    address: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Starts the first of `programs` that is installed, with a configuration for a free port. `None`: it is not installed, and need not be.
fn start(programs: &[&str], package: &str, configuration: impl Fn(SocketAddr) -> String, arguments: &[&str]) -> Option<Running> {
    let find =
        |program: &&str| ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"].map(|place| PathBuf::from(place).join(program));
    let Some(program) = programs.iter().flat_map(find).find(|path| path.exists()) else {
        assert!(std::env::var_os("CI").is_none(), "{package} is not installed: apt-get install {package}");
        eprintln!("skipped: {package} is not installed");
        return None;
    };
    // Another program may take a free port before the proxy does: then try another one.
    for attempt in 0..5 {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let directory = std::env::temp_dir().join(format!("heartwire-{package}-{}-{}", std::process::id(), address.port()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("proxy.conf");
        std::fs::File::create(&file).unwrap().write_all(configuration(address).as_bytes()).unwrap();
        let mut command = Command::new(&program);
        command.args(arguments).arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = Running { child: command.spawn().unwrap(), directory, address };
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) && running.child.try_wait().unwrap().is_none() {
            if TcpStream::connect(address).is_ok() {
                return Some(running);
            }
            // The program does not report when it listens.
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("{package} did not start at {address} (attempt {attempt})");
    }
    panic!("{package} does not start");
}

fn through(proxy: &str, options: Options) -> Options {
    options.proxy(Proxy::Url(url::Url::parse(proxy).unwrap()))
}

#[tokio::test]
async fn tinyproxy_carries_ws_and_wss_for_who_is_known() {
    let configuration = |address: SocketAddr| {
        format!(
            "Port {}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nAllow 127.0.0.1\nBasicAuth bot s3cretword\nLogLevel Critical\n",
            address.port()
        )
    };
    let Some(proxy) = start(&["tinyproxy"], "tinyproxy", configuration, &["-d", "-c"]) else { return };
    let authority = Authority::new();
    let (plain, secure) = (echo_server().await, serve_tls(authority.server(), echo).await);
    for url in [format!("ws://{plain}/"), format!("wss://localhost:{}/", secure.port())] {
        let options = through(&format!("http://bot:s3cretword@{}", proxy.address), authority.options());
        assert_echoes_much(assert_echoes(dial_with(&url, options).await.unwrap()).await, 1 << 20).await;
        for stranger in ["", "bot:wr0ng@"] {
            let options = through(&format!("http://{stranger}{}", proxy.address), authority.options());
            let error = dial_with(&url, options).await.unwrap_err();
            assert_eq!((error.code(), error.status), (ErrorCode::ProxyAuthRequired, Some(if stranger.is_empty() { 407 } else { 401 })));
            assert!(!error.body.is_empty() && !format!("{error:?}").contains("wr0ng"), "{error:?}");
        }
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error =
        dial_with(&format!("ws://{nobody}/"), through(&format!("http://bot:s3cretword@{}", proxy.address), direct())).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ProxyFailed);
    assert!(error.status.is_some_and(|status| status >= 500), "{error:?}");
}

#[tokio::test]
async fn dante_carries_ws_and_wss_by_every_kind_of_socks() {
    let configuration = |address: SocketAddr| {
        format!(
            "logoutput: stderr\ninternal: 127.0.0.1 port = {}\nexternal.protocol: ipv4\nexternal: lo\nclientmethod: none\nsocksmethod: none\n\
             client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n\
             socks block {{ from: 0.0.0.0/0 to: 127.0.0.9/32 }}\nsocks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n",
            address.port()
        )
    };
    let Some(proxy) = start(&["danted", "sockd"], "dante-server", configuration, &["-f"]) else { return };
    let authority = Authority::new();
    let (plain, secure) = (echo_server().await, serve_tls(authority.server(), echo).await);
    for scheme in ["socks4a", "socks5", "socks5h"] {
        for url in [format!("ws://{plain}/"), format!("ws://localhost:{}/", plain.port()), format!("wss://localhost:{}/", secure.port())] {
            // Dante knows SOCKS 4 but not the names of 4a.
            let url = if scheme == "socks4a" { url.replace("localhost", "127.0.0.1") } else { url };
            let mut options = through(&format!("{scheme}://{}", proxy.address), authority.options());
            options.address_family = heartwire::AddressFamily::Ipv4;
            let opened = dial_with(&url, options).await.unwrap_or_else(|error| panic!("{scheme} {url}: {error:?}"));
            assert_echoes_much(assert_echoes(opened).await, 1 << 20).await;
        }
    }
    let blocked = dial_with("ws://127.0.0.9:9/", through(&format!("socks5://{}", proxy.address), direct())).await.unwrap_err();
    assert_eq!(blocked.code(), ErrorCode::ProxyFailed);
    assert!(blocked.message.contains("rules"), "{blocked}");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = dial_with(&format!("ws://{nobody}/"), through(&format!("socks5://{}", proxy.address), direct())).await.unwrap_err();
    assert!(refused.message.contains("refused"), "{refused}");
}
