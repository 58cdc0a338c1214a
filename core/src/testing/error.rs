//! The errors of the fault server, in words.

use std::fmt;

/// The kinds of errors of the fault server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The script has faults. The message names each with its path, its value and the allowed values.
    Script,
    /// No matching record appeared in time. The message lists the records.
    Timeout,
    /// The system refused a socket or a thread.
    Io,
}

/// An error of the fault server.
#[derive(Clone, Debug)]
pub struct TestError {
    /// Which kind.
    pub kind: ErrorKind,
    /// Plain words.
    pub message: String,
}

impl TestError {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl From<std::io::Error> for TestError {
    fn from(error: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, error.to_string())
    }
}

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TestError {}
