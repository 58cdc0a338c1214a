//! Has the conversion tested without a host, which the addon cannot be linked without.

#[path = "../src/utf16.rs"]
mod utf16;
