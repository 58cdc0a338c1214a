//! The request as it leaves, its target, and the wait for other attempts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use heartwire::{ConnectUntil, ErrorCode, Options, Phase};
use heartwire_proto::address::Place;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};

use crate::certificates::*;
use crate::support::*;

fn own(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The names of a head's headers, as they are spelled.
fn names(head: &str) -> Vec<&str> {
    head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect()
}

#[tokio::test]
async fn names_leave_as_the_rfc_and_the_user_spell_them() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = answering(move |head| {
        tell.send(head.to_owned()).unwrap();
        switching(head, "Sec-WebSocket-Protocol: a\r\n").into()
    })
    .await;
    let headers = own(&[("X-API-KEY", "1"), ("apiKey", "2"), ("x-lower", "3"), ("SOAPAction", "4"), ("X_Under", "5"), ("apikey", "6")]);
    let options = direct().headers(headers).protocols(vec!["a".into()]).cookies(own(&[("c", "d")])).origin(Some("x".into()));
    let mut request = request_with(&format!("ws://u:p@{server}/"), options);
    request.extensions = Some("permessage-deflate".into());
    heartwire::internals::dial::dial(request).await.unwrap();
    let head = told.recv().await.unwrap();
    let ours = "Host,Connection,Upgrade,Sec-WebSocket-Version,Sec-WebSocket-Key,Sec-WebSocket-Protocol,Sec-WebSocket-Extensions,Origin";
    let theirs = "User-Agent,Authorization,Cookie,X-API-KEY,apiKey,x-lower,SOAPAction,X_Under,apikey";
    assert_eq!(names(&head).join(","), format!("{ours},{theirs}"));
}

#[tokio::test]
async fn a_host_of_the_users_own_is_the_only_one() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = answering(move |head| {
        tell.send(head.to_owned()).unwrap();
        switching(head, "").into()
    })
    .await;
    for (name, host) in [("Host", "chat.internal.example"), ("host", "chat.internal.example:8080"), ("HOST", "[::1]")] {
        let options = direct().headers(own(&[("X", "1"), (name, host)]));
        dial_with(&format!("ws://{server}/"), options).await.unwrap();
        let head = told.recv().await.unwrap();
        assert!(head.contains(&format!("{name}: {host}\r\n")) && head.to_lowercase().matches("\r\nhost:").count() == 1, "{head}");
    }
    for bad in [own(&[("Host", "a b")]), own(&[("Host", "u:s3cret@h")]), own(&[("Host", "a"), ("host", "b")])] {
        let error = dial_with(&format!("ws://{server}/"), direct().headers(bad)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidHeader);
        assert!(error.message.to_lowercase().contains("host") && !error.message.contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_host_of_the_users_own_stays_at_its_origin() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let there = answering(move |head| {
        tell.send(header(head, "host").map(str::to_owned)).unwrap();
        switching(head, "").into()
    })
    .await;
    let here = answering(move |_| format!("HTTP/1.1 302 Found\r\nLocation: ws://{there}/\r\n\r\n").into()).await;
    let options = direct().headers(own(&[("Host", "internal.example")])).follow_redirects(1);
    dial_with(&format!("ws://{here}/"), options).await.unwrap();
    assert_eq!(told.recv().await.unwrap(), Some(there.to_string()));
}

#[tokio::test]
async fn another_place_is_connected_to_and_asked_for_the_urls_host() {
    let authority = Authority::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = serve_tls(server_config(&authority.issue(&["im.example"], |_| ())), move |mut stream| {
        let tell = tell.clone();
        async move {
            let name = stream.get_ref().1.server_name().map(str::to_owned);
            let head = read_head(&mut stream).await;
            tell.send((name, header(&head, "host").map(str::to_owned))).unwrap();
            stream.write_all(switching(&head, "").as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            let _ = stream.read(&mut [0; 8]).await;
        }
    })
    .await;
    let to = |place: &str| authority.options().connect_to(Some(Place::parse(place).unwrap()));
    dial_with("wss://im.example/", to(&server.to_string())).await.unwrap();
    assert_eq!(told.recv().await.unwrap(), (Some("im.example".into()), Some("im.example".into())));
    // Without a port, the URL's.
    dial_with(&format!("wss://im.example:{}/", server.port()), to("127.0.0.1")).await.unwrap();
    assert_eq!(told.recv().await.unwrap().1, Some(format!("im.example:{}", server.port())));
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = dial_with("wss://im.example/", to(&free.to_string())).await.unwrap_err();
    assert!(error.code() == ErrorCode::ConnectionRefused && error.message.contains(&format!("im.example:443 at {free}")), "{error}");
}

#[tokio::test]
async fn a_redirect_elsewhere_leaves_the_other_place() {
    let there = answering(|head| switching(head, "").into()).await;
    let here = answering(move |_| format!("HTTP/1.1 302 Found\r\nLocation: ws://{there}/\r\n\r\n").into()).await;
    let options = direct().connect_to(Place::parse(&here.to_string())).follow_redirects(1);
    assert_eq!(dial_with("ws://im.example/", options).await.unwrap().url.as_str(), format!("ws://{there}/"));
}

#[tokio::test]
async fn answers_may_be_folded_and_in_latin_1() {
    let server = answering(|head| {
        let head = switching(head, "X-Device: Acme PLC\r\n  firmware 1.2\r\nSet-Cookie: a=b;\r\n\tPath=/\r\nX-Town: M@nchen\r\n");
        head.bytes().map(|byte| if byte == b'@' { 0xfc } else { byte }).collect()
    })
    .await;
    let opened = dial(&format!("ws://{server}/")).await.unwrap();
    for (name, value) in [("x-device", "Acme PLC firmware 1.2"), ("set-cookie", "a=b; Path=/"), ("x-town", "München")] {
        assert!(opened.headers.contains(&(name.to_owned(), value.to_owned())), "{:?}", opened.headers);
    }
}

#[tokio::test]
async fn a_tls_server_on_ws_is_explained() {
    // The alert unexpected_message.
    let server = answering(|_| vec![0x15, 3, 3, 0, 2, 2, 10]).await;
    let error = dial(&format!("ws://{server}/")).await.unwrap_err();
    assert!(error.code() == ErrorCode::HttpInvalid && error.message.contains("use wss://"), "{error}");
}

#[tokio::test]
async fn subprotocols_are_not_told() {
    let server = answering(|head| switching(head, "Sec-WebSocket-Protocol: key.s3cret2\r\n").into()).await;
    let silent = answering(|head| switching(head, "").into()).await;
    for server in [server, silent] {
        let options = direct().protocols(vec!["realtime".into(), "key.s3cret".into()]);
        let error = dial_with(&format!("ws://{server}/"), options).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::SubprotocolMismatch);
        assert!(!format!("{error} {error:?} {:?}", error.causes).contains("s3cret"), "{error:?}");
    }
}

/// Opens `count` sockets to a server that answers none before all of them have asked. True: all are open.
async fn all_at_once(count: usize, until: ConnectUntil) -> bool {
    let asked = Arc::new(AtomicUsize::new(0));
    let (tell, told) = watch::channel(false);
    let (tell, told) = (Arc::new(tell), told);
    let server = serve(move |mut stream| {
        let (asked, tell, mut told) = (Arc::clone(&asked), Arc::clone(&tell), told.clone());
        async move {
            let head = read_head(&mut stream).await;
            if asked.fetch_add(1, Ordering::SeqCst) + 1 == count {
                tell.send_replace(true);
            }
            told.wait_for(|all| *all).await.unwrap();
            let _ = stream.write_all(switching(&head, "").as_bytes()).await;
            let _ = stream.read(&mut [0; 8]).await;
        }
    })
    .await;
    // Where they may not, time is the subject.
    let patience = if until == ConnectUntil::Tls { LIMIT } else { Duration::from_millis(300) };
    let options = direct().connect_limit_until(until).open_timeout(patience);
    let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(dial_with_owned(format!("ws://{server}/"), options.clone()))).collect();
    let mut all = true;
    for task in tasks {
        all &= task.await.unwrap().is_ok();
    }
    all
}

async fn dial_with_owned(url: String, options: Options) -> Result<heartwire::internals::dial::Opened, heartwire::Error> {
    dial_with(&url, options).await
}

#[tokio::test]
async fn sockets_count_as_connecting_until_they_are_open_or_until_tls() {
    assert!(all_at_once(20, ConnectUntil::Tls).await);
    assert!(!all_at_once(2, ConnectUntil::Open).await);
    assert!(!all_at_once(2, ConnectUntil::Auto).await, "the class WebSocket is as browsers are");
}

#[tokio::test]
async fn waiting_for_others_counts_towards_the_timeout() {
    let silent = serve(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let options = direct().open_timeout(Duration::from_millis(300));
    let tasks: Vec<_> = (0..6).map(|_| tokio::spawn(dial_with_owned(format!("ws://{silent}/"), options.clone()))).collect();
    let mut waiting = 0;
    for task in tasks {
        let error = task.await.unwrap().unwrap_err();
        assert_eq!(error.code(), ErrorCode::OpenTimeout);
        waiting += usize::from(error.phase == Phase::Tcp && error.message.contains("connect_limit is 1"));
    }
    assert_eq!(waiting, 5, "all but the first waited for others, and no longer than they wanted to");
}

#[tokio::test]
async fn the_timeout_holds_in_slow_redirects() {
    let server = serve(|mut stream| async move {
        read_head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: /on\r\nContent-Length: 100000\r\n\r\n").await;
        let _ = stream.read(&mut [0; 8]).await;
    })
    .await;
    let drip = serve(|mut stream| async move {
        loop {
            if stream.write_all(b"HTTP/1.1 302 Found\r\nX: ").await.is_err() {
                return;
            }
            std::future::pending::<()>().await;
        }
    })
    .await;
    let options = direct().open_timeout(Duration::from_millis(300)).follow_redirects(20);
    let error = dial_with(&format!("ws://{drip}/"), options.clone()).await.unwrap_err();
    assert_eq!((error.code(), error.phase), (ErrorCode::OpenTimeout, Phase::Http));
    // Its body is not waited for.
    let error = dial_with(&format!("ws://{server}/"), options).await.unwrap_err();
    assert!(matches!(error.code(), ErrorCode::HttpRedirect | ErrorCode::OpenTimeout), "{error}");
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_zone_is_dialled_by_name_or_number_and_is_not_sent() {
    let listener = tokio::net::TcpListener::bind("[::1]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let mut hosts = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let head = read_head(&mut stream).await;
            hosts.push(header(&head, "host").map(str::to_owned));
            stream.write_all(switching(&head, "").as_bytes()).await.unwrap();
        }
        hosts
    });
    // In the URL, as the constructors read it, and in `connect_to`.
    let (url, place) = heartwire_proto::address::parse_zoned_url(&format!("ws://[::1%1]:{port}/")).unwrap();
    dial_with(url.as_str(), direct().connect_to(place)).await.unwrap();
    dial_with("ws://im.example/", direct().connect_to(Place::parse(&format!("[::1%1]:{port}")))).await.unwrap();
    assert_eq!(served.await.unwrap(), [Some(format!("[::1]:{port}")), Some("im.example".into())]);
    // The system knows the loopback's name: there is an address to connect to, where nobody listens. The other name is no interface.
    for (zone, code, words) in [("lo", None, "fe80::1"), ("nosuch0", Some(ErrorCode::DnsFailed), "zone")] {
        let (url, place) = heartwire_proto::address::parse_zoned_url(&format!("ws://[fe80::1%{zone}]:9/")).unwrap();
        let error = dial_with(url.as_str(), direct().connect_to(place).open_timeout(Some(Duration::from_secs(2)))).await.unwrap_err();
        assert!(error.message.contains(words) && error.message.contains(zone), "{error}");
        assert!(code.map_or(error.code() != ErrorCode::DnsFailed, |code| error.code() == code), "{error}");
    }
}
