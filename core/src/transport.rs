//! An open stream: a non-blocking TCP or unix socket, plain or under TLS, or TLS within TLS (through an https proxy). Reads and writes as much as it
//! can at once, and never waits. Knows nothing of runtimes, frames, or dialling.

pub(crate) mod tls;

use std::cell::RefCell;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use socket2::SockRef;

use self::tls::Session;
use crate::os::{self, RawDescriptor, UnixStream};

/// The least ciphertext that one read asks of the socket.
const LEAST_CIPHERTEXT: usize = 1024;

/// The most plaintext that is encrypted for one write to the socket. If the socket does not take all bytes, no more are encrypted until they have
/// left.
const PLAINTEXT_CHUNK: usize = 64 * 1024;

/// An open stream. Dropping it closes the socket without any further byte, as a forked child must.
#[derive(Debug)]
pub struct Transport(Layer);

#[derive(Debug)]
enum Layer {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<Tls>),
}

/// One layer of TLS over another layer.
#[derive(Debug)]
struct Tls {
    below: Transport,
    session: Session,
    /// Ciphertext that the layer below has not taken yet.
    waiting: Vec<u8>,
    /// The error of the next read: it was found behind plaintext that had to be returned first.
    fault: Option<io::Error>,
    /// Whether the peer's `close_notify` or the end of the stream below was seen.
    ended: bool,
    /// Whether the last read took as much ciphertext as it could: more may wait.
    full: bool,
}

thread_local! {
    /// Buffers for ciphertext, shared by all connections of a thread. More than one is needed only for TLS within TLS.
    static CIPHERTEXT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

impl Transport {
    /// Takes a connected TCP stream, which must be non-blocking.
    pub fn tcp(stream: TcpStream) -> Self {
        Self(Layer::Tcp(stream))
    }

    /// Takes a connected unix stream, which must be non-blocking.
    pub fn unix(stream: UnixStream) -> Self {
        Self(Layer::Unix(stream))
    }

    /// Puts TLS over a stream, after the handshake. `waiting` are the bytes that the session still has to send. `ciphertext` was read from the stream
    /// below and is new to the session. Returns the transport and the plaintext that had arrived already: afterwards the readiness of the socket
    /// reports all further input.
    pub(crate) fn tls(below: Self, session: Session, waiting: Vec<u8>, ciphertext: &[u8]) -> (Self, Vec<u8>) {
        let ended = session.has_ended();
        let mut tls = Box::new(Tls { below, session, waiting, fault: None, ended, full: false });
        let mut plaintext = Vec::new();
        let mut begun = Vec::new();
        tls.session.resume(&mut begun);
        begun.extend_from_slice(ciphertext);
        tls.fault = tls.decrypt(&mut begun, &mut plaintext).err();
        (Self(Layer::Tls(tls)), plaintext)
    }

    /// Appends the available bytes to `into`, about `room` at most (TLS may add one record). `Ok(0)` is the end of the stream, with or without TLS's
    /// `close_notify`; `WouldBlock` means that the socket is empty. A fault in TLS is an error that holds the `rustls::Error`.
    ///
    /// # Errors
    /// Those of `recv(2)`, and `InvalidData` for TLS.
    pub fn read(&mut self, into: &mut Vec<u8>, room: usize) -> io::Result<usize> {
        match &mut self.0 {
            Layer::Tcp(stream) => receive(&SockRef::from(&*stream), into, room),
            Layer::Unix(stream) => receive(&SockRef::from(&*stream), into, room),
            Layer::Tls(tls) => tls.read(into, room),
        }
    }

    /// Takes as many of `bytes` as it can. Under TLS, bytes that were taken may wait inside, encrypted: [`Transport::flush`] sends them.
    ///
    /// # Errors
    /// `WouldBlock` if it can take no byte now; those of `send(2)`.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Layer::Tcp(stream) => retry(|| stream.write(bytes)),
            Layer::Unix(stream) => retry(|| stream.write(bytes)),
            Layer::Tls(tls) => tls.write(bytes),
        }
    }

    /// Sends the ciphertext that waits.
    ///
    /// # Errors
    /// `WouldBlock` if some of it still waits; those of `send(2)`.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Layer::Tcp(_) | Layer::Unix(_) => Ok(()),
            Layer::Tls(tls) => tls.flush(),
        }
    }

    /// Whether ciphertext waits for [`Transport::flush`].
    pub fn has_buffered_output(&self) -> bool {
        match &self.0 {
            Layer::Tcp(_) | Layer::Unix(_) => false,
            Layer::Tls(tls) => !tls.waiting.is_empty() || tls.below.has_buffered_output(),
        }
    }

    /// About how many of the taken bytes the peer's system has not acknowledged. If this system does not report them, bytes in the kernel do not
    /// count.
    pub fn unacknowledged(&self) -> usize {
        match &self.0 {
            Layer::Tcp(_) | Layer::Unix(_) => os::unacknowledged(self.descriptor()),
            Layer::Tls(tls) => tls.waiting.len() + tls.below.unacknowledged(),
        }
    }

    /// Whether to read on although the last read returned less than its `room`: ciphertext may wait in the socket, or the end or a fault inside. If
    /// it is false after a short read, the socket was empty.
    pub fn has_buffered_input(&self) -> bool {
        match &self.0 {
            Layer::Tcp(_) | Layer::Unix(_) => false,
            Layer::Tls(tls) => tls.full || tls.ended || tls.fault.is_some() || tls.below.has_buffered_input(),
        }
    }

    /// Ends writing: sends `close_notify` under TLS, as far as the socket takes it at once, then FIN. Reading goes on.
    pub fn shutdown_write(&mut self) {
        // The stream is being given up: an error here means that the peer ended it first.
        match &mut self.0 {
            Layer::Tcp(stream) => _ = stream.shutdown(Shutdown::Write),
            Layer::Unix(stream) => _ = stream.shutdown(Shutdown::Write),
            Layer::Tls(tls) => {
                tls.session.close(&mut tls.waiting);
                let _ = tls.flush();
                tls.below.shutdown_write();
            }
        }
    }

    /// The number of the socket's descriptor.
    pub fn descriptor(&self) -> RawDescriptor {
        match &self.0 {
            Layer::Tcp(stream) => os::number_of(stream),
            Layer::Unix(stream) => os::number_of(stream),
            Layer::Tls(tls) => tls.below.descriptor(),
        }
    }

    /// The socket, for its options.
    pub fn socket(&self) -> SockRef<'_> {
        match &self.0 {
            Layer::Tcp(stream) => SockRef::from(stream),
            Layer::Unix(stream) => SockRef::from(stream),
            Layer::Tls(tls) => tls.below.socket(),
        }
    }

    /// Whether TLS protects it, end to end.
    pub fn is_tls(&self) -> bool {
        matches!(self.0, Layer::Tls(_))
    }
}

impl Transport {
    /// Our address and the peer's (or the proxy's). `None` on a unix socket.
    pub fn addresses(&self) -> Option<(SocketAddr, SocketAddr)> {
        let socket = self.socket();
        Some((socket.local_addr().ok()?.as_socket()?, socket.peer_addr().ok()?.as_socket()?))
    }
}

impl Tls {
    fn read(&mut self, into: &mut Vec<u8>, room: usize) -> io::Result<usize> {
        if let Some(fault) = self.fault.take() {
            self.ended = true;
            return Err(fault);
        }
        if self.ended {
            return Ok(0);
        }
        let before = into.len();
        let outcome = with_ciphertext(|ciphertext| self.read_through(ciphertext, into, room.max(LEAST_CIPHERTEXT)));
        let read = into.len() - before;
        match outcome {
            Err(error) if read > 0 && error.kind() != io::ErrorKind::WouldBlock => self.fault = Some(error),
            Err(error) if read == 0 => return Err(error),
            _ => {}
        }
        Ok(read)
    }

    /// Reads and decrypts until there is plaintext, the end, or the socket is empty.
    fn read_through(&mut self, ciphertext: &mut Vec<u8>, into: &mut Vec<u8>, room: usize) -> io::Result<()> {
        let before = into.len();
        while into.len() == before && !self.ended {
            self.session.resume(ciphertext);
            self.full = false;
            let read = self.below.read(ciphertext, room)?;
            if read == 0 {
                self.ended = true;
            } else {
                self.full = read >= room;
                self.decrypt(ciphertext, into)?;
            }
        }
        Ok(())
    }

    fn decrypt(&mut self, ciphertext: &mut [u8], into: &mut Vec<u8>) -> io::Result<()> {
        let outcome = self.session.receive(ciphertext, into, &mut self.waiting);
        self.ended |= self.session.has_ended();
        // An answer (a key update, an alert) leaves at once if it can, otherwise with the next flush.
        if !self.waiting.is_empty()
            && let Err(error) = self.flush()
            && error.kind() != io::ErrorKind::WouldBlock
            && outcome.is_ok()
        {
            return Err(error);
        }
        outcome.map_err(invalid)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.waiting.is_empty() {
            self.flush()?;
        }
        with_ciphertext(|ciphertext| {
            let mut taken = 0;
            for plaintext in bytes.chunks(PLAINTEXT_CHUNK) {
                let count = self.session.send(plaintext, ciphertext).map_err(invalid)?;
                taken += plaintext.len();
                let (sent, outcome) = write_all(&mut self.below, &ciphertext[..count]);
                self.waiting.extend_from_slice(&ciphertext[sent..count]);
                match outcome {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            Ok(taken)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        let (sent, outcome) = write_all(&mut self.below, &self.waiting);
        if sent == self.waiting.len() {
            self.waiting = Vec::new();
        } else {
            self.waiting.drain(..sent);
        }
        outcome?;
        self.below.flush()
    }
}

fn invalid(fault: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault)
}

/// Lends a buffer with arbitrary content.
fn with_ciphertext<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut ciphertext = CIPHERTEXT.with_borrow_mut(Vec::pop).unwrap_or_default();
    let outcome = work(&mut ciphertext);
    CIPHERTEXT.with_borrow_mut(|pool| pool.push(ciphertext));
    outcome
}

/// Writes until all bytes are taken or an error stops it. Returns how many were taken.
fn write_all(below: &mut Transport, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut sent = 0;
    while sent < bytes.len() {
        match below.write(&bytes[sent..]) {
            Ok(count) => sent += count,
            Err(error) => return (sent, Err(error)),
        }
    }
    (sent, Ok(()))
}

/// Reads once, directly into the vector's unused memory.
fn receive(socket: &SockRef<'_>, into: &mut Vec<u8>, room: usize) -> io::Result<usize> {
    let room = room.max(1);
    into.reserve(room);
    let spare = &mut into.spare_capacity_mut()[..room];
    let read = retry(|| socket.recv(spare))?;
    // SAFETY: `recv` has written `read` bytes at the start of the spare capacity.
    unsafe { into.set_len(into.len() + read) };
    Ok(read)
}

/// Repeats a call that a signal interrupted.
fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
