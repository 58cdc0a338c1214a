//! Forks: calls functions around a fork, and releases descriptors in the child.

use super::RawDescriptor;

/// Registers functions that run before each fork, and after it in the parent and in the child. They may do only what is safe there.
pub(crate) fn at_fork(before: extern "C" fn(), in_parent: extern "C" fn(), in_child: extern "C" fn()) {
    // SAFETY: the three are plain functions that live as long as the program.
    unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
}

/// Closes this process's copy of a socket that only its parent uses; its owner here is never dropped. `stand_in` has the number from then on.
/// Calls only functions that are safe in a fork handler.
pub(crate) fn give_up(descriptor: RawDescriptor, stand_in: Option<RawDescriptor>) {
    // SAFETY: calls on numbers; nobody in this process uses the one that is closed.
    unsafe {
        match stand_in {
            Some(other) if libc::dup2(other, descriptor) >= 0 => _ = libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC),
            _ => _ = libc::close(descriptor),
        }
    }
}

/// The end of a pipe that nobody writes to and nobody closes. Calls only functions that are safe in a fork handler.
pub(crate) fn never_ready() -> Option<RawDescriptor> {
    let mut ends = [-1; 2];
    // SAFETY: the first call writes two numbers, which are ours; the others are calls on these.
    unsafe {
        if libc::pipe(ends.as_mut_ptr()) != 0 {
            return None;
        }
        for end in ends {
            libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC);
        }
    }
    Some(ends[0])
}
