//! Certificates of our own authority, and servers that use them.

use std::net::SocketAddr;
use std::sync::Arc;

use heartwire::{Options, TlsOptions};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
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
    pub(crate) fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
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
        with_tls(TlsOptions::new().ca(Some(self.pem().into())))
    }
}

pub(crate) fn with_tls(tls: TlsOptions) -> Options {
    direct().tls(tls)
}

pub(crate) fn identity(pair: &(String, String)) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(pair.0.as_bytes()).collect::<Result<_, _>>().unwrap();
    (chain, PrivateKeyDer::from_pem_slice(pair.1.as_bytes()).unwrap())
}

pub(crate) fn builder() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVersions> {
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
}

pub(crate) fn server_config(pair: &(String, String)) -> ServerConfig {
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
            match acceptor.accept(stream).into_fallible().await {
                Ok(stream) => handle(stream).await,
                // The alert is read before the end of the stream, which is the client's to make.
                Err((_, mut stream)) => _ = stream.read_to_end(&mut Vec::new()).await,
            }
        }
    })
    .await
}
