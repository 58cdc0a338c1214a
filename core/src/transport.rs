//! An open stream: a non-blocking TCP or unix socket, plain or under TLS, or TLS within TLS (through an https proxy). Reads and writes what it
//! can at once and never waits. Knows nothing of runtimes, frames, or how it was opened.

use std::cell::RefCell;
use std::io::{self, BufRead, IoSlice, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;

use rustls::ClientConnection;
use socket2::SockRef;

/// How much ciphertext one read takes from the socket at most: sixteen records of the largest size.
const CIPHERTEXT_CHUNK: usize = 256 * 1024;

/// How much ciphertext may wait for the socket before [`Transport::write`] takes no more.
const CIPHERTEXT_LIMIT: usize = 128 * 1024;

/// An open stream. Dropping it closes the socket without a word, as a forked child must.
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
    session: ClientConnection,
    /// What the next read returns: a fault that was found behind plaintext which had to be handed out first.
    fault: Option<io::Error>,
    /// Whether the peer's `close_notify` or the end of the stream below was seen.
    ended: bool,
    /// Whether the last read took as much ciphertext as it could, so that more may wait.
    full: bool,
}

thread_local! {
    /// Buffers for ciphertext, shared by all connections of a thread; more than one only where TLS runs within TLS.
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

    /// Puts TLS over a stream, after the handshake. `ciphertext` was read from the stream below and is not known to the session yet. Returns
    /// the transport and the plaintext that had come already: with it, nothing is left inside that a readiness of the socket would not tell.
    pub fn tls(below: Self, session: ClientConnection, ciphertext: &[u8]) -> (Self, Vec<u8>) {
        let mut tls = Box::new(Tls { below, session, fault: None, ended: false, full: false });
        let mut plaintext = Vec::new();
        let begun = tls.take_plaintext(&mut plaintext).and_then(|()| tls.decrypt(ciphertext, &mut plaintext));
        tls.fault = begun.err();
        (Self(Layer::Tls(tls)), plaintext)
    }

    /// Appends what is there to `into`: about `room` bytes at most (TLS may add one record). `Ok(0)` is the end of the stream, with or without
    /// TLS's `close_notify`; `WouldBlock` means that the socket is empty. A fault in TLS is an error that holds the `rustls::Error`.
    ///
    /// # Errors
    /// Those of `recv(2)`, and `InvalidData` for TLS.
    pub fn read(&mut self, into: &mut Vec<u8>, room: usize) -> io::Result<usize> {
        match &mut self.0 {
            Layer::Tcp(stream) => receive(stream.as_fd(), into, room),
            Layer::Unix(stream) => receive(stream.as_fd(), into, room),
            Layer::Tls(tls) => tls.read(into, room),
        }
    }

    /// Takes as many of `bytes` as it can. Under TLS, bytes that were taken may wait inside, encrypted: [`Transport::flush`] sends them.
    ///
    /// # Errors
    /// `WouldBlock` if it can take nothing now; those of `send(2)`.
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
            Layer::Tls(tls) => tls.session.wants_write() || tls.below.has_buffered_output(),
        }
    }

    /// Whether to read on although the last read returned less than its `room`: ciphertext may wait in the socket, or the end or a fault inside.
    /// When this is false and a read was short, the socket was empty.
    pub fn has_buffered_input(&self) -> bool {
        match &self.0 {
            Layer::Tcp(_) | Layer::Unix(_) => false,
            Layer::Tls(tls) => tls.full || tls.ended || tls.fault.is_some() || tls.below.has_buffered_input(),
        }
    }

    /// Says that nothing more will be written: `close_notify` under TLS, as far as the socket takes it at once, then FIN. Reading goes on.
    pub fn shutdown_write(&mut self) {
        // The stream is given up: an error here means that the peer did so first.
        match &mut self.0 {
            Layer::Tcp(stream) => _ = stream.shutdown(Shutdown::Write),
            Layer::Unix(stream) => _ = stream.shutdown(Shutdown::Write),
            Layer::Tls(tls) => {
                tls.session.send_close_notify();
                let _ = tls.flush();
                tls.below.shutdown_write();
            }
        }
    }

    /// Whether TLS protects it, end to end.
    pub fn is_tls(&self) -> bool {
        matches!(self.0, Layer::Tls(_))
    }
}

impl AsFd for Transport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Layer::Tcp(stream) => stream.as_fd(),
            Layer::Unix(stream) => stream.as_fd(),
            Layer::Tls(tls) => tls.below.as_fd(),
        }
    }
}

impl AsRawFd for Transport {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
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
        let mut ciphertext = CIPHERTEXT.with_borrow_mut(Vec::pop).unwrap_or_default();
        let outcome = self.read_through(&mut ciphertext, into, room.clamp(1024, CIPHERTEXT_CHUNK));
        ciphertext.clear();
        CIPHERTEXT.with_borrow_mut(|pool| pool.push(ciphertext));
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
            ciphertext.clear();
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

    /// Feeds all of `ciphertext` to the session and appends the plaintext.
    fn decrypt(&mut self, mut ciphertext: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
        while !ciphertext.is_empty() && !self.ended {
            self.session.read_tls(&mut ciphertext)?;
            let processed = self.session.process_new_packets();
            self.take_plaintext(into)?;
            // An answer (a key update, an alert) leaves at once if it can, with the next flush if not.
            if self.session.wants_write() {
                match self.flush() {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock && processed.is_ok() => return Err(error),
                    _ => {}
                }
            }
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
        Ok(())
    }

    /// Appends the plaintext that the session holds, and notes the peer's `close_notify`.
    fn take_plaintext(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        let mut reader = self.session.reader();
        loop {
            match reader.fill_buf() {
                Ok([]) => {
                    self.ended = true;
                    return Ok(());
                }
                // The stream below had ended before the session came to us.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.ended = true;
                    return Ok(());
                }
                Ok(plaintext) => {
                    into.extend_from_slice(plaintext);
                    let length = plaintext.len();
                    reader.consume(length);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.session.set_buffer_limit(Some(CIPHERTEXT_LIMIT));
        let mut taken = 0;
        while taken < bytes.len() {
            taken += self.session.writer().write(&bytes[taken..])?;
            match self.flush() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && taken > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut Below(&mut self.below))?;
        }
        self.below.flush()
    }
}

/// Lets rustls write into the layer below.
struct Below<'a>(&'a mut Transport);

impl Write for Below<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    /// rustls keeps each record in a buffer of its own: many of them leave with one call.
    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.0.0 {
            Layer::Tcp(stream) => retry(|| stream.write_vectored(bytes)),
            Layer::Unix(stream) => retry(|| stream.write_vectored(bytes)),
            Layer::Tls(tls) => tls.write(bytes.iter().find(|bytes| !bytes.is_empty()).map_or(&[], |bytes| bytes)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads once, straight into the vector's unused memory.
fn receive(socket: BorrowedFd<'_>, into: &mut Vec<u8>, room: usize) -> io::Result<usize> {
    let room = room.max(1);
    into.reserve(room);
    let spare = &mut into.spare_capacity_mut()[..room];
    let read = retry(|| SockRef::from(&socket).recv(spare))?;
    // SAFETY: `recv` has written `read` bytes at the start of the spare capacity.
    unsafe { into.set_len(into.len() + read) };
    Ok(read)
}

/// Calls again what a signal interrupted.
fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
