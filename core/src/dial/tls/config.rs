//! From [`TlsOptions`] to a configuration of rustls: one for each different set of options, so that all connections share its session tickets.
//! Blocks: it reads files. Knows nothing of connections.

use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};

use super::roots;
use crate::error::{Error, ErrorCode, Result};
use crate::options::{TlsOptions, TlsVersion};
use crate::process::PerProcess;
use crate::warning::warn;

/// How many configurations are kept.
const CACHE_LIMIT: usize = 64;

/// A configuration, ready for use.
#[derive(Clone)]
pub(super) struct Config {
    pub(super) client: Arc<ClientConfig>,
    /// Whether the peer's certificate is checked.
    pub(super) verifies: bool,
}

/// Everything that a configuration depends on: the files' content and not their names, so that a renewed certificate is used.
#[derive(Clone, PartialEq)]
struct Recipe {
    ca: Option<String>,
    cert: Option<String>,
    key: Option<String>,
    verify: bool,
    keylog: bool,
    min_version: TlsVersion,
    environment: roots::Environment,
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));
static CACHE: PerProcess<Vec<(Recipe, Config)>> = PerProcess::new();

/// The configuration for these options.
///
/// # Errors
/// `invalid_option` naming the option, `tls_failed` for a trust store that cannot be used.
pub(super) fn get(options: &TlsOptions) -> Result<Config> {
    let recipe = Recipe {
        ca: read("tls.ca", options.ca.as_deref())?,
        cert: read("tls.cert", options.cert.as_deref())?,
        key: read("tls.key", options.key.as_deref())?,
        verify: options.verify,
        keylog: options.keylog,
        min_version: options.min_version,
        environment: roots::environment(),
    };
    let mut cache = CACHE.lock();
    if let Some((_, config)) = cache.iter().find(|(known, _)| *known == recipe) {
        return Ok(config.clone());
    }
    let config = build(&recipe)?;
    if cache.len() == CACHE_LIMIT {
        cache.remove(0);
    }
    cache.push((recipe, config.clone()));
    Ok(config)
}

/// PEM text as it is, anything else as the path of a file.
fn read(option: &str, value: Option<&str>) -> Result<Option<String>> {
    let Some(value) = value else { return Ok(None) };
    if value.contains("-----BEGIN") {
        return Ok(Some(value.to_owned()));
    }
    match std::fs::read_to_string(value) {
        Ok(text) => Ok(Some(text)),
        // What has no dot is hardly a file's name: it may be the key itself, without the lines that PEM puts around it.
        Err(error) => {
            let file = if value.contains('.') { format!("the file {value:?}") } else { "the file of that name (not shown)".to_owned() };
            Err(invalid(option, format!("is no PEM text, and {file} cannot be read: {error}")).caused_by(&error))
        }
    }
}

fn build(recipe: &Recipe) -> Result<Config> {
    let verifier = match (&recipe.ca, recipe.verify) {
        (_, false) => Arc::new(TrustAnyone),
        (Some(ca), true) => roots::of(authorities(ca)?, &PROVIDER)?,
        (None, true) => roots::platform(&PROVIDER, &recipe.environment)?,
    };
    let versions: &[&SupportedProtocolVersion] = match recipe.min_version {
        TlsVersion::Tls12 => &[&TLS13, &TLS12],
        TlsVersion::Tls13 => &[&TLS13],
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER)).with_protocol_versions(versions);
    let builder = builder.map_err(|error| Error::new(ErrorCode::Internal, "TLS versions and provider do not fit").caused_by(&error))?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut client = match identity(recipe)? {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| {
            let why = "the certificate and the key do not fit together, or the key's kind is not supported";
            invalid("tls.cert, tls.key", why).caused_by(&error)
        })?,
    };
    // What browsers ask for; a server that chooses between HTTP versions by it must not choose HTTP/2.
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    if recipe.keylog {
        if std::env::var_os("SSLKEYLOGFILE").is_none() {
            warn(format_args!("TLS: tls.keylog is on, but SSLKEYLOGFILE names no file"));
        }
        client.key_log = Arc::new(rustls::KeyLogFile::new());
    }
    Ok(Config { client: Arc::new(client), verifies: recipe.verify })
}

/// The certificates of `tls.ca` as roots.
fn authorities(text: &str) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in certificates("tls.ca", text)?.into_iter().enumerate() {
        roots.add(certificate).map_err(|error| invalid("tls.ca", format!("certificate {} cannot be used", index + 1)).caused_by(&error))?;
    }
    Ok(roots)
}

/// The client's certificates and its key, which may stand in the file of the certificates.
fn identity(recipe: &Recipe) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>> {
    match (&recipe.cert, &recipe.key) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(invalid("tls.key", "a key needs its certificate (tls.cert)")),
        (Some(cert), key) => {
            let chain = certificates("tls.cert", cert)?;
            let key = match key {
                Some(key) => private_key("tls.key", key)?,
                None if cert.contains("PRIVATE KEY-----") => private_key("tls.cert", cert)?,
                None => return Err(invalid("tls.cert", "a certificate needs its key (tls.key, or in the same PEM)")),
            };
            Ok(Some((chain, key)))
        }
    }
}

fn certificates(option: &str, text: &str) -> Result<Vec<CertificateDer<'static>>> {
    let parsed = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
    let certificates = parsed.map_err(|error| invalid(option, "not valid PEM").caused_by(&error))?;
    if certificates.is_empty() {
        return Err(invalid(option, "there is no certificate in it (-----BEGIN CERTIFICATE-----)"));
    }
    Ok(certificates)
}

fn private_key(option: &str, text: &str) -> Result<PrivateKeyDer<'static>> {
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(invalid(
            option,
            "the private key is encrypted, which is not supported; decrypt it with `openssl pkey -in KEY -out PLAIN`",
        ));
    }
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| match error {
        pem::Error::NoItemsFound => invalid(option, "there is no private key in it (PKCS#8, PKCS#1 or SEC1)"),
        error => invalid(option, "not valid PEM").caused_by(&error),
    })
}

fn invalid(option: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidOption, format!("{option}: {why}"))
}

/// `tls.verify` off: no check at all, so that it works with whatever the peer shows.
#[derive(Debug)]
struct TrustAnyone;

impl ServerCertVerifier for TrustAnyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}
