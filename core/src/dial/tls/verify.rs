//! Verifies the server: the check of rustls, and also certificates that are trusted themselves, as OpenSSL does. Knows nothing of the source of
//! trust.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::verify_tls13_signature_with_raw_key;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, PeerMisbehaved, SignatureScheme};
use sha2::{Digest as _, Sha256};

use super::certificate::Certificate;
use super::provider::PROVIDER;

/// The smallest RSA key that rustls accepts, in bits.
const RSA_LEAST: usize = 2048;

/// A certificate that is trusted itself, by its hash.
pub(super) type Pin = [u8; 32];

pub(super) fn pin(certificate: &CertificateDer<'_>) -> Pin {
    Sha256::digest(certificate).into()
}

/// The reason why a certificate was not accepted, in words for a message.
#[derive(Debug)]
pub(super) struct Words(pub(super) String);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Words {}

fn refused(words: String) -> Error {
    CertificateError::Other(OtherError(Arc::new(Words(words)))).into()
}

/// Trusts the certificates that `inner` trusts, and those of `pins` themselves.
#[derive(Debug)]
pub(super) struct Verifier {
    inner: Arc<dyn ServerCertVerifier>,
    pins: Vec<Pin>,
    /// The bits of a trusted RSA key that is too small: no certificate that it has signed is accepted.
    weak: Option<usize>,
}

impl Verifier {
    /// `trusted` are the certificates that `inner` trusts as issuers, as far as they are known.
    pub(super) fn new(inner: Arc<dyn ServerCertVerifier>, trusted: &[CertificateDer<'_>]) -> Self {
        Self { inner, pins: trusted.iter().map(pin).collect(), weak: weak_bits(trusted) }
    }

    fn is_pinned(&self, certificate: &CertificateDer<'_>) -> bool {
        self.pins.contains(&pin(certificate))
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.is_pinned(end_entity) {
            return check_pinned(end_entity, server_name, now);
        }
        let outcome = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        outcome.map_err(|error| {
            let issuers = weak_bits(intermediates).or(self.weak);
            weak_key(weak_key(error, "has", weak_bits([end_entity])), "was issued by a certificate with", issuers)
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let outcome = self.inner.verify_tls12_signature(message, cert, dss);
        if is_unreadable(&outcome) && self.is_pinned(cert) {
            return verify_raw(message, cert, dss);
        }
        outcome.map_err(|error| weak_key(error, "has", weak_bits([cert])))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let outcome = self.inner.verify_tls13_signature(message, cert, dss);
        if is_unreadable(&outcome)
            && self.is_pinned(cert)
            && let Some(key) = Certificate::read(cert).and_then(|certificate| certificate.public_key())
        {
            return verify_tls13_signature_with_raw_key(message, &key, dss, &PROVIDER.signature_verification_algorithms);
        }
        outcome.map_err(|error| weak_key(error, "has", weak_bits([cert])))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Checks the name and the dates of a certificate that is trusted itself. It needs no issuer, and may be an issuer.
fn check_pinned(certificate: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<ServerCertVerified, Error> {
    let read = Certificate::read(certificate).ok_or(CertificateError::BadEncoding)?;
    let (begins, ends) = read.validity();
    let time = |since: std::time::Duration| UnixTime::since_unix_epoch(since);
    if now.as_secs() < begins.as_secs() {
        return Err(CertificateError::NotValidYetContext { time: now, not_before: time(begins) }.into());
    }
    if now.as_secs() > ends.as_secs() {
        return Err(CertificateError::ExpiredContext { time: now, not_after: time(ends) }.into());
    }
    if read.is_commonly_for(name) {
        return Ok(ServerCertVerified::assertion());
    }
    let fault = match webpki::EndEntityCert::try_from(certificate) {
        Ok(parsed) => parsed.verify_is_valid_for_subject_name(name),
        // A certificate of version 1 has only the common name.
        Err(webpki::Error::UnsupportedCertVersion) => {
            Err(webpki::Error::CertNotValidForName(webpki::InvalidNameContext { expected: name.to_owned(), presented: Vec::new() }))
        }
        Err(fault) => Err(fault),
    };
    match fault {
        Ok(()) => Ok(ServerCertVerified::assertion()),
        Err(webpki::Error::CertNotValidForName(context)) => {
            Err(CertificateError::NotValidForNameContext { expected: context.expected, presented: context.presented }.into())
        }
        Err(fault) => Err(CertificateError::Other(OtherError(Arc::new(fault))).into()),
    }
}

/// Whether webpki could not read the certificate, so the signature is unchecked.
fn is_unreadable(outcome: &Result<HandshakeSignatureValid, Error>) -> bool {
    matches!(outcome, Err(Error::InvalidCertificate(CertificateError::BadEncoding | CertificateError::Other(_))))
}

/// Checks a TLS 1.2 signature with the key of a certificate that webpki does not read.
fn verify_raw(message: &[u8], cert: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Result<HandshakeSignatureValid, Error> {
    let read = Certificate::read(cert).ok_or(CertificateError::BadEncoding)?;
    let (algorithm, key) = read.raw_key().ok_or(CertificateError::BadEncoding)?;
    let known = PROVIDER.signature_verification_algorithms.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme);
    let (_, candidates) = known.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    let fitting = candidates.iter().find(|candidate| candidate.public_key_alg_id().as_ref() == algorithm);
    let fitting = fitting.ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
    match fitting.verify_signature(key, message, dss.signature()) {
        Ok(()) => Ok(HandshakeSignatureValid::assertion()),
        Err(_) => Err(weak_key(CertificateError::BadSignature.into(), "has", weak_bits([cert]))),
    }
}

/// The size of the first RSA key that is too small.
fn weak_bits<'a, 'b: 'a>(certificates: impl IntoIterator<Item = &'a CertificateDer<'b>>) -> Option<usize> {
    certificates.into_iter().filter_map(|der| Certificate::read(der)?.rsa_bits()).find(|bits| *bits < RSA_LEAST)
}

/// Reports a key that is too small, because it makes every signature look wrong.
fn weak_key(error: Error, who: &str, bits: Option<usize>) -> Error {
    match (&error, bits) {
        (Error::InvalidCertificate(CertificateError::BadSignature), Some(bits)) => {
            refused(format!("{who} an RSA key of {bits} bits, which is too weak: {RSA_LEAST} are the least"))
        }
        _ => error,
    }
}
