//! A socket in memory: it repeats a server's bytes, and is a sink for the client's.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes that one read of a flood brings.
const FLOOD: usize = 256 << 10;

/// How messages arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As many as fit into a read.
    Flood,
    /// One at a time: then the socket is empty until the client asks for the next.
    OneByOne,
}

pub(crate) struct Wire {
    /// Whole frames.
    bytes: Vec<u8>,
    at: usize,
    pace: Pace,
    frame: usize,
    /// The bytes that the socket still has, if messages arrive one by one.
    available: usize,
    /// How many bytes were written to it.
    pub(crate) written: usize,
}

impl Wire {
    /// Brings messages of one size: text, or binary from 64 KiB on.
    pub(crate) fn new(size: usize, pace: Pace) -> Self {
        let frame = frame(size);
        let count = if pace == Pace::Flood { (FLOOD / frame.len()).max(1) } else { 1 };
        Self { bytes: frame.repeat(count), at: 0, pace, frame: frame.len(), available: 0, written: 0 }
    }

    /// Delivers the next message.
    pub(crate) fn arrive(&mut self) {
        self.available = self.frame;
    }

    /// What a read of at most `room` bytes brings; nothing: it would block.
    pub(crate) fn bring(&mut self, room: usize) -> &[u8] {
        let here = self.bytes.len() - self.at;
        let limit = if self.pace == Pace::Flood { here } else { here.min(self.available) };
        let count = room.min(limit);
        self.available = self.available.saturating_sub(count);
        let from = self.at;
        self.at = (self.at + count) % self.bytes.len();
        &self.bytes[from..from + count]
    }
}

/// A message of a server.
fn frame(size: usize) -> Vec<u8> {
    let first = if size >= 64 << 10 { 0x82 } else { 0x81 };
    let mut frame = match size {
        0..126 => vec![first, size as u8],
        126..65536 => [&[first, 126][..], &(size as u16).to_be_bytes()].concat(),
        _ => [&[first, 127][..], &(size as u64).to_be_bytes()].concat(),
    };
    frame.extend(payload(size).bytes());
    frame
}

/// Chat-like text, all ASCII.
pub(crate) fn payload(size: usize) -> String {
    r#"{"type":"message","room":7,"from":"ann","text":"hello there"},"#.chars().cycle().take(size).collect()
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.bring(into.len());
        into[..bytes.len()].copy_from_slice(bytes);
        if bytes.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(bytes.len()) }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let bytes = self.bring(into.remaining());
        into.put_slice(bytes);
        if bytes.is_empty() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written += bytes.len();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// For a client that does not let its stream be reached, or borrows it while it waits.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Wire>>);

impl Shared {
    pub(crate) fn new(wire: Wire) -> Self {
        Self(Arc::new(Mutex::new(wire)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Wire> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Shared {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.lock()).poll_read(cx, into)
    }
}

impl AsyncWrite for Shared {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.lock()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
