//! wss://: certificates, options, refusals, resumption. The keys in `fixtures/` were made for these tests by openssl and guard nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use heartwire::{Error, ErrorCode, Options, Phase, ReconnectOptions, TlsOptions, TlsVersion};
use rcgen::date_time_ymd;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::certificates::*;
use crate::support::*;

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
    let options = with_tls(TlsOptions::new().ca(Some(path.to_str().unwrap().into())));
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
    let options = with_tls(TlsOptions::new().verify(false));
    assert_echoes(dial_with(&format!("wss://{server}/"), options).await.unwrap()).await;
}

/// In Python and Node, and in a Rust program without a logger, it appears on standard error.
#[test]
fn verify_off_is_loud() {
    let warned = run_child("tls::child_without_a_logger", &[]);
    assert!(warned.contains("the certificate of the server 127.0.0.1:") && warned.contains("tls.verify is off"), "{warned}");
}

#[tokio::test]
#[ignore = "run by verify_off_is_loud"]
async fn child_without_a_logger() {
    let server = serve_tls(Authority::new().server(), echo).await;
    let options = with_tls(TlsOptions::new().verify(false));
    drop(dial_with(&format!("wss://user:s3cret@{server}/"), options).await.unwrap());
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

/// Found by fuzzing the answer to the upgrade: a redirect to a name that no certificate can have was called a fault of the option.
#[tokio::test]
async fn a_url_with_a_name_that_no_certificate_can_have_is_no_fault_of_the_options() {
    let server = answering(|_| b"HTTP/1.1 308 X\r\nLocation: wss://im.example-/\r\n\r\n".to_vec()).await;
    let path = std::env::temp_dir().join(format!("heartwire-name-{}", std::process::id()));
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut to = tokio::net::TcpStream::connect(server).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut to).await;
        }
    });
    let options = direct().unix_socket(Some(path.clone())).follow_redirects(1);
    let error = dial_with("ws://im.example/", options).await.unwrap_err();
    assert_eq!((error.code(), error.phase, error.retryable), (ErrorCode::TlsFailed, Phase::Tls, false), "{error}");
    assert!(error.message.contains("im.example-"), "{error}");
    std::fs::remove_file(path).unwrap();
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
            (options.tls.cert, options.tls.key) = (cert.map(Into::into), key.map(Into::into));
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
        with_tls(
            TlsOptions::new()
                .ca(Some(ca.map_or_else(|| authority.pem().into(), Into::into)))
                .cert(cert.map(Into::into))
                .key(key.map(Into::into)),
        )
    };
    // SEC1 and PKCS#1 are read, and fit their certificates.
    for (cert, key) in [("ec.pem", "ec.sec1.key"), ("rsa.pem", "rsa.pkcs1.key")] {
        assert_echoes(dial_with(&url, tls(None, Some(fixture(cert)), Some(fixture(key)))).await.unwrap()).await;
    }
    // A key without the lines around it.
    let secret = fixture("ec.sec1.key").lines().filter(|line| !line.starts_with("-----")).collect::<String>();
    let bare = secret.clone();
    for (options, words) in vec![
        (tls(None, Some(fixture("ec.pem")), Some(fixture("ec.encrypted.key"))), &["tls.key", "encrypted"][..]),
        (tls(None, Some(fixture("rsa.pem")), Some(fixture("rsa.encrypted.key"))), &["tls.key", "encrypted"]),
        (tls(None, Some(fixture("ec.pem")), Some(fixture("rsa.pkcs1.key"))), &["tls.cert, tls.key", "do not fit"]),
        (tls(None, Some(fixture("ec.pem")), None), &["tls.cert", "needs its key"]),
        (tls(None, None, Some(fixture("ec.sec1.key"))), &["tls.key", "needs its certificate"]),
        (tls(None, Some(fixture("ec.sec1.key")), None), &["tls.cert", "no certificate"]),
        (tls(None, Some(fixture("ec.pem")), Some(fixture("ec.pem"))), &["tls.key", "no private key"]),
        (tls(Some("/nonexistent/ca.pem"), None, None), &["tls.ca", "/nonexistent/ca.pem", "cannot be read"]),
        (tls(Some(""), None, None), &["tls.ca", "cannot be read"]),
        (tls(None, Some(fixture("ec.pem")), Some(bare)), &["tls.key", "no PEM", "cannot be read"]),
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
        assert!(!format!("{error:?}").contains(&secret));
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
async fn a_reconnection_resumes_the_session() {
    let authority = Authority::new();
    let (tell, mut told) = mpsc::unbounded_channel();
    let server = serve_tls(authority.server(), move |stream| {
        tell.send(stream.get_ref().1.handshake_kind()).unwrap();
        // Opens, and is gone.
        async move { drop(tokio_tungstenite::accept_async(stream).await) }
    })
    .await;
    let reconnect = ReconnectOptions::new().min_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(1));
    let options = authority.options().reconnect(reconnect);
    let (socket, thread) = heartwire::WebSocket::with_handler(&format!("wss://{server}/"), options, |_, _| ()).unwrap();
    for expected in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed, rustls::HandshakeKind::Resumed] {
        let kind = tokio::time::timeout(Duration::from_secs(20), told.recv()).await.unwrap().unwrap();
        assert_eq!(kind, Some(expected));
    }
    socket.terminate();
    thread.join().unwrap();
}

#[tokio::test]
async fn a_redirect_never_leaves_tls_unless_allowed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let plain = answering(move |head| {
        count.fetch_add(1, Ordering::Relaxed);
        switching(head, "").into()
    })
    .await;
    let authority = Authority::new();
    let server = serve_tls(authority.server(), move |mut stream| async move {
        read_head(&mut stream).await;
        let answer = format!("HTTP/1.1 302 Found\r\nLocation: http://{plain}/\r\nSet-Cookie: sec=1; Secure; Path=/\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let _ = stream.read(&mut [0; 8]).await;
    })
    .await;
    let mut options = authority.options().follow_redirects(3);
    let error = refused(server, options.clone()).await;
    assert_eq!(error.code(), ErrorCode::HttpRedirect);
    assert!(error.message.contains("allow_insecure_redirect"), "{error}");
    options.allow_insecure_redirect = true;
    assert_eq!(dial_with(&format!("wss://{server}/"), options).await.unwrap().url.scheme(), "ws");
    assert_eq!(asked.load(Ordering::Relaxed), 1, "only the way that was allowed led to the plain server");
}

/// If variables of the environment decide, the test runs in its own process.
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
    let outcome = dial_with(&format!("wss://{server}/"), with_tls(TlsOptions::new().keylog(true))).await;
    match outcome {
        Ok(opened) if expect == "ok" => drop(assert_echoes(opened).await),
        Err(error) if error.message.contains(&expect) => {}
        outcome => panic!("{outcome:?}"),
    }
}
