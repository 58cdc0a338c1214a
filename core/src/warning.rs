//! Where warnings go: to the program's logger, or, where it has none (as in Python and Node), to standard error. A leaf.

use std::fmt::Arguments;

/// Warns. Secrets never stand in a warning.
pub(crate) fn warn(words: Arguments<'_>) {
    if log::max_level() == log::LevelFilter::Off {
        // Nobody hears it if standard error is closed.
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("heartwire: {words}\n"));
    } else {
        log::warn!(target: "heartwire", "{words}");
    }
}
