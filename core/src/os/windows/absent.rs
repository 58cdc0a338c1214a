//! The parts that Windows lacks: unix sockets, forks, clocks and loops with a descriptor.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, RawSocket};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::RawDescriptor;

/// A unix socket. Windows has none.
#[derive(Debug)]
pub struct UnixStream(Infallible);

impl UnixStream {
    /// Always fails.
    ///
    /// # Errors
    /// `Unsupported`.
    pub(crate) async fn connect(_: impl AsRef<Path>) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "there are none on Windows"))
    }

    /// Never called.
    ///
    /// # Errors
    /// None.
    pub(crate) fn into_std(self) -> io::Result<Self> {
        match self.0 {}
    }

    /// Never called.
    ///
    /// # Errors
    /// None.
    pub(crate) fn shutdown(&self, _: Shutdown) -> io::Result<()> {
        match self.0 {}
    }
}

impl AsSocket for UnixStream {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        match self.0 {}
    }
}

impl AsRawSocket for UnixStream {
    fn as_raw_socket(&self) -> RawSocket {
        match self.0 {}
    }
}

impl Read for UnixStream {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

impl Write for UnixStream {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

impl AsyncRead for UnixStream {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

impl AsyncWrite for UnixStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        match self.0 {}
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.0 {}
    }
}

/// A clock that makes a descriptor readable. Windows has none, so the loop around ours needs a timer.
#[derive(Debug)]
pub(crate) struct Alarm(Infallible);

impl Alarm {
    /// Always fails.
    ///
    /// # Errors
    /// `Unsupported`.
    pub(crate) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never called.
    ///
    /// # Errors
    /// None.
    pub(crate) fn set(&self, _: Instant) -> io::Result<()> {
        match self.0 {}
    }
}

impl Source for Alarm {
    fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        match self.0 {}
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        match self.0 {}
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        match self.0 {}
    }
}

/// The descriptor of a loop. Windows has none.
pub(crate) fn descriptor_of(_: &mio::Poll) -> Option<RawDescriptor> {
    None
}

/// No descriptor can be watched for bytes: the caller has to read to find out.
///
/// # Errors
/// `Unsupported`.
pub(crate) fn observe(_: &Registry, _: RawDescriptor) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Does nothing: no process forks here.
pub(crate) fn at_fork(_: extern "C" fn(), _: extern "C" fn(), _: extern "C" fn()) {}

/// Never called, because no process forks here.
pub(crate) fn give_up(_: RawDescriptor, _: Option<RawDescriptor>) {}

/// Never called, because no process forks here.
pub(crate) fn never_ready() -> Option<RawDescriptor> {
    None
}
