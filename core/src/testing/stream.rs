//! The stream of a connection of the fault server: TCP, or rustls over another such stream, which may stop within its handshake or a record. Knows
//! nothing of WebSockets, scripts or records.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A stream to the client.
pub(super) enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<Stream>>),
}

impl Stream {
    /// TLS over this stream, by the server's part of the handshake.
    pub(super) async fn into_tls(self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        Ok(Self::Tls(Box::new(acceptor.accept(self).await?)))
    }

    /// Answers the `ClientHello` with the first `cut` bytes of the server's part of the handshake, and continues without TLS.
    pub(super) async fn begin_tls(&mut self, config: &Arc<ServerConfig>, cut: usize) -> io::Result<()> {
        let mut session = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
        let mut room = [0; 4096];
        while !session.wants_write() {
            let count = self.read(&mut room).await?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            session.read_tls(&mut &room[..count])?;
            session.process_new_packets().map_err(io::Error::other)?;
        }
        let flight = records(&mut session)?;
        self.write_all(&flight[..cut.min(flight.len())]).await
    }

    /// Writes `bytes`. With `cut`, only so many bytes of the resulting TLS records leave, and nothing more can be sent afterwards.
    pub(super) async fn send(&mut self, bytes: &[u8], cut: Option<usize>) -> io::Result<()> {
        match (self, cut) {
            (Self::Tls(stream), Some(cut)) => {
                let (below, session) = stream.get_mut();
                // All of it becomes records before the first leaves.
                session.set_buffer_limit(None);
                session.writer().write_all(bytes)?;
                let records = records(session)?;
                below.write_all(&records[..cut.min(records.len())]).await?;
                below.flush().await
            }
            (stream, cut) => {
                stream.write_all(&bytes[..cut.unwrap_or(bytes.len()).min(bytes.len())]).await?;
                stream.flush().await
            }
        }
    }

    /// The TCP stream at the bottom.
    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0.socket(),
        }
    }
}

/// Sends only TLS's `close_notify`.
pub(super) async fn goodbye(stream: &mut TlsStream<Stream>) -> io::Result<()> {
    let (below, session) = stream.get_mut();
    session.send_close_notify();
    below.write_all(&records(session)?).await?;
    below.flush().await
}

/// The bytes to send.
fn records(session: &mut ServerConnection) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut bytes)?;
    }
    Ok(bytes)
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
