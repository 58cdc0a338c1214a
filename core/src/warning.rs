//! Where warnings go: to the function that a binding installed, else to the program's logger, else to standard error. A leaf.

use std::fmt::Arguments;
use std::sync::OnceLock;

/// Takes the words of a warning.
pub type Hook = fn(&str);

static HOOK: OnceLock<Hook> = OnceLock::new();

/// Sends every warning of the process to `hook` from now on. The first hook stays: false if there was one.
///
/// The hook is called on any thread, mostly on one of our own. A binding keeps the words there and tells them on a thread of its language.
pub fn set_hook(hook: Hook) -> bool {
    HOOK.set(hook).is_ok()
}

/// Warns. Secrets never stand in a warning.
pub(crate) fn warn(words: Arguments<'_>) {
    if let Some(hook) = HOOK.get() {
        hook(&words.to_string());
    } else if log::max_level() == log::LevelFilter::Off {
        // Nobody hears it if standard error is closed.
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("heartwire: {words}\n"));
    } else {
        log::warn!(target: "heartwire", "{words}");
    }
}
