//! A socket that belongs to no runtime while it is being opened. The poller of the attempt waits for its descriptor, so the poller may be an event
//! loop that does not know tokio. Knows nothing of the poller.

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::tcp;
use crate::error::Result;
use crate::options::Options;
use crate::os::{self, RawDescriptor};

/// The conditions that a direct attempt waits for.
#[derive(Debug, Default)]
pub struct Waits {
    socket: Mutex<Option<Arc<TcpStream>>>,
    /// Waits until the descriptor is readable, writable.
    read: AtomicBool,
    write: AtomicBool,
    /// How many reads this poll may still do.
    reads: AtomicU32,
}

/// How many reads one poll of the attempt may do. A server that never stops sending must not block the event loop.
const MOST_READS: u32 = 16;

/// Owns the descriptor of a failed attempt, for loops that still watch it.
pub type Spent = Arc<TcpStream>;

impl Waits {
    /// Call it before each poll of the attempt.
    pub fn begin_poll(&self) {
        self.reads.store(MOST_READS, Ordering::Relaxed);
    }

    /// The descriptor, once it exists, and whether the attempt needs it readable, or writable.
    pub fn descriptor(&self) -> Option<(RawDescriptor, bool, bool)> {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let descriptor = os::number_of(&**socket.as_ref()?);
        Some((descriptor, self.read.load(Ordering::Relaxed), self.write.load(Ordering::Relaxed)))
    }

    /// The socket. Call it before an attempt is given up: the descriptor then stays open as long as the returned value.
    pub fn take(&self) -> Option<Spent> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A socket that reports `WouldBlock` to its [`Waits`] and wakes no task.
#[derive(Debug)]
pub(super) struct Direct {
    socket: Arc<TcpStream>,
    waits: Arc<Waits>,
}

/// Connects to an address.
///
/// # Errors
/// As [`tcp::connect`].
pub(super) async fn connect(place: &str, address: SocketAddr, options: &Options, waits: &Arc<Waits>) -> Result<Direct> {
    let connecting = async {
        let socket = tcp::socket(address, options)?;
        match socket.connect(&address.into()) {
            Err(error) if !os::is_under_way(&error) => return Err(error),
            _ => {}
        }
        let socket = Arc::new(TcpStream::from(socket));
        *waits.socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&socket));
        poll_fn(|_| is_connected(&socket, waits)).await?;
        Ok(socket)
    };
    let socket = connecting.await.map_err(|error| tcp::explain(place, &[(address, error)]))?;
    Ok(Direct { socket, waits: Arc::clone(waits) })
}

fn is_connected(socket: &TcpStream, waits: &Waits) -> Poll<io::Result<()>> {
    if let Some(error) = socket.take_error()? {
        return Poll::Ready(Err(error));
    }
    let connected = match socket.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => false,
        outcome => return Poll::Ready(outcome.map(|_| waits.write.store(false, Ordering::Relaxed))),
    };
    waits.write.store(!connected, Ordering::Relaxed);
    Poll::Pending
}

impl Direct {
    pub(super) fn into_std(self) -> io::Result<TcpStream> {
        drop(self.waits.take());
        match Arc::try_unwrap(self.socket) {
            Ok(socket) => Ok(socket),
            Err(shared) => shared.try_clone(),
        }
    }
}

/// Stores in `waits` whether the call has to be made again.
fn told<T>(outcome: io::Result<T>, waits: &AtomicBool) -> Poll<io::Result<T>> {
    let blocked = matches!(&outcome, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
    waits.store(blocked, Ordering::Relaxed);
    if blocked { Poll::Pending } else { Poll::Ready(outcome) }
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

impl AsyncRead for Direct {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(left) = self.waits.reads.load(Ordering::Relaxed).checked_sub(1) else {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        self.waits.reads.store(left, Ordering::Relaxed);
        let spare = into.initialize_unfilled();
        told(retry(|| (&*self.socket).read(spare)), &self.waits.read).map_ok(|count| into.advance(count))
    }
}

impl AsyncWrite for Direct {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        told(retry(|| (&*self.socket).write(bytes)), &self.waits.write)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.shutdown(std::net::Shutdown::Write))
    }
}
