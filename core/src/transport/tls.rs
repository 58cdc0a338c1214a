//! One side of a TLS connection, without I/O. It uses rustls' unbuffered interface, which decrypts the ciphertext in place and encrypts into borrowed
//! memory. It keeps only the bytes of an incomplete record. Knows nothing of streams.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{ClientConfig, Error, InvalidMessage};

/// How much ciphertext may wait for the rest of its record or handshake message: enough for the largest message that rustls accepts, however it is
/// split.
const PENDING_LIMIT: usize = 128 << 10;
/// About the most that a record adds to its plaintext. If it is more, rustls reports it.
const OVERHEAD: usize = 32;
/// The most plaintext in a record.
const RECORD: usize = 16 << 10;

/// The client's side.
pub(crate) struct Session {
    rustls: UnbufferedClientConnection,
    /// Ciphertext of an incomplete record.
    pending: Vec<u8>,
    /// The peer's `close_notify` was seen.
    ended: bool,
    /// After a fault, every call fails.
    fault: Option<Error>,
}

impl Session {
    /// Starts a connection. The first [`Session::receive`], with no bytes, appends the `ClientHello` to the replies.
    ///
    /// # Errors
    /// Those of rustls.
    pub(crate) fn new(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, Error> {
        Ok(Self { rustls: UnbufferedClientConnection::new(config, name)?, pending: Vec::new(), ended: false, fault: None })
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.rustls.is_handshaking()
    }

    /// Whether the peer's `close_notify` was seen. Nothing is received after it.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Call it before a read: it fills `ciphertext` with the bytes that earlier reads left over. The caller appends the next bytes, and gives
    /// all of them to [`Session::receive`].
    pub(crate) fn resume(&self, ciphertext: &mut Vec<u8>) {
        ciphertext.clear();
        ciphertext.extend_from_slice(&self.pending);
    }

    /// Decrypts, and appends to `plaintext`. Appends to `replies` the bytes that have to be sent: of the handshake, of a key update, an alert. Both
    /// may grow before a fault.
    ///
    /// # Errors
    /// Those of rustls; the same one if called again.
    pub(crate) fn receive(&mut self, ciphertext: &mut [u8], plaintext: &mut Vec<u8>, replies: &mut Vec<u8>) -> Result<(), Error> {
        self.check()?;
        let mut done = 0;
        loop {
            let (discard, outcome) = self.step(&mut ciphertext[done..], plaintext, replies);
            done += discard;
            match outcome {
                Ok(true) => {}
                Ok(false) => break,
                Err(fault) => {
                    // Sends the alert. It takes only as many steps as there are bytes to send: further ones would meet the fault again.
                    while self.rustls.wants_write() && matches!(self.step(&mut ciphertext[done..], plaintext, replies), (_, Ok(true))) {}
                    return self.fail(fault);
                }
            }
        }
        self.keep(if self.ended { &[] } else { &ciphertext[done..] })
    }

    /// Takes one step. Returns how much of `ciphertext` is used up, and whether another step follows.
    fn step(&mut self, ciphertext: &mut [u8], plaintext: &mut Vec<u8>, replies: &mut Vec<u8>) -> (usize, Result<bool, Error>) {
        let UnbufferedStatus { mut discard, state } = self.rustls.process_tls_records(ciphertext);
        let outcome = state.and_then(|state| {
            match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record().transpose()? {
                        plaintext.extend_from_slice(record.payload);
                        discard += record.discard;
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => append(replies, |space| data.encode(space))?,
                // They are sent in their order, when the stream takes them.
                ConnectionState::TransmitTlsData(sent) => sent.done(),
                ConnectionState::PeerClosed => self.ended = true,
                _ => return Ok(false),
            }
            Ok(true)
        });
        (discard, outcome)
    }

    fn keep(&mut self, rest: &[u8]) -> Result<(), Error> {
        if rest.len() > PENDING_LIMIT {
            return self.fail(InvalidMessage::HandshakePayloadTooLarge.into());
        }
        if rest.is_empty() {
            // An idle connection holds no memory.
            self.pending = Vec::new();
        } else {
            self.pending.clear();
            self.pending.extend_from_slice(rest);
        }
        Ok(())
    }

    /// Encrypts all of `plaintext`, after the handshake. Returns how much of `space`, from its start, has to be sent. The old content of `space` is
    /// ignored, and it grows if it has to.
    ///
    /// # Errors
    /// Those of rustls.
    pub(crate) fn send(&mut self, plaintext: &[u8], space: &mut Vec<u8>) -> Result<usize, Error> {
        self.check()?;
        let room = plaintext.len() + (plaintext.len() / RECORD + 1) * OVERHEAD;
        // Passes the pending bytes, because rustls keeps positions in them.
        match self.rustls.process_tls_records(&mut self.pending).state? {
            ConnectionState::WriteTraffic(mut traffic) => fill(space, room, |space| traffic.encrypt(plaintext, space)),
            _ => Err(Error::HandshakeNotComplete),
        }
    }

    /// Adds `close_notify`, unless an alert has ended the connection.
    pub(crate) fn close(&mut self, replies: &mut Vec<u8>) {
        if self.fault.is_none()
            && let Ok(ConnectionState::WriteTraffic(mut traffic)) = self.rustls.process_tls_records(&mut self.pending).state
        {
            // If it cannot be sent any more, the peer could not read it.
            let _ = append(replies, |space| traffic.queue_close_notify(space));
        }
    }

    fn check(&self) -> Result<(), Error> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    fn fail(&mut self, fault: Error) -> Result<(), Error> {
        self.fault = Some(fault.clone());
        Err(fault)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("ended", &self.ended).field("fault", &self.fault).finish_non_exhaustive()
    }
}

/// The reason why rustls did not write into the borrowed space.
enum Refusal {
    /// It needs this much room.
    Room(usize),
    Fault(Error),
}

impl From<EncodeError> for Refusal {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(size) => Self::Room(size.required_size),
            EncodeError::AlreadyEncoded => Self::Fault(Error::General(error.to_string())),
        }
    }
}

impl From<EncryptError> for Refusal {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(size) => Self::Room(size.required_size),
            EncryptError::EncryptExhausted => Self::Fault(Error::EncryptError),
        }
    }
}

/// Lends `space` with at least this much room, and more if necessary. Returns how much was filled.
fn fill<E: Into<Refusal>>(
    space: &mut Vec<u8>,
    mut room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> Result<usize, Error> {
    loop {
        if space.len() < room {
            space.resize(room, 0);
        }
        match write(space).map_err(Into::into) {
            Ok(filled) => return Ok(filled),
            Err(Refusal::Room(needed)) => room = needed,
            Err(Refusal::Fault(fault)) => return Err(fault),
        }
    }
}

fn append<E: Into<Refusal>>(replies: &mut Vec<u8>, write: impl FnMut(&mut [u8]) -> Result<usize, E>) -> Result<(), Error> {
    let mut records = Vec::new();
    let filled = fill(&mut records, 0, write)?;
    replies.extend_from_slice(&records[..filled]);
    Ok(())
}
