//! The fault server's certificates: an authority made for this server alone, the server's certificate with the wanted faults, one for a client.
//! Knows nothing of connections.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use serde_json::Value;
use tokio_rustls::TlsAcceptor;

use super::error::{ErrorKind, TestError};
use super::fields::Fields;

/// The TLS settings of the script.
pub(super) struct TlsSettings {
    /// The names in the server's certificate.
    names: Vec<String>,
    /// The certificate expired long ago.
    expired: bool,
    /// It is signed by another authority than `ca_pem`.
    untrusted: bool,
    /// A client must show a certificate of the authority.
    client_cert: bool,
    /// The only supported version.
    version: Option<&'static SupportedProtocolVersion>,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            names: ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
            expired: false,
            untrusted: false,
            client_cert: false,
            version: None,
        }
    }
}

impl TlsSettings {
    pub(super) fn parse(value: &Value, faults: &mut Vec<String>) -> Self {
        let mut fields = Fields::of("tls".to_owned(), value, faults);
        let mut settings = Self::default();
        if let Some(value) = fields.value("names") {
            let names =
                value.as_array().and_then(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>());
            match names {
                Some(names) => settings.names = names,
                None => fields.fault("names", value, "a list of texts"),
            }
        }
        settings.expired = fields.flag("expired", false);
        settings.untrusted = fields.flag("untrusted", false);
        settings.client_cert = fields.flag("client_cert", false);
        settings.version = match fields.text("version") {
            None => None,
            Some("1.2") => Some(&rustls::version::TLS12),
            Some("1.3") => Some(&rustls::version::TLS13),
            Some(other) => {
                fields.fault("version", &other.into(), "1.2 or 1.3");
                None
            }
        };
        fields.finish();
        settings
    }
}

/// The certificates that a server with TLS shows and trusts.
pub(super) struct Identity {
    pub(super) ca_pem: String,
    pub(super) client_pem: (String, String),
    pub(super) acceptor: TlsAcceptor,
}

impl Identity {
    pub(super) fn make(settings: &TlsSettings) -> Result<Self, TestError> {
        Self::try_make(settings)
            .map_err(|error| TestError::new(ErrorKind::Script, format!("script.tls: no certificate could be made: {error}")))
    }

    fn try_make(settings: &TlsSettings) -> Result<Self, Box<dyn std::error::Error>> {
        let (ca, issuer) = authority()?;
        let (_, other) = authority()?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(settings.names.clone())?;
        params.use_authority_key_identifier_extension = true;
        if settings.expired {
            params.not_after = rcgen::date_time_ymd(2001, 1, 1);
        }
        let cert = params.signed_by(&key, if settings.untrusted { &other } else { &issuer })?;
        let client_key = KeyPair::generate()?;
        let client = CertificateParams::new(vec!["client.test".to_owned()])?.signed_by(&client_key, &issuer)?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = settings.version.map_or(rustls::DEFAULT_VERSIONS.to_vec(), |version| vec![version]);
        let config = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&versions)?;
        let config = if settings.client_cert {
            let mut roots = RootCertStore::empty();
            roots.add(ca.der().clone())?;
            config.with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?)
        } else {
            config.with_no_client_auth()
        };
        let config = config.with_single_cert(vec![cert.der().clone()], key.serialize_der().try_into()?)?;
        Ok(Self { ca_pem: ca.pem(), client_pem: (client.pem(), client_key.serialize_pem()), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

fn authority() -> Result<(rcgen::Certificate, Issuer<'static, KeyPair>), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Heartwire fault server");
    let ca = params.self_signed(&key)?;
    Ok((ca, Issuer::new(params, key)))
}
