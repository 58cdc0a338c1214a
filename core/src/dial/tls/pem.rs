//! Reads PEM files as they occur (RFC 7468): a byte order mark, text in any encoding around the blocks, blanks at line ends, certificates and keys in
//! one file. Returns certificates and keys. Knows nothing of files.

use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

const MARK: &[u8] = b"\xef\xbb\xbf";

/// All certificates, in order. Other blocks are ignored.
///
/// # Errors
/// Messages that continue the option's name.
pub(super) fn certificates(content: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let parsed = CertificateDer::pem_slice_iter(&blocks(content)).collect::<Result<Vec<_>, _>>();
    let certificates = parsed.map_err(|error| format!("not valid PEM: {}", plain(&error)))?;
    if certificates.is_empty() {
        return Err(format!("there is no certificate in it (-----BEGIN CERTIFICATE-----){}", looks_like(content)));
    }
    Ok(certificates)
}

/// The first private key.
///
/// # Errors
/// Messages that continue the option's name.
pub(super) fn private_key(content: &[u8], password: Option<&str>) -> Result<PrivateKeyDer<'static>, String> {
    let blocks = blocks(content);
    let has = |words: &str| blocks.windows(words.len()).any(|part| part == words.as_bytes());
    if has("Proc-Type: 4,ENCRYPTED") {
        return Err("the private key is encrypted in the old form of OpenSSL, which is not read; convert it with \
             `openssl pkcs8 -topk8 -in KEY -out NEW`, which keeps a password"
            .into());
    }
    if has("BEGIN ENCRYPTED PRIVATE KEY") {
        return decrypt(&blocks, password);
    }
    PrivateKeyDer::from_pem_slice(&blocks).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            format!("there is no private key in it (-----BEGIN PRIVATE KEY-----; PKCS#8, PKCS#1 or SEC1){}", looks_like(content))
        }
        error => format!("not valid PEM: {}", plain(&error)),
    })
}

/// PKCS#8 with PBES2, as `openssl genpkey -aes256` makes it.
fn decrypt(blocks: &[u8], password: Option<&str>) -> Result<PrivateKeyDer<'static>, String> {
    let Some(password) = password else {
        return Err("the private key is encrypted: give its password as tls.password".into());
    };
    // The PEM reader knows no encrypted keys. So the label is changed, and the content is taken as it is.
    let text = String::from_utf8_lossy(blocks).replace("ENCRYPTED PRIVATE KEY-----", "PRIVATE KEY-----");
    let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|error| format!("not valid PEM: {}", plain(&error)))?;
    let info = EncryptedPrivateKeyInfoRef::try_from(der.secret_pkcs8_der())
        .map_err(|_| "the encrypted private key is not PKCS#8 with PBES2; convert it with `openssl pkcs8 -topk8 -v2 aes256`".to_owned())?;
    match info.decrypt(password) {
        Ok(document) => Ok(PrivatePkcs8KeyDer::from(document.as_bytes().to_vec()).into()),
        Err(pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::DecryptFailed)) => {
            Err("tls.password does not decrypt the private key".into())
        }
        Err(_) => Err("tls.password does not decrypt the private key, or the cipher of the key is not known \
             (convert it with `openssl pkcs8 -topk8 -v2 aes256`)"
            .into()),
    }
}

/// Only the blocks, each line without the blanks around it.
fn blocks(content: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(content.len());
    let mut inside = false;
    for line in content.split(|byte| matches!(byte, b'\n' | b'\r')) {
        let line = line.strip_prefix(MARK).unwrap_or(line).trim_ascii();
        let begins = line.starts_with(b"-----BEGIN ");
        if inside || begins {
            kept.extend_from_slice(line);
            kept.push(b'\n');
        }
        inside = (inside || begins) && !line.starts_with(b"-----END ");
    }
    kept
}

/// The other formats that the content may have, in words.
fn looks_like(content: &[u8]) -> &'static str {
    match content {
        // A SEQUENCE with a long length: DER.
        [0x30, 0x80..=0x84, ..] => {
            "; it looks like DER or PKCS#12: convert it with `openssl x509 -inform DER`, or `openssl pkcs12 -in FILE -out FILE.pem`"
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "; it is UTF-16: save it as UTF-8",
        _ => "",
    }
}

fn plain(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::Base64Decode(_) => "a block is not base64",
        pem::Error::MissingSectionEnd { .. } => "a block has no end (-----END ...-----)",
        pem::Error::IllegalSectionStart { .. } => "a block begins with a malformed line",
        _ => "it cannot be read",
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const PLAIN: &str = "-----BEGIN CERTIFICATE-----\nAAECAw==\n-----END CERTIFICATE-----\n";

    #[test]
    fn files_are_read_as_they_are_found() {
        let latin = [b"Subject: CN=M\xfcnchen\n".as_slice(), PLAIN.as_bytes(), b"# f\xfcr alle\n"].concat();
        for (name, content) in [
            ("as it is", PLAIN.as_bytes().to_vec()),
            ("CRLF", PLAIN.replace('\n', "\r\n").into()),
            ("CR", PLAIN.replace('\n', "\r").into()),
            ("a mark", [MARK, PLAIN.as_bytes()].concat()),
            ("a mark before the second", [PLAIN.as_bytes(), MARK, PLAIN.as_bytes()].concat()),
            ("Latin-1 around", latin),
            ("blanks", PLAIN.replace('\n', " \t \n").into()),
            ("indented", PLAIN.replace("\nAA", "\n   AA").into()),
            ("no newline at the end", PLAIN.trim().into()),
            ("a key before it", format!("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n{PLAIN}").into()),
            ("dashes in the text", format!("-----\n--- begin\n{PLAIN}").into()),
        ] {
            let read = certificates(&content).unwrap();
            assert!(read.iter().all(|certificate| certificate.as_ref() == [0, 1, 2, 3]), "{name}");
            assert_eq!(read.len(), 1 + usize::from(name.ends_with("second")), "{name}");
        }
    }

    #[test]
    fn what_is_no_pem_is_named_by_what_it_looks_like() {
        for (content, words) in [
            (&b""[..], "no certificate"),
            (b"\x30\x82\x01\x00", "PKCS#12"),
            (b"\xff\xfe-\0-\0", "UTF-16"),
            (b"-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n", "not base64"),
            (b"-----BEGIN CERTIFICATE-----\nAAAA\n", "no end"),
        ] {
            assert!(certificates(content).unwrap_err().contains(words), "{words}: {:?}", certificates(content));
        }
    }
}
