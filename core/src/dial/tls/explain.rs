//! What a fault in TLS means, in words that name the failed check. Knows nothing of connections.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use crate::error::{Error, ErrorCode};

/// The error for the rustls error that lies beneath another one, if one does.
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
        other => (ErrorCode::TlsFailed, format!("could not be spoken to in TLS: {other}")),
    };
    Error::new(code, format!("{who} {words}")).caused_by(error)
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
        Fault::InvalidPurpose | Fault::InvalidPurposeContext { .. } => "has a certificate that is not meant for servers".into(),
        Fault::BadEncoding => "has a certificate that cannot be read".into(),
        other => format!("has a certificate that was not accepted: {other}"),
    }
}

fn alert_words(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => "wants a client certificate (tls.cert and tls.key)".into(),
        AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::AccessDenied => format!("did not accept the client certificate, or there being none (alert {alert:?})"),
        AlertDescription::HandshakeFailure => {
            "ended the TLS handshake: no parameters in common, or it wants a client certificate (alert HandshakeFailure)".into()
        }
        AlertDescription::ProtocolVersion => "speaks no version of TLS that is allowed here (tls.min_version)".into(),
        AlertDescription::UnrecognisedName => "does not know the name that was asked for (tls.server_name)".into(),
        other => format!("ended the TLS handshake with the alert {other:?}"),
    }
}

fn incompatible(fault: &PeerIncompatible) -> String {
    match fault {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::ServerRejectedEncryptedClientHello(_) => {
            "speaks no version of TLS that is allowed here (tls.min_version)".into()
        }
        other => format!("and this client have no TLS parameters in common: {other:?}"),
    }
}

fn date(time: UnixTime) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(time.as_secs()))
}
