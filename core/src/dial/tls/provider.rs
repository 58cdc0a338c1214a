//! The TLS algorithms: those of ring, and P-521 (`RustCrypto`), which ring lacks and OpenSSL's peers use. Knows nothing of connections.

use std::sync::{Arc, LazyLock};

use p521::ecdsa::signature::Signer as _;
use p521::ecdsa::signature::hazmat::PrehashVerifier as _;
use p521::ecdsa::{DerSignature, Signature, SigningKey, VerifyingKey};
use p521::elliptic_curve::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _};
use rustls::crypto::{CryptoProvider, KeyProvider, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, alg_id,
};
use rustls::sign::{Signer, SigningKey as TlsSigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// The protocol versions and ciphers of this client.
pub(super) static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let mut provider = ring::default_provider();
    provider.signature_verification_algorithms = with_p521(provider.signature_verification_algorithms);
    provider.key_provider = &Keys;
    Arc::new(provider)
});

type Algorithm = &'static dyn SignatureVerificationAlgorithm;

static P521: [Algorithm; 3] = [
    &P521Verification { signature: alg_id::ECDSA_SHA512, hash: |message| Sha512::digest(message).to_vec() },
    &P521Verification { signature: alg_id::ECDSA_SHA384, hash: |message| Sha384::digest(message).to_vec() },
    &P521Verification { signature: alg_id::ECDSA_SHA256, hash: |message| Sha256::digest(message).to_vec() },
];

/// Call it once: the process keeps the result.
fn with_p521(ring: WebPkiSupportedAlgorithms) -> WebPkiSupportedAlgorithms {
    let all = ring.all.iter().chain(&P521).copied().collect::<Vec<_>>();
    let own = [(SignatureScheme::ECDSA_NISTP521_SHA512, &P521[..1])];
    let mapping = ring.mapping.iter().copied().chain(own).collect::<Vec<_>>();
    WebPkiSupportedAlgorithms { all: all.leak(), mapping: mapping.leak() }
}

/// ECDSA on P-521 with one of the hashes.
#[derive(Debug)]
struct P521Verification {
    signature: AlgorithmIdentifier,
    hash: fn(&[u8]) -> Vec<u8>,
}

impl SignatureVerificationAlgorithm for P521Verification {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        // The number of the hash, at the width of the curve.
        const WIDTH: usize = 66;
        let hash = (self.hash)(message);
        let mut number = [0; WIDTH];
        number[WIDTH - hash.len()..].copy_from_slice(&hash);
        let key = VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        key.verify_prehash(&number, &signature).map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P521
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// Private keys: ring's kinds, and P-521.
#[derive(Debug)]
struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(&self, key: PrivateKeyDer<'static>) -> Result<Arc<dyn TlsSigningKey>, Error> {
        let p521 = match &key {
            PrivateKeyDer::Pkcs8(key) => p521::SecretKey::from_pkcs8_der(key.secret_pkcs8_der()).ok(),
            PrivateKeyDer::Sec1(key) => p521::SecretKey::from_sec1_der(key.secret_sec1_der()).ok(),
            _ => None,
        };
        match p521 {
            Some(key) => Ok(Arc::new(P521Key(Arc::new(SigningKey::from(key))))),
            None => ring::default_provider().key_provider.load_private_key(key),
        }
    }
}

#[derive(Debug)]
struct P521Key(Arc<SigningKey>);

impl TlsSigningKey for P521Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let is_offered = offered.contains(&SignatureScheme::ECDSA_NISTP521_SHA512);
        is_offered.then(|| Box::new(P521Signer(Arc::clone(&self.0))) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        let document = p521::PublicKey::from(self.0.verifying_key()).to_public_key_der().ok()?;
        Some(SubjectPublicKeyInfoDer::from(document.into_vec()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

#[derive(Debug)]
struct P521Signer(Arc<SigningKey>);

impl Signer for P521Signer {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature: DerSignature = self.0.try_sign(message).map_err(|_| Error::General("P-521 could not sign".into()))?;
        Ok(signature.as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}
