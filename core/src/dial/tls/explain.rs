//! Explains TLS failures, in words that name the failed check. Knows nothing of connections.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use super::verify::Words;
use crate::error::{Error, ErrorCode};

/// The error for the rustls error beneath another one, if there is one.
pub(crate) fn explain_beneath(error: &(dyn StdError + 'static), who: &str) -> Option<Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        let beneath = error.downcast_ref::<rustls::Error>().or_else(|| {
            let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
            inner.downcast_ref()
        });
        if let Some(beneath) = beneath {
            return Some(explain(beneath, who));
        }
        next = error.source();
    }
    None
}

fn explain(error: &rustls::Error, who: &str) -> Error {
    use rustls::Error as Tls;
    let (code, words) = match error {
        Tls::InvalidCertificate(fault) => (ErrorCode::TlsCertificate, certificate(fault)),
        Tls::NoCertificatesPresented => (ErrorCode::TlsCertificate, "showed no certificate".into()),
        Tls::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion | InvalidMessage::MessageTooLarge,
        ) => (ErrorCode::TlsFailed, "did not answer in TLS; does it speak plain ws:// (http://) on this port?".into()),
        Tls::AlertReceived(alert) => (ErrorCode::TlsFailed, alert_words(*alert)),
        Tls::PeerIncompatible(fault) => (ErrorCode::TlsFailed, incompatible(fault)),
        Tls::PeerMisbehaved(fault) => (ErrorCode::TlsFailed, format!("broke the rules of TLS ({})", spaced(&format!("{fault:?}")))),
        Tls::InvalidMessage(fault) => {
            (ErrorCode::TlsFailed, format!("sent a TLS message that cannot be read ({})", spaced(&format!("{fault:?}"))))
        }
        other => (ErrorCode::TlsFailed, format!("could not be spoken to in TLS ({})", spaced(&format!("{other:?}")))),
    };
    Error::new(code, format!("{who} {words}"))
}

/// The name of a rustls error as words: "`CaUsedAsEndEntity`" becomes "ca used as end entity". Its fields are left out.
fn spaced(debug: &str) -> String {
    let name = debug.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default();
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

fn certificate(fault: &CertificateError) -> String {
    use CertificateError as Fault;
    match fault {
        Fault::Expired => "has a certificate that has expired".into(),
        Fault::ExpiredContext { not_after, .. } => format!("has a certificate that has expired: it was valid until {}", date(*not_after)),
        Fault::NotValidYet => "has a certificate that is not valid yet".into(),
        Fault::NotValidYetContext { not_before, .. } => format!("has a certificate that is not valid yet: it will be from {}", date(*not_before)),
        Fault::NotValidForName => "has a certificate for another host (wrong host)".into(),
        Fault::NotValidForNameContext { expected, presented } => {
            // webpki writes them as DnsName("im.example") and IpAddress(127.0.0.1).
            let names = presented.iter().map(|name| name.split_once('(').map_or(name.as_str(), |(_, name)| name.trim_end_matches(')')).trim_matches('"'));
            let names = names.collect::<Vec<_>>().join(", ");
            let names = if names.is_empty() { "for no host at all".to_owned() } else { format!("for {names}") };
            format!("has a certificate for another host (wrong host): wanted {}, it is {names}", expected.to_str())
        }
        Fault::UnknownIssuer => {
            "has a certificate whose issuer is not trusted (unknown issuer): self-signed, a missing intermediate, or a private authority (see tls.ca)".into()
        }
        Fault::BadSignature => "has a certificate with a wrong signature".into(),
        Fault::Revoked => "has a certificate that was revoked".into(),
        Fault::InvalidPurpose | Fault::InvalidPurposeContext { .. } => NOT_FOR_SERVERS.into(),
        Fault::BadEncoding => "has a certificate that cannot be read".into(),
        Fault::UnhandledCriticalExtension => "has a certificate with a critical extension that is not known here".into(),
        Fault::UnsupportedSignatureAlgorithmContext { .. } | Fault::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "has a certificate that is signed in a way that is not taken (such as SHA-1); renew it with SHA-256".into()
        }
        Fault::UnknownRevocationStatus | Fault::ExpiredRevocationList | Fault::ExpiredRevocationListContext { .. } => {
            "has a certificate of which it is not known whether it was revoked".into()
        }
        Fault::ApplicationVerificationFailure => "has a certificate that this system does not accept".into(),
        Fault::Other(other) => other_words(&*other.0),
        other => format!("has a certificate that was not accepted ({})", spaced(&format!("{other:?}"))),
    }
}

/// The message of a check that rustls itself did not make.
fn other_words(error: &(dyn StdError + Send + Sync + 'static)) -> String {
    use webpki::Error as Fault;
    if let Some(Words(words)) = error.downcast_ref() {
        return words.clone();
    }
    let Some(fault) = error.downcast_ref::<Fault>() else {
        let name = format!("{error:?}");
        // The platform's verifier gives this for a certificate with another purpose.
        let is_purpose = name.starts_with("EkuError");
        return if is_purpose { NOT_FOR_SERVERS.into() } else { format!("has a certificate that was not accepted ({})", spaced(&name)) };
    };
    match fault {
        Fault::CaUsedAsEndEntity => {
            "has the certificate of an authority as its own (CA:TRUE); where it is meant so, give that certificate as tls.ca".into()
        }
        Fault::EndEntityUsedAsCa => "has a certificate that was issued by one that may issue none (CA:FALSE)".into(),
        Fault::UnsupportedCertVersion => {
            "has a certificate of an old version (X.509 v1), which names no hosts; give that certificate as tls.ca, or renew it".into()
        }
        Fault::NameConstraintViolation => "has a certificate for a name that its authority may not issue for".into(),
        Fault::PathLenConstraintViolated => "has a certificate with more authorities above it than they allow".into(),
        other => format!("has a certificate that was not accepted ({})", spaced(&format!("{other:?}"))),
    }
}

const NOT_FOR_SERVERS: &str = "has a certificate that is not meant for servers";

fn alert_words(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "wants a client certificate (tls.cert and tls.key)".into(),
        AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::AccessDenied => {
            format!("did not accept the client certificate, or there being none (alert {})", alert_name(alert))
        }
        AlertDescription::HandshakeFailure => {
            format!("ended the TLS handshake (alert handshake_failure): it wants a client certificate, or it speaks nothing of {SPOKEN}")
        }
        AlertDescription::InsufficientSecurity => format!("finds everything too weak that is spoken here: {SPOKEN}"),
        AlertDescription::ProtocolVersion => "speaks no version of TLS that is allowed here (tls.min_version)".into(),
        AlertDescription::UnrecognisedName => "does not know the name that was asked for (tls.server_name)".into(),
        other => format!("ended the TLS handshake with the alert {}", alert_name(other)),
    }
}

/// The versions and ciphers of this client, for errors of old servers that lack them.
const SPOKEN: &str = "TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305 (suites with CBC, RSA key exchange or finite-field DHE are not spoken)";

/// The name in the spelling of RFC 8446: `unknown_ca`.
fn alert_name(alert: AlertDescription) -> String {
    spaced(&format!("{alert:?}")).replace(' ', "_").replace("c_a", "ca")
}

fn incompatible(fault: &PeerIncompatible) -> String {
    match fault {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::ServerRejectedEncryptedClientHello(_) => {
            "speaks no version of TLS that is allowed here (tls.min_version)".into()
        }
        PeerIncompatible::NoCipherSuitesInCommon | PeerIncompatible::NoKxGroupsInCommon | PeerIncompatible::NoSignatureSchemesInCommon => {
            format!("speaks nothing of {SPOKEN}")
        }
        other => format!("and this client have no TLS parameters in common ({})", spaced(&format!("{other:?}"))),
    }
}

fn date(time: UnixTime) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(time.as_secs()))
}
