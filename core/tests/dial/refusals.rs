//! Servers that refuse, lie, stall or speak something else.

use std::time::Duration;

use heartwire::ErrorCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::*;

#[tokio::test]
async fn the_answer_is_checked_to_the_letter() {
    let good = |lines: &str| lines.replace("{good}", "{accept}");
    for (lines, wanted) in [
        ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\n", None),
        ("upgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\nsec-websocket-accept: {good}\r\n", None),
        ("Upgrade: websocket\r\nConnection: keep-alive\r\nConnection: Upgrade\r\nSec-WebSocket-Accept:   {good}  \r\n", None),
        ("Connection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\n", Some("no Upgrade header")),
        ("Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\n", Some("\"h2c\"")),
        ("Upgrade: websocket2\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\n", Some("\"websocket2\"")),
        (
            "Upgrade: websocket\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\n",
            Some("more than one upgrade"),
        ),
        ("Upgrade: websocket\r\nSec-WebSocket-Accept: {good}\r\n", Some("Connection")),
        ("Upgrade: websocket\r\nConnection: upgraded\r\nSec-WebSocket-Accept: {good}\r\n", Some("Connection")),
        ("Upgrade: websocket\r\nConnection: Upgrade\r\n", Some("no Sec-WebSocket-Accept")),
        (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
            Some("does not answer our key"),
        ),
        ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {lower}\r\n", Some("does not answer our key")),
        (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {good}\r\nSec-WebSocket-Accept: {good}\r\n",
            Some("more than one sec-websocket-accept"),
        ),
    ] {
        let lines = good(lines);
        let server = answering(move |head| {
            // Changing one letter's case gives a wrong value that looks right. Without a lower-case letter the test shows nothing.
            let accept = accept_value(head);
            let wrong: String =
                accept.chars().rev().map(|letter| if letter.is_lowercase() { letter.to_ascii_uppercase() } else { letter }).collect();
            let lines = lines.replace("{accept}", &accept).replace("{lower}", &wrong);
            format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n").into()
        })
        .await;
        let outcome = dial(&format!("ws://{server}/")).await;
        match wanted {
            None => drop(outcome.unwrap()),
            Some(words) => {
                let error = outcome.unwrap_err();
                assert_eq!((error.code(), error.status), (ErrorCode::HttpInvalid, Some(101)));
                assert!(error.message.contains(words) && error.message.contains(&server.to_string()), "{words}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn the_subprotocol_is_one_of_those_offered_and_is_chosen() {
    for (offered, answer, wanted) in [
        (&["chat", "v2"][..], "Sec-WebSocket-Protocol: v2\r\n", Some("v2")),
        (&[], "", Some("")),
        (&["chat"], "", None),
        (&[], "Sec-WebSocket-Protocol: chat\r\n", None),
        (&["chat"], "Sec-WebSocket-Protocol: Chat\r\n", None),
        (&["chat", "v2"], "Sec-WebSocket-Protocol: chat, v2\r\n", None),
        (&["chat", "v2"], "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: v2\r\n", None),
        (&["chat"], "Sec-WebSocket-Protocol: \r\n", None),
    ] {
        let server = answering(move |head| switching(head, answer).into()).await;
        let options = direct().protocols(offered.iter().map(ToString::to_string).collect::<Vec<_>>());
        match (dial_with(&format!("ws://{server}/"), options).await, wanted) {
            (Ok(opened), Some(wanted)) => assert_eq!(opened.protocol, wanted),
            (Err(error), None) => assert_eq!(error.code(), ErrorCode::SubprotocolMismatch, "{error}"),
            (outcome, _) => panic!("{offered:?} {answer:?}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn the_extensions_are_handed_on_as_they_are() {
    let server = answering(|head| switching(head, "Sec-WebSocket-Extensions: a; b=1\r\nSec-WebSocket-Extensions: c\r\n").into()).await;
    assert_eq!(dial(&format!("ws://{server}/")).await.unwrap().extensions, "a; b=1, c");
}

#[tokio::test]
async fn a_refusal_keeps_what_the_server_said() {
    let body = "x".repeat(5000);
    let answer = format!("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nX-Why: full\r\nContent-Length: 5000\r\n\r\n{body}");
    let server = answering(move |_| answer.clone().into()).await;
    let error = dial(&format!("ws://{server}/")).await.unwrap_err();
    assert_eq!((error.code(), error.status, error.retry_after), (ErrorCode::HttpRefused, Some(503), Some(Duration::from_secs(7))));
    assert_eq!(error.body, [b'x'; 4096]);
    assert!(error.headers.contains(&("x-why".into(), "full".into())), "{:?}", error.headers);
    assert!(error.retryable && error.message.contains("503 Service Unavailable") && error.message.contains(&server.to_string()), "{error}");
}

#[tokio::test]
async fn the_message_shows_what_the_server_says_and_no_secrets() {
    let body = "{\"error\":\r\n \"invalid token s3cret-token for a:s3cret-password, key s3cret-query\"}\u{1b}[2J";
    let answer = format!("HTTP/1.1 503 X\r\nRetry-After: 120\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let server = answering(move |_| answer.clone().into()).await;
    let options = direct().auth(Some(("a".into(), "s3cret-password".into()))).headers(vec![("X-Token".into(), "Bot s3cret-token".into())]);
    let error = dial_with(&format!("ws://{server}/?key=s3cret-query"), options).await.unwrap_err();
    assert!(error.message.contains("it asks to wait 120 s (Retry-After)"), "{error}");
    assert!(error.message.ends_with(r#"it says: "{\"error\": \"invalid token *** for a:***, key ***\"}\u{1b}[2J""#), "{error}");
    assert_eq!(error.body, body.as_bytes(), "the body itself is kept as it is");
}

#[tokio::test]
async fn the_status_says_whether_trying_again_helps() {
    for (status, retryable) in [
        (200, false),
        (204, false),
        (400, false),
        (401, false),
        (403, false),
        (404, false),
        (407, false),
        (408, true),
        (426, false),
        (429, true),
        (500, true),
        (502, true),
        (599, true),
    ] {
        let server = answering(move |_| format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nno").into()).await;
        let error = dial(&format!("ws://{server}/")).await.unwrap_err();
        assert_eq!((error.code(), error.status, error.retryable), (ErrorCode::HttpRefused, Some(status), retryable), "{error}");
        let hint = match status {
            401 => "wants credentials",
            403 => "does not allow it",
            407 => "a proxy on the way wants credentials",
            _ => "",
        };
        assert!(error.message.contains(hint), "{error}");
        if status != 204 {
            assert_eq!(error.body, b"no", "{status}");
        }
    }
}

#[tokio::test]
async fn a_refusal_whose_body_stalls_is_still_told() {
    let server = answering(|_| b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nbecause".to_vec()).await;
    let options = direct().open_timeout(None);
    let error = dial_with(&format!("ws://{server}/"), options).await.unwrap_err();
    assert_eq!((error.status, error.body.as_slice()), (Some(403), &b"because"[..]));
}

#[tokio::test]
async fn a_chunked_refusal_is_read() {
    let server =
        answering(|_| b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n4\r\n one\r\n0\r\n\r\n".to_vec()).await;
    assert_eq!(dial(&format!("ws://{server}/")).await.unwrap_err().body, b"bad one");
}

#[tokio::test]
async fn what_is_no_http_is_an_error_at_once() {
    let many = (0..400).fold(String::from("HTTP/1.1 101 X\r\n"), |head, index| head + &format!("X-{index}: y\r\n")) + "\r\n";
    let long = format!("HTTP/1.1 101 X\r\nX-Long: {}\r\n\r\n", "y".repeat(70_000));
    let endless = format!("HTTP/1.1 101 X\r\nX-Long: {}", "y".repeat(200_000));
    for (answer, words) in [
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), "did not answer in HTTP/1.1"),
        ("\u{0}\u{1}\u{2}\u{3}garbage".to_owned(), "did not answer in HTTP/1.1"),
        ("HTTP/1.1 abc\r\n\r\n".to_owned(), "did not answer in HTTP/1.1"),
        ("HTTP/2.0 200 OK\r\n\r\n".to_owned(), "did not answer in HTTP/1.1"),
        ("HTTP/1.1 101 X\r\nbad header\r\n\r\n".to_owned(), "did not answer in HTTP/1.1"),
        ("HTTP/1.1 101 X\r\nX: a\u{0}b\r\n\r\n".to_owned(), "did not answer in HTTP/1.1"),
        (many, "64 KiB or 256 headers"),
        (long, "64 KiB or 256 headers"),
        (endless, "64 KiB or 256 headers"),
    ] {
        let shown = answer[..answer.len().min(40)].to_owned();
        let server = answering(move |_| answer.clone().into()).await;
        let error = dial(&format!("ws://u:s3cret@{server}/?token=s3cret")).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::HttpInvalid, "{shown}: {error}");
        assert!(error.message.contains(words) && error.message.contains(&server.to_string()), "{shown}: {error}");
        assert!(!format!("{error:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn an_end_instead_of_an_answer_is_an_error() {
    let closing = serve(|mut stream| async move { drop(read_head(&mut stream).await) }).await;
    let resetting = serve(|mut stream| async move {
        stream.read_u8().await.unwrap();
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    })
    .await;
    let halfway = serve(|mut stream| async move {
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 101 Switching").await.unwrap();
    })
    .await;
    for server in [closing, resetting, halfway] {
        let error = dial(&format!("ws://{server}/")).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::HttpInvalid, "{error}");
        assert!(error.retryable && error.message.contains(&server.to_string()), "{error}");
    }
}

#[tokio::test]
async fn nobody_at_home() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = dial(&format!("ws://u:s3cret@{address}/")).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::ConnectionRefused);
    assert_eq!(error.message, format!("cannot connect to {address}: tried {address} (connection refused)"));
    let error = dial("ws://u:s3cret@no-such-host.invalid/").await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::DnsFailed);
    assert!(error.message.contains("no-such-host.invalid:80") && !format!("{error:?}").contains("s3cret"), "{error}");
}

#[tokio::test]
async fn injected_headers_never_leave() {
    let (tell, told) = std::sync::mpsc::channel();
    let server = answering(move |head| {
        // An attempt that was given up has sent nothing.
        if head.is_empty() {
            return Vec::new();
        }
        tell.send(head.to_owned()).unwrap();
        switching(head, "").into()
    })
    .await;
    for (name, value) in [("X", "a\r\nY: b"), ("X Y", "a"), ("Sec-WebSocket-Key", "x"), ("", "a")] {
        let options = direct().headers(vec![(name.into(), value.into())]);
        let error = dial_with(&format!("ws://{server}/"), options).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidHeader, "{name:?}");
    }
    for cookie in ["a\r\nX: y", "a\0b"] {
        let options = direct().cookies(vec![("c".into(), cookie.into())]);
        assert_eq!(dial_with(&format!("ws://{server}/"), options).await.unwrap_err().code(), ErrorCode::InvalidHeader);
    }
    // The server hears of a header that may leave, and has heard of no other.
    let options = direct().headers(vec![("X".into(), "fine".into())]);
    dial_with(&format!("ws://{server}/"), options).await.unwrap();
    let heads: Vec<String> = told.try_iter().collect();
    assert!(matches!(&heads[..], [head] if head.contains("fine\r\n")), "{heads:?}");
}

/// The answer is there, even if its body stalls. A body gets one second at most, and the deadline of this attempt comes before that.
#[tokio::test]
async fn a_refusal_whose_body_stalls_is_a_refusal_and_no_timeout() {
    let server = answering(|_| b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nnot you".to_vec()).await;
    // A busy machine may need longer for the head itself.
    for _ in 0..20 {
        let error = dial_with(&format!("ws://{server}/"), direct().open_timeout(Duration::from_millis(800))).await.unwrap_err();
        if error.code() != ErrorCode::OpenTimeout {
            return assert_eq!((error.code(), error.status, &error.body[..]), (ErrorCode::HttpRefused, Some(403), b"not you".as_slice()));
        }
    }
    panic!("the body that stalls hides the refusal behind open_timeout");
}
