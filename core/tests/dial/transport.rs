//! The transport over TLS: nothing lost, nothing left waiting, the end and the faults told.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use heartwire::internals::dial::Opened;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::certificates::{Authority, serve_tls};
use crate::support::*;

/// A TLS peer that upgrades, and then runs the test's part.
async fn upgrading<F, Fut>(config: ServerConfig, then: F) -> SocketAddr
where
    F: Fn(tokio_rustls::server::TlsStream<TcpStream>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let then = Arc::new(then);
    serve_tls(config, move |mut stream| {
        let then = Arc::clone(&then);
        async move {
            let head = read_head(&mut stream).await;
            stream.write_all(switching(&head, "").as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            then(stream).await;
        }
    })
    .await
}

#[tokio::test]
async fn frames_behind_the_answer_are_not_lost_in_tls() {
    let authority = Authority::new();
    // In the record of the head, in records of their own right behind it, and a large one.
    let server = serve_tls(authority.server(), |mut stream| async move {
        let head = read_head(&mut stream).await;
        let mut bytes = switching(&head, "").into_bytes();
        bytes.extend(b"\x81\x03one");
        stream.write_all(&bytes).await.unwrap();
        stream.write_all(b"\x81\x03two").await.unwrap();
        stream.write_all(&vec![7; 100_000]).await.unwrap();
        stream.flush().await.unwrap();
        let _ = stream.read(&mut [0; 8]).await;
    })
    .await;
    for _ in 0..10 {
        let mut opened = dial_with(&format!("wss://{server}/"), authority.options()).await.unwrap();
        let all = read_exactly(&mut opened.transport, opened.leftover, 10 + 100_000).await;
        assert!(all.starts_with(b"\x81\x03one\x81\x03two\x07"));
    }
}

#[tokio::test]
async fn close_notify_and_a_bare_end_are_both_the_end() {
    let authority = Authority::new();
    let polite = upgrading(authority.server(), |mut stream| async move {
        stream.write_all(b"last").await.unwrap();
        stream.shutdown().await.unwrap();
        // The socket itself stays open, and the end must be seen nevertheless.
        std::future::pending::<()>().await;
    })
    .await;
    let bare = upgrading(authority.server(), |mut stream| async move {
        stream.write_all(b"last").await.unwrap();
        stream.get_mut().0.shutdown().await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    for server in [polite, bare] {
        let Opened { mut transport, leftover, .. } = dial_with(&format!("wss://{server}/"), authority.options()).await.unwrap();
        assert_eq!(read_exactly(&mut transport, leftover, 4).await, b"last");
        for _ in 0..2 {
            assert!(read_some(&mut transport).await.unwrap().is_empty());
        }
        assert!(transport.has_buffered_input());
    }
}

#[tokio::test]
async fn a_fault_in_tls_comes_behind_the_data_before_it() {
    let authority = Authority::new();
    let server = upgrading(authority.server(), |mut stream| async move {
        // Once the client is open, because a fault during the handshake would break that.
        stream.read_u8().await.unwrap();
        stream.write_all(b"last").await.unwrap();
        stream
            .get_mut()
            .0
            .write_all(&[0x17, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
            .await
            .unwrap();
        let _ = stream.get_mut().0.read(&mut [0; 64]).await;
    })
    .await;
    let Opened { mut transport, leftover, .. } = dial_with(&format!("wss://{server}/"), authority.options()).await.unwrap();
    write_all(&mut transport, b"!").await;
    assert_eq!(read_exactly(&mut transport, leftover, 4).await, b"last");
    let error = read_some(&mut transport).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.get_ref().unwrap().downcast_ref::<rustls::Error>().is_some(), "{error}");
}

#[tokio::test]
async fn it_tells_when_the_socket_is_empty_so_that_no_byte_waits_for_another_wake() {
    const SIZE: usize = 3_000_000;
    let authority = Authority::new();
    let server = upgrading(authority.server(), |mut stream| async move {
        stream.read_u8().await.unwrap();
        stream.write_all(&vec![5; SIZE]).await.unwrap();
        stream.flush().await.unwrap();
        let _ = stream.read(&mut [0; 8]).await;
    })
    .await;
    let Opened { mut transport, .. } = dial_with(&format!("wss://{server}/"), authority.options()).await.unwrap();
    let watched = TcpStream::from_std(transport.socket().try_clone().unwrap().into()).unwrap();
    write_all(&mut transport, b"!").await;
    let (mut bytes, room) = (Vec::new(), 64 << 10);
    while bytes.len() < SIZE {
        // As a driver does: after a read that was short and told so, it waits for new bytes, not for those that are there.
        tokio::time::timeout(Duration::from_secs(10), watched.readable()).await.expect("bytes wait, nobody is woken").unwrap();
        loop {
            match transport.read(&mut bytes, room) {
                Ok(count) if count >= room || transport.has_buffered_input() => {}
                Ok(_) => break,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        let _ = watched.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    }
    assert_eq!(bytes.len(), SIZE);
}

#[tokio::test]
async fn a_peer_that_does_not_read_blocks_writing_and_nothing_is_lost() {
    let authority = Authority::new();
    let (go, wait) = tokio::sync::watch::channel(false);
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = upgrading(authority.server(), move |mut stream| {
        let (mut wait, tell) = (wait.clone(), tell.clone());
        async move {
            wait.wait_for(|go| *go).await.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            tell.send(all).unwrap();
        }
    })
    .await;
    let Opened { mut transport, .. } = dial_with(&format!("wss://{server}/"), authority.options()).await.unwrap();
    let chunk: Vec<u8> = (0..100_000_u32).map(|index| (index % 253) as u8).collect();
    let mut sent: Vec<u8> = Vec::new();
    let mut blocked = 0;
    while blocked < 20 {
        match transport.write(&chunk[sent.len() % 7..]) {
            Ok(taken) => {
                sent.extend(&chunk[sent.len() % 7..][..taken]);
                blocked = 0;
            }
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                blocked += 1;
                // No event reports that the kernel is full: it counts as full if it took nothing for a while.
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        assert!(sent.len() < 64 << 20, "it takes without end");
    }
    assert!(transport.has_buffered_output());
    assert_eq!(transport.flush().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    go.send(true).unwrap();
    write_all(&mut transport, b"end").await;
    sent.extend(b"end");
    assert!(!transport.has_buffered_output());
    transport.shutdown_write();
    let received = tokio::time::timeout(Duration::from_secs(20), told.recv()).await.unwrap().unwrap();
    assert!(received == sent, "{} bytes of {}", received.len(), sent.len());
}
