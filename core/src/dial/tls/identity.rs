//! The certificate and key of the client. The server judges them: this file checks only that they belong together and can be used. Knows nothing of
//! files.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, SignatureScheme};

use super::certificate::Certificate;
use super::provider::PROVIDER;

/// Always shows this one certificate, whatever kinds the server asks for.
#[derive(Debug)]
pub(super) struct Identity(Arc<CertifiedKey>);

impl Identity {
    /// # Errors
    /// Messages that continue the option's name.
    pub(super) fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, String> {
        let key = PROVIDER.key_provider.load_private_key(key).map_err(|error| unusable(&chain, &error))?;
        // The certificate of the key goes first, wherever it is in the file. One that cannot be read is sent as it is.
        let own = key.public_key().and_then(|own| {
            chain
                .iter()
                .position(|der| Certificate::read(der).and_then(|read| read.public_key()).is_some_and(|key| key.as_ref() == own.as_ref()))
        });
        let is_readable = chain.first().and_then(Certificate::read).is_some();
        let mut chain = chain;
        match own {
            Some(0) => {}
            Some(index) => {
                let own = chain.remove(index);
                chain.insert(0, own);
            }
            None if !is_readable || key.public_key().is_none() => {}
            None => return Err("the certificate and the key do not fit together".to_owned()),
        }
        Ok(Self(Arc::new(CertifiedKey::new(chain, key))))
    }
}

/// Explains why a key cannot be used, from the key in its certificate.
fn unusable(chain: &[CertificateDer<'static>], error: &Error) -> String {
    const KNOWN: &str = "used can be RSA of 2048 to 4096 bits, ECDSA on P-256, P-384 and P-521, and Ed25519";
    let read = chain.first().and_then(Certificate::read);
    match read.as_ref().and_then(Certificate::rsa_bits) {
        Some(bits) if !(2048..=4096).contains(&bits) => format!("the key is RSA of {bits} bits, which cannot be used; {KNOWN}"),
        _ if matches!(error, Error::General(_)) => format!("the key is of a kind that cannot be used, or is damaged; {KNOWN}"),
        _ => format!("the key cannot be used; {KNOWN}"),
    }
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Without a common scheme rustls would end the handshake. Without a certificate, the server reports its own reason.
        self.0.key.choose_scheme(schemes).map(|_| Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
