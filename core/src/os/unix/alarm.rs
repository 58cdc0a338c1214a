//! A clock with a descriptor that is readable when its time has come. A loop that waits for descriptors then needs no timeout. Knows no socket.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Instant;

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
    use std::time::Duration;

    pub(super) fn create() -> io::Result<OwnedFd> {
        // SAFETY: plain numbers; the outcome is checked.
        let descriptor = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, and nobody else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
    }

    pub(super) fn set(timer: &OwnedFd, from_now: Duration) -> io::Result<()> {
        // SAFETY: a structure of numbers, for which zeros are valid.
        let mut time: libc::itimerspec = unsafe { MaybeUninit::zeroed().assume_init() };
        time.it_value.tv_sec = from_now.as_secs().try_into().unwrap_or(libc::time_t::MAX);
        // Zero would turn it off.
        time.it_value.tv_nsec = from_now.subsec_nanos().max(1).into();
        // SAFETY: the descriptor is open; the structure is ours and is only read; null asks for no old value.
        match unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const time, std::ptr::null_mut()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    pub(super) fn create() -> io::Result<OwnedFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn set(_: &OwnedFd, _: Duration) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A clock that rings once each time it is set.
#[derive(Debug)]
pub(crate) struct Alarm(OwnedFd);

impl Alarm {
    /// Makes an alarm that is not set.
    ///
    /// # Errors
    /// `Unsupported` on a system without it, and those of `timerfd_create(2)`.
    pub(crate) fn new() -> io::Result<Self> {
        system::create().map(Self)
    }

    /// Sets the time, and replaces the one set before.
    ///
    /// # Errors
    /// Those of `timerfd_settime(2)`.
    pub(crate) fn set(&self, at: Instant) -> io::Result<()> {
        system::set(&self.0, at.saturating_duration_since(Instant::now()))
    }
}

impl Source for Alarm {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).deregister(registry)
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Whether it rings, after a wait of at most so many milliseconds.
    fn rings(alarm: &Alarm, milliseconds: i32) -> bool {
        let mut poll = libc::pollfd { fd: alarm.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd, alive and ours for the time of the call.
        unsafe { libc::poll(&raw mut poll, 1, milliseconds) == 1 }
    }

    #[test]
    fn it_rings_when_its_time_has_come() {
        let alarm = Alarm::new().unwrap();
        assert!(!rings(&alarm, 0));
        let at = Instant::now() + Duration::from_millis(20);
        alarm.set(at).unwrap();
        assert!(rings(&alarm, 10_000));
        assert!(Instant::now() >= at);
        alarm.set(Instant::now() + Duration::from_secs(3600)).unwrap();
        assert!(!rings(&alarm, 0), "it was set to another time");
        alarm.set(at).unwrap();
        assert!(rings(&alarm, 10_000), "what is past is now");
    }
}
