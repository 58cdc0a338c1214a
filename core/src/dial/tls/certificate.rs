//! The fields of a certificate, also of one that rustls does not read: version, dates, names, the key. Knows no rule of trust.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer};
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode as _, Encode as _, Reader as _, SliceReader};

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A parsed certificate.
pub(super) struct Certificate(CertificateInner<Raw>);

impl Certificate {
    /// Parses a certificate. `None` if it is not X.509.
    pub(super) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        CertificateInner::from_der(der).ok().map(Self)
    }

    /// The start and the end of its validity, since 1970.
    pub(super) fn validity(&self) -> (Duration, Duration) {
        let validity = self.0.tbs_certificate().validity();
        (validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration())
    }

    /// Whether its common name is this host. The common name counts only if there is no `subjectAltName` (RFC 2818 section 3.1).
    pub(super) fn is_commonly_for(&self, name: &ServerName<'_>) -> bool {
        let certificate = self.0.tbs_certificate();
        let has_names = certificate.extensions().is_some_and(|all| all.iter().any(|extension| extension.extn_id == SUBJECT_ALT_NAME));
        let names = certificate.subject().iter().filter(|attribute| attribute.oid == COMMON_NAME);
        let wanted = name.to_str();
        !has_names && names.into_iter().any(|attribute| attribute.value.value().eq_ignore_ascii_case(wanted.as_bytes()))
    }

    /// The public key, in X.509 form.
    pub(super) fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'static>> {
        self.0.tbs_certificate().subject_public_key_info().to_der().ok().map(SubjectPublicKeyInfoDer::from)
    }

    /// The key's algorithm, in the form of `AlgorithmIdentifier::as_ref`, and the key itself.
    pub(super) fn raw_key(&self) -> Option<(Vec<u8>, &[u8])> {
        let info = self.0.tbs_certificate().subject_public_key_info();
        let algorithm = info.algorithm.to_der().ok()?;
        let mut reader = SliceReader::new(&algorithm).ok()?;
        let header = x509_cert::der::Header::decode(&mut reader).ok()?;
        let content = reader.read_slice(header.length()).ok()?;
        Some((content.to_vec(), info.subject_public_key.as_bytes()?))
    }

    /// The bits of its RSA key. `None` for other keys.
    pub(super) fn rsa_bits(&self) -> Option<usize> {
        let info = self.0.tbs_certificate().subject_public_key_info();
        if info.algorithm.oid != RSA {
            return None;
        }
        let mut reader = SliceReader::new(info.subject_public_key.as_bytes()?).ok()?;
        let bytes = reader.sequence(|inner| {
            let modulus = UintRef::decode(inner)?;
            let _exponent = UintRef::decode(inner)?;
            Ok::<_, x509_cert::der::Error>(modulus.as_bytes().to_vec())
        });
        let bytes = bytes.ok()?;
        Some(bytes.len() * 8 - usize::try_from(bytes.first()?.leading_zeros()).ok()?)
    }
}
