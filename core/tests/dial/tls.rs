//! wss://: certificates, options, faults, resumption; and the transport over TLS. The keys in `fixtures/` were made for these tests by openssl and
//! guard nothing.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use heartwire::dial::Opened;
use heartwire::error::{Error, ErrorCode, Phase};
use heartwire::options::{Options, TlsOptions, TlsVersion};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::support::*;

/// An authority of our own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Two authorities of one name would differ by their signatures only.
        params.distinguished_name.push(rcgen::DnType::CommonName, format!("authority {}", rand::random::<u64>()));
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `names`, changed as the test wants it.
    fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// A server's configuration with a good certificate for loopback.
    pub(crate) fn server(&self) -> ServerConfig {
        server_config(&self.issue(&["127.0.0.1", "localhost"], |_| ()))
    }

    pub(crate) fn options(&self) -> Options {
        with_tls(TlsOptions { ca: Some(self.pem()), ..TlsOptions::default() })
    }
}

fn with_tls(tls: TlsOptions) -> Options {
    Options { tls, ..direct() }
}

fn identity(pair: &(String, String)) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(pair.0.as_bytes()).collect::<Result<_, _>>().unwrap();
    (chain, PrivateKeyDer::from_pem_slice(pair.1.as_bytes()).unwrap())
}

fn builder() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVersions> {
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
}

fn server_config(pair: &(String, String)) -> ServerConfig {
    let (chain, key) = identity(pair);
    builder().with_safe_default_protocol_versions().unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap()
}

/// Serves TLS and hands each stream to `handle`; a failed handshake is dropped.
pub(crate) async fn serve_tls<F, Fut>(config: ServerConfig, handle: F) -> SocketAddr
where
    F: Fn(tokio_rustls::server::TlsStream<TcpStream>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let handle = Arc::new(handle);
    serve(move |stream| {
        let (acceptor, handle) = (acceptor.clone(), Arc::clone(&handle));
        async move {
            match acceptor.accept(stream).await {
                Ok(stream) => handle(stream).await,
                // A moment for the alert to be read before the end of the stream.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    })
    .await
}

/// A TLS peer that upgrades, and then does what the test wants.
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

async fn refused(server: SocketAddr, options: Options) -> Error {
    let error = dial_with(&format!("wss://user:s3cret@{server}/"), options).await.unwrap_err();
    assert!(error.message.contains(&server.to_string()), "{error}");
    assert!(!format!("{error:?}").contains("s3cret"));
    error
}

#[tokio::test]
async fn a_private_authority_is_trusted_by_text_and_by_file() {
    let authority = Authority::new();
    let server = serve_tls(authority.server(), echo).await;
    let opened = assert_echoes(dial_with(&format!("wss://{server}/"), authority.options()).await.unwrap()).await;
    assert!(opened.transport.is_tls());
    assert_echoes_much(opened, 3 << 20).await;

    let path = std::env::temp_dir().join(format!("heartwire-ca-{}.pem", std::process::id()));
    std::fs::write(&path, authority.pem()).unwrap();
    let options = with_tls(TlsOptions { ca: Some(path.to_str().unwrap().into()), ..TlsOptions::default() });
    assert_echoes(dial_with(&format!("wss://localhost:{}/", server.port()), options.clone()).await.unwrap()).await;
    // The file's content counts: another authority in it is not the one that is cached.
    std::fs::write(&path, Authority::new().pem()).unwrap();
    assert_eq!(refused(server, options).await.code(), ErrorCode::TlsCertificate);
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn the_failed_check_is_named() {
    let authority = Authority::new();
    let expired = authority.issue(&["127.0.0.1"], |params| params.not_after = date_time_ymd(2020, 2, 29));
    let early = authority.issue(&["127.0.0.1"], |params| params.not_before = date_time_ymd(2999, 1, 1));
    let other = authority.issue(&["other.example", "10.0.0.1"], |_| ());
    let client_only =
        authority.issue(&["127.0.0.1"], |params| params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth]);
    let unknown = Authority::new().issue(&["127.0.0.1"], |_| ());
    for (pair, words) in [
        (expired, &["expired", "Sat, 29 Feb 2020"][..]),
        (early, &["not valid yet", "2999"]),
        (other, &["wrong host", "wanted 127.0.0.1", "other.example"]),
        (client_only, &["not meant for servers"]),
        (unknown, &["unknown issuer"]),
    ] {
        let server = serve_tls(server_config(&pair), echo).await;
        let error = refused(server, authority.options()).await;
        assert_eq!((error.code(), error.phase, error.retryable), (ErrorCode::TlsCertificate, Phase::Tls, false));
        for word in words {
            assert!(error.message.contains(word), "{word}: {error}");
        }
    }
}

#[tokio::test]
async fn the_platform_does_not_know_our_authority() {
    let server = serve_tls(Authority::new().server(), echo).await;
    let error = refused(server, with_tls(TlsOptions::default())).await;
    assert_eq!(error.code(), ErrorCode::TlsCertificate);
    assert!(error.message.contains("unknown issuer"), "{error}");
}

#[tokio::test]
async fn verify_off_takes_anyone() {
    let server =
        serve_tls(server_config(&Authority::new().issue(&["other.example"], |params| params.not_after = date_time_ymd(2020, 1, 1))), echo)
            .await;
    let options = with_tls(TlsOptions { verify: false, ..TlsOptions::default() });
    assert_echoes(dial_with(&format!("wss://{server}/"), options).await.unwrap()).await;
}

#[tokio::test]
async fn another_server_name_is_asked_for_and_checked() {
    let authority = Authority::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = serve_tls(server_config(&authority.issue(&["im.example"], |_| ())), move |stream| {
        tell.send(stream.get_ref().1.server_name().map(str::to_owned)).unwrap();
        echo(stream)
    })
    .await;
    assert_eq!(refused(server, authority.options()).await.code(), ErrorCode::TlsCertificate);
    let mut options = authority.options();
    options.tls.server_name = Some("im.example".into());
    assert_echoes(dial_with(&format!("wss://{server}/"), options.clone()).await.unwrap()).await;
    assert_eq!(told.recv().await.unwrap().as_deref(), Some("im.example"));
    options.tls.server_name = Some("not a name".into());
    let error = dial_with(&format!("wss://{server}/"), options).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidOption);
    assert!(error.message.contains("tls.server_name"), "{error}");
}

#[tokio::test]
async fn client_certificates_in_every_form_of_key() {
    let authority = Authority::new();
    let good = authority.issue(&["bot"], |_| ());
    let fixture = |name: &str| std::fs::read_to_string(format!("{}/tests/dial/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut roots = RootCertStore::empty();
    for pem in [authority.pem(), fixture("ec.pem"), fixture("rsa.pem")] {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots.clone()), provider).build().unwrap();
        let (chain, key) = identity(&authority.issue(&["127.0.0.1"], |_| ()));
        let config =
            builder().with_protocol_versions(&[version]).unwrap().with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap();
        let server = serve_tls(config, echo).await;
        let shows = |cert: Option<String>, key: Option<String>| {
            let mut options = authority.options();
            (options.tls.cert, options.tls.key) = (cert, key);
            options
        };
        let error = refused(server, shows(None, None)).await;
        assert_eq!((error.code(), error.phase), (ErrorCode::TlsFailed, Phase::Tls), "{error}");
        assert!(error.message.contains("client certificate"), "{error}");

        let combined = format!("{}{}", good.0, good.1);
        let url = format!("wss://{server}/");
        assert_echoes(dial_with(&url, shows(Some(good.0.clone()), Some(good.1.clone()))).await.unwrap()).await;
        assert_echoes(dial_with(&url, shows(Some(combined), None)).await.unwrap()).await;

        let stranger = Authority::new().issue(&["bot"], |_| ());
        let error = refused(server, shows(Some(stranger.0), Some(stranger.1))).await;
        assert!(error.message.contains("client certificate"), "{error}");
    }
}

#[tokio::test]
async fn keys_and_certificates_that_cannot_be_used_are_named() {
    let fixture = |name: &str| std::fs::read_to_string(format!("{}/tests/dial/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let authority = Authority::new();
    let server = serve_tls(authority.server(), echo).await;
    let url = format!("wss://{server}/");
    let tls = |ca: Option<&str>, cert: Option<String>, key: Option<String>| {
        with_tls(TlsOptions { ca: ca.map(str::to_owned).or(Some(authority.pem())), cert, key, ..TlsOptions::default() })
    };
    // SEC1 and PKCS#1 are read, and fit their certificates.
    for (cert, key) in [("ec.pem", "ec.sec1.key"), ("rsa.pem", "rsa.pkcs1.key")] {
        assert_echoes(dial_with(&url, tls(None, Some(fixture(cert)), Some(fixture(key)))).await.unwrap()).await;
    }
    for (options, words) in [
        (tls(None, Some(fixture("ec.pem")), Some(fixture("ec.encrypted.key"))), &["tls.key", "encrypted"][..]),
        (tls(None, Some(fixture("rsa.pem")), Some(fixture("rsa.encrypted.key"))), &["tls.key", "encrypted"]),
        (tls(None, Some(fixture("ec.pem")), Some(fixture("rsa.pkcs1.key"))), &["tls.cert, tls.key", "do not fit"]),
        (tls(None, Some(fixture("ec.pem")), None), &["tls.cert", "needs its key"]),
        (tls(None, None, Some(fixture("ec.sec1.key"))), &["tls.key", "needs its certificate"]),
        (tls(None, Some(fixture("ec.sec1.key")), None), &["tls.cert", "no certificate"]),
        (tls(None, Some(fixture("ec.pem")), Some(fixture("ec.pem"))), &["tls.key", "no private key"]),
        (tls(Some("/nonexistent/ca.pem"), None, None), &["tls.ca", "/nonexistent/ca.pem", "cannot be read"]),
        (tls(Some(""), None, None), &["tls.ca", "cannot be read"]),
        (
            tls(Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), None, None),
            &["tls.ca", "certificate 1 cannot be used"],
        ),
        (tls(Some("-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"), None, None), &["tls.ca", "PEM"]),
        (tls(Some("-----BEGIN CERTIFICATE-----\n"), None, None), &["tls.ca"]),
    ] {
        let error = dial_with(&url, options).await.unwrap_err();
        assert_eq!((error.code(), error.retryable), (ErrorCode::InvalidOption, false), "{error}");
        for word in words {
            assert!(error.message.contains(word), "{word}: {error}");
        }
    }
}

#[tokio::test]
async fn versions_below_the_minimum_are_refused() {
    let authority = Authority::new();
    let (chain, key) = identity(&authority.issue(&["127.0.0.1"], |_| ()));
    let old =
        builder().with_protocol_versions(&[&rustls::version::TLS12]).unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let server = serve_tls(old, echo).await;
    assert_echoes(dial_with(&format!("wss://{server}/"), authority.options()).await.unwrap()).await;
    let mut options = authority.options();
    options.tls.min_version = TlsVersion::Tls13;
    let error = refused(server, options).await;
    assert_eq!(error.code(), ErrorCode::TlsFailed);
    assert!(error.message.contains("tls.min_version"), "{error}");
}

#[tokio::test]
async fn plain_http_on_wss_is_explained() {
    let server = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 16]).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let error = refused(server, direct()).await;
    assert_eq!(error.code(), ErrorCode::TlsFailed);
    assert!(error.message.contains("plain ws://"), "{error}");
}

#[tokio::test]
async fn an_end_or_garbage_in_the_handshake() {
    let ending = serve(|mut stream| async move { drop(stream.read(&mut [0; 600]).await) }).await;
    let garbage = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 600]).await;
        let _ = stream.write_all(&[0x16, 3, 3, 0, 4, 9, 9, 9, 9]).await;
        let _ = stream.read(&mut [0; 600]).await;
    })
    .await;
    for server in [ending, garbage] {
        let error = refused(server, direct()).await;
        assert_eq!((error.code(), error.phase), (ErrorCode::TlsFailed, Phase::Tls), "{error}");
    }
}

#[tokio::test]
async fn sessions_are_resumed_by_later_connections() {
    let authority = Authority::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = serve_tls(authority.server(), move |stream| {
        tell.send(stream.get_ref().1.handshake_kind()).unwrap();
        echo(stream)
    })
    .await;
    for expected in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed, rustls::HandshakeKind::Resumed] {
        // Equal options of another socket use the same tickets.
        assert_echoes(dial_with(&format!("wss://{server}/"), authority.options()).await.unwrap()).await;
        assert_eq!(told.recv().await.unwrap(), Some(expected));
    }
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
        // The socket itself stays open: the end must be seen all the same.
        tokio::time::sleep(Duration::from_secs(20)).await;
    })
    .await;
    let bare = upgrading(authority.server(), |mut stream| async move {
        stream.write_all(b"last").await.unwrap();
        stream.get_mut().0.shutdown().await.unwrap();
        tokio::time::sleep(Duration::from_secs(20)).await;
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
        // Once the client is open: what is broken during the handshake breaks that.
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
    let watched = TcpStream::from_std(transport.as_fd().try_clone_to_owned().unwrap().into()).unwrap();
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

#[tokio::test]
async fn a_redirect_never_leaves_tls_unless_allowed() {
    let plain = answering(|head| switching(head, "").into()).await;
    let authority = Authority::new();
    let server = serve_tls(authority.server(), move |mut stream| async move {
        read_head(&mut stream).await;
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: http://{plain}/\r\nSet-Cookie: sec=1; Secure; Path=/\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let _ = stream.read(&mut [0; 8]).await;
    })
    .await;
    let mut options = Options { follow_redirects: 3, ..authority.options() };
    let error = refused(server, options.clone()).await;
    assert_eq!(error.code(), ErrorCode::HttpRedirect);
    assert!(error.message.contains("allow_insecure_redirect"), "{error}");
    options.allow_insecure_redirect = true;
    assert_eq!(dial_with(&format!("wss://{server}/"), options).await.unwrap().url.scheme(), "ws");
}

/// Where the variables of the environment decide, the test runs in a process of its own.
#[test]
fn the_environment_names_authorities_and_the_key_log() {
    let directory = std::env::temp_dir().join(format!("heartwire-env-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let authority = Authority::new();
    let file = |name: &str, text: &str| {
        std::fs::write(directory.join(name), text).unwrap();
        directory.join(name).to_str().unwrap().to_owned()
    };
    let pair = authority.issue(&["127.0.0.1"], |_| ());
    let (ca, server) = (file("ca.pem", &authority.pem()), file("server.pem", &format!("{}{}", pair.0, pair.1)));
    let (empty, log) = (file("empty.pem", ""), directory.join("keys.log").to_str().unwrap().to_owned());
    let child = |expect: &str, more: &[(&str, &str)]| {
        let variables = [&[("TEST_SERVER", server.as_str()), ("TEST_EXPECT", expect), ("SSLKEYLOGFILE", &log)], more].concat();
        run_child("tls::child_with_an_environment", &variables);
    };
    child("ok", &[("SSL_CERT_FILE", &ca)]);
    child("ok", &[("NODE_EXTRA_CA_CERTS", &ca)]);
    child("unknown issuer", &[]);
    child("unknown issuer", &[("NODE_EXTRA_CA_CERTS", "/nonexistent.pem")]);
    child("SSL_CERT_FILE=", &[("SSL_CERT_FILE", &empty)]);
    child("unknown issuer", &[("NODE_EXTRA_CA_CERTS", &empty)]);
    assert!(std::fs::read_to_string(&log).unwrap().contains("CLIENT_TRAFFIC_SECRET_0"));
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
#[ignore = "run by the_environment_names_authorities_and_the_key_log"]
async fn child_with_an_environment() {
    let pem = std::fs::read_to_string(std::env::var("TEST_SERVER").unwrap()).unwrap();
    let server = serve_tls(server_config(&(pem.clone(), pem)), echo).await;
    let expect = std::env::var("TEST_EXPECT").unwrap();
    let outcome = dial_with(&format!("wss://{server}/"), with_tls(TlsOptions { keylog: true, ..TlsOptions::default() })).await;
    match outcome {
        Ok(opened) if expect == "ok" => drop(assert_echoes(opened).await),
        Err(error) if error.message.contains(&expect) => {}
        outcome => panic!("{outcome:?}"),
    }
}
