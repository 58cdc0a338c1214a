//! ws:// without a proxy: the request, the answer, the options of the socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use heartwire::{ErrorCode, Phase};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};

use crate::support::*;

#[tokio::test]
async fn it_opens_and_carries_messages_both_ways() {
    let server = echo_server().await;
    let opened = assert_echoes(dial(&format!("ws://{server}/chat?room=1")).await.unwrap()).await;
    assert_eq!(opened.url.as_str(), format!("ws://{server}/chat?room=1"));
    assert_eq!((opened.protocol.as_str(), opened.extensions.as_str()), ("", ""));
    assert!(opened.headers.iter().any(|(name, value)| name == "upgrade" && value == "websocket"), "{:?}", opened.headers);
    assert_echoes_much(opened, 3 << 20).await;
}

#[tokio::test]
async fn the_request_is_what_the_standard_asks_for() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = answering(move |head| {
        tell.send(head.to_owned()).unwrap();
        switching(head, "Sec-WebSocket-Protocol: v2\r\n").into()
    })
    .await;
    let options = direct()
        .protocols(vec!["v1".into(), "v2".into()])
        .headers(vec![("X-One".into(), "1".into()), ("x-one".into(), "zwei: ü".into()), ("Cookie".into(), "own=1".into())])
        .cookies(vec![("a".into(), "b".into()), ("c".into(), "d".into())])
        .origin(Some("https://page.example".into()));
    let mut request = request_with(&format!("ws://us%65r:p%40ss@{server}/p%20a/th?q=1&r=%22"), options);
    request.extensions = Some("permessage-deflate; client_max_window_bits".into());
    let opened = heartwire::internals::dial::dial(request).await.unwrap();
    assert_eq!(opened.protocol, "v2");
    let head = told.recv().await.unwrap();
    assert!(head.starts_with("GET /p%20a/th?q=1&r=%22 HTTP/1.1\r\n"), "{head}");
    for (name, value) in [
        ("Host", server.to_string().as_str()),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "v1, v2"),
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ("Origin", "https://page.example"),
        ("User-Agent", concat!("heartwire/", env!("CARGO_PKG_VERSION"))),
        ("Authorization", "Basic dXNlcjpwQHNz"),
        ("Cookie", "own=1; a=b; c=d"),
        ("X-One", "1"),
    ] {
        assert_eq!(header(&head, name), Some(value), "{name} in {head}");
    }
    assert!(head.contains("x-one: zwei: ü\r\n"), "{head}");
    assert_eq!(header(&head, "Sec-WebSocket-Key").unwrap().len(), 24);
    assert_eq!(head.to_lowercase().matches("cookie:").count(), 1);
}

#[tokio::test]
async fn headers_of_the_user_win_over_options_and_auth_over_the_url() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = answering(move |head| {
        tell.send(head.to_owned()).unwrap();
        switching(head, "").into()
    })
    .await;
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![own("authorization", "Bearer t"), own("Origin", "null"), own("USER-AGENT", "bot")];
    let options = direct().headers(headers).origin(Some("x".into())).auth(Some(("u".into(), "p".into())));
    dial_with(&format!("ws://a:b@{server}/"), options).await.unwrap();
    let head = told.recv().await.unwrap();
    assert_eq!(header(&head, "Authorization"), Some("Bearer t"));
    assert_eq!(header(&head, "Origin"), Some("null"));
    assert_eq!(header(&head, "User-Agent"), Some("bot"));
    assert_eq!(head.to_lowercase().matches("authorization:").count(), 1);

    let options = direct().auth(Some(("u".into(), "p".into()))).user_agent(String::new());
    dial_with(&format!("ws://a:b@{server}/"), options).await.unwrap();
    let head = told.recv().await.unwrap();
    assert_eq!(header(&head, "Authorization"), Some("Basic dTpw"));
    assert_eq!(header(&head, "User-Agent"), None);
}

#[tokio::test]
async fn what_comes_with_the_answer_is_not_lost() {
    let server = answering(|head| [switching(head, "").as_bytes(), b"\x81\x02hi\x88\x02\x03\xe8"].concat()).await;
    let mut opened = dial(&format!("ws://{server}/")).await.unwrap();
    let all = read_exactly(&mut opened.transport, opened.leftover, 8).await;
    assert_eq!(all, b"\x81\x02hi\x88\x02\x03\xe8");
}

#[tokio::test]
async fn an_answer_may_come_byte_by_byte() {
    let server = serve(|mut stream| async move {
        let head = read_head(&mut stream).await;
        stream.set_nodelay(true).unwrap();
        for byte in [switching(&head, "X-Slow: yes\r\n").as_bytes(), b"\x81\x02hi"].concat() {
            stream.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let _ = stream.read(&mut [0; 8]).await;
    })
    .await;
    let mut opened = dial(&format!("ws://{server}/")).await.unwrap();
    assert_eq!(read_exactly(&mut opened.transport, opened.leftover, 4).await, b"\x81\x02hi");
}

#[tokio::test]
async fn informational_answers_are_passed_over() {
    let server =
        answering(|head| format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{}", switching(head, "")).into())
            .await;
    dial(&format!("ws://{server}/")).await.unwrap();
}

#[tokio::test]
async fn the_end_of_the_stream_reads_as_zero() {
    let server = serve(|mut stream| async move {
        let head = read_head(&mut stream).await;
        stream.write_all(switching(&head, "").as_bytes()).await.unwrap();
    })
    .await;
    let mut opened = dial(&format!("ws://{server}/")).await.unwrap();
    assert!(read_some(&mut opened.transport).await.unwrap().is_empty());
}

#[tokio::test]
async fn shutdown_write_sends_the_end_and_reading_goes_on() {
    let server = serve(|mut stream| async move {
        let head = read_head(&mut stream).await;
        stream.write_all(switching(&head, "").as_bytes()).await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
        stream.write_all(b"late").await.unwrap();
    })
    .await;
    let mut opened = dial(&format!("ws://{server}/")).await.unwrap();
    opened.transport.shutdown_write();
    assert_eq!(read_exactly(&mut opened.transport, Vec::new(), 4).await, b"late");
}

#[tokio::test]
async fn a_unix_socket_stands_for_the_host() {
    let directory = std::env::temp_dir().join(format!("heartwire-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("chat.sock");
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(echo(stream));
        }
    });
    let options = direct().unix_socket(Some(path.clone()));
    let opened = assert_echoes(dial_with("ws://chat.example/", options).await.unwrap()).await;
    assert_echoes_much(opened, 1 << 20).await;
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn a_host_with_a_dead_family_still_opens() {
    // Only IPv4 listens, the name has usually both.
    let server = echo_server().await;
    let opened = dial(&format!("ws://localhost:{}/", server.port())).await.unwrap();
    assert_echoes(opened).await;
}

#[tokio::test]
async fn the_timeout_names_what_was_under_way() {
    let silent = serve(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    for (scheme, phase, words) in [("ws", Phase::Http, "waiting for the answer"), ("wss", Phase::Tls, "in the TLS handshake")] {
        let options = direct().open_timeout(Duration::from_secs(1));
        let error = dial_with(&format!("{scheme}://u:s3cret@{silent}/"), options).await.unwrap_err();
        assert_eq!((error.code(), error.phase), (ErrorCode::OpenTimeout, phase));
        assert!(error.message.contains(words) && error.message.contains(&silent.to_string()) && error.message.contains("1s"), "{error}");
        assert!(error.retryable && !format!("{error:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn a_dial_that_is_dropped_closes_its_socket() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = serve(move |mut stream| {
        let tell = tell.clone();
        async move {
            read_head(&mut stream).await;
            tell.send("asked").unwrap();
            let end = stream.read(&mut [0; 8]).await;
            tell.send(if matches!(end, Ok(0) | Err(_)) { "gone" } else { "alive" }).unwrap();
        }
    })
    .await;
    let url = format!("ws://{server}/");
    {
        let mut dialling = Box::pin(dial(&url));
        tokio::select! {
            _ = &mut dialling => panic!("nobody answers"),
            word = told.recv() => assert_eq!(word, Some("asked")),
        }
    }
    assert_eq!(tokio::time::timeout(LIMIT, told.recv()).await.unwrap(), Some("gone"));
}

#[tokio::test]
async fn one_at_a_time_connects_to_a_place_unless_more_are_allowed() {
    for limit in [1, 3] {
        let now = Arc::new(AtomicU32::new(0));
        let (tell, most) = watch::channel(0);
        let server = serve(move |mut stream| {
            let (now, tell) = (Arc::clone(&now), tell.clone());
            async move {
                let head = read_head(&mut stream).await;
                let at_once = now.fetch_add(1, Ordering::SeqCst) + 1;
                tell.send_modify(|most| *most = at_once.max(*most));
                // So many connect. From there time is the subject: it is long enough for one more, if one more is allowed.
                tell.subscribe().wait_for(|most| *most >= limit).await.unwrap();
                tokio::time::sleep(Duration::from_millis(30)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                stream.write_all(switching(&head, "").as_bytes()).await.unwrap();
                let _ = stream.read(&mut [0; 8]).await;
            }
        })
        .await;
        let url = format!("ws://{server}/");
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let options = direct().connect_limit(limit).open_timeout(None);
                let url = url.clone();
                tokio::spawn(async move { dial_with(&url, options).await.unwrap() })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*most.borrow(), limit);
    }
}
