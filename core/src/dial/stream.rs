//! A stream while it is being opened: a socket of tokio or of no runtime, under any number of layers of TLS. In the end it becomes a [`Transport`].
//! Knows nothing of the peer.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::direct::Direct;
use crate::os::AsyncUnixStream;
use crate::transport::Transport;
use crate::transport::tls::Session;

/// Bytes of one read: the server's part of a handshake is seldom larger.
const CHUNK: usize = 8 << 10;
/// The most plaintext that is encrypted before it has to leave.
const OUTPUT_LIMIT: usize = 64 << 10;

/// A connected stream.
#[derive(Debug)]
pub(super) enum Stream {
    Direct(Direct),
    Tcp(TcpStream),
    Unix(AsyncUnixStream),
    Tls(Box<TlsStream>),
}

impl Stream {
    /// Takes it out of the runtime, with the bytes that TLS had read ahead.
    pub(super) fn into_transport(self) -> io::Result<(Transport, Vec<u8>)> {
        match self {
            Self::Direct(stream) => Ok((Transport::tcp(stream.into_std()?), Vec::new())),
            Self::Tcp(stream) => Ok((Transport::tcp(stream.into_std()?), Vec::new())),
            Self::Unix(stream) => Ok((Transport::unix(stream.into_std()?), Vec::new())),
            Self::Tls(stream) => stream.into_transport(),
        }
    }
}

/// Calls the same method of each kind of stream.
macro_rules! each {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Self::Direct(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Self::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Self::Unix(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Self::Tls(stream) => {
                let $stream = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_read(cx, into))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => stream.poll_shutdown(cx))
    }
}

/// TLS over another stream.
#[derive(Debug)]
pub(super) struct TlsStream {
    below: Stream,
    session: Session,
    /// Ciphertext to be sent. It leaves with a flush, so the end of the handshake and the request leave together.
    output: Vec<u8>,
    /// Decrypted bytes that were not read yet.
    plaintext: Vec<u8>,
}

impl TlsStream {
    /// Performs the handshake. Its last bytes leave with the first write.
    ///
    /// # Errors
    /// Those of the stream; `UnexpectedEof` if it ends; `InvalidData` that holds a `rustls::Error`.
    pub(super) async fn connect(below: Stream, config: Arc<ClientConfig>, name: ServerName<'static>) -> io::Result<Self> {
        let session = Session::new(config, name).map_err(invalid)?;
        let mut stream = Self { below, session, output: Vec::new(), plaintext: Vec::new() };
        stream.decrypt(&mut [])?;
        while stream.session.is_handshaking() {
            poll_fn(|cx| stream.poll_send(cx)).await?;
            poll_fn(|cx| stream.poll_receive(cx)).await?;
        }
        Ok(stream)
    }

    /// Takes it out of the runtime, with the bytes that it had read ahead.
    fn into_transport(self) -> io::Result<(Transport, Vec<u8>)> {
        let (below, ciphertext) = self.below.into_transport()?;
        let (transport, behind) = Transport::tls(below, self.session, self.output, &ciphertext);
        let mut plaintext = self.plaintext;
        plaintext.extend(behind);
        Ok((transport, plaintext))
    }

    /// Sends all of the output.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            match ready!(Pin::new(&mut self.below).poll_write(cx, &self.output))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => drop(self.output.drain(..sent)),
            }
        }
        Pin::new(&mut self.below).poll_flush(cx)
    }

    /// Reads once.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; CHUNK];
        let mut read = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut self.below).poll_read(cx, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut ciphertext = Vec::new();
        self.session.resume(&mut ciphertext);
        ciphertext.extend_from_slice(read.filled());
        let outcome = self.decrypt(&mut ciphertext);
        if outcome.is_err() {
            // Sends the alert. If it cannot leave at once, it is dropped.
            let _ = self.poll_send(cx);
        }
        Poll::Ready(outcome)
    }

    fn decrypt(&mut self, ciphertext: &mut [u8]) -> io::Result<()> {
        self.session.receive(ciphertext, &mut self.plaintext, &mut self.output).map_err(invalid)
    }
}

fn invalid(fault: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault)
}

impl AsyncRead for TlsStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.plaintext.is_empty() && !self.session.has_ended() {
            ready!(self.poll_receive(cx))?;
        }
        let count = self.plaintext.len().min(into.remaining());
        into.put_slice(&self.plaintext[..count]);
        self.plaintext.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TlsStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.output.len() >= OUTPUT_LIMIT {
            ready!(self.poll_send(cx))?;
        }
        let bytes = &bytes[..bytes.len().min(OUTPUT_LIMIT)];
        let mut records = Vec::new();
        let count = self.session.send(bytes, &mut records).map_err(invalid)?;
        self.output.extend_from_slice(&records[..count]);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { session, output, .. } = &mut *self;
        session.close(output);
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.below).poll_shutdown(cx)
    }
}
