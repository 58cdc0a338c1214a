//! The default trust store: the platform's, or Mozilla's list on a platform without one. Knows nothing of connections.

use std::ffi::OsString;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;

use super::pem;
use super::verify::Verifier;
use crate::error::{Error, ErrorCode, Result};
use crate::process::PerProcess;
use crate::warning::warn;

/// The variables that name trusted certificates.
const VARIABLES: [&str; 3] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"];

/// The values of the variables: the store is read again if they have changed.
pub(super) type Environment = [Option<OsString>; 3];

/// The store of this process, read once: it takes milliseconds and a few hundred KiB.
static PLATFORM: PerProcess<Option<(Environment, Arc<dyn ServerCertVerifier>)>> = PerProcess::new();

/// The present values of the variables.
pub(super) fn environment() -> Environment {
    VARIABLES.map(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
}

/// Trusts the certificates that this machine trusts. `SSL_CERT_FILE` and `SSL_CERT_DIR` replace the platform's store, `NODE_EXTRA_CA_CERTS` adds to
/// it.
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

/// For systems whose store is files.
#[cfg(all(unix, not(target_vendor = "apple"), not(target_os = "android")))]
fn load(provider: &Arc<CryptoProvider>, environment: &Environment) -> Result<Arc<dyn ServerCertVerifier>> {
    let [file, directories, extra] = environment;
    let mut trusted = if let (None, None) = (file, directories) {
        // An empty variable counts as unset here, but `load_native_certs` would use it.
        let places = openssl_probe::probe();
        let of_file = rustls_native_certs::load_certs_from_paths(places.cert_file.as_deref(), None).certs;
        let of_directories = places.cert_dir.iter().map(|path| rustls_native_certs::load_certs_from_paths(None, Some(path)).certs);
        of_directories.fold(of_file, |all, more| [all, more].concat())
    } else {
        let of_file = file.as_ref().and_then(|path| pem::certificates(&std::fs::read(path).ok()?).ok()).unwrap_or_default();
        let paths = directories.iter().flat_map(std::env::split_paths).filter(|path| !path.as_os_str().is_empty());
        paths.fold(of_file, |all, path| [all, rustls_native_certs::load_certs_from_paths(None, Some(&path)).certs].concat())
    };
    let mut roots = RootCertStore::empty();
    let (mut added, _) = roots.add_parsable_certificates(trusted.clone());
    let extra = extra.as_ref().map_or_else(Vec::new, extra_certificates);
    added += roots.add_parsable_certificates(extra.clone()).0;
    trusted.extend(extra);
    if added == 0 {
        return without_store(provider, environment);
    }
    Ok(Arc::new(Verifier::new(of(roots, provider)?, &trusted)))
}

/// For systems whose store has an interface of its own.
#[cfg(not(all(unix, not(target_vendor = "apple"), not(target_os = "android"))))]
fn load(provider: &Arc<CryptoProvider>, environment: &Environment) -> Result<Arc<dyn ServerCertVerifier>> {
    use rustls_platform_verifier::Verifier as System;
    let extra = environment[2].as_ref().map_or_else(Vec::new, extra_certificates);
    match System::new_with_extra_roots(extra.clone(), Arc::clone(provider)) {
        Ok(system) => Ok(Arc::new(Verifier::new(Arc::new(system), &extra))),
        Err(_) => without_store(provider, environment),
    }
}

/// # Errors
/// `tls_failed` if the environment names a store: another one must not replace it.
fn without_store(provider: &Arc<CryptoProvider>, [file, directory, _]: &Environment) -> Result<Arc<dyn ServerCertVerifier>> {
    if file.is_some() || directory.is_some() {
        let named = [("SSL_CERT_FILE", file), ("SSL_CERT_DIR", directory)].into_iter();
        let named = named.filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?.display()))).collect::<Vec<_>>().join(" ");
        let message = format!("no usable certificate in what the environment names: {named}");
        return Err(Error::new(ErrorCode::TlsFailed, message).retryable(false));
    }
    warn(format_args!("TLS: this machine has no trust store; Mozilla's list of authorities, as built in, is used"));
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    Ok(Arc::new(Verifier::new(of(roots, provider)?, &[])))
}

/// Trusts these roots and no others.
///
/// # Errors
/// `tls_failed`, if `roots` is empty.
pub(super) fn of(roots: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    Ok(verifier.map_err(|error| Error::new(ErrorCode::TlsFailed, "no trusted certificates").caused_by(&error))?)
}

/// Warns of a file that cannot be used, and leaves it out.
fn extra_certificates(path: &OsString) -> Vec<CertificateDer<'static>> {
    let content = std::fs::read(path).map_err(|error| error.to_string());
    let parsed = content.and_then(|content| pem::certificates(&content)).unwrap_or_else(|why| {
        warn(format_args!("TLS: NODE_EXTRA_CA_CERTS={} cannot be used: {why}", path.display()));
        Vec::new()
    });
    let mut usable = RootCertStore::empty();
    let check = |certificate: &CertificateDer<'static>| {
        let is_usable = usable.add(certificate.clone()).is_ok();
        if !is_usable {
            warn(format_args!("TLS: a certificate of NODE_EXTRA_CA_CERTS={} cannot be used: it is damaged", path.display()));
        }
        is_usable
    };
    parsed.into_iter().filter(check).collect()
}
