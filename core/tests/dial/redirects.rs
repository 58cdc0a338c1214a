//! Redirects of the upgrade request.

use heartwire::{ErrorCode, Options, Phase};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::*;

/// Opens at `/end`, and redirects every other path with `answer`. Reports the heads.
async fn redirecting(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let server = answering(move |head| {
        let _ = tell.send(head.to_owned());
        if head.starts_with("GET /end") { switching(head, "").into() } else { answer(head).into() }
    })
    .await;
    (server, told)
}

fn follow(count: u32) -> Options {
    direct().follow_redirects(count)
}

#[tokio::test]
async fn a_redirect_is_an_error_unless_followed() {
    let (server, _) = redirecting(|_| "HTTP/1.1 302 Found\r\nLocation: /end?token=s3cret\r\n\r\n".into()).await;
    let error = dial(&format!("ws://{server}/")).await.unwrap_err();
    assert_eq!((error.code(), error.status, error.retryable), (ErrorCode::HttpRedirect, Some(302), false));
    assert!(error.message.contains("follow_redirects") && error.message.contains(&server.to_string()), "{error}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
    let opened = dial_with(&format!("ws://{server}/"), follow(1)).await.unwrap();
    assert_eq!(opened.url.as_str(), format!("ws://{server}/end?token=s3cret"));
}

/// With a clock that stands still unless a task waits for it.
#[tokio::test(start_paused = true)]
async fn a_redirect_is_followed_without_waiting_for_its_body() {
    let (server, _) = redirecting(|_| "HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 9\r\n\r\n".into()).await;
    let begun = Instant::now();
    dial_with(&format!("ws://{server}/"), follow(1).open_timeout(None)).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn every_kind_of_redirect_and_http_locations() {
    for status in [301, 302, 303, 307, 308] {
        let (target, _) = redirecting(|_| unreachable!()).await;
        let (server, _) = redirecting(move |_| format!("HTTP/1.1 {status} Go\r\nLocation: http://{target}/end#part\r\n\r\n")).await;
        let opened = dial_with(&format!("ws://{server}/a"), follow(1)).await.unwrap();
        assert_eq!(opened.url.as_str(), format!("ws://{target}/end"));
    }
}

#[tokio::test]
async fn loops_are_bounded() {
    let (server, mut told) = redirecting(|_| "HTTP/1.1 307 Again\r\nLocation: /x\r\n\r\n".into()).await;
    let error = dial_with(&format!("ws://{server}/"), follow(4)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::HttpRedirect);
    assert!(error.message.contains("4 redirects"), "{error}");
    let mut asked = 0;
    while told.try_recv().is_ok() {
        asked += 1;
    }
    assert_eq!(asked, 5);
}

/// A `Location` that does not fit into a request line is the server's fault, not that of the user's URL.
#[tokio::test]
async fn a_path_that_grows_with_each_redirect_is_an_error_of_the_redirect() {
    let (server, mut told) = redirecting(|_| format!("HTTP/1.1 307 Again\r\nLocation: {}/s3cret/\r\n\r\n", "a".repeat(30_000))).await;
    let error = dial_with(&format!("ws://{server}/"), follow(20)).await.unwrap_err();
    assert_eq!((error.code(), error.phase, error.status, error.retryable), (ErrorCode::HttpRedirect, Phase::Http, Some(307), false));
    assert!(error.message.contains("too long to be sent") && !error.to_string().contains("s3cret"), "{error}");
    let mut asked = 0;
    while told.try_recv().is_ok() {
        asked += 1;
    }
    assert_eq!(asked, 3, "65,534 bytes can be asked for");
}

#[tokio::test]
async fn useless_locations_are_errors() {
    for location in ["", "Location: ftp://h/\r\n", "Location: http://\r\n", "Location: data:x\r\n"] {
        let (server, _) = redirecting(move |_| format!("HTTP/1.1 301 Moved\r\n{location}\r\n")).await;
        let error = dial_with(&format!("ws://{server}/"), follow(3)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::HttpRedirect, "{location}: {error}");
    }
    // 304 and 300 are no redirects to follow.
    let (server, _) = redirecting(|_| "HTTP/1.1 304 Not Modified\r\nLocation: /end\r\n\r\n".into()).await;
    assert_eq!(dial_with(&format!("ws://{server}/"), follow(3)).await.unwrap_err().code(), ErrorCode::HttpRefused);
}

#[tokio::test]
async fn credentials_stay_with_their_origin_and_cookies_with_their_host() {
    let secret = || {
        follow(3)
            .headers(vec![
                ("Authorization".into(), "Bearer s3cret".into()),
                ("Cookie".into(), "h=s3cret".into()),
                ("X-Kept".into(), "1".into()),
            ])
            .cookies(vec![("o".into(), "s3cret".into())])
    };
    // Within the origin everything goes along, and the redirect's cookie with it.
    let (server, mut told) = redirecting(|_| {
        "HTTP/1.1 302 F\r\nLocation: /end\r\nSet-Cookie: set=1; Path=/; HttpOnly\r\nSet-Cookie: o=2; Path=/\r\n\r\n".into()
    })
    .await;
    dial_with(&format!("ws://{server}/"), secret()).await.unwrap();
    told.recv().await.unwrap();
    let head = told.recv().await.unwrap();
    assert_eq!(header(&head, "Authorization"), Some("Bearer s3cret"));
    assert_eq!(header(&head, "Cookie"), Some("h=s3cret; set=1; o=2"));

    // Another port is another origin: only cookies that the redirects set for the host are sent.
    let (target, mut told) = redirecting(|_| unreachable!()).await;
    let (server, _) = redirecting(move |_| {
        format!(
            "HTTP/1.1 302 F\r\nLocation: ws://u:p@{target}/end\r\nSet-Cookie: set=1; Path=/\r\nSet-Cookie: other=2; Domain=example.com\r\n\
             Set-Cookie: path=4; Path=/elsewhere\r\nSet-Cookie: gone=5; Path=/; Max-Age=0\r\n\r\n"
        )
    })
    .await;
    let opened = dial_with(&format!("ws://user:s3cret@{server}/"), secret()).await.unwrap();
    let head = told.recv().await.unwrap();
    assert!(!head.contains("s3cret") && header(&head, "Authorization").is_none(), "{head}");
    assert_eq!(header(&head, "Cookie"), Some("set=1"));
    assert_eq!(header(&head, "X-Kept"), Some("1"));
    assert_eq!(opened.url.as_str(), format!("ws://{target}/end"));
    // Back at home, credentials that were dropped stay dropped.
    let (tell, mut told) = mpsc::unbounded_channel();
    let away = std::sync::Arc::new(std::sync::OnceLock::<SocketAddr>::new());
    let there = away.clone();
    let home = answering(move |head| {
        let _ = tell.send(head.to_owned());
        if head.starts_with("GET /end") {
            switching(head, "").into()
        } else {
            format!("HTTP/1.1 302 F\r\nLocation: ws://{}/\r\n\r\n", there.get().unwrap()).into()
        }
    })
    .await;
    let (other, _) = redirecting(move |_| format!("HTTP/1.1 302 F\r\nLocation: ws://{home}/end\r\n\r\n")).await;
    away.set(other).unwrap();
    dial_with(&format!("ws://user:s3cret@{home}/"), secret()).await.unwrap();
    assert!(told.recv().await.unwrap().contains("s3cret"));
    assert!(!told.recv().await.unwrap().contains("s3cret"));
}

#[tokio::test]
async fn basic_credentials_of_the_url_go_along_within_the_origin() {
    let (server, mut told) = redirecting(|_| "HTTP/1.1 302 F\r\nLocation: end\r\n\r\n".into()).await;
    dial_with(&format!("ws://u:p@{server}/"), follow(1)).await.unwrap();
    told.recv().await.unwrap();
    assert_eq!(header(&told.recv().await.unwrap(), "Authorization"), Some("Basic dTpw"));
}
