//! A session against rustls' server, in memory: however the stream is split, no byte is lost, and every necessary answer is sent.

use std::io::{Read, Write};
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ClientConfig, Error, RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::{PENDING_LIMIT, Session};

/// Where a stream is cut: behind its first so many bytes, and then into parts of a length.
#[derive(Clone, Copy)]
struct Cut(usize, usize);

const WHOLE: Cut = Cut(0, usize::MAX);

/// Both ends, and what the client has read.
struct Pair {
    client: Session,
    server: ServerConnection,
    plaintext: Vec<u8>,
}

/// The configuration of both ends.
struct Configs {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Configs {
    fn new(version: &'static SupportedProtocolVersion) -> Self {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(["localhost".to_owned()]).expect("a name").self_signed(&key).expect("a certificate");
        let certificate: &CertificateDer<'static> = certificate.der();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("a root");
        let provider = Arc::new(ring::default_provider());
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[version]).expect("a version");
        let server = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).expect("a version");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let server = server.with_no_client_auth().with_single_cert(vec![certificate.clone()], key).expect("a key that fits");
        Self { client: Arc::new(client.with_root_certificates(roots).with_no_client_auth()), server: Arc::new(server) }
    }

    /// Both ends before their handshake.
    fn pair(&self) -> Pair {
        let client = Session::new(Arc::clone(&self.client), "localhost".try_into().expect("a name")).expect("a client");
        Pair { client, server: ServerConnection::new(Arc::clone(&self.server)).expect("a server"), plaintext: Vec::new() }
    }

    /// Both ends after it, with nothing on the way.
    fn open(&self) -> Pair {
        let mut pair = self.pair();
        pair.shake_hands(WHOLE);
        pair
    }
}

impl Pair {
    /// Hands bytes to the client, in parts. Returns its replies.
    fn receive(&mut self, bytes: &[u8], Cut(first, length): Cut) -> Result<Vec<u8>, Error> {
        let (mut replies, mut ciphertext) = (Vec::new(), vec![7]);
        let (first, rest) = bytes.split_at(first.min(bytes.len()));
        for part in std::iter::once(first).chain(rest.chunks(length)) {
            self.client.resume(&mut ciphertext);
            ciphertext.extend_from_slice(part);
            self.client.receive(&mut ciphertext, &mut self.plaintext, &mut replies)?;
        }
        Ok(replies)
    }

    fn shake_hands(&mut self, cut: Cut) {
        let mut replies = Vec::new();
        self.client.receive(&mut [], &mut self.plaintext, &mut replies).expect("a greeting");
        while !replies.is_empty() {
            assert!(self.tell(&replies).is_empty());
            let bytes = self.server_says(b"");
            replies = self.receive(&bytes, cut).expect("a handshake");
        }
        assert!(!self.client.is_handshaking() && !self.server.is_handshaking());
    }

    /// Gives bytes to the server. Returns what it reads.
    fn tell(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut read = Vec::new();
        while !bytes.is_empty() {
            self.server.read_tls(&mut bytes).expect("memory");
            self.server.process_new_packets().expect("what a client says");
            // An error means that there is no more for now.
            let _ = self.server.reader().read_to_end(&mut read);
        }
        read
    }

    fn server_says(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.server.writer().write_all(plaintext).expect("room");
        while self.server.wants_write() {
            self.server.write_tls(&mut bytes).expect("memory");
        }
        bytes
    }

    fn client_says(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut space = vec![9; 3];
        let count = self.client.send(plaintext, &mut space).expect("an open session");
        space.truncate(count);
        space
    }
}

#[test]
fn it_takes_the_stream_in_any_cut() {
    for version in [&TLS12, &TLS13] {
        let configs = Configs::new(version);
        // A handshake that is resumed is another one.
        let once = (0..300).chain((300..1000).step_by(13)).map(|first| Cut(first, usize::MAX));
        for cut in once.chain([Cut(0, 1), Cut(0, 2), Cut(2, 5), Cut(0, 1000)]) {
            let mut pair = configs.pair();
            pair.shake_hands(cut);
            let mut bytes = pair.server_says(b"one");
            bytes.extend(pair.server_says(b"two"));
            if version == &TLS13 {
                pair.server.refresh_traffic_keys().expect("an open session");
            }
            bytes.extend(pair.server_says(&vec![3; 40_000]));
            pair.server.send_close_notify();
            bytes.extend(pair.server_says(b""));
            let replies = pair.receive(&bytes, cut).expect("what a server says");
            assert!(replies.is_empty() && pair.client.has_ended());
            assert!(pair.plaintext.starts_with(b"onetwo\x03") && pair.plaintext.len() == 40_006);
        }
    }
}

#[test]
fn what_waits_for_the_rest_of_its_record_is_kept_and_nothing_else() {
    let mut pair = Configs::new(&TLS13).open();
    assert_eq!(pair.client.pending.capacity(), 0);
    let bytes = pair.server_says(b"whole");
    let (front, back) = bytes.split_at(9);
    pair.receive(front, WHOLE).expect("a part");
    // Sending between the parts does not change the pending bytes.
    let sent = pair.client_says(b"between");
    assert_eq!((pair.client.pending.len(), pair.tell(&sent).as_slice()), (9, &b"between"[..]));
    pair.receive(back, WHOLE).expect("the rest");
    assert_eq!((pair.client.pending.capacity(), pair.plaintext.as_slice()), (0, &b"whole"[..]));
}

#[test]
fn much_is_sent_in_records_of_the_largest_size() {
    for version in [&TLS12, &TLS13] {
        let mut pair = Configs::new(version).open();
        let message: Vec<u8> = (0..100_000_u32).map(|index| (index % 251) as u8).collect();
        for length in [0, 1, 16_383, 16_384, 16_385, 100_000] {
            let sent = pair.client_says(&message[..length]);
            assert!(pair.tell(&sent) == message[..length], "{length}");
        }
    }
}

#[test]
fn a_key_update_is_answered_with_what_is_sent_next() {
    let mut pair = Configs::new(&TLS13).open();
    for round in 0..3 {
        pair.server.refresh_traffic_keys().expect("an open session");
        let bytes = pair.server_says(b"new keys");
        // In the middle of a record's wait for its rest: rustls keeps positions.
        let replies = pair.receive(&bytes, Cut(0, 7)).expect("new keys");
        let sent = [replies, pair.client_says(b"mine too")].concat();
        assert_eq!(pair.tell(&sent), b"mine too", "{round}");
    }
    assert_eq!(pair.plaintext, b"new keys".repeat(3));
}

#[test]
fn a_goodbye_is_said_once_and_reading_goes_on() {
    for version in [&TLS12, &TLS13] {
        let mut pair = Configs::new(version).open();
        let mut replies = Vec::new();
        pair.client.close(&mut replies);
        pair.client.close(&mut replies);
        assert_eq!(pair.tell(&replies), b"");
        assert_eq!(pair.server.reader().read(&mut [0; 8]).expect("the end"), 0);
        let bytes = pair.server_says(b"late");
        pair.receive(&bytes, WHOLE).expect("what was on the way");
        assert!(pair.plaintext == b"late" && !pair.client.has_ended());
    }
}

#[test]
fn what_comes_behind_the_peers_goodbye_is_nothing() {
    let mut pair = Configs::new(&TLS13).open();
    pair.server.send_close_notify();
    let mut bytes = pair.server_says(b"");
    bytes.extend(b"garbage that is no record");
    pair.receive(&bytes, WHOLE).expect("a goodbye");
    assert!(pair.client.has_ended() && pair.client.pending.is_empty());
    let sent = pair.client_says(b"mine");
    assert_eq!(pair.tell(&sent), b"mine");
}

#[test]
fn a_fault_comes_with_an_alert_and_is_the_end() {
    for version in [&TLS12, &TLS13] {
        let mut pair = Configs::new(version).open();
        let mut bytes = pair.server_says(b"good");
        bytes.extend(pair.server_says(b"broken"));
        *bytes.last_mut().expect("a record") ^= 1;
        bytes.extend(pair.server_says(b"behind"));
        let (mut ciphertext, mut replies) = (bytes, Vec::new());
        for _ in 0..2 {
            let outcome = pair.client.receive(&mut ciphertext, &mut pair.plaintext, &mut replies);
            assert_eq!(outcome, Err(Error::DecryptError));
        }
        assert_eq!(pair.plaintext, b"good");
        assert_eq!(pair.client.send(b"more", &mut Vec::new()), Err(Error::DecryptError));
        pair.client.close(&mut replies);
        let mut alert = &replies[..];
        while !alert.is_empty() {
            pair.server.read_tls(&mut alert).expect("memory");
        }
        assert_eq!(pair.server.process_new_packets().err(), Some(Error::AlertReceived(AlertDescription::BadRecordMac)));
    }
}

#[test]
fn a_handshake_message_without_end_is_not_collected() {
    let mut pair = Configs::new(&TLS13).pair();
    pair.client.receive(&mut [], &mut Vec::new(), &mut Vec::new()).expect("a greeting");
    // A ServerHello of 64 KiB, a byte in a record.
    let mut bytes = vec![22, 3, 3, 0, 4, 2, 0, 0xff, 0xff];
    while bytes.len() <= PENDING_LIMIT {
        bytes.extend([22, 3, 3, 0, 1, 0]);
    }
    assert!(matches!(pair.receive(&bytes, Cut(0, 5000)), Err(Error::InvalidMessage(_))));
}
