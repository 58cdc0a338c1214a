//! As `signals`, on Windows: the console events by the names that Node gives them. Node's handler is installed from the start, so the listeners of
//! the program decide.

use std::ffi::CStr;

/// Whether only the program's listeners show that a signal is free.
pub(crate) const COUNTS_LISTENERS: bool = true;

/// Ctrl+C; Ctrl+Break; the window is closed, the user logs off, or the machine shuts down.
pub(crate) const SIGNALS: &[(&CStr, i32)] = &[(c"SIGINT", 2), (c"SIGBREAK", 21), (c"SIGHUP", 1)];

/// Always false: the installed action does not show it here.
pub(crate) fn is_free(_: i32, _: bool) -> bool {
    false
}

/// Always false: the installed action does not show it here.
pub(crate) fn is_default(_: i32) -> bool {
    false
}
