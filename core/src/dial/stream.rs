//! A stream while it is being opened: tokio's sockets or one of no runtime, under any number of layers of TLS; in the end a [`Transport`]. Knows nothing of who
//! is at the other end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::direct::Direct;
use super::tls::TlsStream;
use crate::transport::Transport;

/// A connected stream.
#[derive(Debug)]
pub(super) enum Stream {
    Direct(Direct),
    Tcp(TcpStream),
    Unix(UnixStream),
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

/// Calls the same method of whatever stream it is.
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
