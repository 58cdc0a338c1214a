//! Makes a rustls configuration from [`TlsOptions`]: one for each different set of options, so all connections share its session tickets. Blocks,
//! because it reads files. Knows nothing of connections.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};

use super::identity::Identity;
use super::provider::PROVIDER;
use super::verify::Verifier;
use super::{pem, roots};
use crate::error::{Error, ErrorCode, Result};
use crate::options::{Pem, TlsOptions, TlsVersion};
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

/// All inputs of a configuration: the content of files and not their names, so a renewed certificate is used.
#[derive(Clone, PartialEq)]
struct Recipe {
    ca: Option<Vec<u8>>,
    cert: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
    password: Option<String>,
    verify: bool,
    keylog: bool,
    min_version: TlsVersion,
    environment: roots::Environment,
}

static CACHE: PerProcess<Vec<(Recipe, Config)>> = PerProcess::new();

/// The configuration for these options.
///
/// # Errors
/// `invalid_option` naming the option, `tls_failed` for a trust store that cannot be used.
pub(super) fn get(options: &TlsOptions) -> Result<Config> {
    let recipe = Recipe {
        ca: read("tls.ca", options.ca.as_ref())?,
        cert: read("tls.cert", options.cert.as_ref())?,
        key: read("tls.key", options.key.as_ref())?,
        password: options.password.clone(),
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

/// The given PEM, or the content of the file.
fn read(option: &str, value: Option<&Pem>) -> Result<Option<Vec<u8>>> {
    let path = match value {
        None => return Ok(None),
        Some(Pem::Content(bytes)) => return Ok(Some(bytes.clone())),
        Some(Pem::File(path)) => path,
    };
    match std::fs::read(path) {
        Ok(content) => Ok(Some(content)),
        // A text without a dot is hardly a file name: it may be the key itself, without PEM's header and footer.
        Err(error) => {
            let name = path.to_string_lossy();
            let file = if name.contains('.') { format!("the file {name:?}") } else { "the file of that name (not shown)".to_owned() };
            Err(invalid(option, format!("is no PEM text, and {file} cannot be read: {error}")).caused_by(&error))
        }
    }
}

fn build(recipe: &Recipe) -> Result<Config> {
    let verifier = match (&recipe.ca, recipe.verify) {
        (_, false) => Arc::new(TrustAnyone),
        (Some(ca), true) => trust_only(ca)?,
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
        Some(identity) => builder.with_client_cert_resolver(Arc::new(identity)),
    };
    // Browsers send this, too. A server that chooses the HTTP version by it must not choose HTTP/2.
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    if recipe.keylog {
        if std::env::var_os("SSLKEYLOGFILE").is_none() {
            warn(format_args!("TLS: tls.keylog is on, but SSLKEYLOGFILE names no file"));
        }
        client.key_log = Arc::new(rustls::KeyLogFile::new());
    }
    Ok(Config { client: Arc::new(client), verifies: recipe.verify })
}

/// Trusts the certificates of `tls.ca`: as issuers, and themselves.
fn trust_only(content: &[u8]) -> Result<Arc<dyn ServerCertVerifier>> {
    let trusted = pem::certificates(content).map_err(|why| invalid("tls.ca", why))?;
    let mut roots = RootCertStore::empty();
    for (index, certificate) in trusted.iter().enumerate() {
        if roots.add(certificate.clone()).is_err() {
            return Err(invalid("tls.ca", format!("certificate {} cannot be used: it is no X.509 certificate, or is damaged", index + 1)));
        }
    }
    Ok(Arc::new(Verifier::new(roots::of(roots, &PROVIDER)?, &trusted)))
}

/// The client's certificates and its key, which may be in the same file.
fn identity(recipe: &Recipe) -> Result<Option<Identity>> {
    let password = recipe.password.as_deref();
    let Some(cert) = &recipe.cert else {
        return match (&recipe.key, password) {
            (Some(_), _) => Err(invalid("tls.key", "a key needs its certificate (tls.cert)")),
            (None, Some(_)) => Err(invalid("tls.password", "a password needs a certificate and its key (tls.cert, tls.key)")),
            (None, None) => Ok(None),
        };
    };
    let chain = pem::certificates(cert).map_err(|why| invalid("tls.cert", why))?;
    let (option, key) = match &recipe.key {
        Some(key) => ("tls.key", key),
        None if cert.windows(16).any(|part| part == b"PRIVATE KEY-----") => ("tls.cert", cert),
        None => return Err(invalid("tls.cert", "a certificate needs its key (tls.key, or in the same PEM)")),
    };
    let key = pem::private_key(key, password).map_err(|why| invalid(option, why))?;
    Identity::new(chain, key).map(Some).map_err(|why| invalid("tls.cert, tls.key", why))
}

fn invalid(option: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::InvalidOption, format!("{option}: {why}"))
}

/// `tls.verify` off: there is no check at all, so any certificate is accepted.
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
