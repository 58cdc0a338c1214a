//! Whom to trust where the options do not say: the platform's store, or Mozilla's list where there is none. Knows nothing of connections.

use std::ffi::OsString;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::error::{Error, ErrorCode, Result};
use crate::process::PerProcess;
use crate::warning::warn;

/// The variables that name trusted certificates.
const VARIABLES: [&str; 3] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"];

/// The values of the variables: the store is read again if they have changed.
pub(super) type Environment = [Option<OsString>; 3];

/// The store of this process, read once: it takes milliseconds and a few hundred KiB.
static PLATFORM: PerProcess<Option<(Environment, Arc<dyn ServerCertVerifier>)>> = PerProcess::new();

/// What the variables say now.
pub(super) fn environment() -> Environment {
    VARIABLES.map(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
}

/// Trusts what this machine trusts. `SSL_CERT_FILE` and `SSL_CERT_DIR` stand instead of the platform's store, `NODE_EXTRA_CA_CERTS` beside it.
///
/// # Errors
/// `tls_failed`, if the variables name no usable certificate.
pub(super) fn platform(provider: &Arc<CryptoProvider>, environment: &Environment) -> Result<Arc<dyn ServerCertVerifier>> {
    let mut cached = PLATFORM.lock();
    if let Some((known, verifier)) = &*cached
        && known == environment
    {
        return Ok(Arc::clone(verifier));
    }
    let verifier = load(provider, environment)?;
    *cached = Some((environment.clone(), Arc::clone(&verifier)));
    Ok(verifier)
}

fn load(provider: &Arc<CryptoProvider>, [file, directory, extra]: &Environment) -> Result<Arc<dyn ServerCertVerifier>> {
    let failed = |error: rustls::Error| Error::new(ErrorCode::TlsFailed, "the platform's trust store cannot be used").caused_by(&error);
    let extra = extra.as_ref().map_or_else(Vec::new, extra_certificates);
    match Verifier::new(Arc::clone(provider)) {
        Ok(verifier) if extra.is_empty() => Ok(Arc::new(verifier)),
        Ok(_) => Ok(Arc::new(Verifier::new_with_extra_roots(extra, Arc::clone(provider)).map_err(failed)?)),
        Err(error) if file.is_some() || directory.is_some() => {
            let named = [("SSL_CERT_FILE", file), ("SSL_CERT_DIR", directory)].into_iter();
            let named =
                named.filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?.display()))).collect::<Vec<_>>().join(" ");
            Err(Error::new(ErrorCode::TlsFailed, format!("no usable certificate in what the environment names: {named}"))
                .caused_by(&error)
                .retryable(false))
        }
        Err(_) => {
            warn(format_args!("TLS: this machine has no trust store; Mozilla's list of authorities, as built in, is used"));
            let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            roots.add_parsable_certificates(extra);
            of(roots, provider)
        }
    }
}

/// Trusts these roots and no others.
///
/// # Errors
/// `tls_failed`, if there are none.
pub(super) fn of(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    Ok(verifier.map_err(|error| Error::new(ErrorCode::TlsFailed, "no trusted certificates").caused_by(&error))?)
}

/// As Node does, a file that cannot be used is warned of and left out.
fn extra_certificates(path: &OsString) -> Vec<CertificateDer<'static>> {
    let mut usable = RootCertStore::empty();
    let parsed = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).unwrap_or_else(|error| {
        warn(format_args!("TLS: NODE_EXTRA_CA_CERTS={} cannot be read: {error}", path.display()));
        Vec::new()
    });
    let check = |certificate: &CertificateDer<'static>| {
        let added = usable.add(certificate.clone());
        if let Err(error) = &added {
            warn(format_args!("TLS: a certificate of NODE_EXTRA_CA_CERTS={} cannot be used: {error}", path.display()));
        }
        !matches!(added, Err(rustls::Error::InvalidCertificate(CertificateError::BadEncoding))) && added.is_ok()
    };
    parsed.into_iter().filter(check).collect()
}
