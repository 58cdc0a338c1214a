//! The TLS handshake with rustls, and the explanation of its failures. Knows nothing of the protocol inside.

mod certificate;
mod config;
mod explain;
mod identity;
mod pem;
mod provider;
mod roots;
mod verify;

use std::sync::Arc;

use rustls::pki_types::ServerName;

pub(super) use self::explain::explain_beneath;
use super::stream::{Stream, TlsStream};
use crate::error::{Error, ErrorCode, Phase, Result};
use crate::options::TlsOptions;
use crate::warning::warn;

/// The peer of a handshake, and its name in errors.
pub(super) struct Peer<'a> {
    /// The name or address that the certificate must be for.
    pub(super) name: &'a str,
    /// "the server im.example:443".
    pub(super) who: &'a str,
}

/// Puts TLS over a stream.
///
/// # Errors
/// `tls_certificate`, `tls_failed`; `invalid_option` for files and names in the options that cannot be used.
pub(super) async fn handshake(stream: Stream, options: &TlsOptions, peer: Peer<'_>) -> Result<Stream> {
    let name = ServerName::try_from(peer.name.to_owned()).map_err(|_| {
        let message = format!("{:?} is neither a host name nor an IP address", peer.name);
        if options.server_name.as_deref() == Some(peer.name) {
            return Error::new(ErrorCode::InvalidOption, format!("tls.server_name: {message}"));
        }
        Error::new(ErrorCode::TlsFailed, format!("no certificate could be for {}: {message}", peer.who)).retryable(false)
    })?;
    let options = options.clone();
    // On a blocking thread, because trust stores and key files are read from disk.
    let config = tokio::task::spawn_blocking(move || config::get(&options));
    let config = config
        .await
        .map_err(|error| Error::new(ErrorCode::RuntimeFailed, "the TLS configuration could not be made").caused_by(&error))??;
    if !config.verifies {
        warn(format_args!(
            "TLS: the certificate of {} is not checked (tls.verify is off): anyone on the way can read and change everything",
            peer.who
        ));
    }
    match TlsStream::connect(stream, Arc::clone(&config.client), name).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(error) => Err(explain_beneath(&error, peer.who).unwrap_or_else(|| {
            let words = match error.kind() {
                std::io::ErrorKind::UnexpectedEof => "ended the connection during the TLS handshake".to_owned(),
                std::io::ErrorKind::ConnectionReset => "reset the connection during the TLS handshake".to_owned(),
                _ => format!("could not be spoken to in TLS: {}", super::tcp::plain(&error)),
            };
            Error::new(ErrorCode::TlsFailed, format!("{} {words}", peer.who)).caused_by(&error).with(|detail| detail.phase = Phase::Tls)
        })),
    }
}
