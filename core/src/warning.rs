//! The destination of warnings: the function that a binding installed, else the program's logger, else standard error. A leaf.

use std::fmt::Arguments;
use std::sync::OnceLock;

/// Receives the words of a warning.
pub type Hook = fn(&str);

static HOOK: OnceLock<Hook> = OnceLock::new();

/// Sends every warning of the process to `hook` from now on. The first hook stays: false if there was one.
///
/// The hook is called on any thread, mostly on one of our own. A binding stores the words there and reports them on a thread of its language.
pub fn set_hook(hook: Hook) -> bool {
    HOOK.set(hook).is_ok()
}

/// Warns. A warning never contains a secret.
pub(crate) fn warn(words: Arguments<'_>) {
    if let Some(hook) = HOOK.get() {
        hook(&words.to_string());
    } else if log::max_level() == log::LevelFilter::Off {
        // The warning is lost if standard error is closed.
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("heartwire: {words}\n"));
    } else {
        log::warn!(target: "heartwire", "{words}");
    }
}
