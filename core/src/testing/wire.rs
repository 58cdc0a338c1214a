//! The stream of a connection as the script wants it: paced reading, shaped writing, and how the peer ended it. The frames that tungstenite writes by
//! itself (pongs, the echo of a Close) are dropped, because here the script decides about every answer. Knows nothing of scripts or records.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsAcceptor;

use super::deflate::Inflater;
use super::stream::{self, Stream};

/// A stream to the client.
pub(super) struct Wire {
    pub(super) stream: Stream,
    pace: Option<Pace>,
    /// The last bytes stopped within a record or a message, so no `close_notify` of TLS follows them.
    cut: bool,
    /// How the client ended its side, once it has.
    pub(super) end: Option<&'static str>,
    /// Set once compression was agreed.
    pub(super) inflater: Option<Inflater>,
    /// Bytes that wait for tungstenite to read them.
    ready: Vec<u8>,
}

/// Reads so many bytes at a time.
struct Pace {
    bytes: usize,
    every: Duration,
    next: Pin<Box<Sleep>>,
}

impl Wire {
    pub(super) fn over(stream: Stream) -> Self {
        Self { stream, pace: None, cut: false, end: None, inflater: None, ready: Vec::new() }
    }

    /// TLS over this stream. The handshake is read at once, later bytes at the requested pace.
    pub(super) async fn into_tls(self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        Ok(Self { stream: self.stream.into_tls(acceptor).await?, ..self })
    }

    /// From now on reads `bytes` at a time, with `every` between two reads.
    pub(super) fn slow_down(&mut self, bytes: usize, every: Duration) {
        self.pace = Some(Pace { bytes, every, next: Box::pin(tokio::time::sleep(Duration::ZERO)) });
    }

    /// Writes past tungstenite: all bytes, or the first `cut` bytes of the resulting TLS records.
    pub(super) async fn send(&mut self, bytes: &[u8], cut: Option<usize>) -> io::Result<()> {
        self.cut = cut.is_some();
        self.stream.send(bytes, cut).await
    }

    /// Reads past tungstenite; 0 at the end.
    pub(super) async fn receive(&mut self, buffer: &mut [u8]) -> usize {
        // An error is an end, and `end` has its kind.
        self.read(buffer).await.unwrap_or(0)
    }

    /// Ends our side, with TLS's `close_notify` unless `notify` is off.
    pub(super) async fn finish(&mut self, notify: bool) {
        // The client may have gone already; the record then shows its end.
        let _ = match &mut self.stream {
            Stream::Tls(stream) if notify && !self.cut => stream.shutdown().await,
            _ => socket2::SockRef::from(self.socket()).shutdown(std::net::Shutdown::Write),
        };
    }

    /// Sends only TLS's `close_notify`: TCP stays open. False without TLS, or after a cut, when it could not be read as an end.
    pub(super) async fn goodbye(&mut self) -> io::Result<bool> {
        match &mut self.stream {
            Stream::Tls(stream) if !self.cut => stream::goodbye(stream).await.map(|()| true),
            _ => Ok(false),
        }
    }

    /// Makes the drop that follows a reset.
    pub(super) fn prepare_reset(&self) {
        let _ = socket2::SockRef::from(self.socket()).set_linger(Some(Duration::ZERO));
    }

    /// Waits for the client's end without reading its bytes.
    pub(super) async fn watch_end(&mut self) {
        loop {
            // Readiness stays set while unread bytes wait, so it is checked from time to time.
            match self.socket().ready(Interest::READABLE).await {
                Ok(ready) if !ready.is_read_closed() && !ready.is_error() => tokio::time::sleep(Duration::from_millis(10)).await,
                _ => break,
            }
        }
        let failed = matches!(self.socket().take_error(), Ok(Some(_)) | Err(_));
        self.end = Some(if failed { "reset" } else { "fin" });
    }

    fn socket(&self) -> &TcpStream {
        self.stream.socket()
    }

    /// Puts back bytes that were read too far, before the connection's frames are read.
    pub(super) fn unread(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.inflater {
            Some(inflater) => inflater.push(bytes, &mut self.ready)?,
            None => self.ready.extend_from_slice(bytes),
        }
        Ok(())
    }

    /// One paced read of the stream. It sets `end` at the end.
    fn poll_stream(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut limit = buffer.remaining();
        if let Some(pace) = &mut self.pace {
            ready!(pace.next.as_mut().poll(cx));
            limit = limit.min(pace.bytes);
        }
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(limit));
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part));
        let count = part.filled().len();
        buffer.advance(count);
        match &result {
            Ok(()) if count == 0 && limit > 0 => self.end = Some("fin"),
            // TLS without close_notify, as after a killed program.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.end = Some("fin"),
            Err(_) => self.end = Some("reset"),
            Ok(()) => {}
        }
        if let Some(pace) = &mut self.pace {
            pace.next.as_mut().reset(Instant::now() + pace.every);
        }
        Poll::Ready(result)
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        while wire.ready.is_empty() {
            if wire.inflater.is_none() {
                return wire.poll_stream(cx, buffer);
            }
            let mut room = [0; 16 << 10];
            let mut raw = ReadBuf::new(&mut room);
            ready!(wire.poll_stream(cx, &mut raw))?;
            if raw.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            wire.unread(raw.filled())?;
        }
        let count = wire.ready.len().min(buffer.remaining());
        buffer.put_slice(&wire.ready[..count]);
        wire.ready.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
