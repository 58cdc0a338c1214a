//! Proxies, played by the test: the requests to them, their refusals, and that nothing goes around them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use heartwire::{Error, ErrorCode, Options, Phase, Proxy};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::certificates::{Authority, serve_tls};
use crate::support::*;

fn through(proxy: &str) -> Options {
    Options::new().proxy(Proxy::Url(url::Url::parse(proxy).unwrap()))
}

/// Plays an HTTP proxy for CONNECT, and reports the head.
async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(stream: S, tell: mpsc::UnboundedSender<String>) {
    tunnel_after(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n", stream, tell).await;
}

async fn tunnel_after<S: AsyncRead + AsyncWrite + Unpin>(answer: &[u8], mut stream: S, tell: mpsc::UnboundedSender<String>) {
    let head = read_head(&mut stream).await;
    let target = head.split(' ').nth(1).unwrap().to_owned();
    let _ = tell.send(head);
    let port = target.rsplit_once(':').unwrap().1.parse::<u16>().unwrap();
    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(answer).await.unwrap();
    stream.flush().await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut server).await;
}

async fn http_proxy() -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    (serve(move |stream| tunnel(stream, tell.clone())).await, told)
}

#[tokio::test]
async fn an_http_proxy_carries_ws_and_wss() {
    let (proxy, mut told) = http_proxy().await;
    let server = echo_server().await;
    // A name that this machine cannot resolve: the proxy has to.
    let url = format!("ws://im.test.invalid:{}/", server.port());
    assert_echoes(dial_with(&url, through(&format!("http://us%65r:p%40ss@{proxy}"))).await.unwrap()).await;
    let head = told.recv().await.unwrap();
    assert!(head.starts_with(&format!("CONNECT im.test.invalid:{} HTTP/1.1\r\n", server.port())), "{head}");
    assert_eq!(header(&head, "Host"), Some(format!("im.test.invalid:{}", server.port()).as_str()));
    assert_eq!(header(&head, "Proxy-Authorization"), Some("Basic dXNlcjpwQHNz"));

    let authority = Authority::new();
    let secure = serve_tls(authority.server(), echo).await;
    let options = authority.options().proxy(through(&format!("http://{proxy}")).proxy);
    let opened = dial_with(&format!("wss://localhost:{}/", secure.port()), options).await.unwrap();
    assert_echoes_much(assert_echoes(opened).await, 1 << 20).await;
    assert_eq!(header(&told.recv().await.unwrap(), "Proxy-Authorization"), None);
}

/// RFC 9110 section 9.3.6: any 2xx, and nothing else.
#[tokio::test]
async fn whatever_success_a_proxy_tells_the_tunnel_is_there() {
    let server = echo_server().await;
    for status in ["201 Created", "204 No Content", "205 Reset Content", "299 Fine"] {
        let answer = format!("HTTP/1.1 {status}\r\n\r\n");
        let proxy = serve(move |stream| {
            let answer = answer.clone();
            async move { tunnel_after(answer.as_bytes(), stream, mpsc::unbounded_channel().0).await }
        })
        .await;
        assert_echoes(dial_with(&format!("ws://{server}/"), through(&format!("http://{proxy}"))).await.unwrap()).await;
    }
    for status in ["101 Switching Protocols", "304 Not Modified"] {
        let proxy = answering(move |_| format!("HTTP/1.1 {status}\r\n\r\n").into()).await;
        let error = never_direct(&format!("http://{proxy}")).await;
        assert_eq!((error.code(), error.phase), (ErrorCode::ProxyFailed, Phase::Proxy), "{error}");
    }
}

#[tokio::test]
async fn an_https_proxy_is_spoken_to_in_tls_and_tls_runs_within_it() {
    let authority = Authority::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let proxy = serve_tls(authority.server(), move |stream| tunnel(stream, tell.clone())).await;
    let plain = echo_server().await;
    let secure = serve_tls(authority.server(), echo).await;
    for url in [format!("ws://{plain}/"), format!("wss://{secure}/")] {
        let options = authority.options().proxy(through(&format!("https://u:p@localhost:{}", proxy.port())).proxy);
        let opened = dial_with(&url, options).await.unwrap();
        assert_echoes_much(assert_echoes(opened).await, 3 << 20).await;
        assert_eq!(header(&told.recv().await.unwrap(), "Proxy-Authorization"), Some("Basic dTpw"));
    }
    // Frames that come with the answer, through both layers.
    let coalescing = serve_tls(authority.server(), |mut stream| async move {
        let head = read_head(&mut stream).await;
        stream.write_all(&[switching(&head, "").as_bytes(), b"\x81\x02hi"].concat()).await.unwrap();
        stream.write_all(&vec![9; 50_000]).await.unwrap();
        stream.flush().await.unwrap();
        let _ = stream.read(&mut [0; 8]).await;
    })
    .await;
    for _ in 0..5 {
        let options = authority.options().proxy(through(&format!("https://localhost:{}", proxy.port())).proxy);
        let mut opened = dial_with(&format!("wss://{coalescing}/"), options).await.unwrap();
        assert!(read_exactly(&mut opened.transport, opened.leftover, 50_004).await.starts_with(b"\x81\x02hi\x09"));
    }
    // The proxy's certificate is checked as any other.
    let options = through(&format!("https://localhost:{}", proxy.port()));
    let error = dial_with(&format!("ws://{plain}/"), options).await.unwrap_err();
    assert_eq!((error.code(), error.phase), (ErrorCode::TlsCertificate, Phase::Tls));
    assert!(error.message.contains("the proxy localhost"), "{error}");
}

/// Dials through a proxy that must not work, and sees that nothing goes around it.
async fn never_direct(proxy: &str) -> Error {
    let reached = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&reached);
    let server = serve(move |stream| {
        count.fetch_add(1, Ordering::SeqCst);
        echo(stream)
    })
    .await;
    let options = through(proxy).open_timeout(Duration::from_secs(5));
    let error = dial_with(&format!("ws://u:s3cret@{server}/?s3cret"), options).await.unwrap_err();
    assert!(!format!("{error:?} {error}").contains("s3cret"), "{error:?}");
    assert!(error.message.contains(&server.to_string()) || error.code() == ErrorCode::OpenTimeout, "{error}");
    assert_eq!(reached.load(Ordering::SeqCst), 0, "the server was reached directly");
    error
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_says_so() {
    let answer =
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 9\r\n\r\nwho goes?";
    let proxy = answering(move |_| answer.into()).await;
    for (credentials, words) in [("", "wants credentials"), ("user:s3cret@", "did not accept the credentials")] {
        let error = never_direct(&format!("http://{credentials}{proxy}")).await;
        assert_eq!(
            (error.code(), error.phase, error.status, error.retryable),
            (ErrorCode::ProxyAuthRequired, Phase::Proxy, Some(407), false)
        );
        assert_eq!(error.body, b"who goes?");
        assert!(error.message.ends_with("it says: \"who goes?\""), "{error}");
        assert!(error.headers.iter().any(|(name, value)| name == "proxy-authenticate" && value.contains("realm")), "{error:?}");
        assert!(error.message.contains(words) && error.message.contains(&proxy.to_string()), "{error}");
    }
}

#[tokio::test]
async fn proxies_that_refuse_lie_or_are_not_there() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in ["http", "https", "socks4a", "socks5", "socks5h"] {
        let error = never_direct(&format!("{scheme}://user:s3cret@{gone}")).await;
        assert_eq!((error.code(), error.phase), (ErrorCode::ProxyFailed, Phase::Proxy), "{error}");
        assert!(error.message.contains(&gone.to_string()) && error.message.contains("refused"), "{error}");
    }
    let error = never_direct("http://no-such-proxy.invalid:3128").await;
    assert_eq!(error.code(), ErrorCode::ProxyFailed);
    assert!(error.message.contains("no-such-proxy.invalid:3128"), "{error}");

    let bad_gateway = answering(|_| b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\nnope".to_vec()).await;
    let error = never_direct(&format!("http://{bad_gateway}")).await;
    assert_eq!((error.code(), error.status, error.body.as_slice()), (ErrorCode::ProxyFailed, Some(502), &b"nope"[..]));

    let garbage = answering(|_| b"220 smtp.example ESMTP\r\n".to_vec()).await;
    let error = never_direct(&format!("http://{garbage}")).await;
    assert_eq!((error.code(), error.phase), (ErrorCode::ProxyFailed, Phase::Proxy), "{error}");

    let talkative = answering(|_| b"HTTP/1.1 200 OK\r\n\r\nsurprise".to_vec()).await;
    let error = never_direct(&format!("http://{talkative}")).await;
    assert_eq!(error.code(), ErrorCode::ProxyFailed, "{error}");

    let silent = serve(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    for scheme in ["http", "socks5h"] {
        let options = through(&format!("{scheme}://{silent}")).open_timeout(Duration::from_millis(200));
        let error = dial_with("ws://im.example/", options).await.unwrap_err();
        assert_eq!((error.code(), error.phase), (ErrorCode::OpenTimeout, Phase::Proxy));
        assert!(error.message.contains("im.example:80") && error.message.contains(&silent.to_string()), "{error}");
    }
    let error = dial_with("ws://im.example/", through("ftp://user:s3cret@proxy/")).await.unwrap_err();
    assert_eq!((error.code(), error.retryable), (ErrorCode::ProxyFailed, false));
    assert!(!format!("{error:?}").contains("s3cret"));
}

/// How many bytes to read, and what to answer.
type Step = (usize, &'static [u8]);

/// A SOCKS proxy with a script: reads as many bytes as each step says, tells them, and answers. Then it carries on to the port.
async fn socks(steps: &'static [Step], carry_to: u16) -> (SocketAddr, mpsc::UnboundedReceiver<Vec<u8>>) {
    let (tell, told) = mpsc::unbounded_channel();
    let proxy = serve(move |mut stream| {
        let tell = tell.clone();
        async move {
            for (length, answer) in steps {
                let mut asked = vec![0; *length];
                if stream.read_exact(&mut asked).await.is_err() {
                    return;
                }
                let _ = tell.send(asked);
                // Byte by byte: an answer may come in pieces.
                for byte in *answer {
                    let _ = stream.write_all(&[*byte]).await;
                }
            }
            if carry_to != 0 {
                let mut server = TcpStream::connect(("127.0.0.1", carry_to)).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut server).await;
            }
        }
    })
    .await;
    (proxy, told)
}

const NAME: &str = "im.test.invalid";

#[tokio::test]
async fn socks5h_and_socks_let_the_proxy_resolve_and_log_in() {
    let server = echo_server().await;
    let (port, asked) = (server.port(), 4 + 1 + NAME.len() + 2);
    assert_eq!(asked, 22);
    for scheme in ["socks5h", "socks"] {
        let (proxy, mut told) =
            socks(&[(4, &[5, 2]), (1 + 1 + 4 + 1 + 4, &[1, 0]), (22, &[5, 0, 0, 3, 4, b'h', b'o', b's', b't', 0, 80])], port).await;
        let opened = dial_with(&format!("ws://{NAME}:{port}/"), through(&format!("{scheme}://user:p%40ss@{proxy}"))).await.unwrap();
        assert_echoes(opened).await;
        assert_eq!(told.recv().await.unwrap(), [5, 2, 0, 2]);
        assert_eq!(told.recv().await.unwrap(), b"\x01\x04user\x04p@ss");
        let request = told.recv().await.unwrap();
        assert_eq!(request, [&[5, 1, 0, 3, 15], NAME.as_bytes(), &port.to_be_bytes()].concat());
    }
}

#[tokio::test]
async fn socks5_resolves_here_and_knows_both_families() {
    let server = echo_server().await;
    let (proxy, mut told) = socks(&[(3, &[5, 0]), (10, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])], server.port()).await;
    let options = through(&format!("socks5://{proxy}")).address_family(heartwire::AddressFamily::Ipv4);
    assert_echoes(dial_with(&format!("ws://localhost:{}/", server.port()), options).await.unwrap()).await;
    assert_eq!(told.recv().await.unwrap(), [5, 1, 0]);
    assert_eq!(told.recv().await.unwrap(), [&[5, 1, 0, 1, 127, 0, 0, 1][..], &server.port().to_be_bytes()].concat());

    let (proxy, mut told) =
        socks(&[(3, &[5, 0]), (22, &[5, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])], server.port()).await;
    assert_echoes(dial_with(&format!("ws://[::1]:{}/", server.port()), through(&format!("socks5h://{proxy}"))).await.unwrap()).await;
    told.recv().await.unwrap();
    assert_eq!(told.recv().await.unwrap()[3..5], [4, 0]);
}

#[tokio::test]
async fn socks4a_lets_the_proxy_resolve() {
    let server = echo_server().await;
    let (proxy, mut told) = socks(&[(8 + 4 + 1 + 15 + 1, &[0, 90, 0, 0, 0, 0, 0, 0])], server.port()).await;
    let opened = dial_with(&format!("ws://{NAME}:{}/", server.port()), through(&format!("socks4a://user@{proxy}"))).await.unwrap();
    assert_echoes(opened).await;
    let request = told.recv().await.unwrap();
    assert_eq!(request, [&[4, 1], &server.port().to_be_bytes()[..], &[0, 0, 0, 1], b"user\0", NAME.as_bytes(), b"\0"].concat());
}

#[tokio::test]
async fn socks_refusals_are_named() {
    use ErrorCode::{ProxyAuthRequired, ProxyFailed};
    const CASES: &[(&str, &[Step], ErrorCode, &str)] = &[
        ("socks5://", &[(3, &[5, 0xff])], ProxyAuthRequired, "wants credentials"),
        ("socks5://user:s3cret@", &[(4, &[5, 0xff])], ProxyAuthRequired, "another kind of credentials"),
        ("socks5://user:s3cret@", &[(4, &[5, 2]), (13, &[1, 1])], ProxyAuthRequired, "did not accept the credentials"),
        ("socks5://", &[(3, &[5, 2])], ProxyAuthRequired, "wants credentials"),
        ("socks5://", &[(3, &[5, 0]), (10, &[5, 2, 0, 1])], ProxyFailed, "rules do not allow"),
        ("socks5://", &[(3, &[5, 0]), (10, &[5, 5, 0, 1])], ProxyFailed, "connection was refused"),
        ("socks5h://", &[(3, &[5, 0]), (10, &[5, 99, 0, 1])], ProxyFailed, "none of SOCKS 5"),
        ("socks5://", &[(3, b"HT")], ProxyFailed, "none of SOCKS 5"),
        ("socks5://", &[(3, &[5])], ProxyFailed, "ended the connection"),
        ("socks4a://", &[(9, &[0, 91, 0, 0, 0, 0, 0, 0])], ProxyFailed, "says no more"),
        ("socks4a://user@", &[(13, &[0, 93, 0, 0, 0, 0, 0, 0])], ProxyAuthRequired, "user name"),
        ("socks4a://", &[(9, b"HTTP/1.1")], ProxyFailed, "none of SOCKS 4"),
    ];
    for &(scheme, steps, code, words) in CASES {
        let (proxy, _) = socks(steps, 0).await;
        let error = never_direct(&format!("{scheme}{proxy}")).await;
        assert_eq!((error.code(), error.phase), (code, Phase::Proxy), "{error}");
        assert!(error.message.contains(words) && error.message.contains(&proxy.to_string()), "{words}: {error}");
    }
    let (proxy, _) = socks(&[], 0).await;
    let error = dial_with("ws://[::1]:9/", through(&format!("socks4a://{proxy}"))).await.unwrap_err();
    assert!(error.message.contains("IPv6"), "{error}");
}

/// The environment belongs to a process, so these run in one of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_names_the_proxy_and_the_exceptions() {
    let (proxy, mut told) = http_proxy().await;
    let server = echo_server().await;
    let proxy = format!("http://{proxy}");
    let url = format!("ws://{server}/");
    let child = |expect: &'static str, variables: Vec<(&'static str, String)>| {
        let mut variables = variables;
        variables.extend([("TEST_URL", url.clone()), ("TEST_EXPECT", expect.to_owned())]);
        tokio::task::spawn_blocking(move || {
            let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
            run_child("proxies::child_with_an_environment", &variables);
        })
    };
    // RFC 6455 section 4.1: a proxy for HTTPS serves ws, too.
    for name in ["WS_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        child("ok", vec![(name, proxy.clone())]).await.unwrap();
        assert!(told.try_recv().is_ok(), "{name} was not used");
    }
    child("ok", vec![("HTTP_PROXY", proxy.clone()), ("NO_PROXY", "other, 127.0.0.0/8".into())]).await.unwrap();
    assert!(told.try_recv().is_err(), "the proxy was used although it should not be");
    child("cannot be reached", vec![("HTTP_PROXY", "http://127.0.0.1:1".into())]).await.unwrap();
    child("not known", vec![("HTTP_PROXY", "gopher://127.0.0.1:1".into())]).await.unwrap();
}

#[tokio::test]
#[ignore = "run by the_environment_names_the_proxy_and_the_exceptions"]
async fn child_with_an_environment() {
    let expect = std::env::var("TEST_EXPECT").unwrap();
    match dial_with(&std::env::var("TEST_URL").unwrap(), Options::default()).await {
        Ok(opened) if expect == "ok" => drop(assert_echoes(opened).await),
        Err(error) if error.code() == ErrorCode::ProxyFailed && error.message.contains(&expect) => {}
        outcome => panic!("{outcome:?}"),
    }
}
