//! The unix systems: file descriptors, poll(2), and watches by mio and tokio.

mod alarm;
mod fork;

use std::ffi::{CStr, c_void};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::OnceLock;
use std::task::{self, Context};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Poll, Registry, Token};
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

pub(crate) use alarm::Alarm;
pub(crate) use fork::{at_fork, give_up, never_ready};
pub(crate) use std::os::unix::net::UnixStream;
pub(crate) use tokio::net::UnixStream as AsyncUnixStream;

/// The number of a descriptor.
pub type RawDescriptor = RawFd;
pub(super) type AtomicNumber = std::sync::atomic::AtomicI32;
pub(super) const NO_NUMBER: RawDescriptor = -1;

/// Whether a loop's wait may end early without an event.
pub(crate) const ENDS_WAITS_EARLY: bool = false;

/// The longest wait of a host before it checks for signals. A signal interrupts the wait; only one that arrives between the check and the wait is
/// delayed by this.
pub const CHECK_FOR_INTERRUPTS: Duration = Duration::from_secs(1);

/// The number of a stream's descriptor.
pub(crate) fn number_of(stream: &impl AsRawFd) -> RawDescriptor {
    stream.as_raw_fd()
}

/// One descriptor in a [`poll`](super::poll), and the result.
#[repr(transparent)]
pub(crate) struct Polled(libc::pollfd);

impl Polled {
    /// Waits until it is readable, and with `to_write` writable. Without a descriptor no event happens.
    pub(crate) fn new(descriptor: Option<RawDescriptor>, to_write: bool) -> Self {
        let events = libc::POLLIN | if to_write { libc::POLLOUT } else { 0 };
        Self(libc::pollfd { fd: descriptor.unwrap_or(NO_NUMBER), events, revents: 0 })
    }

    /// Whether an event happened.
    pub(crate) fn has_news(&self) -> bool {
        self.0.revents != 0
    }

    /// Whether it is ready for reading or writing, as asked, or has ended.
    pub(crate) fn is_ready(&self, to_read: bool, to_write: bool) -> bool {
        let wanted = if to_read { libc::POLLIN } else { 0 } | if to_write { libc::POLLOUT } else { 0 };
        self.0.revents & (wanted | libc::POLLHUP | libc::POLLERR) != 0
    }
}

pub(super) fn poll(polled: &mut [Polled], milliseconds: i32) {
    // SAFETY: the pointer and the length are those of the slice, whose elements are laid out as `pollfd`.
    unsafe { libc::poll(polled.as_mut_ptr().cast(), polled.len() as libc::nfds_t, milliseconds) };
}

/// A descriptor that tokio watches.
pub(crate) type Watched = AsyncFd<RawFd>;
/// The readiness of a [`Watched`] descriptor.
pub(crate) type Readiness<'a> = AsyncFdReadyGuard<'a, RawFd>;

/// Watches a descriptor with the tokio runtime of this thread.
///
/// # Safety
/// The descriptor must stay open until the returned value is dropped.
///
/// # Errors
/// Those of the system's readiness interface.
pub(crate) unsafe fn watch(descriptor: RawDescriptor) -> io::Result<Watched> {
    // SAFETY: as the caller promises.
    unsafe { AsyncFd::register(descriptor) }.map_err(|error| error.into_parts().1)
}

/// Whether it is ready for this. If not, the task is woken when it is.
pub(crate) fn poll_ready<'a>(
    watched: &'a Watched,
    cx: &mut Context<'_>,
    interest: tokio::io::Interest,
) -> task::Poll<io::Result<Readiness<'a>>> {
    if interest.is_readable() { watched.poll_read_ready(cx) } else { watched.poll_write_ready(cx) }
}

/// A descriptor that a loop of mio watches. Edge-triggered, so one registration serves reading and writing.
pub(crate) struct Source(RawFd);

impl Source {
    /// Makes the loop watch a descriptor.
    ///
    /// # Errors
    /// Those of the system's readiness interface.
    pub(crate) fn register(registry: &Registry, descriptor: RawDescriptor, token: Token, _read: bool, _write: bool) -> io::Result<Self> {
        registry.register(&mut SourceFd(&descriptor), token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self(descriptor))
    }

    /// Updates the watch after a turn.
    ///
    /// # Errors
    /// None here; elsewhere those of the system's readiness interface.
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "other systems have to be asked again")]
    pub(crate) fn renew(&mut self, _registry: &Registry, _token: Token, _read: bool, _write: bool) -> io::Result<()> {
        Ok(())
    }

    /// Ends the watch.
    pub(crate) fn deregister(self, registry: &Registry) {
        // An error means that the system has forgotten the descriptor already.
        let _ = registry.deregister(&mut SourceFd(&self.0));
    }
}

/// Makes a loop of mio report incoming bytes, until the descriptor is closed.
///
/// # Errors
/// `Unsupported` if the system cannot; those of the system's readiness interface.
pub(crate) fn observe(registry: &Registry, descriptor: RawDescriptor) -> io::Result<()> {
    registry.register(&mut SourceFd(&descriptor), Token(0), Interest::READABLE)
}

/// The descriptor of a loop of mio, which is readable while the loop has events, if the system has one.
#[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
pub(crate) fn descriptor_of(poll: &Poll) -> Option<RawDescriptor> {
    Some(poll.as_raw_fd())
}

/// Whether a connect has failed only because it is still in progress.
pub(crate) fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS) || error.kind() == io::ErrorKind::WouldBlock
}

/// The bytes written to a socket that the other side's system has not acknowledged. 0 if this system does not report them.
pub(crate) fn unacknowledged(descriptor: RawDescriptor) -> usize {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the call writes one int, which is ours; for a closed descriptor it returns an error.
        let status = unsafe { libc::ioctl(descriptor, libc::TIOCOUTQ, &raw mut bytes) };
        if status == 0 {
            return usize::try_from(bytes).unwrap_or_default();
        }
    }
    #[cfg(target_vendor = "apple")]
    {
        let mut bytes: libc::c_int = 0;
        let mut length = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: the call writes one int, which is ours, and its length; for a closed descriptor it returns an error.
        let status =
            unsafe { libc::getsockopt(descriptor, libc::SOL_SOCKET, libc::SO_NWRITE, (&raw mut bytes).cast::<c_void>(), &raw mut length) };
        if status == 0 {
            return usize::try_from(bytes).unwrap_or_default();
        }
    }
    let _ = descriptor;
    0
}

/// A monotonic clock in nanoseconds with steps of some milliseconds, which costs some nanoseconds to read, if the system has one.
#[inline]
#[allow(clippy::unnecessary_cast, reason = "on machines of 32 bits they are shorter")]
pub fn coarse_time() -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours, and the call writes it.
    unsafe { libc::clock_gettime(CLOCK, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The address of a function of the program, or of a loaded library.
pub fn find_symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: the name is a C string; looking it up among the process's symbols has no other effect.
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!symbol.is_null()).then_some(symbol)
}

/// Runs `work` at a normal end of the process: a return from `main`, `exit()`. Only the first call counts.
pub(crate) fn at_exit(work: fn()) {
    static WORK: OnceLock<fn()> = OnceLock::new();
    extern "C" fn run() {
        // On a thread of its own, because this thread's local values may be gone by now.
        if let Some(work) = WORK.get()
            && let Ok(thread) = std::thread::Builder::new().spawn(work)
        {
            let _ = thread.join();
        }
    }
    if WORK.set(work).is_ok() {
        // SAFETY: the handler is a plain function that lives as long as the program.
        unsafe { libc::atexit(run) };
    }
}
