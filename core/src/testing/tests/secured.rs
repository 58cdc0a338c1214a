//! The fault server with TLS, and as a proxy, against rustls' client.

use std::io::ErrorKind as Io;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

use super::{FaultServer, start, wait};

/// The client's side of TLS over a stream.
async fn secured<S>(server: &FaultServer, stream: S) -> std::io::Result<tokio_rustls::client::TlsStream<S>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut roots = rustls::RootCertStore::empty();
    let pem = server.ca_pem().unwrap();
    roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    tokio_rustls::TlsConnector::from(config).connect("localhost".try_into().unwrap(), stream).await
}

async fn connected(server: &FaultServer) -> tokio::net::TcpStream {
    tokio::net::TcpStream::connect(("127.0.0.1", server.port())).await.unwrap()
}

#[tokio::test]
async fn tls_with_an_authority_of_its_own() {
    let open = async |server: &FaultServer| secured(server, connected(server).await).await;
    let server =
        start(&json!({"tls": true, "connections": [{"do": "accept"}, {"do": "send", "text": "secret"}, {"do": "end", "notify": false}]}));
    assert_eq!(server.url(), format!("wss://localhost:{}/", server.port()));
    let (mut client, _) = tokio_tungstenite::client_async(server.url(), open(&server).await.unwrap()).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::text("secret"));
    drop(client);

    for settings in [json!({"untrusted": true}), json!({"expired": true}), json!({"names": ["other.test"]})] {
        let server = start(&json!({"tls": settings}));
        assert!(open(&server).await.is_err(), "{settings}");
    }
    let server = start(&json!({"tls": {"client_cert": true, "version": "1.2"}}));
    assert!(open(&server).await.is_err());
    assert!(server.client_pem().unwrap().1.contains("PRIVATE KEY"));
    let server = start(&json!({"tls": true, "connections": [{"do": "plain"}, {"do": "raw", "text": "SSH-2.0-x\r\n"}]}));
    assert!(open(&server).await.is_err());
}

#[tokio::test]
async fn tls_can_stop_within_the_handshake_or_a_record() {
    let server = start(&json!({"tls": true, "connections": [
        [{"do": "tls", "cut": 100}, {"do": "end"}],
        [{"do": "accept"}, {"do": "end", "fin": false}],
        [{"do": "accept"}, {"do": "send", "text": "whole"}, {"do": "send", "text": "half", "cut": 10}, {"do": "reset"}],
    ]}));
    let mut stream = connected(&server).await;
    // A real ClientHello of rustls, whose answer is cut.
    let error = secured(&server, &mut stream).await.unwrap_err();
    assert_eq!(error.kind(), Io::UnexpectedEof);
    drop(stream);
    let stream = secured(&server, connected(&server).await).await.unwrap();
    let (mut client, _) = tokio_tungstenite::client_async(server.url(), stream).await.unwrap();
    assert!(client.next().await.unwrap().is_err());
    assert_eq!(client.get_ref().get_ref().0.try_read(&mut [0]).unwrap_err().kind(), Io::WouldBlock, "TCP is open");
    drop(client);
    let stream = secured(&server, connected(&server).await).await.unwrap();
    let (mut client, _) = tokio_tungstenite::client_async(server.url(), stream).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::text("whole"));
    assert!(client.next().await.unwrap().is_err());
    wait(&server, &json!({"event": "end", "connection": 2, "by": "server", "how": "reset"}));
}

#[tokio::test]
async fn it_is_a_proxy_and_what_is_behind_it() {
    let server = start(&json!({"tls": true, "connections": [
        [{"do": "tls"}, {"do": "tunnel"}, {"do": "tls"}, {"do": "accept"}, {"do": "send", "text": "hi"}],
        [{"do": "plain"}, {"do": "read", "hex": "0501 00"}, {"do": "raw", "hex": "0500"}, {"do": "read", "bytes": 10}, {"do": "raw", "hex": "05000001000000000000"}, {"do": "accept"}],
        [{"do": "plain"}, {"do": "read", "text": "HELO", "within": 5}],
    ]}));
    let mut tunnel = secured(&server, connected(&server).await).await.unwrap();
    tunnel.write_all(b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n").await.unwrap();
    let mut answer = [0; 39];
    tunnel.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 Connection established\r\n\r\n");
    let stream = Box::new(secured(&server, tunnel).await.unwrap());
    let (mut client, _) = tokio_tungstenite::client_async(server.url(), stream).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::text("hi"));
    wait(&server, &json!({"event": "request", "method": "CONNECT", "target": "localhost:1"}));
    wait(&server, &json!({"event": "request", "method": "GET"}));

    let mut socks = connected(&server).await;
    socks.write_all(&[5, 1, 0]).await.unwrap();
    socks.read_exact(&mut [0; 2]).await.unwrap();
    socks.write_all(&[5, 1, 0, 1, 127, 0, 0, 1, 0, 80]).await.unwrap();
    socks.read_exact(&mut [0; 10]).await.unwrap();
    tokio_tungstenite::client_async("ws://127.0.0.1/", socks).await.unwrap();

    connected(&server).await.write_all(b"EHLO").await.unwrap();
    let failed = wait(&server, &json!({"event": "failed", "step": "connections[2][1]"}));
    assert_eq!(failed["message"], "expected the bytes 48454c4f, got 45484c4f");
}

#[tokio::test]
async fn what_is_cut_may_be_many_records() {
    let server = start(&json!({"tls": true, "connections": [
        {"do": "request"}, {"do": "raw", "text": "x".repeat(200_000), "cut": 100_000}, {"do": "end", "notify": false},
    ]}));
    let mut stream = secured(&server, connected(&server).await).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut came = Vec::new();
    let error = stream.read_to_end(&mut came).await.unwrap_err();
    assert_eq!(error.kind(), Io::UnexpectedEof);
    // Six whole records of 16 KiB.
    assert_eq!(came.len(), 6 << 14);
}

#[tokio::test]
async fn a_handshake_has_its_time_and_a_pace_holds_beyond_it() {
    let server = start(&json!({"tls": true, "connections": [
        [{"do": "tls", "within": 0.01}],
        [{"do": "slow", "bytes": 1000, "every": 0.01}, {"do": "tls"}, {"do": "accept"}],
    ]}));
    let mut silent = connected(&server).await;
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    wait(&server, &json!({"event": "tls_failed", "connection": 0, "message": "the handshake was not done within 0.01 s"}));
    let stream = secured(&server, connected(&server).await).await.unwrap();
    let (mut client, _) = tokio_tungstenite::client_async(server.url(), stream).await.unwrap();
    client.send(Message::text("x".repeat(20_000))).await.unwrap();
    let open = wait(&server, &json!({"event": "open"}));
    let message = wait(&server, &json!({"event": "message", "size": 20_000}));
    assert!(message["at"].as_f64().unwrap() - open["at"].as_f64().unwrap() >= 0.19);
}

#[tokio::test]
async fn a_cut_record_has_no_goodbye_behind_it() {
    let server = start(&json!({"tls": true, "connections": [
        {"do": "accept"}, {"do": "send", "text": "half", "cut": 10}, {"do": "end", "fin": false},
    ]}));
    let stream = secured(&server, connected(&server).await).await.unwrap();
    // What it makes of half a record is not the subject.
    let client = tokio_tungstenite::client_async(server.url(), stream).await;
    wait(&server, &json!({"event": "failed", "step": "connections[2]"}));
    drop(client);
}
