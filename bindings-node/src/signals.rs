//! The signals that end a process, and whether to replace the installed action of one. Knows neither sockets nor JavaScript.

use std::ffi::{CStr, c_void};

/// Whether only the program's listeners show that a signal is free. Not here, because the installed action shows it.
pub(crate) const COUNTS_LISTENERS: bool = false;

/// The signals whose default action ends the process, by Node's names. Node's own handler of SIGUSR1 starts its debugger, and stays.
pub(crate) const SIGNALS: &[(&CStr, i32)] = &[
    (c"SIGINT", libc::SIGINT),
    (c"SIGTERM", libc::SIGTERM),
    (c"SIGHUP", libc::SIGHUP),
    (c"SIGQUIT", libc::SIGQUIT),
    (c"SIGUSR1", libc::SIGUSR1),
    (c"SIGUSR2", libc::SIGUSR2),
];

/// Whether to replace the action of a signal, because it ends the process. That is: the default action; Node's own handler, which restores the
/// terminal and then raises the default one (it has `SA_RESETHAND`); or that of another Heartwire in this process, unless ours runs behind that one
/// already (`taken`).
pub(crate) fn is_free(signal: i32, taken: bool) -> bool {
    let action = action_of(signal);
    match action.sa_sigaction {
        libc::SIG_DFL => true,
        libc::SIG_IGN => false,
        _ if action.sa_flags & libc::SA_RESETHAND != 0 => true,
        handler => is_of_another(handler) && !taken,
    }
}

/// Whether the default action is installed.
pub(crate) fn is_default(signal: i32) -> bool {
    action_of(signal).sa_sigaction == libc::SIG_DFL
}

fn action_of(signal: i32) -> libc::sigaction {
    // SAFETY: a null new action only asks; the old one is written into zeroed memory of the right type.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut action);
        action
    }
}

/// Whether a handler belongs to another Heartwire in this process, perhaps of another version, by the name of its file.
fn is_of_another(handler: usize) -> bool {
    let (Some(here), Some(there)) = (file_of(is_of_another as fn(usize) -> bool as usize), file_of(handler)) else { return false };
    if here.dli_fbase == there.dli_fbase || there.dli_fname.is_null() {
        return false;
    }
    // SAFETY: the name lives as long as the file is loaded.
    let path = unsafe { CStr::from_ptr(there.dli_fname) }.to_bytes();
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name.starts_with(b"heartwire.") && name.ends_with(b".node")
}

/// The file that code at this address was loaded from.
fn file_of(address: usize) -> Option<libc::Dl_info> {
    // SAFETY: dladdr only resolves the address, and writes into memory of the right type.
    unsafe {
        let mut about: libc::Dl_info = std::mem::zeroed();
        (libc::dladdr(address as *const c_void, &raw mut about) != 0).then_some(about)
    }
}
