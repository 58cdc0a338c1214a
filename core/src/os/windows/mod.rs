//! Windows: sockets, WSAPoll, and watches of duplicated sockets by mio and tokio. The missing parts (unix sockets, forks, alarms) are never used, or
//! report that they are missing.

mod absent;

use std::ffi::{CStr, c_void};
use std::io;
use std::net::TcpStream;
use std::os::windows::io::{AsRawSocket, BorrowedSocket, RawSocket};
use std::ptr;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use mio::{Interest, Registry, Token};
use tokio::io::Ready;
use windows_sys::Win32::Networking::WinSock::{
    POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, SIO_TCP_INFO, SOCKET, TCP_INFO_v0, WSAIoctl, WSAPOLLFD, WSAPoll,
};
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, GetModuleHandleExW, GetModuleHandleW,
    GetProcAddress,
};
use windows_sys::Win32::System::SystemInformation::GetTickCount64;

pub(crate) use absent::{Alarm, UnixStream, UnixStream as AsyncUnixStream, at_fork, descriptor_of, give_up, never_ready, observe};

/// The number of a socket.
pub type RawDescriptor = RawSocket;
pub(super) type AtomicNumber = std::sync::atomic::AtomicU64;
/// `INVALID_SOCKET`.
pub(super) const NO_NUMBER: RawDescriptor = RawDescriptor::MAX;

/// Whether a loop's wait may end early without an event: mio's does when a request to the socket driver is cancelled.
pub(crate) const ENDS_WAITS_EARLY: bool = true;

/// The longest wait of a host before it checks for Ctrl+C, which interrupts no wait here.
pub const CHECK_FOR_INTERRUPTS: Duration = Duration::from_millis(100);

/// The number of a stream's socket.
pub(crate) fn number_of(stream: &impl AsRawSocket) -> RawDescriptor {
    stream.as_raw_socket()
}

/// One socket in a [`poll`](super::poll), and the result.
#[repr(transparent)]
pub(crate) struct Polled(WSAPOLLFD);

impl Polled {
    /// Waits until it is readable, and with `to_write` writable. Without a socket no event happens.
    pub(crate) fn new(descriptor: Option<RawDescriptor>, to_write: bool) -> Self {
        let events = POLLIN | if to_write { POLLOUT } else { 0 };
        Self(WSAPOLLFD { fd: descriptor.unwrap_or(NO_NUMBER) as SOCKET, events, revents: 0 })
    }

    /// Whether an event happened.
    pub(crate) fn has_news(&self) -> bool {
        self.0.revents & !POLLNVAL != 0
    }

    /// Whether it is ready for reading or writing, as asked, or has ended.
    pub(crate) fn is_ready(&self, to_read: bool, to_write: bool) -> bool {
        let wanted = if to_read { POLLIN } else { 0 } | if to_write { POLLOUT } else { 0 };
        self.0.revents & (wanted | POLLHUP | POLLERR) != 0
    }
}

pub(super) fn poll(polled: &mut [Polled], milliseconds: i32) {
    if polled.iter().all(|polled| polled.0.fd == NO_NUMBER as SOCKET) {
        // WSAPoll refuses a list without sockets.
        return std::thread::sleep(Duration::from_millis(milliseconds.max(0).cast_unsigned().into()));
    }
    // SAFETY: the pointer and the length are those of the slice, whose elements are laid out as `WSAPOLLFD`.
    unsafe { WSAPoll(polled.as_mut_ptr().cast(), polled.len() as u32, milliseconds) };
}

/// A second handle of the same socket: mio and tokio watch only sockets that they own.
///
/// # Safety
/// The socket must be open during the call.
unsafe fn duplicate(descriptor: RawDescriptor) -> io::Result<TcpStream> {
    // SAFETY: as the caller promises.
    let borrowed = unsafe { BorrowedSocket::borrow_raw(descriptor) };
    let stream = TcpStream::from(borrowed.try_clone_to_owned()?);
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// A socket that tokio watches.
pub(crate) struct Watched(tokio::net::TcpStream);

/// The readiness of a [`Watched`] socket.
pub(crate) struct Readiness<'a> {
    of: &'a Watched,
    ready: Ready,
}

/// Watches a socket with the tokio runtime of this thread.
///
/// # Safety
/// The socket must be open during the call.
///
/// # Errors
/// Those of the system's readiness interface.
pub(crate) unsafe fn watch(descriptor: RawDescriptor) -> io::Result<Watched> {
    // SAFETY: as the caller promises.
    let stream = unsafe { duplicate(descriptor) }?;
    Ok(Watched(tokio::net::TcpStream::from_std(stream)?))
}

impl Watched {
    /// Waits until the socket is ready for this.
    ///
    /// # Errors
    /// Those of the system's readiness interface.
    pub(crate) async fn ready(&self, interest: tokio::io::Interest) -> io::Result<Readiness<'_>> {
        Ok(Readiness { of: self, ready: self.0.ready(interest).await? })
    }
}

/// Whether it is ready for this. If not, the task is woken when it is.
pub(crate) fn poll_ready<'a>(watched: &'a Watched, cx: &mut Context<'_>, interest: tokio::io::Interest) -> Poll<io::Result<Readiness<'a>>> {
    let (polled, ready) = if interest.is_readable() {
        (watched.0.poll_read_ready(cx), Ready::READABLE)
    } else {
        (watched.0.poll_write_ready(cx), Ready::WRITABLE)
    };
    polled.map_ok(|()| Readiness { of: watched, ready })
}

impl Readiness<'_> {
    /// The kinds of readiness.
    pub(crate) fn ready(&self) -> Ready {
        self.ready
    }

    /// Forgets this readiness, and makes the system report it again.
    pub(crate) fn clear_ready_matching(&mut self, ready: Ready) {
        for (is_cleared, interest) in
            [(ready.is_readable(), tokio::io::Interest::READABLE), (ready.is_writable(), tokio::io::Interest::WRITABLE)]
        {
            if is_cleared {
                // `WouldBlock` makes tokio ask for readiness again.
                let _ = self.of.0.try_io(interest, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
            }
        }
    }
}

/// A socket that a loop of mio watches. It reports readiness once, and again only after a new request.
pub(crate) struct Source(mio::net::TcpStream);

fn interest(read: bool, write: bool) -> Option<Interest> {
    match (read, write) {
        (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
        (true, false) => Some(Interest::READABLE),
        (false, true) => Some(Interest::WRITABLE),
        (false, false) => None,
    }
}

impl Source {
    /// Makes the loop watch a socket, which must be open.
    ///
    /// # Errors
    /// Those of the system's readiness interface.
    pub(crate) fn register(registry: &Registry, descriptor: RawDescriptor, token: Token, read: bool, write: bool) -> io::Result<Self> {
        // SAFETY: the socket is open, because its turn has just named it for this watch.
        let mut stream = mio::net::TcpStream::from_std(unsafe { duplicate(descriptor) }?);
        registry.register(&mut stream, token, interest(read, write).unwrap_or(Interest::READABLE))?;
        Ok(Self(stream))
    }

    /// Updates the watch after a turn.
    ///
    /// # Errors
    /// Those of the system's readiness interface.
    pub(crate) fn renew(&mut self, registry: &Registry, token: Token, read: bool, write: bool) -> io::Result<()> {
        interest(read, write).map_or(Ok(()), |interest| registry.reregister(&mut self.0, token, interest))
    }

    /// Ends the watch.
    pub(crate) fn deregister(mut self, registry: &Registry) {
        // An error means that the loop has forgotten the socket already.
        let _ = registry.deregister(&mut self.0);
    }
}

/// Whether a connect has failed only because it is still in progress.
pub(crate) fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// The bytes sent that the other side's system has not acknowledged. 0 if this system does not report them (before Windows 10 1703).
pub(crate) fn unacknowledged(descriptor: RawDescriptor) -> usize {
    let version = 0_u32;
    let mut about = TCP_INFO_v0::default();
    let mut written = 0;
    // SAFETY: the call reads the number and writes the structure and a length, which are ours; for a closed socket it returns an error.
    let status = unsafe {
        WSAIoctl(
            descriptor as SOCKET,
            SIO_TCP_INFO,
            (&raw const version).cast(),
            size_of::<u32>() as u32,
            (&raw mut about).cast(),
            size_of::<TCP_INFO_v0>() as u32,
            &raw mut written,
            ptr::null_mut(),
            None,
        )
    };
    if status == 0 { about.BytesInFlight as usize } else { 0 }
}

/// A monotonic clock in nanoseconds with steps of some milliseconds, which costs some nanoseconds to read.
#[inline]
pub fn coarse_time() -> u64 {
    // SAFETY: a call without arguments.
    unsafe { GetTickCount64() * 1_000_000 }
}

/// The address of a function that the program exports.
pub fn find_symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: null names the program itself; the name is a C string.
    let symbol = unsafe { GetProcAddress(GetModuleHandleW(ptr::null()), name.as_ptr().cast()) };
    symbol.map(|symbol| symbol as *mut c_void)
}

/// Runs `work` when the program returns from `main`, but not at `std::process::exit`. Only the first call counts. It does nothing in a DLL, whose
/// handlers run when the process has no other threads any more.
pub(crate) fn at_exit(work: fn()) {
    static WORK: OnceLock<fn()> = OnceLock::new();
    extern "C" fn run() {
        if let Some(work) = WORK.get() {
            work();
        }
    }
    if is_in_program() && WORK.set(work).is_ok() {
        // SAFETY: the handler is a plain function that lives as long as the program.
        unsafe { libc::atexit(run) };
    }
}

/// Whether this code is part of the program, and not of a DLL.
fn is_in_program() -> bool {
    let mut here = ptr::null_mut();
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    // SAFETY: the address is that of this function; the first call writes one handle, which is ours.
    unsafe { GetModuleHandleExW(flags, is_in_program as *const u16, &raw mut here) != 0 && here == GetModuleHandleW(ptr::null()) }
}
